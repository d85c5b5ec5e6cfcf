"""Several runs on one page of differences: recipes, models by role, curves, cost.

The first run is the baseline, as in `babyllama compare`: a difference is another run's value minus
the first one's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from babyllama.errors import command
from babyllama.recipe import Recipe
from babyllama.report import alt_texts, comparable, run_figures, stage_tables
from babyllama.report.comparable import (
    TOKENS_DIFFER,
    nats_apart,
    paired,
    shared_benchmark,
    why_no_curves,
    why_no_items,
    why_not_drawn,
)
from babyllama.report.forest import forest
from babyllama.report.labelled import Labelled, labelled
from babyllama.report.overview import overview
from babyllama.report.scored_run import scored_run
from babyllama.report.section import Page, Section, drawn_of, given
from babyllama.report.table import Table, cell
from babyllama.report.tables import with_unit
from babyllama.report.unseen_text import in_words
from babyllama.report.wording import (
    AT_CHANCE,
    NONE,
    bounds,
    joined,
    judged,
    with_standing,
)
from babyllama.runs.artefact import differing
from babyllama.runs.run import read_run
from babyllama.scores.chance import shows_nothing
from babyllama.scores.comparisons import pair

_TOLD = 3  # settings that the first sentence names
_NOT_DECISIVE = ("name", "card")
_CANNOT = "not comparable"


def page_between(runs: Sequence[Labelled], folders: Sequence[Path]) -> Page:
    """The page on what differs between runs."""
    names = [each.label for each in runs]
    drawn = drawn_of(
        (
            "runs.svg",
            run_figures.places_figure(runs),
            "The models of every run: unseen text against the benchmark",
            "A colour for each run, a mark for each role; arrows lead from the first run's models, "
            "which are filled, to those of the same role. Further left, a model predicts unseen "
            "text better. Bars are 95% intervals.",
        )
    )
    curves = drawn_of(
        (
            "dev.svg",
            run_figures.dev_curves(runs),
            alt_texts.of_runs(
                [
                    (f"{role}, {each.label}", each.by_role[role])
                    for role in ("student", "twin")
                    for each in runs
                    if role in each.by_role
                ]
            ),
            "Cross-entropy on unseen text after each epoch; the ring marks the epoch that is kept.",
        )
    )
    by_uid = drawn_of(
        (
            "forest.svg",
            _forest(runs),
            "The difference between the two students on each UID, with its interval",
            "Right of the line the second run's student is better. Filled: the interval excludes "
            "0. With no real difference, 1 in 20 would be filled.",
        )
    )
    apart = tuple(why_not_drawn(runs, shared_benchmark(runs)))
    no_curves = tuple(why_no_curves(runs))
    recipes = _recipes_table(runs)
    same = () if recipes else ("The recipes are the same in every setting.",)
    own = [command("report", folder, "--out", f"report-{n}") for n, folder in enumerate(folders, 1)]
    sections = [
        Section("What differs in the recipes", same, given(recipes)),
        Section("Models by role", apart, given(_models_table(runs)), drawn),
        Section("The two students, UID by UID", figures=by_uid) if by_uid else None,
        Section("Training", no_curves, figures=curves) if curves or no_curves else None,
        Section("Each student against its own twin", tables=(overview(runs),)),
        Section("Cost", tables=(_cost_table(runs),)),
        Section("What this does not show", points=tuple(_limits())),
        Section("The runs one by one", code="\n".join(own)),
    ]
    return Page(
        name=" and ".join(names) if len(names) == 2 else f"{len(names)} runs",
        sentence=" ".join(_sentences(runs)),
        missing=" ".join(f"{e.label} lacks {', '.join(e.scored.run.missing)}."
                         for e in runs if e.scored.run.missing),
        sections=tuple(each for each in sections if each),
    )  # fmt: skip


def _forest(runs: Sequence[Labelled]) -> str | None:
    """Two runs' students on every UID of the benchmark that both score."""
    benchmark, students = shared_benchmark(runs), [each.by_role.get("student") for each in runs]
    if not benchmark or len(runs) != 2 or None in students:
        return None
    theirs, ours = (
        each.scored.answers(student, benchmark)
        for each, student in zip(runs, students, strict=True)
        if student
    )
    label = f"{runs[1].label} minus {runs[0].label}, percentage points"
    return forest(pair(ours, theirs), headline=benchmark, label=label) if ours and theirs else None


@dataclass(frozen=True)
class BetweenRuns:
    """What differs between runs, in the order in which a terminal shows it.

    Attributes:
        settings: None if the recipes are the same.
        models: both measures of each, by role; None if there is none.
    """

    settings: Table | None
    sentences: tuple[str, ...]
    models: Table | None


def compared(folders: Sequence[Path], *, names: Sequence[str] = ()) -> BetweenRuns:
    """Compare runs with the first of them.

    Args:
        names: what to call each; "" for the name of its folder.

    Raises:
        InputError: a folder that is not a run, or a run with nothing to show.
    """
    runs = labelled(folders, [scored_run(read_run(folder)) for folder in folders])
    if names:
        runs = [
            replace(run, label=name or run.label) for run, name in zip(runs, names, strict=True)
        ]
    return BetweenRuns(_recipes_table(runs), tuple(_sentences(runs)), _models_table(runs))


# --- sentences --------------------------------------------------------------------------------


def _sentences(runs: Sequence[Labelled]) -> Iterator[str]:
    """How each student differs from the first run's, and in what the recipes do."""
    first, *others = runs
    benchmark = shared_benchmark(runs)
    for other in others:
        if "student" in other.by_role and "student" in first.by_role:
            yield from comparable.sentences(other, first, benchmark)
        else:
            yield f"{other.label} and {first.label} do not both have a student to compare."
        yield _recipes_sentence(first, other)


def _recipes_sentence(first: Labelled, other: Labelled) -> str:
    found = [(name, was, now) for name, was, now in _differing(first, other)]
    if not found:
        return "Their recipes are the same."
    listed = [f"{name} {_value(was)} → {_value(now)}" for name, was, now in found[:_TOLD]]
    more = len(found) - _TOLD
    rest = f"{more} more setting{'s' * (more > 1)}"
    return f"The recipes differ in {joined([*listed, *([rest] if more > 0 else [])], 'and')}."


def _limits() -> Iterator[str]:
    yield (
        "Each run has one seed: another seed changes its models, and the intervals do not include "
        "this. A study compares recipes over several seeds."
    )
    yield (
        "If the recipes differ in more than one setting, the page does not say which one made the "
        "difference."
    )


# --- tables -----------------------------------------------------------------------------------


def _differing(first: Labelled, other: Labelled) -> Iterator[tuple[str, object, object]]:
    was, now = (_tree(each.scored.run.recipe) for each in (first, other))
    yield from differing(was, now)


def _tree(recipe: Recipe) -> dict[str, object]:
    tree = recipe.model_dump(mode="json")
    return {key: value for key, value in tree.items() if key not in _NOT_DECISIVE}


def _recipes_table(runs: Sequence[Labelled]) -> Table | None:
    """A row for each setting in which any run differs from the first."""
    first, *others = runs
    values: dict[str, dict[str, str]] = {}
    for other in others:
        for name, was, now in _differing(first, other):
            row = values.setdefault(name, dict.fromkeys([each.label for each in runs], _value(was)))
            row[other.label] = _value(now)
    head = ("setting", *(each.label for each in runs))
    rows = tuple((name, *row.values()) for name, row in values.items())
    return (
        Table("Settings that differ", head, rows, words=tuple(range(len(head)))) if rows else None
    )


def _value(value: object) -> str:
    return "not set" if value is None else str(value)


def _models_table(runs: Sequence[Labelled]) -> Table | None:
    """For each role a row for each run: both measures, and their differences from the first run.

    Why some cannot be compared is said once, below; a column without any comparison is left out.
    """
    first, benchmark = runs[0], shared_benchmark(runs)
    rows, whys = [], dict[str, None]()
    for role in first.by_role:
        for each in runs:
            model = each.by_role.get(role)
            if model is None:
                continue
            result = each.scored.result(model, benchmark) if benchmark else None
            score = nats = NONE
            if each is not first:
                score, why_no_score = _score_difference(each, first, role, benchmark)
                nats, why_no_nats = _nats_difference(each, first, role)
                whys |= dict.fromkeys(why for why in (why_no_score, why_no_nats) if why)
            rows.append(
                (
                    f"{role}, {each.label}",
                    cell(result, with_standing),
                    score,
                    cell(model.dev_loss, "{:.3f}"),
                    nats,
                )
            )
    title = with_unit(first.scored, benchmark) if benchmark else "benchmark"
    head = ("model", title, "difference", "unseen text, nats per token", "difference")
    kept = [
        column
        for column in range(len(head))
        if column not in (2, 4) or {row[column] for row in rows} - {NONE, _CANNOT}
    ]
    notes = [f"{_CANNOT.capitalize()}: {joined([*whys], 'and')}."] if whys else []
    if len(kept) > len(head) - 2:
        notes.append(
            f"Differences from {first.label}, 95% intervals; paired over items, or over documents "
            "of the unseen text, where both runs have the same."
        )
    return Table(
        "Models by role",
        tuple(head[column] for column in kept),
        tuple(tuple(row[column] for column in kept) for row in rows),
        " ".join(notes),
        tuple(number for number, column in enumerate(kept) if column in (0, 2, 4)),
    ) if rows else None  # fmt: skip


def _score_difference(
    each: Labelled, first: Labelled, role: str, benchmark: str
) -> tuple[str, str]:
    """The difference in words, and why there is none where the two cannot be compared."""
    found = paired(each, first, role, benchmark)
    if found is None:
        return NONE, ""
    if found.difference is None:
        return _CANNOT, why_no_items(each, first, benchmark) or found.why_unpaired
    ours, theirs = (one.scored.result(one.by_role[role], benchmark) for one in (each, first))
    assert ours
    assert theirs
    if shows_nothing(ours, theirs):
        return f"{AT_CHANCE} ({bounds(found.difference.interval)})", ""
    return judged(found.difference, higher_is_better=ours.higher_is_better), ""


def _nats_difference(each: Labelled, first: Labelled, role: str) -> tuple[str, str]:
    """As `_score_difference`, on unseen text."""
    if role not in each.by_role or role not in first.by_role:
        return NONE, ""
    found = nats_apart(each, first, role)
    return (in_words(found), "") if found else (_CANNOT, TOKENS_DIFFER)


def _cost_table(runs: Sequence[Labelled]) -> Table:
    """What everything that a student needs took, and its twin."""
    rows = []
    for each in runs:
        found = stage_tables.totals_table(each.scored.run)
        rows += [(f"{name}, {each.label}", *cells) for name, *cells in found.rows] if found else []
    return Table("Cost", ("what", "wall time", "FLOPs"), tuple(rows))
