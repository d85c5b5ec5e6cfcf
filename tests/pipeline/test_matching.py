"""Twins that are trained as long as their student and all that it needs."""

import pytest

from babyllama.errors import InputError
from babyllama.pipeline.matching import compute_of, with_matched_epochs
from babyllama.pipeline.planning import plan
from babyllama.recipe import Recipe


def with_students(recipe, **students):
    tree = recipe.model_dump(mode="json")
    tree["students"] |= students
    return Recipe.model_validate(tree)


def test_a_matched_twin_costs_what_teachers_signal_and_student_cost(tiny_recipe, tmp_path):
    longest = {"kind": "twin", "of": "distilled", "compute": "matched"}
    recipe, (said,) = with_matched_epochs(with_students(tiny_recipe, longest=longest))

    planned = plan(recipe, tmp_path)
    flops = {each.name: each.flops for each in planned.models}
    per_epoch = flops["twin"] / 2
    total = planned.flops - flops["longest"] - flops["twin"]
    assert flops["longest"] == pytest.approx(total, abs=per_epoch / 2)
    epochs = recipe.pretraining("longest").training.epochs
    assert said.startswith(f"students.longest: {epochs} epochs take about as many FLOPs as ")
    assert with_matched_epochs(recipe)[0] == recipe
    assert recipe.changes("longest")[0] == f"epochs {epochs} instead of 2"
    assert with_matched_epochs(tiny_recipe)[0] is tiny_recipe


def test_all_generations_before_a_student_are_counted_once(tiny_recipe):
    student = tiny_recipe.model_dump(mode="json")["students"]["distilled"]
    recipe = with_students(
        tiny_recipe, second=student | {"teachers": ["distilled"]},
        third=student | {"teachers": ["distilled", "second"]},
    )  # fmt: skip
    first, second, third = (compute_of(recipe, name) for name in ("distilled", "second", "third"))
    assert first < second < third < second + first + second


def test_a_given_teacher_has_no_compute_to_match(tiny_recipe, tmp_path):
    twin = {"kind": "twin", "of": "distilled", "compute": "matched"}
    tree = with_students(tiny_recipe, longest=twin).model_dump(mode="json")
    tree["teachers"]["llama"] = {"path": str(tmp_path)}
    with pytest.raises(InputError, match="llama is a given model, and a twin of distilled"):
        compute_of(Recipe.model_validate(tree), "distilled")


def test_what_sampling_costs_is_planned_and_matched(tiny_recipe, tmp_path):
    student = tiny_recipe.model_dump(mode="json")["students"]["distilled"]
    own = {"kind": "sequences", **{part: student[part] for part in ("model", "training")}}
    half = {"sampling": {"amount": 2, "real_share": 0.5}}
    recipe = with_students(
        tiny_recipe, one=own, same=own | {"training": own["training"] | {"epochs": 1}},
        half=own | half, longest={"kind": "twin", "of": "one", "compute": "matched"},
    )  # fmt: skip
    recipe, _ = with_matched_epochs(recipe)
    planned = plan(recipe, tmp_path)
    flops = {each.name: each.flops for each in planned.models}
    assert list(planned.sampling_flops) == ["one", "half"]
    assert planned.sampling_flops["half"] == planned.sampling_flops["one"]
    # A round reads as much as it adds; a training takes three times a forward pass each epoch.
    teachers = flops["llama"] + flops["gpt2"]
    assert planned.sampling_flops["one"] == pytest.approx(2 * teachers / (3 * 2))
    assert (flops["half"], flops["one"]) == (2 * flops["twin"], flops["twin"])
    total = teachers + planned.sampling_flops["one"] + flops["one"]
    assert flops["longest"] == pytest.approx(total, abs=flops["twin"] / 4)
    assert planned.flops == pytest.approx(
        sum(flops.values()) + planned.signal_flops + sum(planned.sampling_flops.values())
    )
