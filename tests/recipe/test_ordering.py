"""Orders of windows: how the share of the windows grows, and what decides a training."""

import math

import pytest
from raw_recipes import changed, refusal

from babyllama.recipe import FileOrder, MeasuredOrder, Recipe, decisive_fields, load_recipe, parse

ORDER = "students.distilled.training.order"


def order(**fields):
    return MeasuredOrder.model_validate({"by": "length", "start": 0.2, "until": 0.5, **fields})


@pytest.mark.parametrize(
    ("pacing", "middle"),
    [("linear", 0.6), ("root", math.sqrt((0.2**2 + 1) / 2)), ("step", 0.2)],
)
def test_the_share_grows_from_its_start_until_all_windows_are_eligible(pacing, middle):
    shares = [order(pacing=pacing).eligible_share(done / 100) for done in range(101)]
    assert shares[0] == pytest.approx(0.2)
    assert shares[25] == pytest.approx(middle)
    assert shares == sorted(shares)
    assert shares[49] < 1
    assert shares[50:] == [1] * 51


def test_an_order_is_said_in_words():
    assert str(order(reverse=True)) == (
        "windows by length, hard first: 20% of them at the start, all after 50% of the updates "
        "(linear)"
    )


def test_a_training_without_an_order_is_recorded_as_before_and_one_with_it_in_full():
    plain, ordered = (
        load_recipe("mini", settings).pretraining("twin").training
        for settings in ((), (f"{ORDER}={{by: rarity}}",))
    )
    assert "order" not in decisive_fields(plain)
    assert decisive_fields(ordered)["order"] == {
        "by": "rarity", "pacing": "linear", "start": 0.1, "until": 0.5, "reverse": False,
    }  # fmt: skip


def test_the_place_of_a_file_decides_nothing_since_its_contents_do():
    one, other = (FileOrder(by="file", file=path) for path in ("a/numbers.txt", "b.txt"))
    assert decisive_fields(one) == decisive_fields(other)


def test_another_by_carries_no_field_of_the_old_order_over():
    old, new = "{by: domain, domains: [a], start: 0.3}", "{by: rarity}"
    base = (f"students.distilled.training.order={old}",)
    like = (*base, f"students.second={{like: distilled, training: {{order: {new}}}}}")
    assert load_recipe("mini", like).students["second"].training.order == MeasuredOrder(by="rarity")


def test_a_twin_has_its_students_order_unless_it_changes_it():
    tree = changed(ORDER, {"by": "domain", "domains": ["a", "b"], "start": 0.3})
    tree["students"]["twin"]["training"] = {"order": {"by": "length"}}
    recipe = parse(Recipe, tree, "mine.yaml")
    assert recipe.pretraining("twin").training.order == MeasuredOrder(by="length")
    assert "order length instead of domain" in recipe.changes("twin")


@pytest.mark.parametrize(
    ("value", "what", "rest"),
    [
        ({"by": "lenght"}, f"{ORDER}.by is 'lenght'", "Did you mean length?"),
        ({"by": "length", "start": 0}, f"{ORDER}.start is 0", "Permitted: above 0 and 1 or less."),
        ({"by": "rarity", "start": 1.5}, f"{ORDER}.start is 1.5", "above 0 and 1 or less"),
        ({"by": "length", "until": 0}, f"{ORDER}.until is 0", "above 0 and 1 or less"),
        ({"by": "length", "file": "x"}, f"{ORDER}.file is not a field", "Known here: by, pacing"),
        ({"by": "domain", "domains": ["a", "a"]}, f"{ORDER}.domains is", "'a' is named twice"),
        ({"by": "file"}, f"{ORDER}.file is missing", "A number per line"),
    ],
)
def test_a_wrong_order_is_named(value, what, rest):
    error = refusal(changed(ORDER, value))
    assert what in error.what
    assert rest in f"{error.why} {error.mend}"


def test_jittered_windows_have_no_order():
    tree = changed("students.distilled.training.windows", {"kind": "jittered"})
    tree["students"]["distilled"]["training"]["order"] = {"by": "length"}
    tree["signal"] = {"kind": "online"}
    assert "an order needs fixed or shifted windows" in refusal(tree).why
