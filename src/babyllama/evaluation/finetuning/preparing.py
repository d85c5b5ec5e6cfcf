"""Tasks as one model reads them, and all that can be said against it before it is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoConfig, PretrainedConfig

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation.finetuning.classifier import is_decoder, load_classifier
from babyllama.evaluation.finetuning.encoding import (
    Encoded,
    Padding,
    encode,
    padding_for,
    refuse_unknown_tokens,
)
from babyllama.evaluation.finetuning.reading import TaskData
from babyllama.models.build import positions_of, refuse_unusable


@dataclass(frozen=True)
class Prepared:
    """A task's rows for one model.

    Attributes:
        max_length: tokens at which rows are cut: as the settings say, or the model's positions.
    """

    data: TaskData
    train: Encoded
    validation: Encoded
    padding: Padding
    max_length: int

    @property
    def name(self) -> str:
        """The task's."""
        return self.data.task.name


def prepare(model: Path, tasks: Sequence[TaskData]) -> list[Prepared]:
    """Tokenise every task.

    Raises:
        InputError: a folder without a model, a tokenizer or a head for classes; a tokenizer that is
            another model's; a row without a token.
    """
    refuse_unusable(model)
    tokenizer = load_tokenizer(model)
    config = _configuration(model)
    positions = positions_of(config)
    found = []
    for data in tasks:
        asked = data.settings.max_length
        limit = asked if positions is None else min(asked, positions)
        train = encode(data.train, tokenizer, config, max_length=limit, path=data.files.train)
        validation = encode(
            data.validation, tokenizer, config, max_length=limit, path=data.files.validation
        )
        # Loaded with the task's own settings, so that a head that cannot be made is told now.
        classifier = load_classifier(
            model, labels=len(data.task.labels), settings=data.settings, seed=data.settings.seed
        )
        size = int(classifier.get_input_embeddings().weight.shape[0])
        rows = [*train.rows, *validation.rows]
        refuse_unknown_tokens(rows, vocab_size=size, folder=model)
        padding = padding_for(
            rows, tokenizer, config, is_decoder=is_decoder(classifier), vocab_size=size
        )
        found.append(Prepared(data, train, validation, padding, limit))
    return found


def _configuration(model: Path) -> PretrainedConfig:
    try:
        return AutoConfig.from_pretrained(model, local_files_only=True)
    except Exception as error:  # the library raises whatever it met
        raise InputError(
            f"{model}/config.json cannot be read", why=str(error).strip().splitlines()[0][:300]
        ) from None
