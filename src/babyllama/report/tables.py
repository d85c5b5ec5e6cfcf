"""The report's tables of scores; `stage_tables` has those of what the stages made.

Scores are in percent where no unit is named, losses in nats.
"""

import math
from collections.abc import Callable

from babyllama.console import format_count
from babyllama.report.claims import by_novelty, student_comparisons
from babyllama.report.figures import models_shown
from babyllama.report.forest import against_twin
from babyllama.report.scored_run import ScoredRun
from babyllama.report.signatures import signatures
from babyllama.report.table import Table, cell, table_of
from babyllama.report.unseen_text import against, in_words
from babyllama.report.wording import NONE, bounds_signed, signed, with_interval, with_standing
from babyllama.runs.run import Model, student_and_twin
from babyllama.scores.comparisons import UidDifference

_Column = tuple[str, Callable[[Model], str]]
_LONG = 20  # rows, above which a table has a search box
_ORDER = ("student", "twin", "ensemble", "teacher", "untrained")
_UNTRAINED = (
    "Untrained: random weights in the student's shape. They tend to prefer the sentence with fewer "
    "tokens, so their score can be above or below guessing."
)


def models_table(scored: ScoredRun) -> Table | None:
    """Every model's size, best epoch, dev loss and scores; the last row is guessing."""
    run = scored.run
    columns: list[_Column] = [
        *((with_unit(scored, name), _score_column(scored, name)) for name in run.benchmarks),
        _dev_column(),
        ("unseen text, nats per word", lambda m: cell(scored.nats_per_word(m), "{:.3f}")),
        ("unseen text, nats per character", lambda m: cell(scored.nats_per_character(m), "{:.3f}")),
        ("above the text's entropy, nats per word", lambda m: cell(_excess(scored, m), "{:.3f}")),
        ("perplexity per token", lambda m: cell(_exp(m.dev_loss), "{:.2f}")),
        ("parameters", lambda m: cell(m.facts.get("parameters"), "{:,.0f}")),
        ("best epoch", _best_epoch),
    ]
    made = table_of("Models", "model", _finished(scored), columns)
    if made is None or not run.benchmarks:
        return made
    chances = {with_unit(scored, name): scored.chance(name) for name in run.benchmarks}
    chance = ("guessing", *(cell(chances.get(head), "{:.1f}") for head in made.head[1:]))
    note = _UNTRAINED if any(model.role == "untrained" for model in run.models) else ""
    return Table(made.title, made.head, (*made.rows, chance), note)


def summary_table(scored: ScoredRun) -> Table | None:
    """The same for a terminal: the main benchmark, dev loss and size of every model."""
    name = scored.main_benchmark
    columns: list[_Column] = [
        *([(with_unit(scored, name), _score_column(scored, name))] if name else []),
        _dev_column(),
        ("parameters", lambda m: cell(m.facts.get("parameters"), format_count)),
    ]
    return table_of("Models", "model", _finished(scored), columns)


def curves_table(scored: ScoredRun, benchmark: str) -> Table | None:
    """Scores at checkpoints: one row per number of words seen, one column per model."""
    found = {
        name: {point.words: point.result for point in points if point.benchmark == benchmark}
        for name, points in scored.points.items()
    }
    found = {name: points for name, points in found.items() if points}
    rows = tuple(
        (
            format_count(words),
            *(cell(points.get(words), with_standing) for points in found.values()),
        )
        for words in sorted({words for points in found.values() for words in points})
    )
    title = f"{with_unit(scored, benchmark)} by words seen"
    return Table(title, ("words seen", *found), rows) if rows else None


def differences_table(scored: ScoredRun) -> Table | None:
    """Each distilled student against its twin, teachers, ensemble and the students before it."""
    students = [model for model in scored.run.models if model.role == "student"]
    rows = []
    for student in students:
        others: dict[str, Model] = {}
        for benchmark in scored.run.benchmarks:
            for each in student_comparisons(scored, benchmark, student):
                others[each.other.name] = each.other
                name = f"{student.name} − {each.other.name}"
                rows.append((name, each.description, with_unit(scored, benchmark)))
        rows += [
            (f"{student.name} − {other.name}", in_words(found), "unseen text, nats per token")
            for other in others.values()
            if (found := against(scored, student, other))
        ]
    note = (
        "The first model minus the second, with 95% intervals over items and documents only; "
        "paired over items, or over documents of the unseen text, and averaged as the scores are. "
        "A lower cross-entropy is better."
    )
    head = ("difference", "the first is", "on")
    return Table("Differences", head, tuple(rows), note, (0, 1, 2)) if rows else None


def uids_table(scored: ScoredRun) -> Table | None:
    """Every UID, the student's largest gain against its twin first and its largest loss last."""
    student, twin = student_and_twin(scored.run)
    pairing = against_twin(scored)
    if not student or not twin or not pairing:
        return None
    found = sorted(pairing.uids, key=lambda each: (-_value(each), each.uid))
    rows = [
        (
            each.uid,
            f"{signed(_value(each))} ({bounds_signed(each.tested.difference.interval)})",
            *(f"{score:.1f}" for score in reversed(each.scores)),
        )
        for each in found
    ]
    outside = sum(each.tested.difference.excludes_zero for each in found)
    note = (
        f"{outside} of {len(found)} intervals exclude zero; about {0.05 * len(found):.0f} would "
        "if there were no differences."
    )
    head = ("UID", "difference (95%)", student.name, twin.name)
    title = f"{student.name} against {twin.name} on every UID of {scored.main_benchmark}"
    long = len(rows) > _LONG
    return Table(title, head, tuple(rows), note, is_searchable=long) if rows else None


def _value(each: UidDifference) -> float:
    return each.tested.difference.value


def novelty_table(scored: ScoredRun) -> Table | None:
    """Scores on pairs of words seen in that construction, and on pairs with a withheld word."""
    rows = []
    for benchmark in scored.run.benchmarks:
        for model in models_shown(scored, benchmark):
            predictions = scored.predictions(model, benchmark)
            result = scored.result(model, benchmark)
            subtasks = result.subtasks if result else {}
            groups = {uid: each.group or uid for uid, each in subtasks.items()}
            average = scored.average(model)
            parts = predictions and by_novelty(predictions, average=average, groups=groups)
            if parts:
                rows.append((model.name, *(with_interval(part) for part in parts), benchmark))
    head = ("model", "all words seen in it", "with a withheld word", "benchmark")
    note = (
        "Withheld: the corpus has the word, but never in the construction that the pair tests. "
        "Averaged as the scores are, with 95% intervals; UIDs may differ between the two columns."
    )
    return Table("Words in a construction", head, tuple(rows), note, (0, 3)) if rows else None


def groups_table(scored: ScoredRun, benchmark: str) -> Table | None:
    """The figure's numbers: one row per group, one column per model."""
    shown = [(model.name, result.groups) for model in models_shown(scored, benchmark)
             if (result := scored.result(model, benchmark)) and result.groups]  # fmt: skip
    # In the figure's order, which is that of the first model's scores.
    names = sorted(shown[0][1], key=lambda name: (-shown[0][1][name].score, name)) if shown else []
    names += [n for n in dict.fromkeys(n for _, g in shown for n in g) if n not in names]
    rows = [
        (name, *(cell(groups.get(name), with_interval) for _, groups in shown)) for name in names
    ]
    head = ("group", *(name for name, _ in shown))
    return Table(f"Scores on {benchmark} by group", head, tuple(rows)) if rows else None


def signatures_table(scored: ScoredRun) -> Table | None:
    """The failures that the paper warns of, and whether they are seen here."""
    rows = tuple(signatures(scored))
    head = ("looked for", "result", "values")
    return Table("Failure signatures", head, rows, words=(0, 1, 2)) if rows else None


def titled(model: Model) -> str:
    """A model's name, with its role unless the name already says it."""
    return model.name if model.name == model.role else f"{model.name} ({model.role})"


def with_unit(scored: ScoredRun, benchmark: str) -> str:
    """`blimp`; `wug_adj, spearman x 100`."""
    unit = scored.unit(benchmark)
    name = scored.title(benchmark)
    return f"{name}, {unit}" if unit else name


def _finished(scored: ScoredRun) -> list[tuple[str, Model]]:
    """The models that are trained or scored, students first, each with its title."""
    models = sorted(scored.run.models, key=lambda model: _ORDER.index(model.role))
    return [(titled(model), model) for model in models if model.manifest or model.evaluation]


def _dev_column() -> _Column:
    return "unseen text, nats per token", lambda model: cell(model.dev_loss, "{:.3f}")


def _score_column(scored: ScoredRun, benchmark: str) -> Callable[[Model], str]:
    return lambda model: cell(scored.result(model, benchmark), with_standing)


def _best_epoch(model: Model) -> str:
    best, epochs = model.facts.get("best_epoch"), model.facts.get("epochs")
    return NONE if best is None else f"{best} of {epochs}"


def _exp(loss: float | None) -> float | None:
    return None if loss is None else math.exp(min(loss, 700.0))


def _excess(scored: ScoredRun, model: Model) -> float | None:
    """Nats per word above the entropy of the grammar's own dev text: 0 is a perfect model."""
    entropy, found = scored.run.dev_entropy, scored.nats_per_word(model)
    return None if entropy is None or found is None else found - entropy
