"""The failures that the paper warns of: whether this run shows them.

Each check gives a row: what was looked for, whether it was seen, and the numbers.
"""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from jaxtyping import Float

from babyllama.report.claims import is_worse, student_comparisons
from babyllama.report.scored_run import ScoredRun
from babyllama.report.wording import describe
from babyllama.runs.run import Curve, Model, Run
from babyllama.scores.chance import shows_nothing

_RISE = 0.5  # nats per token: more than the noise of a smoothed loss, less than any divergence
_SHOWN = 4  # pairs of models named before the rest is only counted

Signature = tuple[str, str, str]


def signatures(scored: ScoredRun) -> list[Signature]:
    """Divergence, a student worse than a teacher, dev losses that do not order the scores."""
    rows = [_divergence(scored.run)]
    if scored.main_benchmark:
        rows += [_below_teachers(scored), _order(scored)]
    return [row for row in rows if row]


def smoothed(values: Float[np.ndarray, " steps"], *, lines: int) -> Float[np.ndarray, " steps"]:
    """Mean over the last `lines` logged values, fewer at the start."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - lines, 0)
    means: Float[np.ndarray, " steps"] = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def smoothing(run_length: int) -> int:
    """How many logged values a curve is smoothed over: a fortieth of them, at least one."""
    return max(1, run_length // 40)


def _divergence(run: Run) -> Signature | None:
    """How far training ends above its lowest loss or dev jumps; updates that were skipped."""
    rises = [
        (rise, f"{model.name}, {where}")
        for model in run.models
        if model.curve is not None
        for where, rise in _rises(model.curve)
    ]
    if not rises:
        return None
    rise, name = max(rises, key=lambda pair: (math.isnan(pair[0]), pair[0]))
    skipped = {m.name: len(m.facts.get("skipped_steps", ())) for m in run.models}
    rewound = "".join(
        f"; {name} rewound and skipped {count} updates" for name, count in skipped.items() if count
    )
    return (
        "Divergence: a loss that is NaN or rises far",
        # NaN counts as seen.
        "seen" if rewound or not rise <= _RISE else "not seen",
        f"largest rise {rise:.2f} nats per token ({name}), of the training loss above its minimum "
        f"or of that on unseen text above the previous epoch; seen if above {_RISE}{rewound}",
    )


def _rises(curve: Curve) -> Iterator[tuple[str, float]]:
    """Nats per token. Dev against the previous epoch: divergence is sudden, overfitting is not."""
    values = curve.cross_entropy
    if len(values):
        smooth = smoothed(values, lines=smoothing(len(values)))
        yield "end of training", float(smooth[-1] - smooth.min())
    dev = curve.dev_cross_entropy
    if not np.isfinite(dev).all():
        yield "dev", math.nan
    elif len(dev) > 1:
        yield f"dev, epoch {int(np.diff(dev).argmax()) + 2}", float(np.diff(dev).max())


def _below_teachers(scored: ScoredRun) -> Signature | None:
    """The student against each teacher, best first."""
    against = [
        each
        for each in student_comparisons(scored, scored.main_benchmark)
        if each.other.role == "teacher" and each.difference
    ]
    if not against:
        return None
    return (
        f"Student below a teacher on {scored.main_benchmark}",
        "seen" if any(each.is_worse for each in against) else "not seen",
        "; ".join(f"{each.other.name}: {each.description}" for each in against),
    )


def _order(scored: ScoredRun) -> Signature | None:
    """Pairs of models in which the lower dev loss has a detectably worse score."""
    benchmark = scored.main_benchmark
    models = [m for m in scored.run.models if m.role != "untrained"
              if scored.result(m, benchmark) and m.dev_loss is not None]  # fmt: skip
    pairs = list(combinations(models, 2))
    if not pairs:
        return None
    against = list(_against_order(scored, pairs))
    named = "; ".join(against[:_SHOWN]) + ("; …" if len(against) > _SHOWN else "")
    return (
        f"Unseen text does not follow {benchmark}: a lower loss with a worse score",
        "seen" if against else "not seen",
        f"{len(against)} of {len(pairs)} pairs of models, counting detectable differences"
        + (f": {named}" if named else ""),
    )


def _against_order(scored: ScoredRun, pairs: list[tuple[Model, Model]]) -> Iterator[str]:
    benchmark = scored.main_benchmark
    for two in pairs:
        lower, higher = sorted(two, key=lambda model: model.dev_loss or 0.0)
        result, pairing = scored.result(lower, benchmark), scored.pair(lower, higher, benchmark)
        if not result or not pairing or not pairing.difference:
            continue
        better = result.higher_is_better
        other = scored.result(higher, benchmark)
        if other and shows_nothing(result, other):
            continue
        if is_worse(pairing.difference, higher_is_better=better):
            yield (
                f"{lower.name} has {lower.dev_loss:.3f} against {higher.name}'s "
                f"{higher.dev_loss:.3f}, yet scores "
                f"{describe(pairing.difference, higher_is_better=better)}"
            )
