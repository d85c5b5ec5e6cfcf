"""The page of a study, from its answer to the command that repeats it."""

from collections.abc import Iterator, Sequence

from babyllama.errors import command
from babyllama.report.section import Page, Section
from babyllama.report.table import Table
from babyllama.studies.comparing import EVERY
from babyllama.studies.outcomes import Missing
from babyllama.studies.report.answer import answer
from babyllama.studies.report.best_setting import best_setting
from babyllama.studies.report.cell_tables import every_cell, every_model, other_models
from babyllama.studies.report.changes import changes, seeds_in_words
from babyllama.studies.report.comparisons import CLAIMS, comparisons
from babyllama.studies.report.cost import cost
from babyllama.studies.report.decided import Decided
from babyllama.studies.report.dev_loss import correlation
from babyllama.studies.report.diversity import diversity
from babyllama.studies.report.findings import Findings
from babyllama.studies.report.grids import axes_of
from babyllama.studies.report.signal_sizes import signal_sizes
from babyllama.studies.study import Comparison

_CORRECTIONS = {"holm": "Holm's", "bh": "Benjamini and Hochberg's"}


def page_of(findings: Findings, files: Sequence[str]) -> Page:
    """The page.

    Args:
        files: names of the files of rows beside it.
    """
    study = findings.study
    decided, untested = findings.decisions
    of_tests = comparisons(findings, decided, untested)
    if len(findings.cells) == 1:
        shown = [of_tests, every_model(findings)]
    elif len(axes_of(study)) == 2:
        shown = [best_setting(findings), every_cell(findings), of_tests, other_models(findings)]
    else:
        shown = [of_tests, every_cell(findings), other_models(findings)]
    sections = [
        _rule(findings),
        *shown,
        signal_sizes(findings),
        diversity(findings),
        _missing(findings.missing),
        correlation(findings),
        cost(findings),
        Section("What this does not show", points=tuple(_limits(findings, decided))),
        Section(
            "Reproduce",
            (f"All values are beside this page: {', '.join(files)}.",),
            code=_command(findings),
        ),
    ]
    return Page(
        name=f"study {study.name}",
        sentence=answer_of(findings),
        missing=_missing_in_short(findings),
        sections=tuple(section for section in sections if section),
    )


def answer_of(findings: Findings) -> str:
    """What a study shows, in a sentence or two."""
    decided, untested = findings.decisions
    return answer(
        decided,
        untested,
        cells=len(findings.cells),
        seeds=len(findings.study.seed_list),
        levels=findings.levels,
    )


def _rule(findings: Findings) -> Section:
    """What was written down before the data."""
    study = findings.study
    smallest = ", ".join(f"{name} {value:g}" for name, value in study.decide.smallest.items())
    points = [
        f"Question: {study.question}",
        *(_claim(each) for each in study.compare),
        f"Measures: {', '.join(findings.measures) or 'dev_cross_entropy and every benchmark'}",
        f"Smallest differences that count: {smallest or 'none declared'}",
        f"{_CORRECTIONS[study.decide.correction]} correction over all comparisons and measures, "
        f"at 5%; {seeds_in_words(findings)}",
    ]
    return Section("What was decided beforehand", tuple(changes(findings)), points=tuple(points))


def _claim(declared: Comparison) -> str:
    claim, link = CLAIMS[declared.expect], {"differs": "from", "is equivalent": "to"}
    sides = (declared.ours, declared.theirs)
    ours, theirs = ("every other cell" if side == EVERY else side for side in sides)
    return f"Claim: {ours} {claim} {link.get(claim, 'than')} {theirs}"


def _missing(missing: Sequence[Missing]) -> Section | None:
    if not missing:
        return None
    rows = tuple((each.cell, f"{each.seed}", each.why) for each in missing)
    table = Table("Missing trials", ("cell", "seed", "why"), rows, words=(0, 2))
    return Section("What is missing", tables=(table,))


def _missing_in_short(findings: Findings) -> str:
    total = len(findings.cells) * len(findings.study.seed_list)
    count = len(findings.missing)
    if not count:
        return ""
    return (
        f"{count} of {total} trials are missing; they are named below. The comparisons use the "
        "seeds that both sides have."
    )


def _limits(findings: Findings, decided: Sequence[Decided]) -> Iterator[str]:
    yield "Other texts, sizes and settings: every interval is over seeds and items alone."
    if any(each.verdict.word == "undecided" for each in decided):
        yield "What cannot be told apart is not shown to be equal."
    if len(findings.study.seed_list) < 5:
        yield (
            f"With {len(findings.study.seed_list)} seeds the variance between seeds is itself "
            "poorly known: the numbers of seeds that would do may be wrong by a factor of several."
        )


def _command(findings: Findings) -> str:
    return command("study", findings.out / "study.yaml", "--out", findings.out)
