"""Models made from a recipe: any causal Hugging Face architecture; and what a model costs."""

import textwrap
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from babyllama.errors import InputError
from babyllama.models.logits import refuse_unread_head
from babyllama.recipe import GPT2Shape, OtherShape, PretrainingRecipe, Shape

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_ANY_VOCABULARY = 300  # where the answer does not depend on the vocabulary


class SpecialTokens(NamedTuple):
    """The ids of a tokenizer's special tokens; by default those of the tokenizers we train."""

    pad: int | None = 0
    bos: int | None = 1
    eos: int | None = 2


OURS = SpecialTokens()


def new_model(
    shape: Shape, vocab_size: int, *, seed: int, separators: bool, special: SpecialTokens = OURS
) -> "PreTrainedModel":
    """A model with random weights, in float32.

    Args:
        vocab_size: tokens of the tokenizer.
        seed: the same seed gives the same weights, which a twin needs.
        separators: whether the token stream contains <s> and </s>. If not, the model never sees
            them, and its configuration does not name them.
        special: of the tokenizer.

    Raises:
        InputError: an architecture that transformers does not know, that refuses its settings, or
            whose logits babyllama cannot form.
    """
    torch.manual_seed(seed)
    model = _made(shape, vocab_size, separators, special)
    refuse_unread_head(model)
    return model


def parameter_count(shape: Shape, vocab_size: int) -> int:
    """The exact number of parameters, tied ones counted once; allocates no weights."""
    return sum(parameter.numel() for parameter in planned_model(shape, vocab_size).parameters())


def flops_per_token(model: "PreTrainedModel") -> int:
    """Floating-point operations of the products with weights in one token's forward pass.

    Attention's products of activations are not counted: at 128 tokens they are a few percent. A
    training step takes three times as much.
    """
    return sum(2 * rows * columns for rows, columns in product_shapes(model))


def product_shapes(model: "PreTrainedModel") -> Iterator[tuple[int, int]]:
    """(inputs, outputs) of every product with a weight matrix, the head's last."""
    head = model.get_output_embeddings().weight
    embeddings = {module.weight for module in model.modules() if isinstance(module, nn.Embedding)}
    for parameter in model.parameters():
        if parameter.ndim == 2 and parameter is not head and parameter not in embeddings:
            yield parameter.shape[0], parameter.shape[1]
    yield head.shape[1], head.shape[0]


def planned_flops_per_token(shape: Shape, vocab_size: int) -> int:
    """`flops_per_token` of a model that does not exist yet."""
    return flops_per_token(planned_model(shape, vocab_size))


def refuse_short_positions(recipe: PretrainingRecipe, name: str) -> None:
    """Check that a model has enough positions for its windows.

    Raises:
        InputError: names the model, its positions and the window.
    """
    positions = positions_of(configuration(recipe.model, _ANY_VOCABULARY, separators=True))
    if positions is not None and positions < recipe.training.window:
        raise InputError(
            f"{name}: training.window is {recipe.training.window}, but the model has only "
            f"{positions} positions",
            why="A window must not be longer than the model's positions.",
            mend="Raise max_position_embeddings (GPT-2: n_positions), or shorten the window.",
        )


def positions_of(config: "PretrainedConfig") -> int | None:
    """The longest input of a model, in tokens; None: no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return None
    # RoBERTa and its relatives count positions from pad_token_id + 1.
    is_shifted = "roberta" in config.model_type or config.model_type in ("camembert", "mpnet")
    return int(positions) - (config.pad_token_id + 1 if is_shifted else 0)


def shortest_positions(configs: "Iterable[PretrainedConfig]") -> int | None:
    """The longest input that every one of several models can take; None: no limit."""
    limits = (positions_of(config) for config in configs)
    return min((limit for limit in limits if limit is not None), default=None)


def prefer_fast_attention(model: "PreTrainedModel", device: torch.device) -> None:
    """On a CPU, compute attention as separate products.

    For windows of a few hundred tokens, the backward pass of the fused kernel is slower there than
    separate products and softmax: see `docs/log.md`.
    """
    if device.type == "cpu":
        model.set_attn_implementation("eager")


def checkpoint_activations(model: "PreTrainedModel") -> None:
    """Keep only the blocks' inputs for the backward pass, which computes the rest again."""
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable({"use_reentrant": False})
    else:  # the name in older releases of transformers
        model.gradient_checkpointing_enable({"use_reentrant": False})


def configuration(
    shape: Shape, vocab_size: int, *, separators: bool, special: SpecialTokens = OURS
) -> "PretrainedConfig":
    """The library's configuration of a model that a recipe describes.

    Args:
        separators, special: as for `new_model`.

    Raises:
        InputError: an architecture that transformers does not know, or that refuses its settings.
    """
    from transformers import AutoConfig

    kind = shape.architecture if isinstance(shape, OtherShape) else shape.model_type
    settings = _settings(shape)
    tokens = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": special.pad}
    if separators:
        tokens |= {"bos_token_id": special.bos, "eos_token_id": special.eos}
    for name in ("vocab_size", *tokens):
        if name in settings:
            raise InputError(
                f"model {kind}: settings.{name} is {settings[name]}",
                why=f"The tokenizer decides it; its vocabulary has {vocab_size} tokens.",
                mend=f"Omit {name}; tokenizer.vocab_size sets the size.",
            )
    try:
        return AutoConfig.for_model(kind, vocab_size=vocab_size, **tokens, **settings)
    except Exception as error:  # each configuration class raises its own kind
        raise InputError(
            f"model {kind} cannot be made with {settings}",
            why=reason_of(error),
            mend="Use an architecture that transformers knows, with settings that fit it.",
        ) from None


def reason_of(error: Exception) -> str:
    """A library's error in one short line: some list every name that they know."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = repr(error) if isinstance(error, KeyError) else " ".join(lines[:2]) or repr(error)
    return textwrap.shorten(text, 200, placeholder=" ...")


def _settings(shape: Shape) -> dict[str, Any]:
    """An architecture's own configuration keys."""
    if isinstance(shape, OtherShape):
        return dict(shape.settings)
    settings = shape.model_dump(exclude={"model_type"})
    if isinstance(shape, GPT2Shape):
        # GPT-2's own approximation of GELU, as one operation of torch. transformers has it in eight
        # under the name that GPT-2 gives it, gelu_new, which takes a seventh of a step.
        settings["activation_function"] = "gelu_pytorch_tanh"
    return settings


@lru_cache(64)  # plans of studies ask for the same models again and again
def planned_model(shape: Shape, vocab_size: int) -> "PreTrainedModel":
    """A model on torch's meta device, which is not to be changed: callers share it."""
    with torch.device("meta"):
        return _made(shape, vocab_size, separators=True, special=OURS)


def _made(
    shape: Shape, vocab_size: int, separators: bool, special: SpecialTokens
) -> "PreTrainedModel":
    from transformers import AutoModelForCausalLM

    config = configuration(shape, vocab_size, separators=separators, special=special)
    try:
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except Exception as error:  # each architecture raises its own when its sizes do not fit
        raise InputError(
            f"model {config.model_type} cannot be made for a vocabulary of {vocab_size}",
            why=reason_of(error),
            mend="Its settings must fit together and the vocabulary: "
            + (", ".join(f"{k}={v}" for k, v in _settings(shape).items()) or "none are given"),
        ) from None
