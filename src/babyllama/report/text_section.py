"""The report's pictures and tables of the training text as a linguist sees it."""

from collections.abc import Iterator, Mapping
from textwrap import shorten
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from babyllama.console import format_count
from babyllama.report.figures import STYLES, WIDTH, drawing, svg_of
from babyllama.report.table import Table, cell
from babyllama.runs.run import Run

_SHOWN_CHARACTERS = 160


def spread_of_words(run: Run) -> str | None:
    """How the vocabulary grows with the text, and how frequent the word of each rank is."""
    drawn = _largest(run.linguistics)
    if not drawn:
        return None
    with drawing():
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        growth, ranks = figure.subplots(1, 2)
        for (name, each), (colour, marker, line) in zip(drawn.items(), STYLES, strict=False):
            style: dict[str, Any] = {"color": colour, "linestyle": line, "marker": marker,
                                     "markersize": 3, "label": name}  # fmt: skip
            growth.plot(*zip(*each["growth"], strict=True), **style)
            ranks.plot(*zip(*each["ranks"], strict=True), **style)
        label_axes(growth, "words", "types")
        label_axes(ranks, "rank of the word", "occurrences")
        handles, labels = growth.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        return svg_of(figure)


def unknown_words(run: Run) -> str | None:
    """For each domain, the share of its words that each other domain lacks."""
    shares = run.linguistics.get("unknown", {})
    if len(shares) < 2:
        return None
    names = list(shares)
    with drawing():
        figure = Figure(figsize=(WIDTH, 1.6 + 0.3 * len(names)), layout="constrained")
        axes = figure.subplots()
        table = [[shares[one].get(other, 0.0) for other in names] for one in names]
        largest = max(max(row) for row in table) or 1.0
        axes.imshow(table, cmap="Greys", vmin=0, vmax=2 * largest, aspect="auto")
        for row, one in enumerate(names):
            for column, other in enumerate(names):
                if one != other:
                    # On light grey, also where the page is dark.
                    axes.text(column, row, f"{100 * table[row][column]:.0f}", ha="center",
                              va="center", fontsize=8, color="#111111")  # fmt: skip
        shown = [name.replace("_", " ") for name in names]
        axes.set_xticks(range(len(names)), shown, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), shown)
        axes.set_xlabel("this domain lacks")
        axes.set_ylabel("words of\nthis domain")
        axes.grid(visible=False)
        return svg_of(figure)


def words_table(found: Mapping[str, Any]) -> Table | None:
    """Types, sentences and the two laws, by domain.

    Args:
        found: what `linguistic_statistics` returns, or nothing.
    """
    if not found:
        return None
    rows = [(name, *_row(each)) for name, each in _with_total(found)]
    head = (
        "domain", "words", "types", "occur once", "sentences", "words per sentence",
        "10 to 90%", "Zipf exponent", "Heaps exponent",
    )  # fmt: skip
    note = (
        "Words here: runs of letters and digits in lower case, so that “Dog” and “dog.” are one "
        "type; in scripts without spaces, letters. "
        "Frequency falls as rank to the Zipf exponent; types grow as words to the Heaps exponent."
    )
    if found["every"] > 1:
        note += f" Counted on one line in {found['every']}."
    return Table("Words of the training text", head, tuple(rows), note)


def telling_lines(run: Run) -> Iterator[str]:
    """The most and the least typical line of each domain."""
    for name, each in run.linguistics.get("domains", {}).items():
        parts = [
            f"{kind} “{shorten(each[kind][0][1], _SHOWN_CHARACTERS, placeholder=' ...')}”"
            for kind in ("typical", "untypical")
            if each.get(kind)
        ]
        if parts:
            yield f"{name}: {'; '.join(parts)}"


def _row(each: Mapping[str, Any]) -> Iterator[str]:
    for name in ("words", "types", "hapaxes", "sentences"):
        yield cell(each[name], "{:,}")
    lengths = each["sentence_length"]
    yield cell(lengths.get("mean"), "{:.1f}")
    yield f"{lengths['p10']:.0f} to {lengths['p90']:.0f}" if lengths else cell(None, "")
    for law in ("zipf", "heaps"):
        yield cell(each[law] and each[law]["exponent"], "{:.2f}")


def _with_total(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [*found["domains"].items(), ("total", found["total"])]


def _largest(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The whole text and its largest domains, as many as have styles of lines; one domain alone."""
    if not found or not found["total"]["words"]:
        return {}
    domains = sorted(found["domains"].items(), key=lambda each: -each[1]["words"])
    largest = [each for each in domains if each[1]["words"]][: len(STYLES) - 1]
    whole = {"all domains": found["total"]} if len(largest) > 1 else {}
    return whole | dict(largest)


def label_axes(axes: Axes, x: str, y: str) -> None:
    """Make both axes logarithmic, with short numbers, and name them."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _at: format_count(value)))
        axis.set_minor_locator(NullLocator())  # a hundred ticks without labels take a while
