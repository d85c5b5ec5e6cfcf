"""All measures of a model against plain loops over its documents, in float64."""

import math

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from babyllama.evaluation.measures import BINS, measure
from babyllama.evaluation.measures.teachers import teacher_states
from babyllama.recipe import EQUAL_WEIGHTS
from babyllama.scores.measures import measured


def probabilities(folders, rows):
    """The ensemble's probabilities at each predicted token, one row a token."""
    logits = [
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()(rows).logits
        for folder in folders
    ]
    return torch.softmax(sum(logits)[:, :-1] / len(folders), -1).flatten(0, 1)


@torch.no_grad()
def plain_measures(folder, teachers, rows):
    ours, theirs = probabilities([folder], rows), probabilities(teachers, rows)
    labels = rows[:, 1:].flatten().tolist()
    gaps, found = [0.0] * BINS, dict.fromkeys(
        ("cross_entropy", "entropy", "accuracy", "overconfidence", "teacher_agreement",
         "teacher_kl", "calibration_error"), 0.0)  # fmt: skip
    for p, q, label in zip(ours, theirs, labels, strict=True):
        sure, right = float(p.max()), float(p.argmax() == label)
        found["cross_entropy"] -= math.log(p[label])
        found["entropy"] -= float((p * p.log()).sum())
        found["accuracy"] += 100 * right
        found["overconfidence"] += 100 * (sure - right)
        found["teacher_agreement"] += 100 * float(p.argmax() == q.argmax())
        found["teacher_kl"] += float((q * (q / p).log()).sum())
        gaps[next(b for b in range(BINS) if sure <= (b + 1) / BINS)] += sure - right
    found["calibration_error"] = 100 * sum(map(abs, gaps))
    return {name: value / len(labels) for name, value in found.items()}


def test_every_measure_is_that_of_plain_loops(two_models, text):
    teachers = teacher_states(two_models, EQUAL_WEIGHTS, text)
    found = {each.name: measured(each) for each in measure(two_models[:1], text, teachers=teachers)}
    rows = torch.cat([batch.input_ids for batch in text.batches()])
    for name, value in plain_measures(two_models[0], two_models, rows).items():
        assert found[name].value == pytest.approx(value, rel=1e-3, abs=1e-4), name
    assert found["cross_entropy"].tokens == len(text.places)
    assert found["cross_entropy"].units == text.units.max() + 1
    assert {"copying/text", "copying/random"} <= found.keys()
    bands = [each for name, each in found.items() if name.startswith("cross_entropy/frequency/")]
    assert len(bands) > 1
    total = sum(each.value * each.tokens for each in bands)
    assert total / len(text.places) == pytest.approx(found["cross_entropy"].value)
    for each in found.values():
        low, high = each.interval
        assert low <= each.value <= high


def test_the_ensemble_is_not_compared_with_itself(two_models, text):
    teachers = teacher_states(two_models, EQUAL_WEIGHTS, text)
    apart = {each.name: each for each in measure(two_models, text)}
    found = measure(two_models, text, teachers=teachers, is_ensemble=True)
    assert [each.name for each in found] == [*apart]
    assert "teacher_kl" not in apart
    for each in found:
        np.testing.assert_allclose(each.totals, apart[each.name].totals, rtol=1e-6)


def test_teachers_of_another_vocabulary_are_left_out_and_it_is_said(two_models, text, capsys):
    from dataclasses import replace

    teachers = teacher_states(two_models[:1], EQUAL_WEIGHTS, text)
    head = teachers.mixture.heads[0]
    cut = replace(teachers.mixture, heads=(replace(head, weight=head.weight[:-1]),))
    found = measure(two_models[1:], text, teachers=replace(teachers, mixture=cut))
    assert "teacher_kl" not in {each.name for each in found}
    assert "agreement with them is not measured" in " ".join(capsys.readouterr().err.split())
