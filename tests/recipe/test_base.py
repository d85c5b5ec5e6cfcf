import pytest

from babyllama.recipe import load_recipe
from babyllama.recipe.base import divisor_of, nearest, nearest_name


def test_a_recipe_cannot_be_changed_once_it_is_checked():
    with pytest.raises(ValueError, match="frozen"):
        load_recipe("mini").seed = 3


def test_the_closest_known_name_is_suggested_and_none_that_is_far():
    assert nearest("alpa", ["seed", "alpha"]) == "Did you mean alpha?"
    assert nearest_name("alpa", ["seed", "alpha"]) == "alpha"
    assert nearest("xyzzy", ["seed", "alpha"]) == nearest_name("xyzzy", ["seed", "alpha"]) == ""
    assert nearest("size", ["file"]) == nearest("text", ["meta"]) == ""


def test_a_name_itself_is_no_suggestion_and_blanks_in_one_are_shown():
    assert nearest("alpha", ["seed", "alpha"]) == ""
    assert nearest("text", [" text"]) == "Did you mean ' text'?"


def test_a_value_must_divide_the_earlier_field_unless_that_one_has_a_mistake_of_its_own():
    assert divisor_of("batch_size", 4, {"batch_size": 8}) == 4
    assert divisor_of("batch_size", 5, {}) == 5
    with pytest.raises(ValueError, match="it does not divide batch_size 8"):
        divisor_of("batch_size", 5, {"batch_size": 8})
