"""Where the teachers and the twin disagree, and whose side the student takes.

Items are chosen by what the teachers decide, and student and twin are then compared on the same
items: items chosen by what the twin decides would favour the student by chance alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Bool
from matplotlib.figure import Figure

from babyllama.report.figures import STYLES, WIDTH, drawing, svg_of
from babyllama.report.scored_run import ScoredRun
from babyllama.report.section import Section, drawn_of
from babyllama.report.table import Table
from babyllama.report.wording import NO_DIFFERENCE, bounds_of, signed
from babyllama.runs.run import Model, student_and_twin
from babyllama.scores.certainty import weighted_mean
from babyllama.scores.decisions import Credits
from babyllama.scores.differences import Difference, paired_difference
from babyllama.scores.results import Score

_FEW = 10  # items, below which a share says nothing

Mask = Bool[np.ndarray, " items"]


@dataclass(frozen=True)
class Sides:
    """What everyone decides on the items of a benchmark, in one order; a tie is not right.

    Attributes:
        teachers: by name. together: the ensemble, or the only teacher.
        groups: the group of each item.
    """

    benchmark: str
    student: Credits
    twin: Credits
    teachers: Mapping[str, Credits]
    together: Credits
    groups: tuple[str, ...]

    @property
    def disagree(self) -> Mask:
        """Items of which teachers and twin decide one rightly and the other wrongly."""
        found: Mask = is_right(self.together) != is_right(self.twin)
        return found

    @property
    def follows(self) -> Credits:
        """Of each item, 1 if the student decides it as the teachers together do."""
        found: Credits = (is_right(self.student) == is_right(self.together)).astype(np.float64)
        return found


def is_right(credits_: Credits) -> Mask:
    """Which items are decided rightly."""
    found: Mask = credits_ > 0.5
    return found


def sides_of(scored: ScoredRun) -> Sides | None:
    """Of the main benchmark; None unless student, twin and teachers answered the same items."""
    run, benchmark = scored.run, scored.main_benchmark
    student, twin = student_and_twin(run)
    if student is None or twin is None:
        return None
    named = run.recipe.teachers_of(student.name)
    teachers = [model for model in run.models if model.name in named]
    own = set(named) == set(run.recipe.teachers)
    ensemble = [model for model in run.models if model.role == "ensemble" and own]
    together = ensemble[0] if ensemble else teachers[0] if len(teachers) == 1 else None
    if together is None:
        return None
    models = [student, twin, *teachers, together]
    answers = [scored.answers(model, benchmark) for model in models]
    if any(each is None or each.parts is None or each.items is None for each in answers):
        return None
    if len({each.items for each in answers if each}) > 1:
        return None
    decided = {
        model.name: np.concatenate([*each.parts[0].values()])
        for model, each in zip(models, answers, strict=True)
        if each and each.parts
    }
    if len({len(each) for each in decided.values()}) > 1:
        return None
    return Sides(
        benchmark=benchmark,
        student=decided[student.name],
        twin=decided[twin.name],
        teachers={model.name: decided[model.name] for model in teachers},
        together=decided[together.name],
        groups=tuple(_groups(scored, student)),
    )


def _groups(scored: ScoredRun, student: Model) -> Iterator[str]:
    """The group of each item, in the order of the decisions."""
    answers = scored.answers(student, scored.main_benchmark)
    assert answers
    assert answers.parts
    for uid, part in answers.parts[0].items():
        subtask = answers.result.subtasks.get(uid)
        yield from [(subtask and subtask.group) or uid] * len(part)


def sides_section(scored: ScoredRun) -> Section | None:
    """How often the student takes the teachers' side against its twin, and on what."""
    found = sides_of(scored)
    if found is None or found.disagree.sum() < _FEW:
        return None
    share = _share(found.follows[found.disagree])
    text = (
        f"On {int(found.disagree.sum()):,} of {len(found.student):,} items the teachers together "
        f"and the twin decide differently. There the student decides as the teachers do on "
        f"{share.score:.1f}% ({bounds_of(share)}). At 50% it is as close to its twin as to its "
        "teachers.",
    )
    drawn = drawn_of(
        (
            "sides.svg",
            sides_figure(found),
            "Where teachers and twin disagree: how often the student decides as the teachers do",
            "Of the items on which teachers and twin disagree, how many the student decides as the "
            "teachers do, by group, with 95% intervals. Right of the line it is closer to its "
            "teachers, left of it to its twin.",
        )
    )
    return Section("Where teachers and twin disagree", text, (from_whom_table(found),), drawn)


def from_whom_table(found: Sides) -> Table:
    """Student and twin on the same items, which the teachers decide in one way."""
    rows = tuple(
        (title, f"{int(chosen.sum()):,}", *_compared(found, chosen))
        for title, chosen in _kinds(found)
        if chosen.sum() >= _FEW
    )
    note = (
        "The twin has not seen the teachers. If teaching only made the student better in general, "
        "the differences would be alike in all rows: what it took from a teacher shows where that "
        "teacher is right and others are wrong. Paired over items; a twin of another seed would "
        "also decide some of them differently."
    )
    head = ("items that", "items", "student right, %", "twin right, %", "difference (95%)")
    return Table("What the student took from whom", head, rows, note)


def _kinds(found: Sides) -> Iterator[tuple[str, Mask]]:
    """Items by which of the teachers are right."""
    right = {name: is_right(each) for name, each in found.teachers.items()}
    if len(right) == 1:
        ((name, one),) = right.items()
        yield f"{name} decides rightly", one
        yield f"{name} decides wrongly", ~one
        return
    yield "every teacher decides rightly", reduce(np.logical_and, right.values())
    for name, one in right.items():
        others = [each for other, each in right.items() if other != name]
        yield f"only {name} decides rightly", one & ~reduce(np.logical_or, others)
    yield "no teacher decides rightly", ~reduce(np.logical_or, right.values())


def _compared(found: Sides, chosen: Mask) -> tuple[str, str, str]:
    ours, theirs = found.student[chosen], found.twin[chosen]
    difference = paired_difference([ours], [theirs], [1.0])
    return f"{100 * ours.mean():.1f}", f"{100 * theirs.mean():.1f}", _in_words(difference)


def _in_words(difference: Difference) -> str:
    low, high = (100 * edge for edge in difference.interval)
    size = signed(100 * difference.value) if difference.excludes_zero else NO_DIFFERENCE
    return f"{size} ({signed(low)} to {signed(high)})"


def _share(values: Credits) -> Score:
    return weighted_mean([values], [1.0]).in_percent()


def sides_figure(found: Sides) -> str | None:
    """One row for each group with enough items: how often the student sides with the teachers."""
    groups = np.array(found.groups)
    shares = {
        name: _share(found.follows[chosen])
        for name in dict.fromkeys(found.groups)
        if (chosen := found.disagree & (groups == name)).sum() >= _FEW
    }
    if not shares:
        return None
    names = sorted(shares, key=lambda name: (shares[name].score, name))
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.8 + 0.27 * len(names)), layout="constrained")
        axes = figure.subplots()
        for row, name in enumerate(names):
            low, high = shares[name].interval or (shares[name].score, shares[name].score)
            axes.plot([low, high], [row, row], "-", color=STYLES[0][0], linewidth=1.2)
            axes.plot(shares[name].score, row, "o", color=STYLES[0][0], markersize=5)
        axes.axvline(50, color="#555555", linewidth=1, linestyle=(0, (1, 2)))
        labels = [f"{name.replace('_', ' ')} ({shares[name].n:,})" for name in names]
        axes.set_yticks(range(len(names)), labels)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.set_xlim(0, 100)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("sides with the teachers, percent")
        return svg_of(figure)
