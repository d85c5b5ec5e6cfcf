"""What each stage of a run reads, and what its manifest records."""

import hashlib
import json
from pathlib import Path

import pytest

from babyllama.errors import InputError
from babyllama.pipeline.stages import distillation_stage, pretraining_stage, signal_stage, stages
from babyllama.recipe import (
    HiddenSignal,
    Mixing,
    Recipe,
    load_recipe,
    to_json,
)
from babyllama.runs.launched import ALONE, Launched
from babyllama.runs.layout import Layout

RUN = Path("run")


def line(*settings, recipe="mini"):
    return {stage.name: stage for stage in stages(load_recipe(recipe, settings), RUN)}


def recorded(stage):
    return stage.key()["recipe"]


def test_the_line_is_made_in_order():
    assert list(line()) == [
        "source", "corpus", "tokenizer", "tokens", "teachers/llama", "teachers/gpt2", "signal",
        "students/distilled", "students/twin", "evaluation", "report",
    ]  # fmt: skip


def test_a_stage_reads_only_what_is_made_before_it():
    made = set()
    for stage in line().values():
        assert {path for path in stage.inputs.values() if RUN in path.parents} <= made | {
            RUN / "source" / "minimal_pairs"
        }, stage.name
        made.add(stage.out)


def test_text_of_ones_own_needs_no_source_and_brings_no_benchmark():
    made = line("evaluation.benchmarks.mine=pairs.jsonl", recipe="laptop")
    assert "source" not in made
    assert made["corpus"].inputs == {"source": Path("data/text")}
    assert made["evaluation"].inputs["benchmark mine"] == Path("pairs.jsonl")
    assert "benchmark grammar" not in made["evaluation"].inputs


def test_what_is_given_is_linked_first_and_the_others_are_made():
    made = line("tokenizer={path: t}", "teachers.old={path: m}")
    assert list(made)[2:7] == [
        "tokenizer",
        "tokens",
        "teachers/old",
        "teachers/llama",
        "teachers/gpt2",
    ]
    assert {made[name].kind for name in ("tokenizer", "teachers/old")} == {"given"}
    assert list(made["signal"].inputs)[1:] == [
        "teacher 1, llama",
        "teacher 2, gpt2",
        "teacher 3, old",
    ]
    assert list(made) == list(Layout(RUN).stages(load_recipe("mini", ("teachers.old={path: m}",))))


def test_an_online_signal_is_no_stage_and_its_students_read_the_teachers():
    made = line("signal={kind: online, weights: [0.3, 0.7]}")
    assert "signal" not in made
    student = made["students/distilled"]
    assert list(student.inputs) == ["tokens", "tokenizer", "teacher 1, llama", "teacher 2, gpt2"]
    assert recorded(student).keys() == {"student", "teachers"}
    assert recorded(student)["teachers"] == {"weights": [0.3, 0.7], "mean_of": "logits"}


def test_a_student_of_a_stored_signal_reads_the_signal_and_not_the_teachers():
    student = line()["students/distilled"]
    assert list(student.inputs) == ["tokens", "tokenizer", "signal"]


def test_a_signal_is_stored_at_every_offset_that_a_student_reads():
    shifted = "students.distilled.training.windows={kind: shifted, passes: 4}"
    assert recorded(line()["signal"])["offsets"] == [0]
    assert recorded(line(shifted)["signal"])["offsets"] == [0, 8, 16, 24]


def test_measuring_a_signal_is_no_reason_to_store_it_again():
    plain, measured = line("signal={kind: hidden}"), line("signal={kind: hidden, frontier: true}")
    assert recorded(plain["signal"]) == recorded(measured["signal"])


def test_evaluation_reads_models_and_benchmarks_and_one_teacher_is_no_ensemble():
    evaluation = line()["evaluation"]
    assert list(evaluation.inputs) == [
        "tokens", "llama", "gpt2", "distilled", "twin", "benchmark grammar"
    ]  # fmt: skip
    teacher = json.dumps(load_recipe("mini").teachers["llama"].model_dump(mode="json"))
    alone = line(f"teachers={{llama: {teacher}}}")["evaluation"]
    assert list(alone.inputs) == ["tokens", "llama", "distilled", "twin", "benchmark grammar"]


def test_a_report_reads_curves_where_there_are_any(tiny_recipe, tmp_path):
    def inputs():
        return list(stages(tiny_recipe, tmp_path))[-1].inputs

    assert "curves" not in inputs()
    (tmp_path / "curves").mkdir()
    assert inputs()["curves"] == tmp_path / "curves"


@pytest.mark.parametrize(("launched", "together"), [(ALONE, False), (Launched(1, 2), True)])
def test_all_launched_processes_train_and_write_the_signal(tiny_recipe, launched, together):
    made = {stage.kind: stage.together for stage in stages(tiny_recipe, RUN, launched)}
    assert made["signal"] is together
    assert made["pretraining"]
    assert made["distillation"]
    assert not made["tokens"]
    assert not made["evaluation"]


def test_stages_are_called_after_their_folders(tiny_recipe, tmp_path):
    student = tiny_recipe.distilled["distilled"]
    signal = signal_stage([], RUN, HiddenSignal(kind="hidden"), tmp_path / "stored", window=16)
    assert signal.name == "stored"
    made = distillation_stage(student, RUN, RUN, tmp_path / "a" / "b", 0, mixing=Mixing())
    assert made.name == "a/b"


def test_manifests_record_what_they_always_have():
    """A change of this digest makes every finished run of these recipes stale: is it meant?"""
    shifted = "students.distilled.training.windows={kind: shifted, passes: 4}"
    summed = "students.distilled.reduction=window_sum"  # as `laptop` had it at first
    variants = [
        (), ("signal={kind: online}",), ("signal={kind: topk, k: 9}",),
        ("signal={kind: hidden, weights: [0.3, 0.7], frontier: true}", shifted),
    ]  # fmt: skip
    records = [
        (name, stage.kind, stage.version, stage.seed, sorted(stage.inputs), recorded(stage))
        for recipe in ("laptop", "strict-small")
        for settings in variants
        for name, stage in line(*settings, summed, recipe=recipe).items()
        if stage.kind != "report"
    ]
    text = json.dumps(records, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "e49578501a8e7123"


def test_a_smoothed_twin_reads_teachers_only_to_match_them():
    smoothing = "students.twin.smoothing={epsilon: 0.1}"
    plain, by_number, matched = (
        line(*settings)["students/twin"]
        for settings in ((), (smoothing,), (smoothing.replace("0.1", "matched"),))
    )
    assert by_number.inputs == plain.inputs
    assert recorded(by_number) == {
        **recorded(plain),
        "smoothing": {"towards": "uniform", "epsilon": 0.1},
        "temperature": None,
        "teachers": None,
    }
    assert set(matched.inputs) - set(plain.inputs) == {"teacher 1, llama", "teacher 2, gpt2"}
    assert recorded(matched)["temperature"] == 2.0


def test_a_student_of_a_student_reads_it_and_not_the_signal():
    tree = json.loads(to_json(load_recipe("mini", ("signal.weights=[0.3, 0.7]",))))
    second = {**tree["students"]["distilled"], "teachers": ["distilled"]}
    tree["students"] = {"second": second, **tree["students"]}
    made = {stage.name: stage for stage in stages(Recipe.model_validate(tree), RUN)}

    assert [name for name in made if name.startswith("students/")] == [
        "students/distilled", "students/twin", "students/second",
    ]  # fmt: skip
    read = made["students/second"]
    assert set(read.inputs) == {"tokens", "tokenizer", "teacher 1, distilled"}
    assert recorded(read)["teachers"] == {"weights": None, "mean_of": "logits"}
    assert recorded(made["students/distilled"]).get("teachers") is None


@pytest.mark.parametrize(
    ("order", "read"),
    [
        ("{by: length}", {}),
        ("{by: domain, domains: [stories, child_talk]}", {"corpus": RUN / "corpus"}),
        ("{by: file, file: mine.txt}", {"order": Path("mine.txt")}),
        ("{by: age-of-acquisition, words: w.csv}", {"order": Path("w.csv")}),
        ("{by: model-loss, model: a/teachers/b}", {"order": Path("a/teachers/b")}),
    ],
)
def test_a_student_and_its_twin_read_what_their_order_needs(order, read):
    plain, ordered = line(), line(f"students.distilled.training.order={order}")
    for name in ("students/distilled", "students/twin"):
        assert ordered[name].inputs == plain[name].inputs | read
    assert ordered["teachers/llama"].inputs == plain["teachers/llama"].inputs


def test_an_order_by_domain_is_refused_where_there_is_no_corpus():
    order = "students.distilled.training.order={by: domain, domains: [a]}"
    part = load_recipe("mini", (order,)).pretraining("twin")
    with pytest.raises(InputError, match="this command reads tokens without their corpus"):
        pretraining_stage(part, RUN, RUN, RUN / "twin", 0)


def test_sampled_text_is_made_before_its_students_who_are_trained_on_it_as_on_any_text():
    settings = ("students.one.like=distilled", "students.one.kind=sequences",
                "students.two.like=one", "students.two.training.epochs=3",
                "students.born.like=one", "students.born.teachers=[two]")  # fmt: skip
    made = line(*settings)
    assert list(made) == list(Layout(RUN).stages(load_recipe("mini", settings)))
    assert list(made)[9:14] == [
        "sampled_text/one", "students/one", "students/two", "sampled_text/born", "students/born",
    ]  # fmt: skip
    text = made["sampled_text/one"]
    assert list(text.inputs) == ["tokens", "teacher 1, llama", "teacher 2, gpt2"]
    assert made["students/two"].inputs["tokens"] == text.out
    assert recorded(made["students/one"]) == recorded(made["students/twin"])
    assert line(*settings, "seed=4")["sampled_text/one"].seed == 4
    fixed = line(*settings, "students.one.sampling.seed=9", "seed=4")["sampled_text/one"]
    assert (fixed.seed, recorded(fixed)) == (9, recorded(text))
