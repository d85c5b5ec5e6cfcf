"""Tokens by the text that is typed."""

import pytest

from babyllama.errors import InputError
from babyllama.play.reading import read, tokens_of
from babyllama.play.vocabulary import token_answer


def test_every_token_of_a_text_is_found_by_what_the_page_shows(group):
    shown = tokens_of(group.tokenizer, read(group, "The cat sees a dog, é🦙").ids)
    assert {token.kind for token in shown} == {"text", "special", "part"}
    assert [token_answer(group, token.text) for token in shown] == shown


def test_what_is_not_one_token_is_refused_with_the_tokens_it_has(group):
    with pytest.raises(InputError, match="“ the cat” is not one token") as caught:
        token_answer(group, " the cat")
    assert "“ cat”" in caught.value.why
    with pytest.raises(InputError, match="the text is empty"):
        token_answer(group, "")
