"""Which tokens a model and its tokenizer share, and which of them starts a text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from babyllama.console import print_status
from babyllama.errors import InputError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast


def shared_vocabulary(config: "PretrainedConfig", tokenizer: "PreTrainedTokenizerFast") -> int:
    """The number of the tokenizer's tokens that a model knows.

    Tokens that were added to a tokenizer may be beyond the model, as long as no text has them: a
    class's default unknown token, for example.

    Raises:
        InputError: the model lacks tokens that texts have.
    """
    known, size = int(config.get_text_config().vocab_size), len(tokenizer)
    beyond = [*range(known, size)]
    if not beyond:
        return size
    if any(token not in tokenizer.added_tokens_decoder for token in beyond):
        raise InputError(
            f"{_name(config)} has {known} tokens, the tokenizer has {size}",
            mend="Use the tokenizer that the model was trained with.",
        )
    names = ", ".join(repr(str(tokenizer.added_tokens_decoder[token])) for token in beyond[:5])
    print_status(
        f"  {_name(config)}: the model does not know the added tokens {names}; a text that has "
        "one is refused",
        style="dim",
    )
    return known


def first_token(
    configs: Sequence["PretrainedConfig"], tokenizer: "PreTrainedTokenizerFast", *, known: int
) -> int | None:
    """The BOS, or else the EOS, that the models' configuration names; None if it names none.

    Args:
        configs: of all models of an ensemble. They must name the same token: otherwise some of
            them never saw it in training.
        known: the size of the models' vocabulary.

    Raises:
        InputError: what `control_token` raises.
    """
    for role in ("bos", "eos"):
        tokens = {control_token(config, tokenizer, role, known=known) for config in configs}
        token = tokens.pop()
        if token is not None and not tokens:
            return token
    return None


def control_token(
    config: "PretrainedConfig",
    tokenizer: "PreTrainedTokenizerFast",
    role: Literal["bos", "eos"],
    *,
    known: int,
) -> int | None:
    """The token that a configuration names as BOS or EOS, if the tokenizer agrees.

    A configuration that was left at its defaults names tokens that mean something else here, such
    as a quotation mark. So the tokenizer must name the same token, or call it special.

    Args:
        known: the size of the model's vocabulary.

    Raises:
        InputError: a token beyond the vocabulary, unless it is the architecture's default.
    """
    field = f"{role}_token_id"
    named = getattr(config, field, None)
    token = named[0] if isinstance(named, list) and named else named  # the first is the usual one
    if not isinstance(token, int):
        return None
    if token >= known:
        if token != getattr(type(config)(), field, None):
            raise InputError(
                f"{_name(config)}/config.json: {field} is {token}, but the model knows only 0 to "
                f"{known - 1}",
                why="A text would start with a token that the model does not have.",
                mend=f"Set {field} to the tokenizer's, or to null.",
            )
        _say_ignored(config, field, f"{token}, the library's default, beyond the vocabulary")
        return None
    if token == getattr(tokenizer, field) or token in _special(tokenizer):
        return token
    text = tokenizer.convert_ids_to_tokens(token)
    _say_ignored(config, field, f"{token}, the ordinary token {text!r}")
    return None


def _special(tokenizer: "PreTrainedTokenizerFast") -> set[int]:
    """Special tokens with no other role than to begin or end a text, as far as is known."""
    others = {tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id}
    added = tokenizer.added_tokens_decoder
    return {token for token, each in added.items() if each.special} - others


def _say_ignored(config: "PretrainedConfig", field: str, what: str) -> None:
    print_status(f"  {_name(config)}: config.json has {field} {what}; it is not used")


def _name(config: "PretrainedConfig") -> str:
    return str(config.name_or_path or config.model_type)
