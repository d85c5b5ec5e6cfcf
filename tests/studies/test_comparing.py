"""Declared comparisons written out, and what names nothing refused."""

import pytest

from babyllama.errors import InputError
from babyllama.recipe import load_recipe
from babyllama.studies.comparing import (
    Side,
    main_of,
    pairs_of,
    refuse_unknown_measures,
    unmeasured,
)
from babyllama.studies.study import StudyRecipe


@pytest.fixture(scope="module")
def recipes():
    recipe = load_recipe("mini")
    return {"cold": recipe, "warm": recipe, "hot": recipe}


def study(*compare, **changes):
    return StudyRecipe.model_validate(
        {"name": "s", "question": "?", "recipe": "mini", "compare": compare, **changes}
    )


def written(made, recipes):
    return [
        (f"{p.ours.cell}/{p.ours.model}", f"{p.theirs.cell}/{p.theirs.model}")
        for p in pairs_of(made, recipes)
    ]


def test_models_are_compared_cell_by_cell(recipes):
    found = written(study({"ours": "distilled", "theirs": "twin"}), recipes)
    assert found == [(f"{cell}/distilled", f"{cell}/twin") for cell in recipes]


def test_a_star_is_each_other_cells_main_student(recipes):
    found = written(study({"ours": "*", "theirs": "warm"}), recipes)
    assert found == [("cold/distilled", "warm/distilled"), ("hot/distilled", "warm/distilled")]


def test_cells_and_models_of_cells_are_single_sides(recipes):
    made = study({"ours": "cold", "theirs": "hot/twin"}, {"ours": "cold", "theirs": "hot/twin"})
    assert written(made, recipes) == [("cold/distilled", "hot/twin")]
    fixed = written(study({"ours": "twin", "theirs": "cold/llama"}), recipes)
    assert fixed == [(f"{cell}/twin", "cold/llama") for cell in recipes]


def test_names_say_what_tells_the_two_apart(recipes):
    (first, *_) = pairs_of(study({"ours": "distilled", "theirs": "twin"}), recipes)
    assert first.called(1) == ("distilled", "twin")
    assert first.called(3) == ("cold/distilled", "cold/twin")
    (other,) = pairs_of(study({"ours": "cold", "theirs": "hot"}), recipes)
    assert other.called(3) == ("cold", "hot")
    (mixed,) = pairs_of(study({"ours": "cold", "theirs": "hot/twin"}), recipes)
    assert mixed.called(3) == ("cold/distilled", "hot/twin")


def test_a_side_that_names_nothing_is_refused_with_the_nearest_name(recipes):
    with pytest.raises(InputError, match="'warn' is neither") as caught:
        pairs_of(study({"ours": "warn", "theirs": "hot"}), recipes)
    assert "warm" in caught.value.mend
    with pytest.raises(InputError, match="no such pair"):
        pairs_of(study({"ours": "hot", "theirs": "hot"}), recipes)


def test_a_measure_that_nothing_measures_is_refused_with_the_nearest_name(recipes):
    declared = {"ours": "cold", "theirs": "hot"}
    fine = ["dev_cross_entropy", "grammar", "calibration_error", "cross_entropy/domain/stories"]
    refuse_unknown_measures(study(declared, measure=fine), recipes)
    with pytest.raises(InputError, match="no measure 'gramar'") as caught:
        refuse_unknown_measures(study(declared, measure=["gramar"]), recipes)
    assert "grammar" in caught.value.mend


def test_the_main_student_may_be_chosen(recipes):
    made = study({"ours": "cold", "theirs": "hot"}, student="twin")
    assert main_of(made, recipes["cold"]) == "twin"
    assert pairs_of(made, recipes)[0].ours == Side("cold", "twin")


def test_margins_of_measures_that_no_cell_has_are_found(recipes):
    rule = {"smallest": {"dev_cross_entropy": 0.1, "blimp": 1, "grammar": 1, "copying/text": 0.1}}
    made = study({"ours": "distilled", "theirs": "twin"}, decide=rule)
    assert unmeasured(made, recipes) == ["blimp"]
