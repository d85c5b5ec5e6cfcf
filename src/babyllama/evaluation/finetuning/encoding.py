"""Examples as tokens, in the form in which models read them, and as padded batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.data import Example

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

# input_ids and perhaps token_type_ids, lists of equal length; labels, a number.
Row = dict[str, Any]


@dataclass(frozen=True)
class Encoded:
    """The rows of a file.

    Attributes:
        cut: how many of them were longer than the limit.
    """

    rows: list[Row]
    cut: int


@dataclass(frozen=True)
class Padding:
    """Puts rows into a batch: always on the right, and hidden by the attention mask.

    Attributes:
        token: what fills up.
    """

    token: int

    def __call__(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        longest = max(len(row["input_ids"]) for row in rows)
        batch: dict[str, list[list[int]]] = {"input_ids": [], "attention_mask": []}
        if "token_type_ids" in rows[0]:
            batch["token_type_ids"] = []
        for row in rows:
            length = len(row["input_ids"])
            missing = longest - length
            batch["attention_mask"].append([1] * length + [0] * missing)
            batch["input_ids"].append(row["input_ids"] + [self.token] * missing)
            if "token_type_ids" in batch:
                batch["token_type_ids"].append(row["token_type_ids"] + [0] * missing)
        tensors = {key: torch.tensor(values) for key, values in batch.items()}
        return {**tensors, "labels": torch.tensor([row["labels"] for row in rows])}


def encode(
    examples: Sequence[Example],
    tokenizer: "PreTrainedTokenizerFast",
    config: "PretrainedConfig",
    *,
    max_length: int,
    path: Path,
) -> Encoded:
    """Tokenise; two texts go to the tokenizer as a pair, and the longer is cut first.

    Which of the two a token belongs to is told to models that have embeddings for it, as BERT, if
    their tokenizer says it. It is not told to others: GPT-2 would add those of the tokens 0 and 1.

    Raises:
        InputError: a text without any token, or one that the tokenizer cannot encode.
    """
    seconds = [example.second for example in examples]
    knows_types = (getattr(config, "type_vocab_size", 0) or 0) > 1
    knows_types = knows_types and "token_type_ids" in tokenizer.model_input_names
    try:
        found = tokenizer(
            [example.first for example in examples],
            None if seconds[0] is None else seconds,
            truncation="longest_first",
            max_length=max_length,
            return_token_type_ids=knows_types,
            return_attention_mask=False,
        )
    except Exception as error:  # the library's only exception
        raise InputError(f"{path}: cannot be tokenised: {error}") from None
    rows = []
    for number, example in enumerate(examples):
        row: Row = {"input_ids": found["input_ids"][number], "labels": example.label}
        if not row["input_ids"]:
            raise InputError(
                f"{path}: row {number} has no token",
                why=f"Its text is {example.first!r}, and the tokenizer adds none of its own.",
                mend="Remove the row.",
            )
        if knows_types:
            row["token_type_ids"] = found["token_type_ids"][number]
        rows.append(row)
    return Encoded(rows, cut=sum(bool(each.overflowing) for each in found.encodings))


def padding_for(
    rows: Sequence[Row],
    tokenizer: "PreTrainedTokenizerFast",
    config: "PretrainedConfig",
    *,
    is_decoder: bool,
    vocab_size: int,
) -> Padding:
    """What to fill up with.

    transformers takes the last token that is not the padding for a decoder's last token. So a
    decoder's padding must be a token that no row holds: the tokenizer's own if it can be, else one
    that stands for no text, else any. To a masked model the attention mask says it all.
    """
    named = (tokenizer.pad_token_id, config.pad_token_id, tokenizer.unk_token_id)
    ends = (tokenizer.eos_token_id, tokenizer.bos_token_id)
    known = [token for token in (*named, *ends) if token is not None and token < vocab_size]
    if not is_decoder:
        return Padding(known[0] if known else 0)
    held = {token for row in rows for token in row["input_ids"]}
    for token in (*known, *range(vocab_size - 1, -1, -1)):
        if token not in held:
            return Padding(token)
    raise InputError(
        f"no token is left to fill up with: the rows hold all {vocab_size}",
        why="A decoder is read at its last token, so the padding must be told from text.",
        mend="Give the tokenizer a pad token.",
    )


def refuse_unknown_tokens(rows: Sequence[Row], *, vocab_size: int, folder: Path) -> None:
    """Check that a model has an embedding for every token.

    Raises:
        InputError: names the token and the sizes.
    """
    highest = max(max(row["input_ids"]) for row in rows)
    if highest >= vocab_size:
        raise InputError(
            f"{folder}: its tokenizer gives token {highest}, but the model knows only 0 to "
            f"{vocab_size - 1}",
            why="The tokenizer is another model's, or it was extended after the training.",
            mend="Put the model's own tokenizer into its folder.",
        )
