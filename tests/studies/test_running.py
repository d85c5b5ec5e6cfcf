"""A study makes everything once, goes on after a failure or a kill, and never mixes."""

import csv
import json
import os
import shutil

import pytest

import babyllama
from babyllama.errors import InputError
from babyllama.pipeline.run import run
from babyllama.recipe import load_recipe
from babyllama.runs import manifests
from babyllama.runs.layout import Layout
from babyllama.studies import checks
from babyllama.studies.cells import trials_of
from babyllama.studies.history import HISTORY
from babyllama.studies.outcomes import outcomes_of
from babyllama.studies.report import write_study_report
from babyllama.studies.running import ENVIRONMENT, run_study
from babyllama.studies.study import study_yaml

pytestmark = pytest.mark.slow


def test_what_trials_agree_on_is_one_folder(finished):
    trials = sorted(finished.glob("trials/*/seed-*"))
    assert len(trials) == 4
    assert len({(trial / "corpus").resolve() for trial in trials}) == 1
    assert len({(trial / "teachers/llama").resolve() for trial in trials}) == 2
    assert len({(trial / "students/distilled").resolve() for trial in trials}) == 4
    assert len(list(finished.glob("store/distillation/*"))) == 4


def test_a_trial_is_the_run_of_its_recipe_bit_for_bit(finished, tmp_path):
    trial = finished / "trials/temperature=1/seed-1"
    recipe = load_recipe(str(Layout(trial).recipe))
    alone = tmp_path / "alone"
    run(recipe, alone, until="teachers/llama", jobs=1)
    weights = "teachers/llama/model.safetensors"
    assert (alone / weights).read_bytes() == (trial / weights).read_bytes()


def test_a_finished_study_makes_nothing(copy, small_study, engine):
    assert run_study(small_study(), copy) == []
    assert engine.done == []


def test_another_seed_makes_only_what_is_new(copy, small_study, engine):
    assert run_study(small_study(seeds=3), copy, only="temperature=1") == []
    made = [name for name in engine.done if name.startswith(("teachers", "signal", "students"))]
    assert made == [
        f"{name} (temperature=1 seed 2)"
        for name in ("teachers/llama", "teachers/gpt2", "signal", "students/distilled",
                     "students/twin")
    ]  # fmt: skip


def test_studies_with_one_store_make_what_they_share_once(
    copy, small_study, tmp_path, engine, monkeypatch
):
    shared = tmp_path / "shared"
    shared.mkdir()
    (copy / "store").rename(shared / "store")
    assert run_study(small_study(), copy, store=shared) == []
    assert engine.done == []

    hotter = small_study(
        name="hotter",
        vary={"students.distilled.temperature": [2, 4]},
        compare=[{"ours": "temperature=4", "theirs": "temperature=2"}],
    )
    out = tmp_path / "hotter"
    assert run_study(hotter, out, store=shared) == []
    made = [name for name in engine.done if name.startswith(("teachers", "signal", "students"))]
    assert made == [f"students/distilled (temperature=4 seed {seed})" for seed in (0, 1)]
    assert (out / "trials/temperature=4/seed-0/teachers/llama").resolve().is_relative_to(shared)

    asked = []
    monkeypatch.setattr(checks, "free_disk", lambda path: asked.append(path.resolve()) or 0)
    with pytest.raises(InputError, match="its disk has"):
        run_study(small_study(seeds=3), copy, store=shared)
    assert asked == [shared / "store"]
    with pytest.raises(InputError, match="has its store in"):
        run_study(hotter, out, store=tmp_path / "other")


def test_what_is_damaged_or_gone_is_made_again_for_all_that_share_it(copy, small_study, engine):
    twin = (copy / "trials/temperature=1/seed-0/students/twin").resolve()
    before = (twin / "model.safetensors").read_bytes()
    (twin / "model.safetensors").write_bytes(before[:-1])
    shutil.rmtree(copy / "trials/temperature=2/seed-1/evaluation")
    assert run_study(small_study(), copy) == []
    assert (twin / "model.safetensors").read_bytes() == before
    assert engine.done == [
        "settings of temperature=1",
        "students/twin (temperature=1 seed 0)",
        "evaluation (temperature=1 seed 0)",
        "evaluation (temperature=2 seed 0)",
        "evaluation (temperature=2 seed 1)",
    ]


def test_a_failure_stops_only_what_needs_it(copy, small_study, engine):
    engine.broken = ["teachers/gpt2 (temperature=1 seed 3)"]
    study = small_study(seeds=[0, 3])
    (failure,) = run_study(study, copy, retries=1, only="temperature=1")
    assert failure.name == engine.broken[0]
    assert "RuntimeError: it broke" in failure.log.read_text("utf-8")
    assert "students/twin (temperature=1 seed 3)" in engine.done
    found, missing = outcomes_of(trials_of(study, copy)[:2], copy)
    assert {each.seed for each in found} == {0}
    assert missing[0].why.startswith("teachers/gpt2 (temperature=1 seed 3) failed: it broke; log ")


BAD_AND_GOOD = {"compare": [{"ours": "bad", "theirs": "good"}]}


def test_a_cell_whose_settings_do_not_fit_takes_no_other_with_it(small_study, tmp_path, engine):
    warm_up = {"students.distilled.training.warmup_steps": 100_000}
    study = small_study(vary=[{"name": "bad", "set": warm_up}, {"name": "good"}], **BAD_AND_GOOD)
    out = tmp_path / "study"
    (failure,) = run_study(study, out)
    assert failure.name == "settings of bad"
    found, missing = outcomes_of(trials_of(study, out), out)
    assert {(each.cell, each.seed) for each in found} == {("good", 0), ("good", 1)}
    assert {each.cell for each in missing} == {"bad"}
    assert not [name for name in engine.done if name.startswith("teachers") and "bad" in name]


def test_a_training_that_fails_takes_no_other_cell_with_it(small_study, tmp_path, engine):
    cooler = {"students.distilled.temperature": 1}
    study = small_study(vary=[{"name": "bad", "set": cooler}, {"name": "good"}], **BAD_AND_GOOD)
    out = tmp_path / "study"
    engine.broken = ["students/distilled (bad"]
    failures = run_study(study, out)
    assert [each.name for each in failures] == [
        f"students/distilled (bad seed {n})" for n in (0, 1)
    ]
    assert {each.cell for each in outcomes_of(trials_of(study, out), out)[0]} == {"good"}
    # Random weights have the student's shape, of whichever trial that has one.
    assert "scores/untrained (good seed 0)" in engine.done


def test_scores_that_are_compared_with_failed_teachers_are_made_for_another_trial(
    small_study, tmp_path, engine
):
    other = {"teachers.llama.training.epochs": 3}
    study = small_study(vary=[{"name": "bad", "set": other}, {"name": "good"}], **BAD_AND_GOOD)
    out = tmp_path / "study"
    engine.broken = ["teachers/llama (bad"]
    assert len(run_study(study, out)) == 2
    assert {each.cell for each in outcomes_of(trials_of(study, out), out)[0]} == {"good"}


def test_a_trial_is_finished_before_the_next_is_begun(small_study, tmp_path, engine):
    asked = []
    engine.run = lambda jobs, **_: asked.extend(job.name for job in jobs)
    run_study(small_study(), tmp_path / "study")
    places = [asked.index(f"evaluation (temperature={t} seed {s})") for t in (1, 2) for s in (0, 1)]
    assert places == sorted(places)
    assert places[0] < asked.index("teachers/llama (temperature=1 seed 1)")


def test_a_failure_can_stop_everything(small_study, tmp_path, engine):
    engine.broken = ["teachers/llama"]
    with pytest.raises(RuntimeError, match="it broke"):
        run_study(small_study(), tmp_path / "study", keep_going=False)
    assert not list((tmp_path / "study").glob("store/pretraining/*/*/manifest.json"))


def test_other_versions_are_refused_unless_accepted(copy, small_study, engine):
    path = copy / ENVIRONMENT
    noted = json.loads(path.read_text("utf-8"))
    noted["versions"]["torch"] = "2.6.0"
    path.write_text(json.dumps(noted), encoding="utf-8")
    larger = small_study(seeds=3)
    with pytest.raises(InputError, match=r"torch 2\.6\.0 -> "):
        run_study(larger, copy)
    assert run_study(small_study(), copy) == []  # complete: nothing is mixed
    assert engine.done == []
    with pytest.raises(InputError, match=r"torch 2\.6\.0 -> "):  # still those that made it
        run_study(larger, copy)
    assert run_study(larger, copy, accept=True, only="temperature=1") == []
    assert json.loads(path.read_text("utf-8"))["versions"]["torch"] != "2.6.0"


def test_a_folder_of_another_study_is_refused(finished, small_study):
    with pytest.raises(InputError, match="holds the study small, not other"):
        run_study(small_study(name="other"), finished)
    with pytest.raises(InputError, match="holds no study"):
        run_study(small_study(), finished / "store")


@pytest.mark.usefixtures("engine")
def test_a_rule_that_changes_after_the_data_is_on_record(copy, small_study):
    rule = {"smallest": {"blimp": 5}}
    run_study(small_study(decide=rule), copy)
    history = json.loads((copy / HISTORY).read_text("utf-8"))
    assert [each["finished_trials"] for each in history] == [0, 4]


def test_a_run_never_replaces_what_trials_share(copy):
    trial = copy / "trials/temperature=1/seed-0"
    recipe = load_recipe(str(Layout(trial).recipe), ("students.distilled.alpha=0.1",))
    with pytest.raises(InputError, match="shared by trials of a study"):
        run(recipe, trial)


def test_the_store_is_complete_by_its_manifests(finished):
    for folder in finished.glob("store/*/*/*"):
        is_scores = folder.parent.parent.name == "scores"
        assert is_scores or manifests.read_manifest(folder)
    assert not list(finished.rglob("*.partial"))
    assert all(os.path.exists(path) for path in finished.glob("trials/*/*/*"))


def test_python_opens_a_study_and_its_rows_are_those_of_the_report(copy, small_study):
    sentence = write_study_report(small_study(), copy)
    opened = babyllama.Study(copy)
    assert opened.answer == sentence
    with (copy / "report/rows.csv").open(encoding="utf-8", newline="") as file:
        assert len(opened.values) == len(list(csv.DictReader(file)))
    assert {row["verdict"] for row in opened.comparisons} <= {"better", "worse", "undecided"}
    assert opened.missing == []
    with pytest.raises(InputError, match="holds no study"):
        babyllama.Study(copy / "trials")


def test_python_makes_a_study_as_the_command_does(copy, small_study, engine, tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(study_yaml(small_study()), encoding="utf-8")
    assert babyllama.study(str(file), copy).missing == []
    assert engine.done == []
