"""What the first sentence claims: no more than its intervals allow, under one average."""

import json
import re
import shutil

import numpy as np
import pytest

from babyllama.recipe import load_recipe, to_json
from babyllama.report.claims import (
    averaged,
    by_novelty,
    cross_entropy_share,
    is_worse,
    student_comparisons,
)
from babyllama.report.scored_run import scored_run
from babyllama.runs.run import read_run, twin_of
from babyllama.scores.decisions import Predictions
from babyllama.scores.differences import Difference


def read(folder):
    return scored_run(read_run(folder))


def predictions(uids, correct, novel=None):
    keys = tuple((uid, str(number)) for number, uid in enumerate(uids))
    kept = None if novel is None else np.array(novel, dtype=bool)
    return Predictions(keys, np.array(correct, dtype=np.float64), kept)


@pytest.mark.parametrize(
    ("average", "score"),
    [("mean over UIDs", 100 / 3), ("mean over groups, all pairs of a group pooled", 12.5)],
)
def test_parts_of_a_score_are_averaged_as_the_rules_say(average, score):
    """a: 1 right of 1; b: 0 of 3, in one group with a; c: 0 of 1."""
    uids, correct = ("a", "b", "b", "b", "c"), np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    found = averaged(uids, correct, average=average, groups={"a": "g", "b": "g"})
    assert found.score == pytest.approx(score)


def test_seen_and_novel_pairs_are_scored_apart():
    seen, novel = by_novelty(predictions("aaab", [1, 0, 0, 1], [False, False, True, True]))
    assert (seen.score, novel.score) == (50.0, 50.0)
    assert by_novelty(predictions("ab", [1, 0])) is None
    assert by_novelty(predictions("ab", [1, 0], [True, True])) is None


@pytest.mark.parametrize(
    ("interval", "higher_is_better", "worse"),
    [((0.5, 1.5), True, False), ((-1.5, -0.5), True, True), ((0.5, 1.5), False, True),
     ((-1.5, -0.5), False, False), ((-1.0, 3.0), False, False)],
)  # fmt: skip
def test_worse_is_lower_unless_lower_is_better(interval, higher_is_better, worse):
    found = Difference(sum(interval) / 2, 0.2, interval, 0.01, "test")
    assert is_worse(found, higher_is_better=higher_is_better) is worse
    assert is_worse(None, higher_is_better=higher_is_better) is False


@pytest.mark.parametrize(
    ("reduction", "share"),
    [("token_mean", 0.5 / (0.5 + 0.5 * 4)), ("window_sum", 0.5 / (0.5 + 0.5 * 4 * 32))],
)
def test_cross_entropys_share_is_of_the_weights(reduction, share):
    student = load_recipe("mini", (f"students.distilled.reduction={reduction}",))
    assert cross_entropy_share(student.distilled["distilled"]) == pytest.approx(share)


def test_a_lower_score_of_a_benchmark_where_lower_is_better_is_said_to_be_better(make_run):
    folder = make_run()
    for name, score in (("distilled", 2.0), ("twin", 3.0)):
        path = folder / "evaluation" / f"{name}.json"
        found = json.loads(path.read_text())
        noise = np.random.default_rng(1).normal(0, 0.1, 1000)
        found["benchmarks"] = {
            "aoa": {"score": score, "stderr": 0.1, "interval": [score - 0.2, score + 0.2],
                    "unit": "months", "higher_is_better": False, "items": "x",
                    "replicates": (score * (1 + noise)).tolist()}
        }  # fmt: skip
        path.write_text(json.dumps(found))
    scored = read(folder)
    (against_twin,) = student_comparisons(scored, "aoa")
    assert re.fullmatch(r"better, -1\.0 \(-.* to -.*\)", against_twin.description)
    assert not against_twin.is_worse


def test_a_further_student_is_compared_with_the_first_and_with_the_twin_of_its_shape(make_run):
    folder = make_run()
    tree = json.loads(to_json(load_recipe(str(folder / "recipe.yaml"))))
    tree["students"]["cold"] = {**tree["students"]["distilled"], "temperature": 1}
    (folder / "recipe.yaml").write_text(json.dumps(tree), encoding="utf-8")
    shutil.copy(folder / "evaluation/distilled.json", folder / "evaluation/cold.json")
    scored = read(folder)
    cold = scored.run.model("cold")
    titles = [each.title for each in student_comparisons(scored, "grammar", cold)]
    assert (titles[0], titles[-1]) == ("its twin", "student distilled")
    assert not any(
        each.title.startswith("student ") for each in student_comparisons(scored, "grammar")
    )

    cold = tree["students"]["cold"]
    cold["training"] = {**cold["training"], "epochs": 99}
    (folder / "recipe.yaml").write_text(json.dumps(tree), encoding="utf-8")
    assert twin_of(read(folder).run, "cold") is None
