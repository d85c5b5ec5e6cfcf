"""The rules of the paper's public code, step by step: each takes the full text of a file.

Source: timinar/BabyLlama at 6b821af; the character counts in its notebook are a test. They join two
paragraphs where they delete a blank line.
"""

import re

from babyllama.data.cleaning.english import sentence_case


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
    if any(letter in text for letter in "ſıİ"):  # a pattern takes them for s and i
        return re.sub(r"(?im)^(?=.*subtitle).*\n", "", text)
    lower, kept, done = text.lower(), [], 0
    while (at := lower.find("subtitle", done)) >= 0 and (end := text.find("\n", at)) >= 0:
        kept.append(text[done : text.rfind("\n", done, at) + 1 or done])
        done = end + 1
    return "".join(kept) + text[done:]


def paper_wikipedia(text: str) -> str:
    """Join each `= = = heading = = =` to the line below, strip lines, delete blank lines.

    The public code also drops the text's first character; it expects an empty first line.
    """
    joined, done = [], 0
    while (at := text.find(" = = =\n", done)) >= 0:
        start, end = text.rfind("\n", done, at) + 1 or done, at + len(" = = =\n")
        line = re.sub(r"(?m)^(.*?)= = = (.+) = = =\n", r"\1\2", text[start:end])
        joined += [text[done:start], line]
        done = end
    text = "".join([*joined, text[done:]])
    return paper_blank_lines("\n".join(line.strip() for line in text.splitlines())[1:])


def paper_qed(text: str) -> str:
    """Strip lines; sentence-case those in capitals, in which OCR read I as l."""
    return "\n".join(sentence_case(line).strip() for line in text.splitlines())
