"""The first sentences: the answer first, no more than its intervals allow, true in every case."""

import json
import re
import shutil

import numpy as np
import pytest
from result_files import benchmark

from babyllama.recipe import load_recipe, to_json
from babyllama.report.claims import student_comparisons
from babyllama.report.opening import opening
from babyllama.report.scored_run import scored_run
from babyllama.report.tables import models_table
from babyllama.runs.run import read_run

NUMBER = r"-?\d+\.\d+"
INTERVAL = rf"difference {NUMBER}, 95% {NUMBER} to {NUMBER}"


def read(folder):
    return scored_run(read_run(folder))


def text_of(scored):
    return " ".join(opening(scored))


def change(folder, name, **fields):
    path = folder / "evaluation" / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def copy(folder, model, onto, *, files=("{}.json", "measures/{}.json", "measures/{}.jsonl")):
    """Make a model score as another one does."""
    for file in files:
        path = folder / "evaluation" / file.format(onto)
        shutil.copy(folder / "evaluation" / file.format(model), path)


def recipe_of(folder):
    return json.loads(to_json(load_recipe(str(folder / "recipe.yaml"))))


def write_recipe(folder, tree):
    (folder / "recipe.yaml").write_text(json.dumps(tree), encoding="utf-8")


def test_the_answer_comes_first_then_one_seed_then_teachers_and_ensemble(make_run):
    assert re.fullmatch(
        rf"With teachers the model is better than without: 91\.8% against \d+\.\d% on grammar "
        rf"\({INTERVAL}\), 3\.000 against 3\.300 nats per token on unseen text "
        rf"\(difference -0\.300, 95% -0\.\d+ to -0\.\d+\)\. One seed\. Against the best teacher, "
        rf"llama, the student is better on grammar \({NUMBER} points, 95% .*?\) and on unseen text "
        rf"\(-0\.100 nats per token, 95% .*?\)\. Against the ensemble the student is better .*",
        text_of(read(make_run())),
    )


@pytest.mark.parametrize("rules", ["honest", "2023"])
def test_score_and_difference_are_one_average(make_run, rules):
    """Under 2023 it is the mean over groups; the UIDs are of very unequal size."""
    scored = read(make_run(rules=rules, items=[400, 20, 60, 100]))
    student, twin = (
        scored.results[name].benchmarks["grammar"].score for name in ("distilled", "twin")
    )
    values = f"{student:.1f}% against {twin:.1f}% on grammar (difference {student - twin:.1f}, 95%"
    assert values in text_of(scored)
    against_twin, *_ = student_comparisons(scored, "grammar")
    assert against_twin.difference.value == pytest.approx(student - twin)


def test_what_is_not_detectable_is_said_to_be_so(make_run):
    folder = make_run()
    copy(folder, "distilled", "twin")
    copy(folder, "distilled", "ensemble")
    text = text_of(read(folder))
    assert text.startswith(
        "With teachers the model is not detectably better or worse than without: 91.8% against "
        "91.8% on grammar (difference 0.0, 95% -"
    )
    assert "on unseen text (difference 0.000, 95% 0.000 to 0.000). One seed." in text
    assert re.search(
        r"Against the ensemble the student is not detectably different on grammar \(0\.0 points, "
        r"95% .*\) and on unseen text \(0\.000 nats per token, .*\)\.$",
        text,
    )


@pytest.mark.parametrize(
    ("exchanged", "start", "end"),
    [
        ("scores", "is better than without on unseen text: 3.000 against 3.300 nats per token (",
         "); it is worse on grammar: "),
        ("losses", "is better than without on grammar: 91.8% against ",
         "); it is worse on unseen text: 3.300 against 3.000 nats per token (difference 0.300, "),
    ],
)  # fmt: skip
def test_better_on_one_measure_and_worse_on_the_other_is_both_said(make_run, exchanged, start, end):
    folder = make_run()
    files = [folder / "evaluation" / f"{name}.json" for name in ("distilled", "twin")]
    ours, theirs = (json.loads(path.read_text()) for path in files)
    field = "benchmarks" if exchanged == "scores" else "dev"
    change(folder, "distilled", **{field: theirs[field]})
    change(folder, "twin", **{field: ours[field]})
    if exchanged == "losses":
        kept = folder / "evaluation/measures"
        for end_of_name in ("json", "jsonl"):
            one, other = (kept / f"{name}.{end_of_name}" for name in ("distilled", "twin"))
            mine, its = one.read_bytes(), other.read_bytes()
            one.write_bytes(its)
            other.write_bytes(mine)
    else:
        shutil.rmtree(folder / "evaluation/predictions")
    text = text_of(read(folder))
    assert text.startswith(f"With teachers the model {start}")
    assert end in text


def score_all(folder, student, others):
    for name in ("distilled", "twin", "llama", "gpt2", "ensemble"):
        text = (student if name == "distilled" else others) * 100
        change(folder, name, benchmarks={"grammar": benchmark({"a": text[:200], "b": text[:200]})})


def test_a_benchmark_on_which_nobody_beats_guessing_decides_nothing(make_run):
    folder = make_run()
    score_all(folder, "10", "01")
    scored = read(folder)
    text = text_of(scored)
    assert text.startswith("With teachers the model is better than without on unseen text: ")
    assert (
        "; nothing can be concluded from grammar: 50.0% against 50.0%, where guessing scores 50.0% "
        "(difference 0.0, 95% "
    ) in text
    assert "the best teacher, llama, the student is at chance, like it, on grammar (" in text
    (row,) = [row for row in models_table(scored).rows if row[0] == "distilled (student)"]
    assert row[1].endswith(", at chance")


def test_a_student_at_chance_is_worse_than_a_twin_that_is_not(make_run):
    folder = make_run()
    score_all(folder, "10", "1101")
    text = text_of(read(folder))
    assert "; it is worse on grammar: 50.0%, at chance, against 75.0% (difference -25.0" in text


def test_nothing_but_chance_leaves_it_open(make_run):
    folder = make_run()
    score_all(folder, "10", "01")
    for name in ("distilled", "twin", "llama", "gpt2", "ensemble"):
        change(folder, name, dev=None)
    for path in (folder / "students").glob("*/manifest.json"):
        found = json.loads(path.read_text())
        found["facts"].pop("dev_cross_entropy")
        path.write_text(json.dumps(found))
    assert text_of(read(folder)).startswith(
        "Whether the teachers help is open: nothing can be concluded from grammar: 50.0% against "
    )


def test_items_that_cannot_be_paired_are_told(make_run):
    folder = make_run(items=20, keeps_decisions=False)
    shutil.rmtree(folder / "evaluation/predictions")
    text = text_of(read(folder))
    assert "; the items of grammar cannot be paired: " in text
    assert (
        "Against the ensemble the student is not comparable on grammar and better on unseen text"
        in text
    )


def test_values_without_intervals_are_no_answer(make_run):
    folder = make_run(items=20)
    shutil.rmtree(folder / "evaluation/measures")
    text = text_of(read(folder))
    assert (
        "; 3.000 against 3.300 nats per token on unseen text, without an interval (difference "
        "-0.300)."
    ) in text
    assert "and lower on unseen text (-0.090 nats per token)." in text


def test_a_run_of_two_benchmarks_answers_on_blimp_first(make_run):
    folder = make_run(benchmark="blimp")
    other = make_run("other", benchmark="abc")
    for name in ("distilled", "twin"):
        path = folder / "evaluation" / f"{name}.json"
        both = json.loads(path.read_text())
        more = json.loads((other / "evaluation" / f"{name}.json").read_text())["benchmarks"]
        more["abc"].pop("items")
        change(folder, name, benchmarks={**more, **both["benchmarks"]})
    scored = read(folder)
    assert scored.run.benchmarks == ["blimp", "abc"]
    assert " on blimp " in text_of(scored)
    (unpaired,) = student_comparisons(scored, "abc")
    assert (unpaired.other.name, unpaired.difference) == ("twin", None)
    assert unpaired.description == "not comparable: the items differ or were not saved"


def test_a_lower_score_is_better_where_the_benchmark_says_so(make_run):
    folder = make_run()
    for name, score in (("distilled", 2.0), ("twin", 3.0)):
        noise = np.random.default_rng(1).normal(0, 0.1, 1000)
        change(folder, name, benchmarks={
            "aoa": {"score": score, "stderr": 0.1, "interval": [score - 0.2, score + 0.2],
                    "unit": "months", "higher_is_better": False, "items": "x",
                    "replicates": (score * (1 + noise)).tolist()}
        })  # fmt: skip
    for name in ("llama", "gpt2", "ensemble"):
        (folder / f"evaluation/{name}.json").unlink()
    assert text_of(read(folder)).startswith(
        "With teachers the model is better than without: 2.0 against 3.0 months on aoa (difference "
        "-1.0, 95% -"
    )


def test_a_changed_twin_is_called_what_it_is(make_run):
    folder = make_run()
    tree = recipe_of(folder)
    tree["students"]["twin"]["training"] = {"epochs": 6}
    write_recipe(folder, tree)
    assert "is better than its twin with epochs 6 instead of 11: 91.8%" in text_of(read(folder))

    tree["students"]["plain"] = {"kind": "twin", "of": "distilled"}
    write_recipe(folder, tree)
    copy(folder, "twin", "plain")
    titles = [each.title for each in student_comparisons(read(folder), "grammar")]
    assert (titles[0], titles[-1]) == ("its twin", "control twin")
    assert "control" not in text_of(read(folder))
    assert "is better than without:" in text_of(read(folder))


def test_of_several_students_the_first_is_named(make_run):
    folder = make_run()
    tree = recipe_of(folder)
    tree["students"]["cold"] = {**tree["students"]["distilled"], "temperature": 1}
    write_recipe(folder, tree)
    copy(folder, "distilled", "cold")
    assert text_of(read(folder)).startswith("With teachers the student distilled is better than")


def test_a_student_without_twin_has_its_own_scores(make_run):
    folder = make_run()
    tree = recipe_of(folder)
    tree["students"].pop("twin")
    write_recipe(folder, tree)
    text = text_of(read(folder))
    assert re.match(
        r"The student scores 91\.8% on grammar \(95% .*?\) and has 3\.000 nats per token on unseen "
        r"text \(95% .*?\); it has no twin, so nothing shows what its teachers add\. One seed\. "
        r"Against the best teacher, llama, the student is better",
        text,
    )
    score_all(folder, "10", "01")
    assert text_of(read(folder)).startswith(
        "The student is no better than guessing on grammar, 50.0% (95% 4"
    )


def test_a_twin_that_is_not_scored_yet_is_told(make_run):
    folder = make_run()
    (folder / "evaluation/twin.json").unlink()
    text = text_of(read(folder))
    assert "; its twin is not scored on grammar, where it scores 91.8% (95% " not in text
    assert "its twin is not scored on grammar, where the student has 91.8% (95% " in text


def test_a_run_without_benchmarks_is_told_by_its_unseen_text(make_run):
    folder = make_run(items=20)
    losses = {"llama": 2.9, "gpt2": 3.0, "ensemble": 2.8, "distilled": 2.85, "twin": 3.01}
    for name, loss in losses.items():
        dev = {"cross_entropy": loss, "perplexity": 17.0, "tokens": 100, "nats_per_word": 9.0}
        change(folder, name, benchmarks={}, dev=dev)
    text = text_of(read(folder))
    assert text.startswith(
        "With teachers the model is better than without: 2.850 against 3.010 nats per token on "
        "unseen text (difference -0.160, 95% "
    )
    assert "One seed; no benchmark is scored. Against the best teacher, llama, the" in text
    assert "Against the ensemble the student is " in text


def test_random_weights_and_a_student_that_is_not_scored_are_no_answer(make_run):
    folder = make_run()
    (folder / "evaluation/distilled.json").unlink()
    assert text_of(read(folder)).startswith(
        "The student is not scored; of its teachers, llama does best on grammar: "
    )
