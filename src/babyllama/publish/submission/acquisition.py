"""The score that BabyLM 2026 computes from surprisals at checkpoints: ages of acquisition.

As in 2025, a sigmoid in log10(words seen + 1) is fitted to each word's minus surprisal, and the
ages at which model and children are half-way are correlated. What 2026 does differently: a word's
contexts are averaged, chance is ln(vocabulary) for each of the word's tokens, the fit is bounded,
and a correlation with p above 0.1 is 0.

Source: AoAEvaluator in utils.py of the 2026 pipeline (babylm-org/babylm-eval, 3d57ddc).
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import curve_fit
from scipy.stats import pearsonr

from babyllama.evaluation.suites.aoa_2025 import child_age, sigmoid
from babyllama.recipe.names import words_of_checkpoint
from babyllama.runs.artefact import Facts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_LARGEST_P = 0.1
_FEWEST_WORDS = 3
_FEWEST_STEPS = 3


def acquisition_score(
    surprisals: Facts,
    children: Mapping[str, Sequence[tuple[int, float]]],
    tokenizer: "PreTrainedTokenizerFast",
) -> float:
    """Pearson's r between a model's and children's ages of acquisition, between -1 and 1.

    0 if p is above 0.1, or if fewer than three words have both ages.

    Args:
        surprisals: what the submission has under `aoa_surprisals`.
        children: of `read_children`.
        tokenizer: the model's.
    """
    curves: dict[str, dict[int, list[float]]] = {}
    for each in surprisals["results"]:
        at = curves.setdefault(each["target_word"], {})
        at.setdefault(words_of_checkpoint(each["step"]) or 0, []).append(each["surprisal"])
    ages = []
    for word, at in curves.items():
        child = child_age(children.get(word, ()))
        if child is None:
            continue
        chance = _pieces(tokenizer, word) * math.log(tokenizer.vocab_size)
        model = _model_age({seen: float(np.mean(nats)) for seen, nats in at.items()}, chance)
        if model is not None:
            ages.append((model, child))
    return _correlation(ages)


def _correlation(ages: Sequence[tuple[float, float]]) -> float:
    if len(ages) < _FEWEST_WORDS:
        return 0.0
    model, child = np.array(ages).T
    if np.ptp(model) == 0 or np.ptp(child) == 0:  # no correlation is defined
        return 0.0
    r, p = pearsonr(model, child)
    return float(r) if p <= _LARGEST_P else 0.0


def _pieces(tokenizer: "PreTrainedTokenizerFast", word: str) -> int:
    """How many tokens a word has inside a text."""
    before, whole = (
        tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        for text in ("The", f"The {word}")
    )
    return max(1, len(whole) - len(before))


def _model_age(curve: Mapping[int, float], chance: float) -> float | None:
    """log10(words seen + 1) where a word is half learnt; None without a fit, or outside."""
    points = sorted((seen, nats) for seen, nats in curve.items() if not math.isnan(nats))
    if len(points) < _FEWEST_STEPS:
        return None
    seen, nats = np.array(points, dtype=np.float64).T
    x, y = np.log10(seen + 1), -nats
    spread = float(np.ptp(y))
    start = [spread, 1.0, float(x.mean()), float(y.min())]
    lower = [0.0, 0.0, x.min() - 1, y.min() - 2 * spread - 1]
    upper = [10 * spread + 1, 100.0, x.max() + 1, y.max() + 1]
    try:
        with np.errstate(over="ignore"):
            found, _ = curve_fit(sigmoid, x, y, p0=start, bounds=(lower, upper), maxfev=20_000)
    except RuntimeError:  # no fit in 20,000 calls
        return None
    height, slope, middle, floor = found.tolist()
    level = -(chance + float(nats.min())) / 2
    if height <= 1e-6 or slope <= 1e-6 or not floor < level < floor + height:
        return None
    age = float(middle - math.log(height / (level - floor) - 1) / slope)
    return age if seen[0] <= 10**age - 1 <= seen[-1] else None
