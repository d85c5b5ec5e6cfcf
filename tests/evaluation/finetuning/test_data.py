"""A task's files are found and read, and every mistake in them is named."""

import gzip
import json
from itertools import islice

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.data import (
    examples_digest,
    find_files,
    read_examples,
    read_tasks,
    refuse_single_label,
)
from babyllama.evaluation.finetuning.tasks import GLUE, MSGS, TASKS, Example

from .conftest import rows, write


@pytest.mark.parametrize("name", ["boolq", "multirc", "wsc"])
def test_texts_are_joined_as_in_the_pipelines(name, tmp_path):
    row = {
        "question": "Q?", "passage": "P.", "answer": "A", "paragraph": "Text.", "text": "He left.",
        "span1_text": "Ben", "span2_text": "He", "label": 1,
    }  # fmt: skip
    path = write(tmp_path / "x.jsonl", [row])
    expected = {
        "boolq": ("Q?", "P."),
        "multirc": ("Question: Q? Answer: A", "Text."),
        "wsc": ('Does "He" refer to "Ben" in this passage?', "He left."),
    }
    assert read_examples(path, TASKS[name]) == [Example(*expected[name], label=1)]


def test_a_text_with_braces_is_a_text(tmp_path):
    path = write(tmp_path / "x.jsonl", [{"sentence": "{label} {", "label": 0}])
    assert read_examples(path, TASKS["cola"])[0].first == "{label} {"


def test_files_are_found_under_every_name_that_the_years_gave_them(tmp_path):
    names = (
        "cola.train.jsonl", "cola.dev_full.jsonl.gz", "mnli.train.json",
        "mnli.validation_matched.json", "mnli-mm.valid.jsonl", "main_verb_control.train.jsonl.gz",
        "main_verb_control.validation.jsonl.gz",
    )  # fmt: skip
    for name in names:
        (tmp_path / name).touch()
    (found,) = find_files("cola", str(tmp_path))
    assert (found.train.name, found.validation.name) == (
        "cola.train.jsonl", "cola.dev_full.jsonl.gz",
    )  # fmt: skip
    every = find_files("glue", str(tmp_path))
    assert [each.task.name for each in every] == ["cola", "mnli", "mnli-mm"]
    assert every[2].train.name == "mnli.train.json"
    assert [each.task.name for each in find_files("msgs", str(tmp_path))] == ["main_verb_control"]
    one, other = tmp_path / "cola.train.jsonl", tmp_path / "mnli.train.json"
    (named,) = find_files("boolq", f"{one},{other}")
    assert (named.train, named.validation) == (one, other)


@pytest.mark.parametrize(
    ("name", "place", "message"),
    [
        ("cola", "{}/none", r"--task cola=.*none: not a folder"),
        (
            "boolq",
            "{}",
            r"no training file for boolq: boolq.train.jsonl[\s\S]*boolq.dev_other_half",
        ),
        ("rte", "{}", r"no training file for rte[\s\S]*No file there starts with rte"),
        ("cola", "{}", "no validation file for cola"),
        ("cola", "{}/cola.train.jsonl,{}/none.jsonl", "none.jsonl: no such file"),
        ("msgs", "{}", "no training file for control_raising_control"),
        ("glue", "{}/none", "not a folder"),
    ],
)
def test_missing_files_are_named(name, place, message, tmp_path):
    for file in ("cola.train.jsonl", "boolq.dev_other_half.jsonl", "boolq.valid.jsonl"):
        (tmp_path / file).touch()
    with pytest.raises(InputError, match=message):
        find_files(name, place.replace("{}", str(tmp_path)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "x.jsonl:2: is not JSON"),
        ("[1]", "x.jsonl:2: is a list, not an object"),
        ('{"text": "a", "label": 1}', r"x.jsonl:2: has no sentence\n.*Expected: sentence, label"),
        ('{"sentence": 3, "label": 1}', "x.jsonl:2: sentence is 3, not a text"),
        ('{"sentence": "a"}', "x.jsonl:2: has no label"),
        ('{"sentence": "a", "label": 2}', r"label is 2\n.*0 \(unacceptable\), 1 \(acceptable\)"),
        ('{"sentence": "a", "label": true}', "label is True"),
        ('{"sentence": "a", "label": -1}', r"label is -1[\s\S]*test set without labels"),
        ('{"sentence": "\\ud800", "label": 1}', "lone surrogate"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line, message, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"sentence": "fine", "label": 1}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_examples(path, TASKS["cola"])


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n")
    (tmp_path / "b.jsonl.gz").write_bytes(b"no archive")
    (tmp_path / "c.jsonl").write_bytes(b"\n\xff")
    for name, message in (("a.jsonl", "is empty"), ("b.jsonl.gz", "is not a complete gzip file"),
                          ("c.jsonl", "c.jsonl:2: is not UTF-8")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            read_examples(tmp_path / name, TASKS["cola"])


def test_packed_and_unpacked_files_are_the_same(tmp_path):
    plain = write(tmp_path / "a.jsonl", rows(5, 0))
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_examples(plain, TASKS["cola"]) == read_examples(packed, TASKS["cola"])


def test_examples_of_a_single_label_are_refused(tmp_path):
    with pytest.raises(InputError, match="all 3 labels are 1"):
        refuse_single_label([Example("a", None, 1)] * 3, tmp_path, TASKS["cola"])


def test_the_digest_is_that_of_earlier_results_and_depends_on_every_part_of_an_example():
    examples = [Example("a", None, 0), Example("b", "c", 1, "test")]
    # Recorded: results pair by it, also with files that were written before.
    assert examples_digest(examples).startswith("c4b45c2f703bcfbc58b1e293011daaee")
    others = [
        examples[::-1],
        examples[:1],
        [examples[0], Example("x", "c", 1, "test")],
        [examples[0], Example("b", None, 1, "test")],
        [examples[0], Example("b", "c", 0, "test")],
        [examples[0], Example("b", "c", 1, "training")],
    ]
    digests = {examples_digest(each) for each in [examples, *others]}
    assert len(digests) == 1 + len(others)


def test_a_task_is_read_with_its_selection_its_settings_and_their_note(glue):
    cola, rte = read_tasks(
        [*find_files("cola", str(glue)), *find_files("rte", str(glue))],
        settings="2025", changes=("rte.epochs=4",), selection="pipeline",
    )  # fmt: skip
    assert (cola.task.name, rte.task.name) == ("cola", "rte")
    assert (len(rte.train), len(rte.validation)) == (64, 31)
    assert rte.selected.choosing == rte.selected.scoring == tuple(range(31))
    assert (cola.settings.epochs, rte.settings.epochs) == (10, 4)
    assert "CoLA was no part of 2025" in cola.note
    assert rte.note == ""


@pytest.mark.parametrize("task", [*GLUE, *MSGS], ids=lambda task: task.name)
def test_the_real_files_are_read(task, data, tmp_path):
    folder = data / "benchmarks" / ("msgs" if task.is_msgs else "glue")
    paths = sorted(folder.glob(f"{task.name}.*"))
    if not paths:
        pytest.skip(f"no file of {task.name}")
    for path in paths:
        with gzip.open(path, "rb") as file:
            lines = list(islice(file, 50))
        (tmp_path / "first.jsonl").write_bytes(b"".join(lines))
        examples = read_examples(tmp_path / "first.jsonl", task)
        assert [example.label for example in examples] == [
            json.loads(line)["label"] for line in lines
        ]
