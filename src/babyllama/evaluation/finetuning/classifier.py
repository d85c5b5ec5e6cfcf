"""A trained model with a new classification head, AutoModelForSequenceClassification's.

The head reads a decoder at its last token, and a masked encoder where its architecture does, mostly
at the first token.
"""

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.settings import FinetuningSettings, LoraSettings
from babyllama.models.loading import load_as

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class MlpHead(nn.Module):
    """BabyLM 2025's head: LayerNorm, Linear, GELU, LayerNorm, dropout, Linear.

    Its norms have no parameters. It reads every hidden state separately.

    Attributes:
        reads_first: whether it reads only the first hidden state of a sequence.
    """

    def __init__(self, hidden_size: int, labels: int, *, reads_first: bool) -> None:
        super().__init__()
        self.reads_first = reads_first
        self.layers = nn.Sequential(
            nn.LayerNorm(hidden_size, elementwise_affine=False),
            nn.Linear(hidden_size, hidden_size),
            nn.GELU(),
            nn.LayerNorm(hidden_size, elementwise_affine=False),
            nn.Dropout(0.1),
            nn.Linear(hidden_size, labels),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Logits from hidden states: (..., hidden) to (..., labels)."""
        if self.reads_first and hidden.ndim == 3:
            hidden = hidden[:, 0]
        logits: Tensor = self.layers(hidden)
        return logits


def load_classifier(
    folder: Path, *, labels: int, settings: FinetuningSettings, seed: int
) -> "PreTrainedModel":
    """Load a model folder in float32 with a new head; the seed decides the head's weights.

    Raises:
        InputError: what `load_as` raises; LoRA without peft.
    """
    from transformers import AutoModelForSequenceClassification, set_seed

    set_seed(seed)
    model = load_as(
        AutoModelForSequenceClassification, folder, "a classifier", labels=labels
    ).requires_grad_(True)
    if settings.head == "mlp":
        _put_mlp_head(model, labels)
    if settings.lora is not None:
        return _with_lora(model, settings.lora)
    trained: PreTrainedModel = model
    return trained


def is_decoder(model: "PreTrainedModel") -> bool:
    """Whether the head reads the last token: transformers calls such a head `score`."""
    return hasattr(model, "score")


def refuse_missing_peft() -> None:
    """Check that peft is installed.

    Raises:
        InputError: it is not.
    """
    if importlib.util.find_spec("peft") is None:
        raise InputError(
            "--lora needs peft, which is not installed",
            why="It is an optional dependency: small models are mostly trained in full.",
            mend="Run: pip install 'babyllama[lora]'",
        )


def _put_mlp_head(model: Any, labels: int) -> None:
    hidden_size = int(model.config.get_text_config().hidden_size)
    name = "score" if is_decoder(model) else "classifier"
    if not hasattr(model, name):
        raise InputError(
            f"head is 'mlp', but {model.config.model_type} has no module {name} to replace",
            mend="Use the architecture's own head: --set head=linear",
        )
    setattr(model, name, MlpHead(hidden_size, labels, reads_first=name == "classifier"))


def _with_lora(model: Any, settings: LoraSettings) -> Any:
    refuse_missing_peft()
    from peft import LoraConfig, TaskType, get_peft_model
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
    from transformers.pytorch_utils import Conv1D

    is_known = model.config.model_type in TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=None if is_known else "all-linear",
        exclude_modules=r".*(score|classifier).*",  # the new head is trained in full
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),  # GPT-2's
    )
    with warnings.catch_warnings():  # peft uses deprecated names of transformers
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, config)
