"""Which validation rows choose the model and which score it."""

from collections import Counter

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.selection import select_rows
from babyllama.evaluation.finetuning.tasks import TASKS, Example


def examples_of(count, labels=2):
    return [Example(f"text {n}", None, n * 7 % 5 % labels) for n in range(count)]


@pytest.mark.parametrize("count", [4, 9, 26, 101])
def test_held_out_halves_share_no_row_and_have_the_same_labels(count, tmp_path):
    examples = examples_of(count, labels=3)
    found = select_rows(examples, TASKS["mnli"], "held-out", tmp_path)
    assert sorted(found.choosing + found.scoring) == list(range(count))
    assert 0 <= len(found.scoring) - len(found.choosing) <= 1
    one, other = (
        Counter(examples[row].label for row in part) for part in (found.choosing, found.scoring)
    )
    assert all(abs(one[label] - other[label]) <= 1 for label in (0, 1, 2))


def test_the_halves_depend_on_the_texts_not_on_the_files_order(tmp_path):
    examples = examples_of(20)
    back = examples[::-1]
    one, other = (
        select_rows(each, TASKS["cola"], "held-out", tmp_path) for each in (examples, back)
    )
    assert {examples[row].first for row in one.choosing} == {
        back[row].first for row in other.choosing
    }


def test_the_pipelines_choose_and_score_by_the_same_rows(tmp_path):
    found = select_rows(examples_of(5), TASKS["cola"], "pipeline", tmp_path)
    assert found.choosing == found.scoring == (0, 1, 2, 3, 4)


def test_the_halves_are_those_of_earlier_results(tmp_path):
    found = select_rows(examples_of(10), TASKS["cola"], "held-out", tmp_path)
    assert found.choosing == (1, 3, 4, 5, 6)


def msgs_rows():
    return [
        Example(f"s{n}", None, n % 2, ("training", "test", "control")[n // 2]) for n in range(6)
    ]


def test_msgs_test_rows_score_and_training_rows_choose(tmp_path):
    task = TASKS["main_verb_lexical_content_the"]
    found = select_rows(msgs_rows(), task, "held-out", tmp_path)
    assert (found.choosing, found.scoring) == ((0, 1), (2, 3))
    found = select_rows(msgs_rows(), task, "pipeline", tmp_path)
    assert (found.choosing, found.scoring) == (tuple(range(6)), (2, 3))


def test_msgs_without_its_conditions_is_refused(tmp_path):
    task = TASKS["main_verb_control"]
    with pytest.raises(InputError, match=r"no row with condition test[\s\S]*none"):
        select_rows(examples_of(6), task, "pipeline", tmp_path)
    with pytest.raises(InputError, match="no row with condition training"):
        select_rows(msgs_rows()[2:], task, "held-out", tmp_path)


def test_too_few_rows_cannot_be_halved(tmp_path):
    with pytest.raises(InputError, match="has 3 rows, too few"):
        select_rows(examples_of(3), TASKS["cola"], "held-out", tmp_path)
