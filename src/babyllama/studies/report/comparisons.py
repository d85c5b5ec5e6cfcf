"""The declared comparisons: table, forest plots, and a sentence on each."""

from collections.abc import Iterator, Sequence

from babyllama.report.section import Section, Shown
from babyllama.report.table import Table
from babyllama.report.verdicts import Names, digits_for, sentence
from babyllama.report.wording import NONE, times
from babyllama.scores.power import MOST_SEEDS, Needed
from babyllama.studies.report import figures
from babyllama.studies.report.decided import Decided, Untested, is_higher_better, notes_of, unit_of
from babyllama.studies.report.findings import Findings, shown
from babyllama.studies.report.grids import axes_of

_MOST_SENTENCES = 12
_NOTE = (
    "Differences are ours minus theirs, paired by seed and, on benchmarks, by item; intervals are "
    "over other seeds and other items, before the correction. p is that of the claim. The last "
    "column says what would show the smallest difference that counts, or the observed one where "
    "none is declared, in four of five studies."
)
CLAIMS = {
    "difference": "differs",
    "better": "is better",
    "no_worse": "is no worse",
    "equivalent": "is equivalent",
}


def comparisons(
    findings: Findings, decided: Sequence[Decided], untested: Sequence[Untested]
) -> Section | None:
    """All of them; None before the first trial. Few get a sentence each, many the table alone."""
    if not decided and not untested:
        return None
    cells = len(findings.cells)
    across = any(each.pair.ours.cell != each.pair.theirs.cell for each in decided)
    # Heat maps show more of how the cells of a grid differ, but nothing of two models of one cell.
    is_mapped = across and len(axes_of(findings.study)) == 2
    points = [
        *(_sentence(findings, each) for each in decided if len(decided) <= _MOST_SENTENCES),
        *(
            f"{' and '.join(each.pair.called(cells))} on {each.measure}: not tested, {each.why}."
            for each in untested
        ),
        *notes_of(decided),
    ]
    return Section(
        "Comparisons",
        tables=tuple(_tables(findings, decided)),
        figures=() if is_mapped else tuple(_forests(findings, decided)),
        points=tuple(points),
    )


def _sentence(findings: Findings, each: Decided) -> str:
    ours, theirs = each.pair.called(len(findings.cells))
    return sentence(
        each.verdict, Names(ours, theirs, each.measure, unit_of(each.measure, findings.outcomes))
    )


def _tables(findings: Findings, decided: Sequence[Decided]) -> Iterator[Table]:
    """A table for each measure."""
    head = ("ours", "theirs", "claim", "difference", "95% interval", "seeds", "p", "adjusted p",
            "verdict", "would do")  # fmt: skip
    measures = list(dict.fromkeys(each.measure for each in decided))
    for measure in measures:
        rows = tuple(_row_of_test(findings, each) for each in decided if each.measure == measure)
        title = f"Differences on {findings.axis_label(measure)}"
        note = _NOTE if measure == measures[-1] else ""
        yield Table(title, head, rows, note, words=(0, 1, 2, 8, 9))


def _row_of_test(findings: Findings, each: Decided) -> tuple[str, ...]:
    digits = digits_for(each.difference.reach())
    low, high = each.difference.interval
    return (
        *each.pair.called(len(findings.cells)),
        CLAIMS[each.pair.expect],
        f"{each.difference.value:+.{digits}f}",
        f"{low:.{digits}f} to {high:.{digits}f}",
        f"{each.difference.seeds}",
        _p(each.verdict.p),
        _p(each.verdict.adjusted_p),
        each.verdict.word + ", too small to count" * each.verdict.is_too_small,
        _would_do(each.verdict.needed),
    )


def _forests(findings: Findings, decided: Sequence[Decided]) -> Iterator[Shown]:
    for number, measure in enumerate(dict.fromkeys(each.measure for each in decided)):
        own = [each for each in decided if each.measure == measure]
        svg = figures.forest_plot(
            own, cells=len(findings.cells), label="difference, " + findings.axis_label(measure)
        )
        direction = "right" if is_higher_better(measure, findings.outcomes) else "left"
        band = " Grey: differences that do not count." if own[0].verdict.asked.smallest else ""
        caption = (
            f"{measure}: difference with its 95% interval over seeds and items, before the "
            f"correction; better is {direction}. Filled: a difference is shown.{band}"
        )
        yield shown(f"forest-{number}", svg, f"Differences on {measure}", caption)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.0005 else "<0.001"


def _would_do(needed: Needed | None) -> str:
    """`12 seeds`, `2.9 times the items`; a dash where something is shown."""
    if needed is None:
        return NONE
    if needed.items > 1:
        return f"{times(needed.items)} times the items"
    return f"{needed.seeds} seeds" if needed.seeds else f"over {MOST_SEEDS} seeds"
