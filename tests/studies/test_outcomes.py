"""What came out of a study: every model of every finished trial, and what is missing."""

import shutil
from pathlib import Path

import pytest

from babyllama.pipeline.workers import Job
from babyllama.runs.json_files import read_json
from babyllama.runs.manifests import digest
from babyllama.studies import store
from babyllama.studies.cells import trials_of
from babyllama.studies.failures import write_failure
from babyllama.studies.outcomes import outcomes_of

pytestmark = pytest.mark.slow


def test_outcomes_hold_every_model_and_measure(finished, small_study):
    found, missing = outcomes_of(trials_of(small_study(), finished), finished)
    assert missing == []
    assert len(found) == 4 * 6
    twin = next(each for each in found if each.model == "twin")
    assert twin.values.keys() >= {"blimp", "dev_cross_entropy", "calibration_error"}
    assert twin.flops > 0
    assert twin.made_with.startswith("processor, float32, python ")  # no number of threads


def test_a_trial_that_is_not_finished_is_missing_with_what_it_lacks(finished, small_study):
    study = small_study(seeds=[0, 9])
    found, missing = outcomes_of(trials_of(study, finished), finished)
    assert {each.seed for each in found} == {0}
    assert [(each.cell, each.seed) for each in missing] == [
        ("temperature=1", 9),
        ("temperature=2", 9),
    ]
    assert missing[0].why == "not made: teachers/llama, teachers/gpt2, signal, ..."


def test_a_trial_that_was_finished_with_other_settings_says_which(finished, small_study):
    study = small_study()
    changed = study.model_copy(update={"set": {"teachers.llama.training.max_dev_windows": 3}})
    found, missing = outcomes_of(trials_of(changed, finished), finished)
    assert (len(found), len(missing)) == (0, 4)
    now = "teachers.llama.training.max_dev_windows was 8192, now 3"
    assert {each.why for each in missing} == {f"finished with other settings: {now}"}


@pytest.fixture
def benchmark(small_study, monkeypatch):
    """The benchmark that the study scored; what the test does to it is undone."""
    monkeypatch.setattr(store, "_digest", digest)  # not as it was before
    path = Path(small_study().recipe["evaluation"]["benchmarks"]["blimp"])
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def test_results_are_shown_where_the_text_and_the_benchmarks_are_not_there(
    finished, small_study, benchmark, capsys
):
    trials = trials_of(small_study(), finished)
    found = outcomes_of(trials, finished)
    benchmark.unlink()
    assert outcomes_of(trials, finished) == found
    assert f"not there: {benchmark}. What the trials recorded is shown" in " ".join(
        capsys.readouterr().err.split()
    )
    changed = small_study().model_copy(update={"set": {"teachers.llama.training.window": 8}})
    assert outcomes_of(trials_of(changed, finished), finished)[0] == []


def test_what_the_trials_recorded_is_not_shown_if_it_is_not_in_the_store(
    copy, small_study, benchmark
):
    benchmark.unlink()
    trials = trials_of(small_study(), copy)
    shutil.rmtree((copy / "trials/temperature=1/seed-0/students/twin").resolve())
    addresses = read_json(copy / "trials/temperature=1/seed-1/addresses.json")
    shutil.rmtree(copy / "store/scores" / addresses["scores/twin"])
    found, missing = outcomes_of(trials, copy)
    assert found == []  # a twin has no temperature: both cells share it
    assert len(missing) == 4


def test_a_trial_that_was_finished_of_another_benchmark_says_so(finished, small_study, benchmark):
    benchmark.write_bytes(benchmark.read_bytes() * 2)
    found, missing = outcomes_of(trials_of(small_study(), finished), finished)
    assert (len(found), len(missing)) == (0, 4)
    assert missing[0].why.startswith("finished before one of these changed: ")
    assert missing[0].why.endswith(f"{benchmark}, babyllama")


def test_a_trial_whose_recipe_cannot_be_read_says_what_is_not_made(copy, small_study):
    (copy / "trials/temperature=1/seed-0/recipe.yaml").write_text("name: [", encoding="utf-8")
    study = small_study().model_copy(update={"set": {"teachers.llama.training.window": 8}})
    missing = outcomes_of(trials_of(study, copy), copy)[1]
    assert missing[0].why.startswith("not made: teachers/llama")
    assert missing[1].why.startswith("finished with other settings")


def test_a_trial_that_is_missing_after_a_failure_says_why_and_so_do_those_that_share_it(
    copy, small_study
):
    job = Job("teachers/gpt2 (temperature=1 seed 9)", "a:b", {}, threads=1)
    write_failure(job, ValueError("gradient_norm is nan"), copy)
    _, missing = outcomes_of(trials_of(small_study(seeds=[0, 9]), copy), copy)
    log = "log failures/teachers-gpt2-temperature=1-seed-9.txt"
    assert [each.why for each in missing] == [f"{job.name} failed: gradient_norm is nan; {log}"] * 2
    check = Job("settings of temperature=2", "a:b", {}, threads=1)
    write_failure(check, ValueError("warmup_steps is 9"), copy)
    _, (_, other) = outcomes_of(trials_of(small_study(seeds=[0, 9]), copy), copy)
    assert other.why.startswith("settings of temperature=2 failed: warmup_steps is 9; log ")
