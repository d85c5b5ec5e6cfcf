"""What figures without a table of their own say to someone who does not see them: main numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from babyllama.runs.run import Curve, Model, Run, student_and_twin

_MOST = 12  # pairs of domains that are read aloud
_NATS = "nats per token"


def of_losses(run: Run) -> str:
    """Every trained model at its best epoch."""
    told = [
        f"{model.name} {_best(curve)}"
        for model, curve in _curves(run.models)
        if len(curve.dev_epochs)
    ]
    return _listed(f"Loss curves, one panel per model; lowest on unseen text, in {_NATS}", told)


def of_runs(named: Sequence[tuple[str, Model]]) -> str:
    """Models of several runs at their best epoch.

    Args:
        named: each with what it is called, such as `student, mini`.
    """
    told = [
        f"{name} {_best(model.curve)}"
        for name, model in named
        if model.curve is not None and len(model.curve.dev_epochs)
    ]
    return _listed(f"Students and twins on unseen text after each epoch, in {_NATS}", told)


def of_overfitting(run: Run) -> str:
    """Student and twin at their best epoch and at the last one."""
    models = [model for model in student_and_twin(run) if model]
    told = [
        f"{model.name} {_best(curve)}, {curve.dev_cross_entropy[-1]:.3f} after the last"
        for model, curve in _curves(models)
        if len(curve.dev_epochs)
    ]
    return _listed(f"Student and twin on unseen text after each epoch, in {_NATS}", told)


def of_kl(run: Run) -> str:
    """The KL at the first logged step and at the last."""
    told = [
        f"{model.name} {curve.kl[0]:.3f} at first and {curve.kl[-1]:.3f} at last"
        for model, curve in _curves(run.models)
        if model.name in run.recipe.distilled and curve.kl is not None and len(curve.kl)
    ]
    return _listed(f"KL from the teachers during training, in {_NATS}", told)


def of_words(found: Mapping[str, Any]) -> str:
    """Words and types of each domain, and the most frequent word's occurrences.

    Args:
        found: `Run.linguistics`.
    """
    named = {**found.get("domains", {}), "all": found["total"]} if found else {}
    told = [
        f"{name} {each['words']:,} words of {each['types']:,} types, the most frequent "
        f"{each['ranks'][0][1]:,.0f} times"
        for name, each in named.items()
        if each["words"] and each["ranks"]
    ]
    return _listed("How words are spread", told)


def of_unknown(shares: Mapping[str, Mapping[str, float]]) -> str:
    """What each domain lacks of each other's words."""
    told = [
        f"{100 * share:.0f}% of {one} in {other}"
        for one, others in shares.items()
        for other, share in others.items()
        if one != other
    ]
    more = ["and others"] if len(told) > _MOST else []
    return _listed("Running words that a domain lacks", [*told[:_MOST], *more])


def of_tokens(counts: Int64[np.ndarray, " vocab"]) -> str:
    """How often the most frequent token and the one in the middle occur."""
    ordered = np.sort(counts[counts > 0])[::-1]
    told = [
        f"the first {ordered[0]:,} times",
        f"the one in the middle, rank {len(ordered) // 2 + 1:,}, {ordered[len(ordered) // 2]:,}",
        f"the last, rank {len(ordered):,}, {ordered[-1]:,}",
    ]
    return _listed("How often the token of each rank occurs", told)


def _curves(models: Sequence[Model]) -> Iterator[tuple[Model, Curve]]:
    yield from ((model, model.curve) for model in models if model.curve is not None)


def _best(curve: Curve) -> str:
    """`2.420 after epoch 11 of 11`."""
    best = int(curve.dev_cross_entropy.argmin())
    return (
        f"{curve.dev_cross_entropy[best]:.3f} after epoch {curve.dev_epochs[best]:.0f} of "
        f"{curve.dev_epochs[-1]:.0f}"
    )


def _listed(title: str, told: list[str]) -> str:
    return f"{title}: {'; '.join(told)}" if told else title
