"""Text that a model generates."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from babyllama.console import print_status
from babyllama.data.tokenizer import load_tokenizer, reserved_tokens
from babyllama.errors import InputError
from babyllama.models.build import positions_of
from babyllama.models.loading import load_model
from babyllama.models.vocabulary import control_token, first_token, shared_vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def continuations(
    folder: Path, prompt: str, *, n: int, seed: int, max_new_tokens: int
) -> list[str]:
    """`n` continuations of a prompt, sampled from the model's own distribution.

    They end early at the model's EOS or at its last position. A folder's generation_config.json
    does not count.

    Raises:
        InputError: as `load_model` and `load_tokenizer`; a prompt that is not text, has no token,
            has a token that the model does not know, or is longer than its positions.
    """
    from transformers import GenerationConfig

    _refuse_no_text(prompt)
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    known = shared_vocabulary(model.config, tokenizer)
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    if (first := first_token([model.config], tokenizer, known=known)) is not None:
        ids = [first, *ids]
    _refuse_unknown(folder, tokenizer, ids, known)
    eos = control_token(model.config, tokenizer, "eos", known=known)
    model.generation_config = GenerationConfig(
        do_sample=True, top_k=0, num_return_sequences=n, eos_token_id=eos,
        pad_token_id=0 if eos is None else eos, bos_token_id=None,
        max_new_tokens=_possible(model, folder, len(ids), max_new_tokens),
        # Tokens that pad the vocabulary: reserved ones, and rows beyond the tokenizer.
        suppress_tokens=_padding(model, tokenizer, known) or None,
    )  # fmt: skip
    torch.manual_seed(seed)
    drawn = model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64)
    )
    # Under the `lines` layout a new line is a special token; it is shown as a space.
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in drawn]


def _padding(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", known: int
) -> list[int]:
    rows = int(model.config.get_text_config().vocab_size)
    return [*reserved_tokens(tokenizer), *range(known, rows)]


def _refuse_no_text(prompt: str) -> None:
    try:
        prompt.encode()
    except UnicodeEncodeError:  # bytes of the command line that are not UTF-8
        raise InputError(
            f"the prompt is not UTF-8 text: {prompt!r}", mend="Type it in a UTF-8 terminal."
        ) from None


def _refuse_unknown(
    folder: Path, tokenizer: "PreTrainedTokenizerFast", ids: list[int], known: int
) -> None:
    if not ids:
        raise InputError(
            "the prompt has no token, and the model names none that starts a text",
            mend="Give a prompt: --prompt The",
        )
    unknown = next((token for token in ids if token >= known), None)
    if unknown is not None:
        raise InputError(
            f"the prompt needs token {unknown}, {tokenizer.convert_ids_to_tokens(unknown)!r}, but "
            f"{folder} knows only 0 to {known - 1}",
            mend="Use the tokenizer that the model was trained with.",
        )


def _possible(model: "PreTrainedModel", folder: Path, given: int, wanted: int) -> int:
    """How many tokens fit behind those that are given: the last one needs no position."""
    positions = positions_of(model.config)
    if positions is None:
        return wanted
    if given > positions:
        raise InputError(
            f"the prompt needs {given} positions, {folder} has {positions}",
            why="The model has learnt nothing about later positions.",
            mend="Shorten the prompt, or use a model with more positions.",
        )
    possible = min(wanted, positions - given + 1)
    if possible < wanted:
        print_status(f"  {folder} has {positions} positions: {possible} new tokens at most")
    return possible
