"""Tasks as the tokens that one model reads, and everything that is checked before it is trained."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import DataCollatorWithPadding

from babyllama.data.tokenizer import load_tokenizer, refuse_control_tokens
from babyllama.errors import InputError
from babyllama.evaluation.finetuning.classifier import is_decoder, load_classifier
from babyllama.evaluation.finetuning.data import TaskData
from babyllama.evaluation.finetuning.tasks import Example
from babyllama.models.build import positions_of
from babyllama.models.loading import configuration_of
from babyllama.models.model_files import refuse_unusable

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

# What the Trainer takes for an example: `input_ids`, `labels` and perhaps `token_type_ids`.
Features = dict[str, Any]


@dataclass(frozen=True)
class EncodedExamples:
    """The examples of a file, in order.

    Attributes:
        truncated: how many of them were longer than the limit.
    """

    features: list[Features]
    truncated: int


@dataclass(frozen=True)
class EncodedTask:
    """A task's examples for one model.

    Attributes:
        collator: pads a batch.
        max_length: the limit in tokens: the settings' own, or the model's positions if fewer.
    """

    data: TaskData
    train: EncodedExamples
    validation: EncodedExamples
    collator: DataCollatorWithPadding
    max_length: int

    @property
    def name(self) -> str:
        """The name of the task."""
        return self.data.task.name


def encode_tasks(model: Path, tasks: Sequence[TaskData]) -> list[EncodedTask]:
    """Tokenize every task for a model, and check that the model can be trained on it.

    Raises:
        InputError: a folder without a model, a tokenizer or a classification head; a tokenizer
            with tokens that the model does not know; a row without a token.
    """
    refuse_unusable(model)
    tokenizer = load_tokenizer(model)
    config = configuration_of(model)
    return [_encoded(model, data, tokenizer, config) for data in tasks]


def _encoded(
    model: Path, data: TaskData, tokenizer: "PreTrainedTokenizerFast", config: "PretrainedConfig"
) -> EncodedTask:
    limit, positions = data.settings.max_length, positions_of(config)
    if positions is not None:
        limit = min(limit, positions)
    train, validation = (
        encode(examples, tokenizer, config, max_length=limit, path=path)
        for examples, path in (
            (data.train, data.files.train),
            (data.validation, data.files.validation),
        )
    )
    # With the task's own settings: a head that cannot be built is an error now, not after hours.
    classifier = load_classifier(
        model, labels=len(data.task.labels), settings=data.settings, seed=data.settings.seed
    )
    vocab_size = int(classifier.get_input_embeddings().weight.shape[0])
    features = [*train.features, *validation.features]
    refuse_unknown_tokens(features, vocab_size=vocab_size, folder=model)
    collator = collator_for(
        features, tokenizer, config, is_decoder=is_decoder(classifier), vocab_size=vocab_size
    )
    return EncodedTask(data, train, validation, collator, limit)


def encode(
    examples: Sequence[Example],
    tokenizer: "PreTrainedTokenizerFast",
    config: "PretrainedConfig",
    *,
    max_length: int,
    path: Path,
) -> EncodedExamples:
    """Tokenize examples; two texts become the tokenizer's pair, and the longer one is cut first.

    `token_type_ids` say which of two texts a token belongs to. Only models with embeddings for
    them (such as BERT) get them, and only if the tokenizer names them: GPT-2 would add the
    embeddings of tokens 0 and 1.

    Raises:
        InputError: a text without any token, or one that the tokenizer cannot encode.
    """
    seconds = [example.second for example in examples]
    refuse_control_tokens(tokenizer, (f"{each.first} {each.second or ''}" for each in examples))
    has_types = (getattr(config, "type_vocab_size", 0) or 0) > 1
    has_types = has_types and "token_type_ids" in tokenizer.model_input_names
    try:
        found = tokenizer(
            [example.first for example in examples],
            None if seconds[0] is None else seconds,
            truncation="longest_first",
            max_length=max_length,
            return_token_type_ids=has_types,
            return_attention_mask=False,
        )
    except Exception as error:  # the library raises no more specific exception
        raise InputError(
            f"{path}: cannot be tokenized: {error}",
            mend="Check the model's tokenizer on such a text.",
        ) from None
    names = ["input_ids", "token_type_ids"] if has_types else ["input_ids"]
    rows = []
    for number, example in enumerate(examples):
        rows.append({name: found[name][number] for name in names} | {"labels": example.label})
        if not rows[-1]["input_ids"]:
            raise InputError(
                f"{path}: row {number} has no token",
                why=f"Its text is {example.first!r}, and the tokenizer adds no special token.",
                mend="Remove the row.",
            )
    return EncodedExamples(rows, truncated=sum(bool(each.overflowing) for each in found.encodings))


def collator_for(
    rows: Sequence[Features],
    tokenizer: "PreTrainedTokenizerFast",
    config: "PretrainedConfig",
    *,
    is_decoder: bool,
    vocab_size: int,
) -> DataCollatorWithPadding:
    """A collator that pads batches on the right, with a token that cannot be mistaken for text.

    A classification head of transformers reads a decoder at the last token that is not the padding
    token, whatever the attention mask. So the padding of a decoder must not occur in any row.

    Raises:
        InputError: every token that a decoder knows occurs in the rows.
    """
    padded = copy.deepcopy(tokenizer)  # the tokenizer may name another padding token, or none
    padded.padding_side = "right"
    padded.model_input_names = ["input_ids", "attention_mask"]
    used = {token for row in rows for token in row["input_ids"]} if is_decoder else set()
    usable = (
        token
        for token in _padding_tokens(tokenizer, config, vocab_size)
        if token not in used and tokenizer.convert_ids_to_tokens(token) is not None
    )
    token = next(usable, None)
    if token is not None:
        padded.pad_token_id = token
    elif len(tokenizer) < vocab_size:
        padded.add_special_tokens({"pad_token": "<|padding|>"})
    else:
        raise InputError(
            f"no token is left for padding: all {vocab_size} occur in the rows",
            why="A decoder is read at its last token, so the padding must not occur in a text.",
            mend="Give the tokenizer a pad token.",
        )
    return DataCollatorWithPadding(padded)


def _padding_tokens(
    tokenizer: "PreTrainedTokenizerFast", config: "PretrainedConfig", vocab_size: int
) -> list[int]:
    """Candidates, best first: padding tokens, tokens that rarely occur in texts, all others."""
    named = (
        tokenizer.pad_token_id, config.pad_token_id, tokenizer.unk_token_id,
        tokenizer.eos_token_id, tokenizer.bos_token_id,
    )  # fmt: skip
    known = [token for token in named if token is not None and token < vocab_size]
    return [*known, *range(min(vocab_size, len(tokenizer)) - 1, -1, -1)]


def refuse_unknown_tokens(rows: Sequence[Features], *, vocab_size: int, folder: Path) -> None:
    """Check that a model has an embedding for every token.

    Raises:
        InputError: names the token and the size of the vocabulary.
    """
    highest = max(max(row["input_ids"]) for row in rows)
    if highest >= vocab_size:
        raise InputError(
            f"{folder}: its tokenizer gives token {highest}, but the model knows only 0 to "
            f"{vocab_size - 1}",
            why="The tokenizer belongs to another model, or was extended after training.",
            mend="Put the model's own tokenizer into its folder.",
        )
