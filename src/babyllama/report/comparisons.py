"""Comparisons for readers (sentences first, then tables) and as plain data."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from babyllama.report.markdown import aligned, escaped
from babyllama.report.table import Table
from babyllama.report.wording import NO_DIFFERENCE, NONE, above_or_below, bounds, signed, size
from babyllama.runs.artefact import Facts
from babyllama.scores.comparisons import Comparison, UidDifference
from babyllama.scores.differences import LEVEL, Correction, Difference

_MOST = 5  # UIDs listed on either side
_CORRECTIONS = {"holm": "Holm's", "bh": "Benjamini and Hochberg's"}
Cells = tuple[str, ...]


# --- sentences --------------------------------------------------------------------------------


def sentences(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """A sentence or more on each model: detected differences first."""
    for (model, baseline), group in groupby(comparisons, lambda each: (each.model, each.baseline)):
        own = [*group]
        useless = [each for each in own if each.shows_nothing]
        useful = [each for each in own if not each.shows_nothing]
        shown = [each for each in useful if each.tested.is_shown]
        corrected = [each for each in useful if each not in shown and _is_shown_alone(each)]
        hidden = [each for each in useful if each not in shown and each not in corrected]
        if shown:
            yield f"{model} scores {_and([_above(each) for each in shown])}."
        if hidden:
            who = f" between {model} and {baseline}" * (not shown)
            listed = _and([_undetectable(each) for each in hidden])
            yield f"{NO_DIFFERENCE.capitalize()}{who} on {listed}."
        if corrected:
            listed = _and([_after_correction(each) for each in corrected])
            several = _counted(len(comparisons), "comparison")
            yield (
                f"After the correction for {several} no difference between {model} and {baseline} "
                f"is shown on {listed}."
            )
        for each in useless:
            yield _at_chance(each)
        yield from _on_other_uids(shown)
        for each in useful:
            yield from _extremes(each)


def cautions(comparisons: Sequence[Comparison], correction: Correction) -> Iterator[str]:
    """What the intervals cover, and why a comparison is less precise than it could be."""
    seeds = [each for each in comparisons if max(each.seeds) > 1]
    if len(seeds) < len(comparisons):
        yield (
            "Intervals (95%) are over other items of the same kind, not over other seeds of the "
            "models."
        )
    if seeds:
        yield (
            "With several seeds, intervals (95%) are over other seeds and other items, with t "
            "quantiles; the seeds of the two recipes are not paired."
        )
        lone = dict.fromkeys(
            name
            for each in seeds
            for name, count in zip((each.baseline, each.model), each.seeds, strict=True)
            if count == 1
        )
        for name in lone:
            yield f"{name} has one seed: it is assumed to vary between seeds as much as the other."
    tests = dict.fromkeys(each.tested.difference.test for each in comparisons)
    uids = sum(len(each.uids) for each in comparisons)
    yield (
        f"p: {', '.join(tests)}; adjusted by {_CORRECTIONS[correction]} method over "
        f"{_counted(len(comparisons), 'comparison')}"
        + (f", and separately over {uids} UIDs." if uids else ".")
    )
    yield (
        "The smallest detectable difference is the smallest true difference that four of five such "
        "comparisons would find, before the correction."
    )
    yield from dict.fromkeys(
        f"{name} on {each.benchmark}: {note}."
        for each in comparisons
        for name, answers in zip((each.baseline, each.model), each.answers, strict=True)
        for note in answers.result.notes
    )
    for why, group in _grouped((each.why_unpaired, each.benchmark) for each in comparisons):
        if why:
            yield f"Not paired by item: {', '.join(group)}, since {why}; the intervals are wider."
    yield from (
        f"The two results differ in a setting: {note}." for note in dict.fromkeys(
            note for each in comparisons for note in each.notes
        )
    )  # fmt: skip


def _above(each: Comparison) -> str:
    found = each.tested.difference
    better = "" if each.answers[0].result.higher_is_better else "; lower is better"
    return (
        f"{above_or_below(found, _unit(each))} {each.baseline} on {each.title} "
        f"({bounds(size(found))}{better})"
    )


def _undetectable(each: Comparison) -> str:
    found = each.tested.difference
    return (
        f"{each.title} ({bounds(found.interval)}; smallest detectable difference "
        f"{found.smallest:.1f}{_unit(each)})"
    )


def _is_shown_alone(each: Comparison) -> bool:
    """Whether a difference would be shown if nothing else were compared."""
    found = each.tested.difference
    return found.excludes_zero and found.p < LEVEL


def _after_correction(each: Comparison) -> str:
    found = each.tested.difference
    return (
        f"{each.title} ({signed(found.value)}{_unit(each)}, interval {bounds(found.interval)}, "
        f"adjusted p {each.tested.adjusted_p:.3f})"
    )


def _at_chance(each: Comparison) -> str:
    """`At chance on blimp: nothing can be concluded (twin 49.2, student 50.1; chance is 50.0).`"""
    theirs, ours = (
        f"{name} {answers.score:.1f}"
        for name, answers in zip((each.baseline, each.model), each.answers, strict=True)
    )
    return (
        f"At chance on {each.title}: nothing can be concluded ({theirs}, {ours}; chance is "
        f"{each.answers[0].result.chance:.1f})."
    )


def _on_other_uids(shown: Sequence[Comparison]) -> Iterator[str]:
    """Whether a difference holds for other UIDs as well."""
    known = [(e, c) for e in shown if (c := e.tested.difference.interval_clustered) is not None]
    holds = [(each, c) for each, c in known if c[0] > 0 or c[1] < 0]
    fails = [(each, c) for each, c in known if not (c[0] > 0 or c[1] < 0)]
    for chosen, words in (
        (holds, "It holds for other UIDs of the same kind, too"),
        (fails, "It may not hold for other UIDs of the same kind"),
    ):
        if chosen:
            listed = [f"{e.title} (difference {bounds(c)})" for e, c in chosen]
            yield f"{words}: {', '.join(listed)}."


def _extremes(each: Comparison) -> Iterator[str]:
    """The largest gain and the largest loss that survive the correction."""
    if not each.uids:
        return
    gains, losses = largest(each)
    parts = [
        f"{verb} most in {uid.uid} ({signed(uid.tested.difference.value)})"
        for verb, found in (("gains", gains), ("loses", losses))
        for uid in found[:1]
    ]
    shown = sum(uid.tested.is_shown for uid in each.uids)
    counted = f"{shown} of {len(each.uids)} UIDs of {each.title} show a difference"
    yield f"{counted}; {each.model} {_and(parts)}." if parts else f"{counted}."


def largest(each: Comparison) -> tuple[list[UidDifference], list[UidDifference]]:
    """The UIDs with a shown gain, the largest first, and those with a shown loss."""
    shown = sorted(
        (uid for uid in each.uids if uid.tested.is_shown),
        key=lambda uid: -uid.tested.difference.value,
    )
    gains = [uid for uid in shown if uid.tested.difference.value > 0]
    losses = [uid for uid in reversed(shown) if uid.tested.difference.value < 0]
    return gains[:_MOST], losses[:_MOST]


# --- tables -----------------------------------------------------------------------------------


def _headline_rows(comparisons: Sequence[Comparison]) -> tuple[Cells, list[Cells]]:
    """Comparisons of one model with one baseline, one row per benchmark."""
    first = comparisons[0]
    head = (
        "benchmark", "guessing", first.baseline, first.model, "difference", "95% interval",
        "other UIDs too", "p", "adjusted p",
        "smallest detectable",
    )  # fmt: skip
    rows = [_headline_row(each) for each in comparisons]
    kept = [i for i in range(len(head)) if any(row[i] != NONE for row in rows)]
    return tuple(head[i] for i in kept), [tuple(row[i] for i in kept) for row in rows]


def _uid_rows(each: Comparison) -> tuple[Cells, list[Cells]]:
    """The largest gains and losses that survive the correction."""
    head = ("UID", each.baseline, each.model, "difference", "95% interval", "adjusted p")
    gains, losses = largest(each)
    rows = [
        (
            uid.uid,
            *(f"{score:.1f}" for score in uid.scores),
            signed(uid.tested.difference.value),
            bounds(uid.tested.difference.interval),
            _p(uid.tested.adjusted_p),
        )
        for uid in (*gains, *reversed(losses))
    ]
    return head, rows


def _headline_row(each: Comparison) -> Cells:
    found = each.tested.difference
    chance = each.answers[0].result.chance
    clustered = found.interval_clustered
    unit = each.answers[0].result.unit
    return (
        each.title if unit == "percent" else f"{each.title}, {unit}",
        NONE if chance is None else f"{chance:.1f}",
        *(
            f"{answers.score:.1f}{', at chance' * is_at_chance}"
            for answers, is_at_chance in zip(each.answers, each.is_at_chance, strict=True)
        ),
        signed(found.value),
        bounds(found.interval),
        NONE if clustered is None else bounds(clustered),
        _p(found.p),
        _p(each.tested.adjusted_p),
        f"{found.smallest:.1f}",
    )


def titled_rows(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, Cells, list[Cells]]]:
    """Every table: its title, its head, its rows; for each model headlines first, then UIDs."""
    for (model, baseline), group in groupby(comparisons, lambda each: (each.model, each.baseline)):
        own = [*group]
        yield (f"{model} minus {baseline}", *_headline_rows(own))
        for each in own:
            head, rows = _uid_rows(each)
            if rows:
                yield (
                    f"{each.benchmark}: largest differences after correction",
                    head,
                    rows,
                )


def markdown(
    comparisons: Sequence[Comparison],
    correction: Correction,
    *,
    first: Sequence[str] = (),
    tables: Sequence[Table] = (),
) -> str:
    """Sentences and tables as a page.

    Args:
        first, tables: sentences and tables that come before, on how runs differ.
    """
    parts = [escaped(" ".join(first))] if first else []
    for each in tables:
        parts += [f"## {escaped(each.title)}", aligned(each)]
        parts += [escaped(each.note)] if each.note else []
    parts.append(escaped(" ".join(sentences(comparisons))))
    for title, head, rows in titled_rows(comparisons):
        parts += [f"## {escaped(title)}", aligned(Table(title, head, tuple(rows)))]
    parts.append("\n".join(f"- {escaped(each)}" for each in cautions(comparisons, correction)))
    return "\n\n".join(["# Comparison", *parts]) + "\n"


# --- plain data -------------------------------------------------------------------------------


def as_data(comparisons: Sequence[Comparison]) -> list[Facts]:
    """Everything, as `--json` prints it; differences in the benchmark's unit."""
    return [
        {
            "baseline": each.baseline,
            "model": each.model,
            "benchmark": each.benchmark,
            "unit": each.answers[0].result.unit,
            "scores": [answers.score for answers in each.answers],
            "at_chance": list(each.is_at_chance),
            "shows_nothing": each.shows_nothing,
            "seeds": list(each.seeds),
            **_tested(each.tested.difference, each.tested.adjusted_p, each.tested.is_shown),
            "smallest": each.tested.difference.smallest,
            "why_unpaired": each.why_unpaired,
            "notes": list(each.notes),
            "subtasks": {
                uid.uid: {
                    "group": uid.group,
                    "scores": list(uid.scores),
                    **_tested(uid.tested.difference, uid.tested.adjusted_p, uid.tested.is_shown),
                }
                for uid in each.uids
            },
        }
        for each in comparisons
    ]


def _tested(found: Difference, adjusted_p: float, is_shown: bool) -> Facts:
    clustered = found.interval_clustered
    return {
        "difference": found.value,
        "stderr": found.stderr,
        "interval": list(found.interval),
        "interval_clustered": None if clustered is None else list(clustered),
        "won": found.won,
        "lost": found.lost,
        "test": found.test,
        "p": found.p,
        "adjusted_p": adjusted_p,
        "is_shown": is_shown,
    }


# --- words ------------------------------------------------------------------------------------


def _p(value: float) -> str:
    """`0.031`; `<0.001`."""
    return f"{value:.3f}" if value >= 0.0005 else "<0.001"


def _unit(each: Comparison) -> str:
    """` months`, ` (spearman x 100)`; percent goes without saying."""
    unit = each.answers[0].result.unit
    if unit == "percent":
        return ""
    return f" ({unit})" if unit.endswith("x 100") else f" {unit}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _and(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _grouped(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, dict[str, None]] = {}
    for key, value in pairs:
        found.setdefault(key, {})[value] = None
    yield from ((key, [*values]) for key, values in found.items())
