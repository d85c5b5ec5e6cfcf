"""Files in, examples out, and who chooses and who scores; every mistake named."""

import gzip
import json
from collections import Counter
from itertools import islice

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.data import (
    Example,
    digest,
    files_of,
    read_examples,
    refuse_untrainable,
    split,
)
from babyllama.evaluation.finetuning.tasks import GLUE, MSGS, TASKS, task_named

from .conftest import rows, write


def test_the_tasks_are_the_fields():
    assert len(GLUE) == len(MSGS) == 11
    assert sum(task.name.endswith("_control") for task in MSGS) == 5
    assert task_named("SST-2") is TASKS["sst2"]
    assert TASKS["boolq"].keys == ("question", "passage")


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(InputError, match=r"no task 'multrc'[\s\S]*Did you mean multirc\?"):
        task_named("multrc")


@pytest.mark.parametrize("name", ["boolq", "multirc", "wsc"])
def test_texts_are_put_together_as_the_pipelines_do(name, tmp_path):
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
    (found,) = files_of("cola", str(tmp_path))
    assert (found.train.name, found.validation.name) == (
        "cola.train.jsonl", "cola.dev_full.jsonl.gz",
    )  # fmt: skip
    every = files_of("glue", str(tmp_path))
    assert [each.task.name for each in every] == ["cola", "mnli", "mnli-mm"]
    assert every[2].train.name == "mnli.train.json"
    assert [each.task.name for each in files_of("msgs", str(tmp_path))] == ["main_verb_control"]
    one, other = tmp_path / "cola.train.jsonl", tmp_path / "mnli.train.json"
    (named,) = files_of("boolq", f"{one},{other}")
    assert (named.train, named.validation) == (one, other)


@pytest.mark.parametrize(
    ("name", "place", "message"),
    [
        ("cola", "{}/none", r"--task cola=.*none: is no folder"),
        ("boolq", "{}", r"no training file of boolq: boolq.train.jsonl[\s\S]*boolq.dev_other_half"),
        ("rte", "{}", r"no training file of rte[\s\S]*Nothing there has this task's name"),
        ("cola", "{}", "no validation file of cola"),
        ("cola", "{}/cola.train.jsonl,{}/none.jsonl", "there is no file .*none.jsonl"),
        ("msgs", "{}", "no training file of control_raising_control"),
        ("glue", "{}/none", "is no folder"),
    ],
)
def test_files_that_are_not_there_are_named(name, place, message, tmp_path):
    for file in ("cola.train.jsonl", "boolq.dev_other_half.jsonl", "boolq.valid.jsonl"):
        (tmp_path / file).touch()
    with pytest.raises(InputError, match=message):
        files_of(name, place.replace("{}", str(tmp_path)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "x.jsonl:2: is not JSON"),
        ("[1]", "x.jsonl:2: is list, not an object"),
        ('{"text": "a", "label": 1}', r"x.jsonl:2: has no sentence\n.*Wanted: sentence, label"),
        ('{"sentence": 3, "label": 1}', "x.jsonl:2: sentence is 3, not of type str"),
        ('{"sentence": "a"}', "x.jsonl:2: has no label"),
        ('{"sentence": "a", "label": 2}', r"label is 2\n.*0 \(unacceptable\), 1 \(acceptable\)"),
        ('{"sentence": "a", "label": true}', "label is True"),
        ('{"sentence": "a", "label": -1}', r"label is -1[\s\S]*test set without its labels"),
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
    for name, message in (("a.jsonl", "is empty"), ("b.jsonl.gz", "cannot be unpacked"),
                          ("c.jsonl", "c.jsonl:2: is not UTF-8")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            read_examples(tmp_path / name, TASKS["cola"])


def test_packed_and_unpacked_files_are_the_same(tmp_path):
    plain = write(tmp_path / "a.jsonl", rows(5, 0))
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_examples(plain, TASKS["cola"]) == read_examples(packed, TASKS["cola"])


def test_one_class_alone_cannot_be_learned(tmp_path):
    with pytest.raises(InputError, match="every one of its 3 labels is 1"):
        refuse_untrainable([Example("a", None, 1)] * 3, tmp_path, TASKS["cola"])


def examples_of(count, labels=2):
    return [Example(f"text {n}", None, n * 7 % 5 % labels) for n in range(count)]


@pytest.mark.parametrize("count", [4, 9, 26, 101])
def test_held_out_halves_share_no_row_and_have_the_same_labels(count, tmp_path):
    examples = examples_of(count, labels=3)
    found = split(examples, TASKS["mnli"], "held-out", tmp_path)
    assert sorted(found.choosing + found.scoring) == list(range(count))
    assert 0 <= len(found.scoring) - len(found.choosing) <= 1
    one, other = (
        Counter(examples[row].label for row in part) for part in (found.choosing, found.scoring)
    )
    assert all(abs(one[label] - other[label]) <= 1 for label in (0, 1, 2))


def test_the_halves_are_the_texts_not_the_files_order(tmp_path):
    examples = examples_of(20)
    back = examples[::-1]
    one, other = (split(each, TASKS["cola"], "held-out", tmp_path) for each in (examples, back))
    assert {examples[row].first for row in one.choosing} == {
        back[row].first for row in other.choosing
    }


def test_the_pipelines_choose_and_score_by_the_same_rows(tmp_path):
    found = split(examples_of(5), TASKS["cola"], "pipeline", tmp_path)
    assert found.choosing == found.scoring == (0, 1, 2, 3, 4)


def msgs_rows():
    return [
        Example(f"s{n}", None, n % 2, ("training", "test", "control")[n // 2]) for n in range(6)
    ]


def test_msgs_is_scored_on_test_rows_and_chosen_by_rows_that_do_not_tell_the_features(tmp_path):
    task = TASKS["main_verb_lexical_content_the"]
    found = split(msgs_rows(), task, "held-out", tmp_path)
    assert (found.choosing, found.scoring) == ((0, 1), (2, 3))
    found = split(msgs_rows(), task, "pipeline", tmp_path)
    assert (found.choosing, found.scoring) == (tuple(range(6)), (2, 3))


def test_msgs_without_its_conditions_is_refused(tmp_path):
    task = TASKS["main_verb_control"]
    with pytest.raises(InputError, match=r"no row whose condition is test[\s\S]*none"):
        split(examples_of(6), task, "pipeline", tmp_path)
    with pytest.raises(InputError, match="no row whose condition is training"):
        split(msgs_rows()[2:], task, "held-out", tmp_path)


def test_too_few_rows_cannot_be_halved(tmp_path):
    with pytest.raises(InputError, match="has 3 rows, too few"):
        split(examples_of(3), TASKS["cola"], "held-out", tmp_path)


def test_the_digest_tells_order_and_labels():
    examples = examples_of(4)
    assert digest(examples) == digest(list(examples))
    assert digest(examples) != digest(examples[::-1])


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
