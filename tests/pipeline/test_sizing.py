import pytest

from babyllama.errors import InputError
from babyllama.pipeline import sizing
from babyllama.pipeline.sharing import Machine
from babyllama.pipeline.sizing import LADDER, choose, settings_of
from babyllama.recipe import load_recipe


@pytest.fixture(autouse=True)
def speed(monkeypatch):
    """Each size trains at the speed of this machine: a hundred billion operations a second."""
    monkeypatch.setattr(sizing, "trial_flops", lambda *_: 1e11)
    monkeypatch.setattr(sizing, "this_machine", lambda: Machine(cores=1))


def test_with_time_enough_all_the_text_is_used_and_the_sizes_suit_it():
    for words, rung in ((9_000, 0), (60_000, 1), (950_000, 3)):
        choice = choose(words, 10**9)
        assert (LADDER.index(choice.rung), choice.share) == (rung, 1.0)


def test_less_time_takes_a_part_of_the_text_and_smaller_sizes():
    hour, minutes = choose(950_000, 3600), choose(950_000, 600)
    assert minutes.share < 1
    assert LADDER.index(minutes.rung) <= LADDER.index(hour.rung)
    for choice in (hour, minutes):
        assert choice.share * 950_000 >= choice.rung.least
    assert minutes.seconds <= 600


def test_a_time_that_is_too_short_is_exceeded_by_the_fewest_words():
    choice = choose(950_000, 0.1)
    assert choice.seconds > 0.1
    assert round(choice.share * 950_000) == 5_000


def test_a_card_that_is_not_known_is_refused():
    assert choose(60_000, 3600, card="h100").share == 1
    with pytest.raises(InputError, match="--machine h1: no such card"):
        choose(60_000, 3600, card="h1")


@pytest.mark.parametrize("rung", LADDER)
def test_every_size_is_a_recipe(rung):
    settings = tuple(f"{path}={value}" for path, value in settings_of(rung).items())
    recipe = load_recipe("laptop", settings)
    assert recipe.tokenizer.vocab_size == rung.vocab_size
    assert recipe.teachers["gpt2"].model.n_layer == rung.teacher[1]
