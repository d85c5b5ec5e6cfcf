"""What the first sentence claims: no more than its intervals allow, under one average."""

import json
import re
import shutil

import numpy as np
import pytest
from result_files import benchmark

from babyllama.recipe import load_recipe, to_json
from babyllama.report.claims import (
    averaged,
    by_novelty,
    cross_entropy_share,
    first_sentence,
    is_worse,
    student_comparisons,
)
from babyllama.report.scored_run import scored_run
from babyllama.report.tables import models_table
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


# --- the first sentence -----------------------------------------------------------------------


def test_the_first_sentence_answers_against_twin_teacher_and_ensemble(make_run):
    sentence = first_sentence(read(make_run()))
    assert sentence.startswith("The student scores 91.8 on grammar (95% interval ")
    for words in ("one seed", "above its twin (", "above the best teacher, llama (", "ensemble ("):
        assert words in sentence


@pytest.mark.parametrize("rules", ["honest", "2023"])
def test_score_and_difference_of_the_first_sentence_are_one_average(make_run, rules):
    """Under 2023 it is the mean over groups; the UIDs are of very unequal size."""
    scored = read(make_run(rules=rules, items=[400, 20, 60, 100]))
    sentence = first_sentence(scored)
    student, twin = (
        scored.results[name].benchmarks["grammar"].score for name in ("distilled", "twin")
    )
    assert f"scores {student:.1f} on" in sentence
    assert f"{student - twin:.1f} above its twin (" in sentence
    against_twin, *_ = student_comparisons(scored, "grammar")
    assert against_twin.difference.value == pytest.approx(student - twin)


def test_the_first_sentence_says_when_no_difference_is_detectable(make_run):
    folder = make_run()
    evaluation = folder / "evaluation"
    shutil.copy(evaluation / "distilled.json", evaluation / "twin.json")
    sentence = first_sentence(read(folder))
    found = r"; no detectable difference from its twin \(-(\d\.\d) to \1\)\.$"
    assert re.search(found, sentence)
    shutil.copy(evaluation / "distilled.json", evaluation / "ensemble.json")
    sentence = first_sentence(read(folder))
    assert re.search(r"difference from its twin \(-.* to .*\) or from the ensemble", sentence)


@pytest.mark.parametrize(
    ("student", "others", "end"),
    [
        ("10", "01", "; its twin, the best teacher (llama) and the ensemble are no better."),
        ("10", "1101", ", 25.0 below the ensemble ("),
    ],
    ids=["all at chance", "others are better"],
)
def test_the_first_sentence_says_when_the_student_is_at_chance(make_run, student, others, end):
    folder = make_run()
    for name in ("distilled", "twin", "llama", "gpt2", "ensemble"):
        path = folder / "evaluation" / f"{name}.json"
        found = json.loads(path.read_text())
        text = (student if name == "distilled" else others) * 100
        found["benchmarks"] = {"grammar": benchmark({"a": text[:200], "b": text[:200]})}
        path.write_text(json.dumps(found))
    scored = read(folder)
    sentence = first_sentence(scored)
    assert sentence.startswith(
        "The student is at chance on grammar: nothing can be concluded from its score of 50.0 (95% "
    )
    assert end in sentence
    assert " above " not in sentence
    table = models_table(scored)
    (row,) = [row for row in table.rows if row[0] == "distilled (student)"]
    assert row[1].endswith(", at chance")


def test_the_first_sentence_says_what_cannot_be_paired(make_run):
    folder = make_run(items=20, keeps_decisions=False)
    shutil.rmtree(folder / "evaluation/predictions")
    unpaired = "its items cannot be paired with those of its twin, the best teacher (llama),"
    assert first_sentence(read(folder)).endswith(f"; {unpaired} the ensemble.")


def test_a_run_of_two_benchmarks_answers_on_blimp_first(make_run):
    folder = make_run(benchmark="blimp")
    other = make_run("other", benchmark="abc")
    for name in ("distilled", "twin"):
        path = folder / "evaluation" / f"{name}.json"
        both = json.loads(path.read_text())
        more = json.loads((other / "evaluation" / f"{name}.json").read_text())["benchmarks"]
        more["abc"].pop("items")
        both["benchmarks"] = {**more, **both["benchmarks"]}
        path.write_text(json.dumps(both))
    scored = read(folder)
    assert scored.run.benchmarks == ["blimp", "abc"]
    assert " on blimp " in first_sentence(scored)
    (unpaired,) = student_comparisons(scored, "abc")
    assert (unpaired.other.name, unpaired.difference) == ("twin", None)
    assert unpaired.description == "not comparable: the items differ or were not saved"


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
    assert re.fullmatch(r"1\.0 below \(.*; lower is better\)", against_twin.description)
    assert not against_twin.is_worse


def test_a_changed_twin_is_called_what_it_is(make_run):
    folder = make_run()
    tree = json.loads(to_json(load_recipe(str(folder / "recipe.yaml"))))
    tree["students"]["twin"]["training"] = {"epochs": 6}
    (folder / "recipe.yaml").write_text(json.dumps(tree), encoding="utf-8")
    assert "above its twin with epochs 6 instead of 11 (" in first_sentence(read(folder))

    tree["students"]["plain"] = {"kind": "twin", "of": "distilled"}
    (folder / "recipe.yaml").write_text(json.dumps(tree), encoding="utf-8")
    shutil.copy(folder / "evaluation/twin.json", folder / "evaluation/plain.json")
    titles = [each.title for each in student_comparisons(read(folder), "grammar")]
    assert (titles[0], titles[-1]) == ("its twin", "control twin")
    assert "control" not in first_sentence(read(folder))


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


def test_a_run_without_benchmarks_is_told_by_its_unseen_text(make_run):
    folder = make_run(items=20)
    losses = {"llama": 2.9, "gpt2": 3.0, "ensemble": 2.8, "distilled": 2.85, "twin": 3.01}
    for name, loss in losses.items():
        path = folder / "evaluation" / f"{name}.json"
        found = json.loads(path.read_text())
        dev = {"cross_entropy": loss, "perplexity": 17.0, "tokens": 100, "nats_per_word": 9.0}
        path.write_text(json.dumps(found | {"benchmarks": {}, "dev": dev}))
    assert first_sentence(scored_run(read_run(folder))) == (
        "On unseen text the student has a cross-entropy of 2.850 nats per token, 0.160 below its "
        "twin, 0.050 below the best teacher llama and 0.050 above the ensemble (one seed); no "
        "benchmark is scored."
    )
