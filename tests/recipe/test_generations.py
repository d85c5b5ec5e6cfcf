"""Students that learn from students: their order, and teachers that cannot be."""

import copy

import pytest
from raw_recipes import MINI, changed, refusal

from babyllama.recipe import Recipe, parse

STUDENT = {"kind": "distilled"} | {part: MINI["students"]["distilled"][part]
                                   for part in ("model", "training")}  # fmt: skip


def chain(**students):
    """The mini recipe with more students, first those given here, each with its teachers."""
    tree = copy.deepcopy(MINI)
    more = {name: STUDENT | {"teachers": teachers} for name, teachers in students.items()}
    tree["students"] = more | tree["students"]
    return tree


def test_students_are_trained_after_the_students_that_teach_them():
    recipe = parse(Recipe, chain(third=["second"], second=["distilled"]), "mine.yaml")

    assert recipe.generations == {"distilled": 0, "twin": 0, "second": 1, "third": 2}
    assert recipe.teachers_of("third") == ["second"]
    assert recipe.teachers_of("twin") == recipe.teachers_of("distilled") == ["llama", "gpt2"]
    assert recipe.trained_before("third") == ["llama", "gpt2", "distilled", "second"]
    assert list(recipe.readers) == ["distilled"]


def test_a_twin_that_matches_teachers_waits_for_them():
    tree = chain(second=["distilled"])
    tree["students"]["plain"] = {"kind": "twin", "of": "second"}
    tree["students"]["smooth"] = {
        "kind": "twin", "of": "second", "smoothing": {"epsilon": "matched"},
    }  # fmt: skip
    found = parse(Recipe, tree, "mine.yaml").generations
    assert (found["plain"], found["second"], found["smooth"]) == (0, 1, 1)


@pytest.mark.parametrize(
    ("students", "what", "mend"),
    [
        ({"a": ["distiled"]}, "a.teachers names 'distiled'", "Did you mean distilled?"),
        ({"a": ["a"]}, "a.teachers names 'a'", ""),
        ({"a": ["llama", "llama"]}, "a.teachers names llama twice", ""),
        ({"c": ["a"], "a": ["b"], "b": ["a", "llama"]},
         "a.teachers: a learns from b learns from a", ""),
        ({"a": []}, "a.teachers is empty", ""),
    ],
)  # fmt: skip
def test_teachers_that_cannot_be_are_named(students, what, mend):
    error = refusal(chain(**students))
    assert error.what == f"mine.yaml: students.{what}"
    assert error.mend.startswith(mend)


def test_weights_are_counted_against_a_students_own_teachers():
    tree = chain(second=["distilled", "llama", "gpt2"])
    tree["students"]["second"]["weights"] = [0.5, 0.5]
    assert refusal(tree).what == "mine.yaml: students.second.weights has 2 for 3 teachers"


def test_a_stored_signal_need_not_serve_a_student_with_teachers_of_its_own():
    tree = chain(second=["distilled"])
    tree["students"]["second"]["training"] = STUDENT["training"] | {
        "window": 64, "windows": {"kind": "jittered"},
    }  # fmt: skip
    assert parse(Recipe, tree, "mine.yaml").offsets == (0,)


def test_a_stored_signal_that_no_student_reads_is_refused():
    error = refusal(changed("students.distilled.teachers", ["gpt2"]))
    assert error.what == "mine.yaml: signal.kind is hidden, and no student reads the signal"
