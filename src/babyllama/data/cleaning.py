"""Clean raw corpus text: one function for each domain, under one of two sets of rules.

"paper" does exactly what the paper's public code does; it joins two paragraphs where it deletes a
blank line. "thorough" does what the paper describes: it removes mark-up, cues and credits, joins
tokenised text again, and keeps a blank line between documents.

Every cleaner is pure and takes linear time. None adds, drops or changes a letter of running text,
except for the steps that its docstring names.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

CleaningRules = Literal["paper", "thorough"]


def clean_text(text: str, *, domain: str, rules: CleaningRules) -> str:
    """Clean one domain's text.

    Args:
        text: with "\\n" as line end, as `raw_text` reads it.
        domain: a BabyLM name of 2023 or 2024. Any other name gets the neutral cleaner: nothing
            under "paper", the steps that suit any prose under "thorough".
        rules: see the module.

    Returns:
        Under "thorough", an empty string, or stripped lines, one blank line between documents and
        one "\\n" at the end.
    """
    cleaner = cleaner_for(domain)
    if rules == "paper":
        return cleaner.paper(text)
    if cleaner is CODE:
        documents = re.split(r"\n{2,}", cleaner.thorough(text).strip("\n"))
        return "".join(f"{document}\n\n" for document in documents if document)[:-1]
    plain = plain_characters(text)
    wide_gaps = cleaner.thorough is thorough_qed and "\n\n\n" in plain
    documents = documents_of(plain, wide_gaps=wide_gaps)
    cleaned = (tidy(cleaner.thorough(document)) for document in documents)
    return "".join(f"{document}\n\n" for document in cleaned if document)[:-1]


# Rules of the paper. Source: timinar/BabyLlama at 6b821af; the counts in its notebook are a test.


def paper_unchanged(text: str) -> str:
    """Return the text unchanged (children_stories, gutenberg, switchboard)."""
    return text


def paper_spaces(text: str) -> str:
    """Collapse blanks to one space and join . , ; ! ? to the word before (aochildes, childes)."""
    # A single space stays as it is: replacing each by itself would take 20 bytes a letter.
    text = re.sub("[\t\u00a0][ \t\u00a0]*| [ \t\u00a0]+", " ", text)
    return re.sub(" ([.,;!?])", r"\1", text)


def paper_blank_lines(text: str) -> str:
    """Delete every pair of line ends, which joins two paragraphs (simple_wikipedia)."""
    return text.replace("\n\n", "")


def paper_bnc_spoken(text: str) -> str:
    """Apply `paper_spaces` and `paper_blank_lines`."""
    return paper_blank_lines(paper_spaces(text))


def paper_cbt(text: str) -> str:
    """Collapse blanks, then join an apostrophe and its letter to the word before ("dog 's")."""
    return re.sub(r"(\w) (['’]\w)", r"\1\2", paper_spaces(text))


def paper_open_subtitles(text: str) -> str:
    """Drop lines that contain "subtitle" in any case, but not a last line without line end."""
    return re.sub(r"(?im)^(?=.*subtitle).*\n", "", text)


def paper_wikipedia(text: str) -> str:
    """Join each `= = = heading = = =` to the line below, strip lines, delete blank lines.

    The public code also drops the text's first character; it expects an empty first line.
    """
    # The look-ahead keeps the time linear for a long line that has the sign but not at its end.
    text = re.sub(r"(?m)^(?=.* = = =\n)(.*?)= = = (.+) = = =\n", r"\1\2", text)
    return paper_blank_lines("\n".join(line.strip() for line in text.splitlines())[1:])


def paper_qed(text: str) -> str:
    """Strip lines; sentence-case those in capitals, in which OCR read I as l."""
    return "\n".join(_lower_shouting(line).strip() for line in text.splitlines())


def _lower_shouting(line: str) -> str:
    """Sentence-case a line if at least half of it is upper case, without cues and stops."""
    body = re.sub("[.!?]", "", _without_parentheses(line))
    # The public code divides by zero if nothing is left of the line.
    if not body or 2 * sum(map(str.isupper, body)) < len(body):
        return line
    sentences = re.split(r"([.!?]\s*)", line.replace("l", "I"))
    return "".join(sentence.capitalize() for sentence in sentences)


def _without_parentheses(line: str) -> str:
    # Only the part up to the last ")" can match. Searching the rest takes quadratic time on "((((".
    closed, close, rest = line.rpartition(")")
    return re.sub(r"\([^)]*\)", "", closed + close) + rest


# Rules beyond the paper. Each takes one document after `plain_characters`; `tidy` then removes
# the empty lines and double spaces that a rule leaves behind.

INLINE_TAG = re.compile(
    r"</?(?:a|b|big|cite|code|em|font|i|includeonly|noinclude|nowiki|onlyinclude|q|ref|s|small|"
    r"span|strike|strong|sub|sup|tt|u)"
    r"(?:\s[^<>\n]{0,300})?/?>",
    re.IGNORECASE,
)
BLOCK_TAG = re.compile(
    r"</?(?:blockquote|br|center|dd|div|dl|dt|h[1-6]|hr|img|li|ol|p|pre|table|td|th|tr|ul)"
    r"(?:\s[^<>\n]{0,300})?/?>",
    re.IGNORECASE,
)
ENTITY = re.compile(r"&(?:amp;|#38;)*(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
# Control characters except tab and line ends, and invisible characters: soft hyphen, byte order
# mark, word joiner, direction marks, marks of annotations. The joiners U+200C and U+200D, the space
# without width U+200B and the selectors of variants stay: some scripts and emoji need them. So do
# the invisible operators of formulas (U+2061 to U+2064), since BabyLM's Wikipedia has them: without
# them its clean text would no longer be what finished runs were trained on.
INVISIBLE = re.compile(
    "[\0-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u061c\u200e\u200f\u202a-\u202e"
    "\u2060\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
# Blanks that are not a single space. Without the ideographic space U+3000, which is layout in
# Chinese and Japanese.
_WIDE_OR_NARROW = "\t\u00a0\u1680\u2000-\u200a\u202f\u205f"
BLANKS = re.compile(f"[{_WIDE_OR_NARROW}][ {_WIDE_OR_NARROW}]*| [ {_WIDE_OR_NARROW}]+")

HEADING = re.compile(r"(?<!= )= = = (?!= )([^=\n]{1,200}?) = = =(?! =)")
CUE_WORD = (
    r"applau|audio|breath|cheer|chuckl|clap|clears throat|cough|cr(?:ies|ying)|exhal|gasp|giggl|"
    r"groan|inaudibl|indistinct|inhal|laugh|music|noise|scream|sigh(?:s|ing)?\b|silence|singing|sings|"
    r"sniff|sob(?:s|bing)|sound|translator|unclear|unintelligible|video|whisper|whistl|yawn"
)
CUE = re.compile(
    rf" ?(?:\( ?(?:\w+ ){{0,2}}(?:{CUE_WORD})[^()\n]{{0,40}}\)|\[ ?(?:\w+ ){{0,2}}(?:{CUE_WORD})"
    rf"[^\[\]\n]{{0,40}}\]|\*(?:{CUE_WORD})\w*\*|<(?:{CUE_WORD}|talk)\w*>)",
    re.IGNORECASE,
)
# In captions, parentheses without a sentence in them name a sound or a speaker.
SUBTITLE_CUE = re.compile(
    r" ?(?:\([^()\n.?!,;:]{0,60}\)|\(\d+,\d+\)|\[{1,2}[^\[\]\n]{0,100}\]{1,2}"
    r"|\{{1,2}[^{}\n]{0,100}\}{1,2}|[♪♫¶]+)"
)
TALK_CUE = re.compile(r" ?(?:\([A-Z][^()\n.?!,;:]{0,60}\)|\[[A-Z]\w*\])")
SUBTITLE_CREDIT = re.compile(
    r"(?im)^.*(?:subtitl[^.\n]{0,50}(?:\bby\b|\bfrom\b|:)|opensubtitles|addic7ed).*$"
    r"|^[^\w\n]*(?:caption(?:s|ed|ing)?|corrected|encoded|re-?sync\w{0,9}|ripped|sync\w{0,9}|timed|"
    r"transcri(?:bed|pt|ption)|translat(?:ed|ion))\b[^.\n]{0,30}(?:\bby\b|:).*$"
)
TALK_CREDIT = re.compile(r"(?m)^(?:Translator|Reviewer|Transcriber|Translated by|Reviewed by)\b.*$")
SHOUTED_NAME = r"[A-Z][A-Z .'#\d]{0,24} ?:(?= |$)"
FULL_NAME = (
    r"(?!(?:The|A|An|My|Our|Your|This|That|And|But|So|One|Part|Question|Number) )"
    r"[A-Z][\w'’.-]+(?: [A-Z][\w'’.-]+){1,2}:(?= |$)"
)
SUBTITLE_OPENING = re.compile(rf"(?m)^(?: |- ?(?=[^-])|[#*]+(?=\s|$)|{SHOUTED_NAME})+")
TALK_OPENING = re.compile(rf"(?m)^(?: |{SHOUTED_NAME}|{FULL_NAME})+")


def thorough_prose(text: str) -> str:
    """Unwrap the heading. Everything else in a document of prose is text."""
    return HEADING.sub(r"\1", text)


def thorough_wiki(text: str) -> str:
    """Unwrap the heading; remove the empty "()" and category links left by an extractor."""
    text = re.sub(r"\[\[Category:[^\]\n]*\]{0,2}", "", text)
    return thorough_prose(re.sub(r" \([ ,;:]*\)", "", text))


def thorough_gutenberg(text: str) -> str:
    """Remove book numbers, pictures, rows of stars and the underscores of italics."""
    text = re.sub(r"^= = = (?:PG)?\d+ = = =", "", text)
    text = re.sub(r"\[(?:Illustration|Picture)[^\]\n]*\]|(?m:^\*[* ]*$)", "", text)
    return thorough_prose(re.sub(r"(?<!\w)_(?=[^\s_])([^_\n]{1,300})_(?!\w)", r"\1", text))


def thorough_childes(text: str) -> str:
    """Remove file names, speaker tags, comments in brackets, coding tiers, unclear words (xxx).

    Also for aochildes, which has none of these, but a space before each full stop.
    """
    text = re.sub(r"^= = = \S*/\S* = = =|(?m:^\*[A-Z0-9]+:\s?)", "", text)
    text = re.sub(r" ?\[[^\[\]\n]*\]| ?%[a-z]{3}:.*| ?\b(?:xxx?|yyy|www)\b", "", text)
    return _without_stray_stops(paper_spaces(text))


def thorough_conversation(text: str) -> str:
    """Remove speaker letters ("A:"), cues and spaces before punctuation (bnc, switchboard)."""
    text = re.sub(r"(?m)^[A-Z]:(?= |$)", "", text)
    return _without_stray_stops(paper_spaces(CUE.sub("", text)))


def thorough_open_subtitles(text: str) -> str:
    """Remove credits, speaker names, dialogue dashes, cues and music signs."""
    text = SUBTITLE_CREDIT.sub("", SUBTITLE_CUE.sub("", CUE.sub("", text)))
    return _without_stray_stops(re.sub(r"(?m) [#*]+$", "", SUBTITLE_OPENING.sub("", text)))


def thorough_qed(text: str) -> str:
    """Remove credits, speaker names and cues; sentence-case lines of several words in capitals."""
    text = TALK_CUE.sub("", CUE.sub("", TALK_CREDIT.sub("", text)))
    lines = TALK_OPENING.sub("", text).split("\n")
    # A single word in capitals is more often a name (NASA).
    return _without_stray_stops(
        "\n".join(_lower_shouting(line) if " " in line.strip() else line for line in lines)
    )


def thorough_cbt(text: str) -> str:
    """Join Penn Treebank tokens again: quotes, brackets, clitics, stops."""
    text = re.sub(r"-[LR][RSC]B-", lambda token: TREEBANK_BRACKETS[token[0]], text)
    # A closing quote at a line's start belongs to the sentence before.
    text = re.sub(r"\n(''?)(?: |(?=\n)|$)", r" \1\n", text)
    text = re.sub(r"(?i)(\w) (n't|'(?:s|ll|m|d|ve|re))\b", r"\1\2", text)
    text = re.sub(r"(``?|[(\[{]) ", r"\1", text.replace(" ''", '"'))
    text = re.sub(r" ('(?!\w)|[.,:;!?)\]}])", r"\1", text)
    return text.replace("``", '"').replace("''", '"').replace("`", "'")


TREEBANK_BRACKETS = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}


def thorough_code(text: str) -> str:
    """Remove white space at the ends of lines, and nothing else (code_py, code_c, ...)."""
    return re.sub(r"(?m)[^\S\n]+$", "", text)


@dataclass(frozen=True)
class Cleaner:
    """A domain's two functions: `paper` takes a full file, `thorough` one document."""

    paper: Callable[[str], str]
    thorough: Callable[[str], str]


NEUTRAL = Cleaner(paper_unchanged, thorough_prose)
CODE = Cleaner(paper_unchanged, thorough_code)

CLEANERS = {
    "aochildes": Cleaner(paper_spaces, thorough_childes),
    "bnc_spoken": Cleaner(paper_bnc_spoken, thorough_conversation),
    "cbt": Cleaner(paper_cbt, thorough_cbt),
    "childes": Cleaner(paper_spaces, thorough_childes),
    "children_stories": NEUTRAL,
    "gutenberg": Cleaner(paper_unchanged, thorough_gutenberg),
    "open_subtitles": Cleaner(paper_open_subtitles, thorough_open_subtitles),
    "qed": Cleaner(paper_qed, thorough_qed),
    "simple_wiki": Cleaner(paper_blank_lines, thorough_wiki),
    "simple_wikipedia": Cleaner(paper_blank_lines, thorough_wiki),
    "switchboard": Cleaner(paper_unchanged, thorough_conversation),
    "wikipedia": Cleaner(paper_wikipedia, thorough_wiki),
}


def cleaner_for(domain: str) -> Cleaner:
    """The cleaner of a domain: neutral if none has its name; of any `code_...`, that of code."""
    return CODE if domain.startswith("code_") else CLEANERS.get(domain, NEUTRAL)


def plain_characters(text: str) -> str:
    """Resolve entities, remove tags and invisible characters, normalise to NFC, strip lines."""
    text = ENTITY.sub(lambda entity: html.unescape(f"&{entity[1]};"), text)
    text = INLINE_TAG.sub("", BLOCK_TAG.sub(" ", text))
    text = unicodedata.normalize("NFC", INVISIBLE.sub("", text))
    return "\n".join(BLANKS.sub(" ", line).strip() for line in text.splitlines())


def documents_of(text: str, *, wide_gaps: bool) -> list[str]:
    """Split plain text at blank lines and before headings; a heading stays with the text after it.

    Args:
        wide_gaps: captions of talks have one blank line between paragraphs, and two, or a
            translator's credit, between talks. If a text has no two blank lines, one separates
            documents there too.
    """
    if wide_gaps:
        return re.split(r"\n{3,}|\n+(?=Translator:)", text)
    text = HEADING.sub(r"\n\n\g<0>\n", text)
    return re.split(r"\n{2,}", re.sub(r"= = =\n\s+(?!= = = |\s)", "= = =\n", text))


def _without_stray_stops(text: str) -> str:
    """Drop the punctuation of a line without words, and spaces and commas at a line's start."""
    return re.sub(r"(?m)^[ .,;:!?-]+$|^[ ,]+", "", text)


def tidy(document: str) -> str:
    """Collapse blanks, strip lines, drop empty lines."""
    lines = (BLANKS.sub(" ", line).strip() for line in document.split("\n"))
    return "\n".join(line for line in lines if line)
