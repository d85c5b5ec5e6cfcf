"""Find the documents of plain text."""

import re

_HEADING = re.compile(r"= = = (?<!= = = = )(?!= )([^=\n]{1,200}?) = = =(?! =)")
_AFTER_HEADING = re.compile(r"= = =\n\s+(?!= = = |\s)")
CREDIT = "Translator:"


def break_headings(text: str) -> str:
    """Put each heading on a line of its own."""
    return _HEADING.sub(r"\n\g<0>\n", text) if "= = =" in text else text


def documents_of(text: str, *, wide_gaps: bool) -> list[str]:
    """Split plain text at blank lines and before headings; a heading stays with the text after it.

    Args:
        wide_gaps: captions of talks have one blank line between paragraphs, and two, or a
            translator's credit, between talks. If a text has no two blank lines, one separates
            documents there too.
    """
    if wide_gaps:
        return re.split(r"\n(?:\n\n+|\n*(?=Translator:))", text)
    if "= = =" in text:
        text = _HEADING.sub(r"\n\n\g<0>\n", text).replace(" \n", "\n").replace("\n ", "\n")
        text = _AFTER_HEADING.sub("= = =\n", text)
    return re.split(r"\n\n+", text) if "\n\n" in text else [text]


def unwrap_headings(text: str) -> str:
    """Remove the signs around a heading.

    >>> unwrap_headings("= = = Corcelles-près-Payerne = = =")
    'Corcelles-près-Payerne'
    """
    return _HEADING.sub(r"\1", text) if "= = =" in text else text
