"""Rules for Wikipedia: what its extractors left of templates, tables and formulas."""

import re

from babyllama.data.cleaning.editing import (
    change_lines,
    cut,
    cut_at_starts,
    has_any,
    places_of,
)

_EMPTY = re.compile(r"\((?<!\w\()[ ,;:!?\"]*\)")
_OPENING = re.compile(r"\([ ,;:]+")
_CLOSING = re.compile(r"[ ,;](?<![ ,;].)[ ,;]*+(?=\))")
_LABEL = re.compile(r"(?<=\w):,(?= )")
_CATEGORY = re.compile(r"\[\[Category:[^\]\n]*\]{0,2}")
_REFERENCE = re.compile(
    r"\[(?<=[.,;:!?\"”)]\[)(?:[1-9]\d{0,2}|citation needed|edit|note \d{1,3})\](?![\w(])"
)
_CELL = re.compile(r"(?<!\S)\S*\|\|\S* ?")
_ROW = re.compile(r"\n(?:\||!(?=.*(?:!!|\|\||=))).*")
_FORMULAS = re.compile(r"\n(?:(?:formula|codice)_\d+[ ,;:.]*)+(?=\n|$)")
_BULLET = re.compile(r"\n(?!#\d)[*#:;]++ ?(?=\S)")
_COMMA = re.compile(r" ,(?<=\w ,)(?=[ \n]|$)")
_ARCHIVED = re.compile(r"[（(](?:頁面存檔備份|页面存档备份)[^（()）\n]{0,40}[)）]")
_TEX = re.compile(r"\{\\(?:display|text)style")
_PART_OF_TEX = re.compile(r"(\{\\(?:display|text)style|[{}])")


def remove_empty_parentheses(text: str) -> str:
    """Remove parentheses whose text was lost, and the punctuation of what was lost inside.

    >>> remove_empty_parentheses("Upper Louisiana (), Lien Chan (; born 1936) and Andorra (;,) are")
    'Upper Louisiana, Lien Chan (born 1936) and Andorra are'
    """
    if "(" in text:
        text = _OPENING.sub("(", cut(_EMPTY, text))
    return _CLOSING.sub("", text) if has_any(text, " )", ",)", ";)") else text


def remove_lost_labels(text: str) -> str:
    """Remove the comma after the name of a language whose words were lost.

    >>> remove_lost_labels('Apollo (Homeric Greek:, "Apollōn"; Doric:, "Apellōn")')
    'Apollo (Homeric Greek: "Apollōn"; Doric: "Apellōn")'
    """
    return _LABEL.sub(":", text) if ":," in text else text


def remove_categories(text: str) -> str:
    """Remove links to categories.

    >>> remove_categories("Other websites. [[Category:Japanese eras]] [[Category:9th")
    'Other websites.'
    """
    return cut(_CATEGORY, text) if "[[" in text else text


def remove_references(text: str) -> str:
    """Remove the marks of references and of editors.

    >>> remove_references("Well, Just You Wait![1] is a ripoff.[citation needed] Another [2] one")
    'Well, Just You Wait! is a ripoff. Another [2] one'
    """
    return _REFERENCE.sub("", text) if "[" in text else text


def remove_cells(text: str) -> str:
    """Remove rows of tables.

    >>> remove_cells("Club career statistics. 403||125 229||59 632||184 International career")
    'Club career statistics. International career'
    >>> remove_cells("!Total||104||37")
    ''
    """
    if not has_any(text, "|", "!"):
        return text
    text = cut_at_starts(_ROW, text)
    return change_lines(text, places_of(text, "||"), lambda line: _CELL.sub("", line))


def remove_tex(text: str) -> str:
    r"""Remove the TeX of a formula, which stands beside the formula itself.

    >>> remove_tex("and γ i {\\displaystyle \\gamma _{i}} is the angle {sic}")
    'and γ i  is the angle {sic}'
    """
    if "{\\" not in text:
        return text
    return change_lines(text, (found.start() for found in _TEX.finditer(text)), _without_tex)


def _without_tex(line: str) -> str:
    kept: list[str] = []
    depth = 0
    for part in _PART_OF_TEX.split(line):
        if depth:
            depth += part.startswith("{") - (part == "}")
        elif part.startswith("{\\"):
            depth = 1
        else:
            kept.append(part)
    return line if depth else "".join(kept)  # a formula without end is left alone


def drop_formulas(text: str) -> str:
    """Drop lines of nothing but an extractor's names for formulas.

    >>> drop_formulas("formula_2")
    ''
    >>> drop_formulas("the values formula_1 The arithmetic mean")
    'the values formula_1 The arithmetic mean'
    """
    return cut_at_starts(_FORMULAS, text) if "_" in text else text


def remove_bullets(text: str) -> str:
    """Remove the signs of list items and indents.

    >>> remove_bullets("* Aberdeen Proving Ground, a United States Army facility")
    'Aberdeen Proving Ground, a United States Army facility'
    """
    return cut_at_starts(_BULLET, text)


def remove_archive_notes(text: str) -> str:
    """Remove the note of the Chinese Wikipedia that a page is archived.

    >>> remove_archive_notes("台灣魚類資料庫（頁面存檔備份，存於網際網路檔案館）擴展閱讀")
    '台灣魚類資料庫擴展閱讀'
    """
    return cut(_ARCHIVED, text) if has_any(text, "頁面存檔", "页面存档") else text


def join_commas(text: str) -> str:
    """Join a comma to the word before what was lost.

    >>> join_commas("The Pottawatomi , also spelled Pottawatomie")
    'The Pottawatomi, also spelled Pottawatomie'
    """
    return _COMMA.sub(",", text) if " ," in text else text
