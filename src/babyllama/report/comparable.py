"""Which measures of two runs can be compared, and in sentences how their students compare.

Scores can be compared item by item, and losses token by token, so only where the items, or the
tokens of the unseen text, are the same. What cannot be compared is neither drawn on one axis nor
joined by an arrow.
"""

from collections.abc import Iterator, Sequence

from babyllama.report.claims import is_worse
from babyllama.report.labelled import Labelled
from babyllama.report.unseen_text import Nats, between, signed_nats
from babyllama.report.wording import joined, signed_difference
from babyllama.scores.chance import shows_nothing
from babyllama.scores.comparisons import Pairing, pair

TOKENS_DIFFER = "their tokens differ"
_NO_BENCHMARK = "they share none that is scored by the same rules"
_ITEMS_DIFFER = {"the items are not the same": "their items differ"}


def shared_benchmark(runs: Sequence[Labelled]) -> str:
    """The first benchmark that all runs score, by the same rules; "" without one."""
    rules = {result.rules.get("name") for each in runs for result in each.scored.results.values()}
    names = [each.scored.run.benchmarks for each in runs]
    shared = [name for name in names[0] if all(name in other for other in names[1:])]
    return shared[0] if shared and len(rules) == 1 else ""


def paired(each: Labelled, first: Labelled, role: str, benchmark: str) -> Pairing | None:
    """A role's models on a benchmark; None if either run has none, or has not scored it."""
    ours, theirs = each.by_role.get(role), first.by_role.get(role)
    if not benchmark or ours is None or theirs is None:
        return None
    mine, other = each.scored.answers(ours, benchmark), first.scored.answers(theirs, benchmark)
    return pair(mine, other) if mine and other else None


def nats_apart(each: Labelled, first: Labelled, role: str) -> Nats | None:
    """A role's models on unseen text; None if either is not known, or if the tokens differ."""
    ours, theirs = each.by_role.get(role), first.by_role.get(role)
    if ours is None or theirs is None:
        return None
    return between((each.scored, ours), (first.scored, theirs))


def why_no_items(each: Labelled, first: Labelled, benchmark: str) -> str:
    """Why two runs cannot be compared on a benchmark; "" if some of their models can."""
    if not benchmark:
        return _NO_BENCHMARK
    found = [paired(each, first, role, benchmark) for role in first.by_role]
    if any(pairing and pairing.difference for pairing in found):
        return ""
    why = next((pairing.why_unpaired for pairing in found if pairing), "they are not both scored")
    return _ITEMS_DIFFER.get(why, why)


def why_no_tokens(each: Labelled, first: Labelled) -> str:
    """Why two runs cannot be compared on unseen text; "" if some of their models can."""
    has_any = any(nats_apart(each, first, role) for role in first.by_role)
    return "" if has_any else TOKENS_DIFFER


def sentences(other: Labelled, first: Labelled, benchmark: str) -> Iterator[str]:
    """How the student of a run compares with that of the first run, on both measures."""
    both = (f"{first.label} and {other.label}", benchmark or "a benchmark")
    no_items, no_tokens = why_no_items(other, first, benchmark), why_no_tokens(other, first)
    if no_items and no_tokens:
        yield f"{both[0]} cannot be compared on {both[1]}: {no_items}."
        yield f"Nor can they be compared on unseen text: {no_tokens}."
        return
    if not no_items:
        yield from _on_benchmark(other, first, benchmark)
    if not no_tokens:
        yield from _on_unseen(other, first)
    if no_items or no_tokens:
        measure = both[1] if no_items else "unseen text"
        yield f"On {measure} they cannot be compared: {no_items or no_tokens}."


def why_not_drawn(runs: Sequence[Labelled], benchmark: str) -> Iterator[str]:
    """A sentence on each run whose models cannot stand in one picture with the first run's."""
    first, *others = runs
    for other in others:
        no_items, no_tokens = why_no_items(other, first, benchmark), why_no_tokens(other, first)
        parts = [f"on {benchmark or 'a benchmark'} {no_items}"] if no_items else []
        parts += [f"on unseen text {no_tokens}"] if no_tokens else []
        if parts:
            yield (
                f"No picture has the models of {first.label} and {other.label} on the same axes: "
                f"{joined(parts, 'and')}."
            )


def why_no_curves(runs: Sequence[Labelled]) -> Iterator[str]:
    """The same for curves of the loss."""
    first, *others = runs
    for other in others:
        if why_no_tokens(other, first):
            yield (
                f"The curves of {other.label} are not drawn beside those of {first.label}: the "
                "tokens of their unseen text differ, and with them what a nat per token means. "
                f"The report on {other.label} alone has them."
            )


def _on_benchmark(other: Labelled, first: Labelled, benchmark: str) -> Iterator[str]:
    found = paired(other, first, "student", benchmark)
    if found is None or found.difference is None:
        return
    ours, theirs = (
        each.scored.result(each.by_role["student"], benchmark) for each in (other, first)
    )
    assert ours
    assert theirs
    sign = "%" * (ours.unit == "percent")
    unit = f" {ours.unit}" * (ours.unit != "percent")
    values = f"{ours.score:.1f}{sign} against {theirs.score:.1f}{sign}{unit}"
    end = f"{values} (difference {signed_difference(found.difference)})."
    start = f"On {benchmark} the student of {other.label} is"
    if shows_nothing(ours, theirs):
        yield (f"{start} at chance, like that of {first.label}, so nothing can be concluded: {end}")
    elif not found.difference.excludes_zero:
        yield f"{start} not detectably different from that of {first.label}: {end}"
    else:
        worse = is_worse(found.difference, higher_is_better=ours.higher_is_better)
        yield f"{start} {'worse' if worse else 'better'} than that of {first.label}: {end}"


def _on_unseen(other: Labelled, first: Labelled) -> Iterator[str]:
    found = nats_apart(other, first, "student")
    if found is None:
        return
    ours, theirs = (each.by_role["student"].dev_loss for each in (other, first))
    end = f"{ours:.3f} against {theirs:.3f} nats per token (difference {signed_nats(found)})."
    start = f"On unseen text the student of {other.label}"
    if found.interval is None:
        yield f"{start} is compared with that of {first.label} without an interval: {end}"
    elif not found.excludes_zero:
        yield f"{start} is not detectably different from that of {first.label}: {end}"
    else:
        word = "better" if found.value < 0 else "worse"
        yield f"{start} is {word} than that of {first.label}: {end}"
