"""Tokens by the text that the page shows for them."""

from collections.abc import Mapping
from functools import lru_cache

from babyllama.errors import InputError
from babyllama.play.models import Group
from babyllama.play.reading import Token, refuse_no_text, tokens_of


def token_answer(group: Group, text: str) -> Token:
    """The token with exactly this text; a control token or a part of a character by its name.

    Raises:
        InputError: the text is none or several tokens; says which.
    """
    refuse_no_text(text)
    found = _by_text(group).get(text)
    if found is not None:
        return found
    ids = group.tokenizer.encode(text, add_special_tokens=False)
    pieces = ", ".join(_quoted(each.text) for each in tokens_of(group.tokenizer, ids)[:20])
    raise InputError(
        f"{_quoted(text)} is not one token of this vocabulary",
        why=f"It is read as {pieces}." if ids else "",
        mend=_spaced(group, text) or "Type one token as the page shows it; ␣ is a space.",
    )


def first_token(group: Group, word: str) -> Token:
    """The token that a word begins with, in the middle of a text if it can stand there.

    Raises:
        InputError: there is no word.
    """
    refuse_no_text(word)
    for text in (word if word[0].isspace() else f" {word}", word):
        if found := _by_text(group).get(text):
            return found
    ids = group.tokenizer.encode(word, add_special_tokens=False)
    if not ids:
        raise InputError("there is no token in this", mend="Type a word.")
    return tokens_of(group.tokenizer, ids[:1])[0]


def _spaced(group: Group, text: str) -> str:
    """The same text with a space before it or without, if that is a token; "" if not."""
    other = text.removeprefix(" ") if text.startswith(" ") else f" {text}"
    if other not in _by_text(group):
        return ""
    how = "with a space before it" if other.startswith(" ") else "without the space"
    return f"It is one {how}: type {visible(other)}"


def _quoted(text: str) -> str:
    return f"“{visible(text)}”"


def visible(text: str) -> str:
    """A text with its spaces as the page shows them, and as it takes them."""
    return text.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")


@lru_cache(maxsize=4)
def _by_text(group: Group) -> Mapping[str, Token]:
    """All tokens by their text; of two with the same one, such as a name, that which is text."""
    known = range(min(len(group.tokenizer), group.models[0].ensemble.mixture.vocab_size))
    order = sorted(tokens_of(group.tokenizer, known), key=lambda token: token.kind == "text")
    return {token.text: token for token in order}
