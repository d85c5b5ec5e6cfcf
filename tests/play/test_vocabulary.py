"""Tokens by the text that is typed."""

import pytest

from babyllama.errors import InputError
from babyllama.play.reading import read, tokens_of
from babyllama.play.vocabulary import first_token, token_answer


def test_every_token_of_a_text_is_found_by_what_the_page_shows(group):
    shown = tokens_of(group.tokenizer, read(group, "The cat sees a dog, é🦙").ids)
    assert {token.kind for token in shown} == {"text", "special", "part"}
    assert [token_answer(group, token.text) for token in shown] == shown


def test_what_is_not_one_token_is_refused_with_the_tokens_it_has_and_what_to_type(group):
    with pytest.raises(InputError, match="“␣the␣cat” is not one token") as caught:
        token_answer(group, " the cat")
    assert "“␣cat”" in caught.value.why
    assert caught.value.mend == "Type one token as the page shows it; ␣ is a space."
    with pytest.raises(InputError, match="“cat” is not one token") as caught:
        token_answer(group, "cat")
    assert caught.value.mend == "It is one with a space before it: type ␣cat"
    with pytest.raises(InputError, match="the text is empty"):
        token_answer(group, "")


def test_a_predicted_word_counts_by_its_first_token_after_a_space(group):
    whole = first_token(group, "cat")
    assert whole.text == first_token(group, " cat").text == " cat"
    assert first_token(group, ".").text == "."
    part = first_token(group, "catcat")
    ids = group.tokenizer.encode("catcat", add_special_tokens=False)
    assert (part.id, len(ids) > 1) == (ids[0], True)
    with pytest.raises(InputError, match="the text is empty"):
        first_token(group, "")
