"""Measures beside the benchmarks: what a model's predictions of dev text are like.

Cross-entropy by domain and by token frequency, entropy, calibration, agreement with the teachers,
copying. One pass over at most 32,768 tokens of dev text, and 64 sequences of the copying probe.
`disagreement` compares models of one recipe that differ in their seeds.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from babyllama.console import print_status
from babyllama.data.tokenizer import load_tokenizer
from babyllama.evaluation.measures import token_values
from babyllama.evaluation.measures.copying import copying_gain, repeated_random, repeated_text
from babyllama.evaluation.measures.dev_text import DevText
from babyllama.evaluation.measures.diversity import diversity_of
from babyllama.evaluation.measures.teachers import TeacherStates, predicted_states
from babyllama.evaluation.measures.token_values import Values, in_chunks, values_of
from babyllama.models.ensemble import Ensemble, load_ensemble
from babyllama.models.logits import CHUNK
from babyllama.models.precision import pick_device
from babyllama.recipe import EQUAL_WEIGHTS, Mixing
from babyllama.scores import measures
from babyllama.scores.measures import Sums

BINS = 15  # of the calibration error
_SHORTEST = 4  # tokens of a window with two halves to copy


def measure(
    folders: Sequence[Path],
    text: DevText,
    *,
    mixing: Mixing = EQUAL_WEIGHTS,
    teachers: TeacherStates | None = None,
    is_ensemble: bool = False,
) -> list[Sums]:
    """Measure a model, or several read as one.

    Args:
        teachers: their states on the same text.
        is_ensemble: whether the folders are the teachers': their states are not computed again, and
            they are not compared with themselves.

    Returns:
        the sums of each measure; of several models also how unlike they are. From them
        `scores.measures` computes values and intervals.

    Raises:
        InputError: what `load_ensemble` raises; less dev text than one window.
    """
    model = load_ensemble(folders, device=pick_device(), mixing=mixing)
    if teachers and teachers.mixture.vocab_size != model.mixture.vocab_size:
        print_status(
            f"  {folders[0]} has {model.mixture.vocab_size} tokens and its teachers have "
            f"{teachers.mixture.vocab_size}: agreement with them is not measured"
        )
        teachers = None
    if teachers and is_ensemble:
        states, teachers = teachers.states, None
    else:
        states = predicted_states(model, text)
    found = _dev_measures(_token_values(model, states, text.labels, teachers), text)
    if len(folders) > 1:
        found += _diversity(model, states, text)
    if text.window >= _SHORTEST:
        special = load_tokenizer(folders[0]).all_special_ids
        found += [
            copying_gain(measures.COPYING_TEXT, model, repeated_text(text)),
            copying_gain(measures.COPYING_RANDOM, model, repeated_random(text, special)),
        ]
    return found


@torch.no_grad()
def _diversity(
    ensemble: Ensemble,
    states: Float[Tensor, "predicted hidden"],
    text: DevText,
) -> list[Sums]:
    labels, device = text.labels, ensemble.device

    def values(part: slice) -> Values:
        read = states[part].to(device)
        return diversity_of(ensemble.mixture, read, torch.from_numpy(labels[part]).to(device))

    found = in_chunks(len(labels), CHUNK, values)
    return [sums_of(name, each.double().cpu().numpy(), text.units) for name, each in found.items()]


@torch.no_grad()
def _token_values(
    model: Ensemble,
    states: Float[Tensor, "predicted hidden"],
    labels: Int64[np.ndarray, " predicted"],
    teachers: TeacherStates | None,
) -> dict[str, Float64[np.ndarray, " predicted"]]:
    device = model.device

    def values(part: slice) -> Values:
        return values_of(
            model.mixture.logits(states[part].to(device)),
            torch.from_numpy(labels[part]).to(device),
            teachers.logits(part) if teachers else None,
        )

    found = in_chunks(len(labels), CHUNK, values)
    return {name: each.double().cpu().numpy() for name, each in found.items()}


def _dev_measures(
    values: dict[str, Float64[np.ndarray, " predicted"]], text: DevText
) -> list[Sums]:
    nats, right = values[token_values.NATS], values[token_values.RIGHT]
    found = [sums_of(measures.CROSS_ENTROPY, nats, text.units)]
    parts = {measures.DOMAIN: text.domains, measures.FREQUENCY: text.bands(text.labels)}
    for kind, (names, part_of) in parts.items():
        for number, name in enumerate(names):
            full_name = f"{measures.CROSS_ENTROPY}/{kind}/{name}"
            found.append(sums_of(full_name, nats, text.units, part_of == number))
    gap = values[token_values.CONFIDENCE] - right
    found += [
        sums_of(measures.ENTROPY, values[token_values.ENTROPY], text.units),
        sums_of(measures.ACCURACY, right, text.units),
        _calibration(values[token_values.CONFIDENCE], gap, text.units),
        sums_of(measures.OVERCONFIDENCE, gap, text.units),
    ]
    if token_values.AGREES in values:
        found += [
            sums_of(measures.AGREEMENT, values[token_values.AGREES], text.units),
            sums_of(measures.TEACHER_KL, values[token_values.TEACHER_KL], text.units),
        ]
    return found


def sums_of(
    name: str,
    values: Float64[np.ndarray, " predicted"],
    units: Int64[np.ndarray, " predicted"],
    chosen: Bool[np.ndarray, " predicted"] | None = None,
) -> Sums:
    """Add up the values of each unit's tokens, or of those that are chosen."""
    most = int(units.max()) + 1
    own = units if chosen is None else units[chosen]
    weights = values if chosen is None else values[chosen]
    counts = np.bincount(own, minlength=most).astype(np.float64)
    return Sums(name, np.bincount(own, weights=weights, minlength=most)[None], counts)


def _calibration(
    confidence: Float64[np.ndarray, " predicted"],
    gap: Float64[np.ndarray, " predicted"],
    units: Int64[np.ndarray, " predicted"],
) -> Sums:
    """Expected calibration error of the top token: 15 bins of equal width over its probability.

        ECE = sum_b (n_b / n) |mean confidence in b - share of right top tokens in b|

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, section 2; Naeini et al.
    2015.
    """
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)  # (b/15, (b+1)/15]
    units_in_all = int(units.max()) + 1
    cells = np.bincount(bins * units_in_all + units, gap, minlength=BINS * units_in_all)
    counts = np.bincount(units, minlength=units_in_all).astype(np.float64)
    return Sums(measures.CALIBRATION_ERROR, cells.reshape(BINS, -1), counts)
