"""Settings of each year, and the changes of tasks and users."""

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.settings import (
    built_in_settings,
    load_settings,
    note_on,
    settings_for,
)
from babyllama.evaluation.finetuning.tasks import TASKS


def settings(name, task, *changes):
    return settings_for(TASKS[task], load_settings(name), changes, where=name)


@pytest.mark.parametrize("name", built_in_settings())
def test_shipped_settings_hold_for_every_task(name):
    for task in TASKS:
        settings(name, task)


def test_the_years_are_as_their_pipelines_have_them():
    wsc = settings("2023", "wsc")
    assert (wsc.learning_rate, wsc.batch_size, wsc.epochs, wsc.evaluate_every, wsc.patience) == (
        5e-5, 64, 10, 200, 10,
    )  # fmt: skip
    assert (wsc.max_length, wsc.seed, wsc.choose_by, wsc.weight_decay) == (128, 12, "f1", 0)
    assert settings("2023", "mnli").choose_by == "accuracy"
    assert settings("2024", "wsc").evaluate_every == "epoch"
    assert settings("2024", "wsc").patience == 3
    late = settings("2025", "wsc")
    assert (late.epochs, late.head, late.max_length, late.patience) == (30, "mlp", 512, None)
    assert settings("2025", "boolq").batch_size == 16
    assert settings("2025", "mrpc").score == "accuracy"
    assert settings("2025", "mrpc").choose_by == "f1"
    assert settings("authors", "wsc").learning_rate == 5e-7
    assert settings("authors", "multirc").seed == 42


def test_unpublished_settings_of_the_authors_are_2023s_with_a_note():
    recipe = load_settings("authors")
    ambiguous = TASKS["main_verb_lexical_content_the"]
    assert "not published" in note_on(ambiguous, recipe)
    assert settings("authors", ambiguous.name) == settings("2023", ambiguous.name)
    assert note_on(TASKS["main_verb_control"], recipe) == ""
    assert "no part of 2024" in note_on(ambiguous, load_settings("2024"))


def test_a_user_overrides_the_settings_and_a_change_for_one_task_overrides_all():
    changes = ("wsc.epochs=2", "epochs=1", "schedule={kind: cosine}", "schedule.final=0.2")
    assert settings("2025", "wsc", *changes).epochs == 2
    assert settings("2025", "rte", *changes).epochs == 1
    assert settings("2023", "rte", *changes).schedule.final == 0.2
    assert settings("2023", "main_verb_control", "msgs.seed=3").seed == 3
    assert settings("2023", "rte", "msgs.seed=3").seed == 12
    assert settings("2023", "rte", "lora={}", "lora.rank=4").lora.rank == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epoch=1", r"--set epoch=1: epoch is not a field[\s\S]*Did you mean epochs"),
        ("rtee.epochs=1", r"rtee is neither a field nor a task[\s\S]*Did you mean rte"),
        ("epochs=0", "epochs is 0"),
        ("evaluate_every=0", "evaluate_every is 0"),
        ("learning_rate=.nan", "learning_rate is nan"),
        ("epochs", "is not key.path=value"),
        ("head=big", "head is 'big'"),
    ],
)
def test_an_invalid_change_is_named(change, message):
    with pytest.raises(InputError, match=message):
        settings("2023", "rte", change)


def test_settings_are_read_from_a_users_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("general: {learning_rate: 1e-4, batch_size: 8, epochs: 2, max_length: 64, "
                    "seed: 1}\ntasks: {rte: {epochs: 3}}\n")  # fmt: skip
    assert settings(str(path), "rte").epochs == 3
    assert settings(str(path), "wsc").evaluate_every == "epoch"
    path.write_text("general: {}\n")
    with pytest.raises(InputError, match=r"mine\.yaml, rte: 5 mistakes[\s\S]*epochs is missing"):
        settings(str(path), "rte")
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="byte 0 is not UTF-8"):
        load_settings(str(path))
    with pytest.raises(InputError, match=r"unknown settings '2022'[\s\S]*Did you mean 202"):
        load_settings("2022")


def test_settings_with_several_mistakes_list_all_with_their_lines(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("general: {batch_size: 0}\ntasks:\n  rtee: {epochs: 3}\n  wsc: {epoch: 3}\n")
    with pytest.raises(InputError) as caught:
        load_settings(str(path))
    lines = str(caught.value).replace(f"{tmp_path}/", "").split("\n")
    assert [line.strip() for line in lines if "mine.yaml" in line] == [
        "mine.yaml: 3 mistakes",
        "mine.yaml:1: general.batch_size is 0",
        "mine.yaml:3: tasks.rtee is not a task",
        "mine.yaml:4: tasks.wsc.epoch is not a field",
    ]
    assert [line.strip() for line in lines if "Did you mean" in line] == [
        "Did you mean rte?",
        "Did you mean epochs?",
    ]
