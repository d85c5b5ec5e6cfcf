"""Text that a model generates."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from babyllama.console import print_status
from babyllama.data.tokenizer import load_tokenizer, reserved_tokens
from babyllama.errors import InputError
from babyllama.models.build import positions_of
from babyllama.models.loading import load_model
from babyllama.models.vocabulary import control_token, first_token, shared_vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Sampling:
    """How texts are sampled.

    Attributes:
        n: how many texts.
        max_new_tokens: of a text, at most.
        temperature: what the logits are divided by, > 0; at 0 the likeliest token is always taken.
        top_p: only the likeliest tokens that together have this probability are drawn; 1: all.
    """

    n: int = 1
    seed: int = 0
    max_new_tokens: int = 60
    temperature: float = 1.0
    top_p: float = 1.0


@dataclass(frozen=True)
class Generator:
    """A model that continues texts, with its tokenizer."""

    folder: Path
    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"

    def continuations(self, prompt: str, sampling: Sampling) -> list[str]:
        """A prompt with `n` continuations, which end early at the model's EOS or last position.

        At temperature 0 all are the same, and only one is made.

        Raises:
            InputError: a prompt that is not text, has no token, has a token that the model does not
                know, or is longer than its positions.
        """
        from transformers import GenerationConfig

        _refuse_no_text(prompt)
        model, tokenizer = self.model, self.tokenizer
        known = shared_vocabulary(model.config, tokenizer)
        ids = tokenizer.encode(prompt, add_special_tokens=False)
        if (first := first_token([model.config], tokenizer, known=known)) is not None:
            ids = [first, *ids]
        _refuse_unknown(self.folder, tokenizer, ids, known)
        eos = control_token(model.config, tokenizer, "eos", known=known)
        how: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            how = {"do_sample": True, "top_k": 0, "num_return_sequences": sampling.n,
                   "temperature": sampling.temperature, "top_p": sampling.top_p}  # fmt: skip
        # In place of the folder's generation_config.json.
        model.generation_config = GenerationConfig(
            eos_token_id=eos, pad_token_id=0 if eos is None else eos, bos_token_id=None,
            max_new_tokens=_fitting_tokens(model, self.folder, len(ids), sampling.max_new_tokens),
            # Tokens that pad the vocabulary: reserved ones, and rows beyond the tokenizer.
            suppress_tokens=_padding(model, tokenizer, known) or None, **how,
        )  # fmt: skip
        torch.manual_seed(sampling.seed)
        drawn = model.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64)
        )
        # Under the `lines` layout a new line is a special token; it is shown as a space.
        return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in drawn]


def load_generator(folder: Path) -> Generator:
    """Load a model that continues texts.

    Raises:
        InputError: as `load_model` and `load_tokenizer`.
    """
    return Generator(folder, load_model(folder), load_tokenizer(folder))


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


def _fitting_tokens(model: "PreTrainedModel", folder: Path, given: int, wanted: int) -> int:
    """How many new tokens fit after those given; the last one needs no position."""
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
