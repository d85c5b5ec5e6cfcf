"""A text as the models read it, and as the page shows it."""

import pytest
import torch

from babyllama.errors import InputError
from babyllama.play.reading import Forced, read, states_of, tokens_of

TEXT = "The cat sees a dog."


def shown(group, ids):
    return [(token.text, token.kind) for token in tokens_of(group.tokenizer, ids)]


def test_a_text_follows_the_rules_context_token(group):
    reading = read(group, TEXT)
    assert shown(group, reading.ids[:1]) == [("<s>", "special")]
    assert (
        "".join(token.text for token in tokens_of(group.tokenizer, reading.ids[1:])) == " " + TEXT
    )
    assert (reading.first, reading.cut, reading.text) == (1, 0, " " + TEXT)
    assert reading.labels.tolist() == list(reading.ids[1:])


def test_line_ends_markup_and_control_tokens_that_are_spelt_out_are_text(group):
    ids = read(group, "</s>\n<b>\x1b[1m").ids[1:]
    assert {kind for _, kind in shown(group, ids)} == {"text"}
    assert "".join(text for text, _ in shown(group, ids)) == " </s>\n<b>\x1b[1m"


def test_a_part_of_a_character_is_shown_as_its_bytes(group):
    ids = read(group, "🦙").ids[1:]
    parts = [text for text, kind in shown(group, ids) if kind == "part"]
    values = " ".join(text.removeprefix("bytes ").removeprefix("byte ") for text in parts)
    assert values.removeprefix("20 ") == "🦙".encode().hex(" ").upper()
    assert {text.split()[0] for text in parts} <= {"byte", "bytes"}


def test_a_text_longer_than_the_positions_loses_its_end(group):
    reading = read(group, "cat " * 400)
    whole = group.tokenizer("cat " * 400, add_special_tokens=False)["input_ids"]
    # The last token is only predicted.
    assert (len(reading.ids), reading.cut) == (257, len(whole) + 1 - 257)
    assert list(reading.ids[1:]) == whole[:256]


def test_a_forced_token_replaces_one_and_the_rest_stays_or_goes(group):
    ids = read(group, TEXT).ids
    assert read(group, TEXT, [Forced(2, 7, True)]).ids == (*ids[:2], 7, *ids[3:])
    assert read(group, TEXT, [Forced(2, 7, False)]).ids == (*ids[:2], 7)
    assert read(group, TEXT, [Forced(2, 7, False), Forced(3, 9, True)]).ids == (*ids[:2], 7, 9)


@pytest.mark.parametrize(
    ("text", "forced", "what"),
    [
        ("", [], "the text is empty"),
        ("half \ud83e", [], "half a character"),
        (TEXT, [Forced(2, 99_999, True)], "there is no token 99999"),
        (TEXT, [Forced(0, 7, True)], "no token can be forced at place 0"),
        (TEXT, [Forced(99, 7, True)], "no token can be forced at place 99"),
    ],
)
def test_what_cannot_be_read_is_refused(group, text, forced, what):
    with pytest.raises(InputError, match=what):
        read(group, text, forced)


def test_an_ensembles_states_are_those_of_its_members(group):
    ids = read(group, TEXT).ids
    ensemble = group.model("ensemble")
    expected = ensemble.ensemble.states(torch.tensor([ids]))[0]
    torch.testing.assert_close(states_of(group, ensemble, ids), expected)
