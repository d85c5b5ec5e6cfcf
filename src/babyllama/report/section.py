"""What a page consists of: sections of text, tables and figures; the templates lay them out."""

from collections.abc import Sequence
from dataclasses import dataclass

from babyllama.report.figures import inline
from babyllama.report.table import Table


@dataclass(frozen=True)
class Shown:
    """A figure.

    Attributes:
        file: its name in figures/. svg: the file's text. inline: the same for within the page.
        label: a few words for screen readers; the caption has the rest.
    """

    file: str
    svg: str
    inline: str
    label: str
    caption: str


@dataclass(frozen=True)
class Word:
    """A word in one of two texts.

    Attributes:
        nats: its surprisal.
        shade: 0 to 3, how much more surprising it is than what is in its place in the other text.
        differs: whether the other text has something else there.
    """

    text: str
    nats: str
    shade: int
    differs: bool = False


@dataclass(frozen=True)
class LostChoice:
    """A choice that a model decides wrongly: what it should prefer and what it does."""

    about: str
    right: tuple[Word, ...]
    preferred: tuple[Word, ...]


@dataclass(frozen=True)
class Listing:
    """A text file to copy, folded away on the page.

    Attributes:
        file: its name. language: for the Markdown.
    """

    file: str
    language: str
    text: str


@dataclass(frozen=True)
class Section:
    """A heading and its content.

    Attributes:
        points: a list. code: a command to paste. listing: a file that the command reads.
        terms: words that the page uses, each with what it means, folded away.
        is_folded: an appendix, which a reader opens if it is needed.
    """

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Shown, ...] = ()
    code: str = ""
    listing: Listing | None = None
    points: tuple[str, ...] = ()
    lost: tuple[LostChoice, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    is_folded: bool = False


@dataclass(frozen=True)
class Page:
    """The report on one run, or on the difference between runs.

    Attributes:
        sentence: the answer.
        others: what follows it in smaller letters; "" if nothing does.
        missing: what the run has not made yet; empty for a complete run.
    """

    name: str
    sentence: str
    missing: str
    sections: tuple[Section, ...]
    others: str = ""


def section(
    title: str, tables: Sequence[Table | None], text: tuple[str, ...] = ()
) -> Section | None:
    """A section of tables; None without any content."""
    found = given(*tables)
    return Section(title, text, found) if found or text else None


def given(*tables: Table | None) -> tuple[Table, ...]:
    """The tables without the missing ones."""
    return tuple(table for table in tables if table)


def drawn_of(*figures: tuple[str, str | None, str, str]) -> tuple[Shown, ...]:
    """The figures that could be drawn, each from its file, SVG, label and caption."""
    return tuple(
        Shown(file, svg, inline(svg, label, ids=file.removesuffix(".svg")), label, caption)
        for file, svg, label, caption in figures
        if svg
    )
