"""Differences are paired over items, and a sentence claims no more than its interval allows."""

import dataclasses
import json
import math
import re
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babyllama.recipe import load_recipe
from babyllama.report.claims import (
    Estimate,
    best_teacher,
    by_novelty,
    comparisons,
    cross_entropy_share,
    differences_by_uid,
    first_sentence,
    items_of,
    mean_of_uids,
    paired_difference,
    spoken,
)
from babyllama.report.signatures import signatures, smoothed
from babyllama.runs.run import Items, read_items, read_run


def items(uids, correct, novel=None):
    keys = tuple((uid, str(number)) for number, uid in enumerate(uids))
    kept = None if novel is None else np.array(novel, dtype=bool)
    return Items(keys, np.array(correct, dtype=np.float64), kept)


def plain_difference(uids, ours, theirs):
    """As the formulas are written: a loop over UIDs, a loop over their items."""
    every = [a - b for a, b in zip(ours, theirs, strict=True)]
    means, variances = [], []
    for uid in sorted(set(uids)):
        d = [each for u, each in zip(uids, every, strict=True) if u == uid]
        means.append(sum(d) / len(d))
        spread = d if len(d) > 1 else every
        centre = sum(spread) / len(spread)
        squares = sum((x - centre) ** 2 for x in spread)
        variances.append(squares / (len(spread) - 1) / len(d) if squares else 0.0)
    value = centre = sum(means) / len(means)
    stderr = math.sqrt(sum(variances)) / len(means)
    if len(means) == 1 or stderr == 0:  # as if two more were asked, one won and one lost
        n = len(every) + 2
        centre *= len(every) / n
        spread = (sum(x * x for x in every) + 2) / n - (sum(every) / n) ** 2
        stderr = math.sqrt(spread / n)
    half = 1.959963984540054 * stderr
    low, high = max(-1, min(value, centre - half)), min(1, max(value, centre + half))
    return 100 * value, 100 * low, 100 * high


answer = st.sampled_from([0.0, 0.5, 1.0])


@given(st.lists(st.tuples(st.sampled_from("abc"), answer, answer), min_size=1, max_size=40))
@settings(deadline=None)
def test_a_paired_difference_is_what_the_formula_says(rows):
    uids, ours, theirs = zip(*rows, strict=True)
    found = paired_difference(items(uids, ours), items(uids, theirs))
    expected = plain_difference(uids, ours, theirs)
    assert dataclasses.astuple(found) == pytest.approx(expected, abs=1e-9)


def test_every_uid_weighs_the_same_whatever_its_size():
    assert mean_of_uids(("a", "b", "b", "b"), np.array([1.0, 0.0, 0.0, 0.0])).value == 50.0


def test_models_that_agree_on_every_item_may_still_differ_on_others():
    same = items("aabb", [1, 0, 1, 1])
    found = paired_difference(same, same)
    assert found.value == 0
    assert found.low == -found.high < -40  # four items
    assert not found.is_shown


def test_other_items_are_not_compared():
    assert paired_difference(items("aab", [1, 0, 1]), items("abb", [1, 0, 1])) is None
    assert paired_difference(items("aab", [1, 0, 1]), None) is None


def test_differences_by_uid_begin_with_the_largest_gain():
    found = differences_by_uid(items("abc", [0, 1, 0.5]), items("abc", [1, 0, 0]))
    assert [(uid, each.value) for uid, each in found] == [("b", 100), ("c", 50), ("a", -100)]


def test_seen_and_novel_pairs_are_scored_apart():
    seen, novel = by_novelty(items("aaab", [1, 0, 0, 1], [False, False, True, True]))
    assert (seen.value, novel.value) == (50.0, 50.0)
    assert by_novelty(items("ab", [1, 0])) is None
    assert by_novelty(items("ab", [1, 0], [True, True])) is None


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Estimate(1.9, 1.4, 2.4), "1.9 above (1.4 to 2.4)"),
        (Estimate(-0.6, -1.0, -0.2), "0.6 below (0.2 to 1.0)"),
        (Estimate(0.05, -0.3, 0.4), "no difference can be shown (-0.3 to 0.4)"),
        (Estimate(0.2, -0.01, 0.4), "no difference can be shown (0.0 to 0.4)"),
        (Estimate(0.2, 0.01, 0.4), "0.20 above (0.01 to 0.40)"),
    ],
)
def test_a_difference_is_claimed_only_when_its_interval_leaves_out_zero(difference, words):
    assert spoken(difference) == words


@pytest.mark.parametrize(
    ("reduction", "share"),
    [("token_mean", 0.5 / (0.5 + 0.5 * 4)), ("window_sum", 0.5 / (0.5 + 0.5 * 4 * 128))],
)
def test_cross_entropys_share_is_of_the_weights(reduction, share):
    student = load_recipe("mini", (f"students.distilled.reduction={reduction}",))
    assert cross_entropy_share(student.distilled["distilled"]) == pytest.approx(share)


# --- of a run ---------------------------------------------------------------------------------


def test_the_first_sentence_answers_against_twin_teacher_and_ensemble(make_run):
    run = read_run(make_run())
    sentence = first_sentence(run, items_of(run))
    assert sentence.startswith("The student scores 91.8 on grammar (95% interval ")
    for words in ("one seed", "above its twin (", "above the best teacher, llama (", "ensemble ("):
        assert words in sentence


def test_the_first_sentence_says_when_no_difference_can_be_shown(make_run):
    run_folder = make_run()
    predictions = run_folder / "evaluation" / "predictions"
    shutil.copytree(predictions / "distilled", predictions / "twin", dirs_exist_ok=True)
    run = read_run(run_folder)
    sentence = first_sentence(run, items_of(run))
    assert re.search(r"; no difference can be shown from its twin \(-(\d\.\d) to \1\)\.$", sentence)
    shutil.copytree(predictions / "distilled", predictions / "ensemble", dirs_exist_ok=True)
    sentence = first_sentence(run, items_of(run))
    assert re.search(r"can be shown from its twin \(-.* to .*\) or from the ensemble", sentence)


def test_the_best_teacher_is_the_one_with_the_highest_score(make_run):
    assert best_teacher(read_run(make_run()), "grammar").name == "llama"


def test_a_run_of_two_benchmarks_answers_on_blimp_first(make_run):
    folder = make_run(benchmark="blimp")
    other = make_run("other", benchmark="abc")
    for name in ("distilled", "twin"):
        path = folder / "evaluation" / f"{name}.json"
        both = json.loads(path.read_text())
        more = json.loads((other / "evaluation" / f"{name}.json").read_text())
        both["benchmarks"] = {**more["benchmarks"], **both["benchmarks"]}
        path.write_text(json.dumps(both))
    run = read_run(folder)
    assert run.benchmarks == ["blimp", "abc"]
    assert " on blimp " in first_sentence(run, items_of(run))
    kept = comparisons(run, "abc", items_of(run))
    assert [(each.other.name, each.difference) for each in kept] == [("twin", None)]


def test_a_students_loss_to_its_teacher_and_a_wrong_order_are_seen(make_run, score_model):
    folder = make_run()
    lines = [
        {**line, "correct": 0.0}
        for line in map(
            json.loads,
            (folder / "evaluation/predictions/distilled/grammar.jsonl").read_text().splitlines(),
        )
    ]
    score_model(folder / "evaluation", "distilled", "grammar", lines)  # its dev loss stays lowest
    run = read_run(folder)
    divergence, below, order = signatures(run, items_of(run))
    assert divergence[1] == "not seen"
    assert below[1] == "seen"
    assert "llama: " in below[2]
    assert order[1] == "seen"
    assert order[2].startswith("4 of 10 pairs")


@pytest.mark.parametrize("end", ["9.5", "NaN"])
def test_a_loss_that_ends_far_above_its_lowest_is_a_divergence(make_run, end):
    folder = make_run()
    with (folder / "students/twin/training.jsonl").open("a") as log:
        for step in range(101, 110):
            log.write(f'{{"step": {step}, "epoch": 10.1, "cross_entropy": {end}}}\n')
    run = read_run(folder)
    assert signatures(run, items_of(run))[0][1] == "seen"


@pytest.mark.parametrize("dev", ["9.5", "NaN"])
def test_a_dev_loss_that_jumps_within_an_epoch_is_a_divergence(make_run, dev):
    folder = make_run()
    with (folder / "students/twin/training.jsonl").open("a") as log:
        log.write(f'{{"step": 110, "epoch": 11, "dev_cross_entropy": {dev}}}\n')
    run = read_run(folder)
    divergence = signatures(run, items_of(run))[0]
    assert divergence[1] == "seen"
    assert "twin, dev" in divergence[2]


def test_updates_that_were_left_out_are_a_divergence(make_run):
    folder = make_run()
    path = folder / "students/twin/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["facts"]["skipped_steps"] = [7, 9]
    path.write_text(json.dumps(manifest))
    run = read_run(folder)
    divergence = signatures(run, items_of(run))[0]
    assert divergence[1] == "seen"
    assert "twin went back and left out 2 updates" in divergence[2]


def test_uids_of_one_item_each_make_no_difference_certain():
    ours, theirs = items("abcdef", [1, 0, 1, 1, 0, 1]), items("abcdef", [0, 0, 1, 0, 1, 1])
    assert not paired_difference(ours, theirs).is_shown


def test_smoothing_is_a_mean_over_the_last_values():
    values = np.array([4.0, 2.0, 3.0, 1.0])
    assert smoothed(values, lines=2).tolist() == [4.0, 3.0, 2.5, 2.0]
    assert smoothed(values, lines=9).tolist() == [4.0, 3.0, 3.0, 2.5]


def test_kept_answers_are_read_in_their_order(make_run):
    run = read_run(make_run(items=8))
    found = read_items(run, "twin", "grammar")
    assert found.keys[:2] == (("npi_any", "0"), ("npi_any", "1"))
    assert found.novel[:5].tolist() == [True, False, False, False, True]
    assert read_items(run, "twin", "no_such") is None
