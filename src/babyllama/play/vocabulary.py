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
    pieces = ", ".join(f"“{each.text}”" for each in tokens_of(group.tokenizer, ids)[:20])
    raise InputError(
        f"“{text}” is not one token of this vocabulary",
        why=f"It is read as {pieces}." if len(ids) > 1 else "",
        mend=_spaced(group, text),
    )


def _spaced(group: Group, text: str) -> str:
    other = text.removeprefix(" ") if text.startswith(" ") else f" {text}"
    if other in _by_text(group):
        return f"“{other}” is one, {'with' if other.startswith(' ') else 'without'} a space."
    return "A token after a space begins with the space."


@lru_cache(maxsize=4)
def _by_text(group: Group) -> Mapping[str, Token]:
    """All tokens by their text; of two with the same one, such as a name, that which is text."""
    known = range(min(len(group.tokenizer), group.models[0].ensemble.mixture.vocab_size))
    order = sorted(tokens_of(group.tokenizer, known), key=lambda token: token.kind == "text")
    return {token.text: token for token in order}
