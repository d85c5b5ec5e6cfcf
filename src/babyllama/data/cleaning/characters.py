"""Rules for the characters of any text: entities, tags, mojibake, what nobody sees, blanks."""

import re
import unicodedata
from functools import lru_cache
from html.entities import html5

from babyllama.data.cleaning.applying import Rule, Watch, clean_lines
from babyllama.data.cleaning.editing import change_lines, odd_characters, places_of
from babyllama.data.cleaning.layout import break_headings

_ENTITY = re.compile(r"&(?:amp;|#38;)*(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_INLINE_TAG = re.compile(
    r"</?(?:a|b|big|cite|code|em|font|i|includeonly|noinclude|nowiki|onlyinclude|poem|q|ref|s|small|"
    r"span|strike|strong|sub|sup|tt|u)"
    r"(?:[ \t][^<>\n]{0,300})?/?>",
    re.IGNORECASE,
)
_BLOCK_TAG = re.compile(
    r"</?(?:blockquote|br|center|dd|div|dl|dt|h[1-6]|hr|img|li|ol|p|pre|table|td|th|tr|ul)"
    r"(?:[ \t][^<>\n]{0,300})?/?>",
    re.IGNORECASE,
)
# The first byte of a character in UTF-8 and one of its others, as Windows-1252 shows them.
_MISREAD = re.compile(
    "[\xc2-\xf4][\x80-\xbf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152"
    "\u017d\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]"
)
# Control characters except tab and line ends, and invisible characters: soft hyphen, byte order
# mark, word joiner, direction marks, operators of formulas, marks of annotations.
_INVISIBLE = re.compile(
    "[\0-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u061c\u200e\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
# Joiners and spaces without width have no use beside Latin letters, digits and punctuation, but
# beside letters of other scripts and emoji.
_WITHOUT_WIDTH = re.compile(
    "[\u200b-\u200d](?<![^\0-\u024f\u200b-\u200d].)(?![^\0-\u024f\u200b-\u200d])"
)
# Without U+0085, which ends a line.
_CONTROL = re.compile("[\x80-\x84\x86-\x9f]")
_HAS_NO_WIDTH = re.compile("[\u200b-\u200d]")
_LOST = re.compile(
    r"(?<![^\s(\[\"'“‘«/])(?:\b[^\W\d_]{1,20}: ?)?\ufffd(?:[ '’!?.,;:/-]{0,3}\ufffd)*+"
)
# Without the ideographic space U+3000, which is layout in Chinese and Japanese.
_RARE_BLANK = re.compile("[\u1680\u2000-\u200a\u202f\u205f]")
_LINE_ENDS = re.compile("[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_AROUND = re.compile("(?m)(?<![ \u3000])[ \u3000]+$|^[ \u3000]+")


def end_lines(text: str) -> str:
    r"""End lines with the line feed alone.

    >>> end_lines("One verse.\u2028Another.\x0cA new page.")
    'One verse.\nAnother.\nA new page.'
    """
    if not _LINE_ENDS.search(odd_characters(text)):
        return text
    return _LINE_ENDS.sub("\n", text.replace("\r\n", "\n"))


def resolve_entities(text: str) -> str:
    """Write characters for entities, also for those that were encoded twice.

    >>> resolve_entities("tiny little piece of candy an M&amp;M so I")
    'tiny little piece of candy an M&M so I'
    >>> resolve_entities("It&amp;#39;s done by NASA. AT&T; 1 &lt; 2")
    "It's done by NASA. AT&T; 1 < 2"
    """
    return _ENTITY.sub(lambda found: _character(found[1], found[0]), text) if "&" in text else text


@lru_cache(maxsize=256)
def _character(name: str, entity: str) -> str:
    if not name.startswith("#"):
        found = html5.get(f"{name};", "")
    else:
        number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
        is_one = number < 0xD800 or 0xDFFF < number < 0x110000
        # As browsers do, since pages that name these mean Windows-1252.
        old = bytes([number]).decode("cp1252", "ignore") if 0x7F < number < 0xA0 else ""
        found = old or (chr(number) if is_one else "")
    if not found:
        return entity if not name.startswith("#") else ""
    return " " if found.isspace() and found != "\u3000" else found


def remove_tags(text: str) -> str:
    """Remove tags of HTML and wiki mark-up; those that end a line in a browser leave a space.

    >>> remove_tags("<i>Let's welcome our favorite alumnus,</i>")
    "Let's welcome our favorite alumnus,"
    >>> remove_tags("1910: 16864<br> 1920: 17513")
    '1910: 16864  1920: 17513'
    """
    if "<" not in text:
        return text
    return _INLINE_TAG.sub("", _BLOCK_TAG.sub(" ", text))


def undo_mojibake(text: str) -> str:
    """Decode again lines in which UTF-8 was read as an older encoding.

    >>> undo_mojibake("Here it is. Â£4,000?")
    'Here it is. £4,000?'
    >>> undo_mojibake("a change that comes in autumn and â€”")
    'a change that comes in autumn and —'
    """
    if not _MISREAD.search(odd_characters(text)):
        return text
    places = [found.start() for found in _MISREAD.finditer(text)]
    return change_lines(text, places, _decoded_again)


def _decoded_again(line: str) -> str:
    from ftfy import fix_encoding

    return " ".join(fix_encoding(line).splitlines())


def read_windows_1252(text: str) -> str:
    r"""Write the quotation marks and dashes of Windows-1252 that were read as control characters.

    >>> read_windows_1252("I\x92ll send a truck to pick you up \x96 well")
    'I’ll send a truck to pick you up – well'
    """
    if not _CONTROL.search(odd_characters(text)):
        return text
    return _CONTROL.sub(lambda found: found[0].encode("latin1").decode("cp1252", "ignore"), text)


def remove_invisible(text: str) -> str:
    r"""Remove control characters, soft hyphens, direction marks and byte order marks.

    >>> remove_invisible("\ufeffDas bin ich. Wolfe\xadschlegel\xadstein")
    'Das bin ich. Wolfeschlegelstein'
    """
    return _INVISIBLE.sub("", text) if _INVISIBLE.search(odd_characters(text)) else text


def remove_zero_width(text: str) -> str:
    r"""Remove spaces and joiners without width, but not beside letters that may need them.

    >>> remove_zero_width("in a poor area of \u200b\u200bMontevideo.")
    'in a poor area of Montevideo.'
    """
    return _WITHOUT_WIDTH.sub("", text) if _HAS_NO_WIDTH.search(odd_characters(text)) else text


def remove_lost_words(text: str) -> str:
    r"""Remove words of which nothing but U+FFFD is left, and the name of their language.

    >>> remove_lost_words('derived from the Greek \ufffd\ufffd\ufffd\ufffd "sarx" meaning "flesh"')
    'derived from the Greek  "sarx" meaning "flesh"'
    >>> remove_lost_words("(Ukrainian: \ufffd\ufffd \ufffd\ufffd\ufffd; born 1974) in Ug\ufffdpa")
    '(; born 1974) in Ug\ufffdpa'
    """
    if "\ufffd" not in text:
        return text
    return change_lines(text, places_of(text, "\ufffd"), lambda line: _LOST.sub(_if_whole, line))


def _if_whole(found: re.Match[str]) -> str:
    """The replacement: "", or what was found if letters of the word are left."""
    following = found.string[found.end() : found.end() + 1]
    return found[0] if following.isalnum() else ""


def compose_characters(text: str) -> str:
    r"""Write a letter and its accent as one character (NFC).

    >>> compose_characters("cafe\u0301")
    'café'
    """
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", text)


def collapse_blanks(text: str) -> str:
    r"""Write one space for each run of blanks, none at the ends of lines.

    >>> collapse_blanks("Well I mean, whatever you say in the  well no  \nYes.\xa0")
    'Well I mean, whatever you say in the well no\nYes.'
    """
    if odd := odd_characters(text):
        text = text.replace("\t", " ").replace("\xa0", " ")
        text = _RARE_BLANK.sub(" ", text) if _RARE_BLANK.search(odd) else text
    while "  " in text:
        text = text.replace("  ", " ")
    if "\u3000" in text:
        text = _AROUND.sub("", text)
    text = text.replace(" \n", "\n").replace("\n ", "\n")
    return text.removeprefix(" ").removesuffix(" ")


CHARACTERS: tuple[Rule, ...] = (
    resolve_entities,
    remove_tags,
    undo_mojibake,
    read_windows_1252,
    remove_invisible,
    remove_zero_width,
    remove_lost_words,
    compose_characters,
    collapse_blanks,
)


def plain_characters(text: str, watch: Watch | None = None) -> str:
    """Apply all rules of this module."""
    return "\n".join(clean_lines(break_headings(end_lines(text)), CHARACTERS, watch=watch))
