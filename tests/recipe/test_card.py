"""What a recipe states for the cards: checked, and without effect on what is made."""

import pytest
from pydantic import ValidationError

from babyllama.recipe import CardRecipe, decisive_fields, load_recipe


@pytest.mark.parametrize(
    ("field", "value"),
    [("license", "MIT"), ("license", "my licence"), ("license", ""), ("language", ("German",)),
     ("language", ("DE",)), ("datasets", ("a/b/c",)), ("datasets", ("a b",))],
)  # fmt: skip
def test_what_the_hub_would_refuse_is_refused(field, value):
    with pytest.raises(ValidationError, match="is not"):
        CardRecipe(**{field: value})


def test_what_the_hub_reads_is_accepted():
    stated = CardRecipe(license="cc-by-sa-4.0", language=("en", "nld"), datasets=("a/b@4f2a", "c"))
    assert stated.license == "cc-by-sa-4.0"


def test_a_card_decides_nothing_that_is_made():
    recipe = load_recipe("mini", ("card.license=mit", "card.language=[de]"))
    assert recipe.card.language == ("de",)
    assert decisive_fields(recipe) == decisive_fields(load_recipe("mini"))
