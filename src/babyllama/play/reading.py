"""A text as the tokens that the models of a group read, and the states that they have there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.data.tokenizer import refuse_control_tokens
from babyllama.data.tokenizer_statistics import bytes_of_signs, is_of_bytes
from babyllama.data.word_starts import token_texts
from babyllama.errors import InputError
from babyllama.evaluation.likelihood.texts import Text
from babyllama.play.models import Group, Shown

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_BYTE_FALLBACK = re.compile("<0x([0-9A-F]{2})>")
_KEPT = 64  # states of a text under a model: what is clicked on has mostly been read before


@dataclass(frozen=True)
class Token:
    """A token as the page shows it.

    Attributes:
        text: what it adds to a text; of a control token its name, of a part of a character its
            bytes, as in `byte E5`.
        kind: `special`: a control token, such as the one before a text. `part`: a part of a
            character, which has no text.
    """

    id: int
    text: str
    kind: Literal["text", "special", "part"]


@dataclass(frozen=True)
class Forced:
    """Another token at a place of a text.

    Attributes:
        at: the place, as an index of the tokens that are read, a context token included.
        token: the token that is put there.
        keeps_rest: whether the tokens after it stay; otherwise the text ends there.
    """

    at: int
    token: int
    keeps_rest: bool


@dataclass(frozen=True)
class Reading:
    """A text as the models of a group read it.

    Attributes:
        ids: its tokens, after the rules' context token if there is one.
        begin: how many context tokens there are, 0 or 1.
        cut: how many tokens at its end were left out because the models have too few positions.
        text: the text of `ids`, without the context token.
    """

    ids: tuple[int, ...]
    begin: int
    cut: int
    text: str

    @property
    def first(self) -> int:
        """The place of the first token that is predicted; the one before it is only read."""
        return 1

    @property
    def labels(self) -> Int64[Tensor, " predicted"]:
        """The predicted tokens."""
        return torch.tensor(self.ids[self.first :], dtype=torch.int64)


def read(group: Group, text: str, forced: Sequence[Forced] = ()) -> Reading:
    """Encode a text as `babyllama evaluate` does, with other tokens forced one after the other.

    A text that is longer than the models' positions loses its end.

    Raises:
        InputError: no text, or one that the tokenizer cannot encode; a forced token or its place
            does not exist.
    """
    refuse_no_text(text)
    scorer = group.models[0].scorer
    refuse_control_tokens(group.tokenizer, [text])
    try:
        (encoded,) = scorer.encode([Text(text)])
    except Exception as error:  # tokenizers raises no more specific exception
        raise InputError(
            "the tokenizer cannot encode this text", why=str(error), mend="Change the text."
        ) from None
    ids = [int(each) for each in encoded.ids]
    begin = 0 if scorer.context is None else 1
    if len(ids) == begin:
        raise InputError("the text has no token", mend="Type a word.")
    for each in forced:
        ids = _with_forced(group, ids, each, begin)
    # The last token is only predicted: it needs no position.
    limit = len(ids) if group.positions is None else group.positions + 1
    kept = ids[:limit]
    own = text_of(group.tokenizer, kept[begin:])
    return Reading(tuple(kept), begin, len(ids) - len(kept), own)


def refuse_no_text(text: str, what: str = "the text") -> None:
    """Check that a text has something to read, and can be encoded.

    Args:
        what: names the text in the message.

    Raises:
        InputError: an empty text, or one with half a character.
    """
    if not text:
        raise InputError(f"{what} is empty", mend="Type a word.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{what} contains half a character (a lone surrogate)", mend="Type it again."
        ) from None


def _with_forced(group: Group, ids: list[int], forced: Forced, begin: int) -> list[int]:
    refuse_no_token(group, forced.token)
    if not begin <= forced.at <= len(ids):
        raise InputError(
            f"no token can be forced at place {forced.at}",
            why=f"The text has places {begin} to {len(ids)}.",
            mend="Undo the branch.",
        )
    rest = ids[forced.at + 1 :] if forced.keeps_rest else []
    return [*ids[: forced.at], forced.token, *rest]


def refuse_no_token(group: Group, token: int) -> None:
    """Check that the models of a group know a token.

    Raises:
        InputError: they do not.
    """
    known = group.models[0].ensemble.mixture.vocab_size
    if not 0 <= token < known:
        raise InputError(
            f"there is no token {token}",
            why=f"The models know only 0 to {known - 1}.",
            mend="Choose a token of the list.",
        )


def text_of(tokenizer: "PreTrainedTokenizerFast", ids: Sequence[int]) -> str:
    """The text of some tokens; control tokens have their names in it."""
    return str(
        tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    )


def tokens_of(tokenizer: "PreTrainedTokenizerFast", ids: Sequence[int]) -> list[Token]:
    """Tokens as the page shows them, in the order of their ids."""
    texts = token_texts(tokenizer, list(dict.fromkeys(ids)))
    special = set(tokenizer.all_special_ids)
    return [_token(tokenizer, each, texts[each], is_special=each in special) for each in ids]


def _token(
    tokenizer: "PreTrainedTokenizerFast", token: int, text: str, *, is_special: bool
) -> Token:
    name = str(tokenizer.convert_ids_to_tokens(token))
    if is_special:
        return Token(token, name, "special")
    if not text or "\ufffd" in text:
        return Token(token, _bytes_in_words(tokenizer, name), "part")
    return Token(token, text, "text")


def _bytes_in_words(tokenizer: "PreTrainedTokenizerFast", name: str) -> str:
    """`bytes E5 8C` of the name that a tokenizer gives these two; other names as they are."""
    signs = bytes_of_signs()
    if fallback := _BYTE_FALLBACK.fullmatch(name):
        values = [fallback[1]]
    elif is_of_bytes(tokenizer) and all(sign in signs for sign in name):
        values = [f"{signs[sign]:02X}" for sign in name]
    else:
        return name
    return f"byte{'s' if len(values) > 1 else ''} {' '.join(values)}"


def states_of(group: Group, model: Shown, ids: Sequence[int]) -> Float[Tensor, "positions hidden"]:
    """A model's states after each token, side by side if it is an ensemble."""
    parts = [_states(group.model(part), tuple(ids)) for part in model.parts]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


@lru_cache(maxsize=_KEPT)
def _states(model: Shown, ids: tuple[int, ...]) -> Tensor:
    """Of a single model. An ensemble's are those of its members, which are read once."""
    ensemble = model.ensemble
    return ensemble.states(torch.tensor([ids], dtype=torch.int64, device=ensemble.device))[0]
