"""leaderboard.json has the fields of the leaderboard's form, from the run or null."""

import json

from babyllama.publish.submission.form import leaderboard_form, unknown_fields
from babyllama.recipe import CardRecipe, Given, to_yaml
from babyllama.runs.run import read_run

# What src/leaderboard/read_evals.py of the leaderboard of 2026 reads, with revision and track.
FIELDS = {
    "model_name", "hf_repo", "revision", "track", "main_contributions", "model_type",
    "architecture", "optimizer", "learning_rate", "learning_rate_scheduler", "training_epochs",
    "batch_size", "tokenizer", "token_set_size", "seed", "num_layers", "num_heads",
    "max_seq_length", "num_parameters", "flops", "gpu_dev", "gpu_train", "training_data",
    "num_words_data", "data_genre", "data_preprocessing", "data_human_annotation",
    "data_syn_aug", "other_hyp", "model_description", "languages", "num_words_en",
    "num_words_nld", "num_words_zho", "teacher_models",
}  # fmt: skip
TRAINING = {
    "epochs": 2, "batch_size": 4, "window": 64, "learning_rate": 1e-3, "warmup_steps": 5,
    "schedule": {"kind": "linear"}, "optimizer": {"kind": "muon"},
}  # fmt: skip


def form_of(run, name="distilled"):
    read = read_run(run)
    model = read.model(name)
    return leaderboard_form(read, model, run / "students" / "distilled", track="strict-small")


def change_manifest(folder, **changes):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) if path.is_file() else {}
    manifest = {"stage": "pretraining", "version": 1, "recipe": {}, "inputs": {}, "seed": 0,
                "files": {}, "facts": {}} | manifest  # fmt: skip
    manifest["facts"] |= changes.pop("facts", {})
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest | changes))


def train_teachers(run):
    for name in read_run(run).recipe.teachers:
        facts = {"flops": 5e11, "device": "NVIDIA H200", "processes": 2, "words_seen": 70}
        change_manifest(run / "teachers" / name, facts=facts, wall_seconds=1800.0)


def test_every_field_of_the_form_is_there(run):
    assert form_of(run).keys() == FIELDS


def test_fields_are_what_was_trained(run):
    facts = {"device": "NVIDIA H200", "processes": 1}
    change_manifest(
        run / "students" / "distilled", recipe={"training": TRAINING}, seed=3, facts=facts,
        wall_seconds=7200.0,
    )  # fmt: skip
    train_teachers(run)
    teachers = read_run(run).recipe.teachers
    form = form_of(run)

    assert form["optimizer"] == "muon"
    assert (form["learning_rate"], form["learning_rate_scheduler"]) == (1e-3, "linear")
    assert (form["batch_size"], form["seed"], form["max_seq_length"]) == (4, 3, 64)
    assert (form["num_parameters"], form["training_epochs"]) == (12345, 2.0)
    assert form["architecture"] == "llama"
    # The bill of a student has its teachers' trainings: 2 hours, and 2 GPUs x 0.5 hours of each.
    assert form["flops"] == 1e12 + len(teachers) * 5e11
    assert form["gpu_train"] == 2 + len(teachers)
    assert all(name in form["teacher_models"] for name in teachers)


def test_what_the_run_does_not_know_is_null_and_named(run):
    form = form_of(run)
    assert form["flops"] is None  # the teachers' are unknown
    assert {"hf_repo", "gpu_dev", "gpu_train", "model_description"} <= set(unknown_fields(form))


def test_a_training_on_a_processor_took_no_gpu_hours(run):
    train_teachers(run)
    for folder in [run / "students" / "distilled", *(run / "teachers").iterdir()]:
        change_manifest(folder, facts={"device": "processor, 2 threads"}, wall_seconds=60.0)
    assert form_of(run)["gpu_train"] == 0.0


def change_recipe(run, **changes):
    recipe = read_run(run).recipe.model_copy(update=changes)
    (run / "recipe.yaml").write_text(to_yaml(recipe), encoding="utf-8")


def test_a_teacher_that_was_given_is_not_said_to_have_read_the_same_words(run):
    teachers = {**read_run(run).recipe.teachers, "old": Given(path="models/old")}
    change_recipe(run, teachers=teachers)
    change_manifest(run / "teachers" / "old", stage="given", facts={"parameters": 9})
    train_teachers(run)
    described = form_of(run)["teacher_models"].split("; ")
    assert "old (9 parameters, trained before this run, 70 words with repetitions)" in described
    assert sum("trained on the same words" in each for each in described) == len(teachers) - 1


def test_a_student_of_a_student_costs_what_all_before_it_cost(run):
    students = read_run(run).recipe.students
    again = students["distilled"].model_copy(update={"teachers": ("distilled",)})
    change_recipe(run, students={**students, "again": again})
    train_teachers(run)
    for name in ("distilled", "again"):
        facts = {"flops": 1e11, "device": "processor, 2 threads"}
        change_manifest(run / "students" / name, facts=facts, wall_seconds=60.0)
    teachers = read_run(run).recipe.teachers
    assert form_of(run, "again")["flops"] == 2e11 + len(teachers) * 5e11


def test_another_language_that_the_recipe_states_is_not_called_english(run):
    assert form_of(run)["languages"] == "English"
    change_recipe(run, card=CardRecipe(language=("de",)))
    form = form_of(run)
    assert [form[name] for name in ("languages", "num_words_en", "num_words_nld")] == [None] * 3
