"""Models: any causal Hugging Face architecture, made from a recipe or loaded from a folder.

What the rest of the package needs of a model is two things: the last hidden states for some
tokens, and the output head that turns them into logits.
"""

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from babyllama.errors import InputError
from babyllama.models.loss import form_logits, products_for
from babyllama.recipe import OtherShape, PretrainingRecipe, Shape

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


def new_model(shape: Shape, vocab_size: int, *, seed: int, separators: bool) -> "PreTrainedModel":
    """A model with random weights, in float32.

    Args:
        vocab_size: tokens of the tokenizer.
        seed: the same seed gives the same weights: that is what makes a twin.
        separators: whether <s> and </s> stand in the token stream. If not, the model's
            configuration does not name them either, since it will never have seen them.

    Raises:
        InputError: an architecture that transformers does not know, that refuses its settings or
            whose logits are not known here.
    """
    torch.manual_seed(seed)
    model = _made(shape, vocab_size, separators)
    refuse_unread_head(model)
    return model


def load_model(folder: Path) -> "PreTrainedModel":
    """Load a causal model's folder for reading: float32, no dropout, no gradients, nothing remote.

    Raises:
        InputError: no configuration, no weights, weights that are a pickle, or logits that are
            formed in a way that is not known here.
    """
    from transformers import AutoModelForCausalLM

    model = load_as(AutoModelForCausalLM, folder, "a causal language model")
    refuse_unread_head(model)
    return model


def load_as(kind: Any, folder: Path, title: str) -> "PreTrainedModel":
    """Load a model folder by one of transformers' Auto classes, as `load_model` does.

    Args:
        kind: AutoModelForCausalLM, AutoModelForMaskedLM or the like.
        title: what an error calls that kind.

    Raises:
        InputError: no configuration, no weights, weights that are a pickle, another kind of model.
    """
    refuse_unusable(folder)
    try:
        model: PreTrainedModel = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except Exception as error:  # the library raises whatever it met, often several lines of it
        raise InputError(
            f"{folder} cannot be loaded as {title}",
            why=str(error).strip().splitlines()[0],
            mend=f"It must be a folder that transformers.{kind.__name__} loads.",
        ) from None
    return model.eval().requires_grad_(False)


def parameter_count(shape: Shape, vocab_size: int) -> int:
    """Exact number of parameters, tied ones once, without allocating any."""
    return sum(parameter.numel() for parameter in _on_meta(shape, vocab_size).parameters())


def flops_per_token(model: "PreTrainedModel") -> int:
    """Floating-point operations of one token's forward pass in matrix products with weights.

    Attention's own products are left out: at 128 tokens they are a few percent. A training step
    takes three times as much.
    """
    return sum(2 * rows * columns for rows, columns in product_shapes(model))


def product_shapes(model: "PreTrainedModel") -> Iterator[tuple[int, int]]:
    """(inputs, outputs) of every product of activations with a weight matrix, the head last."""
    head = model.get_output_embeddings().weight
    embeddings = {module.weight for module in model.modules() if isinstance(module, nn.Embedding)}
    for parameter in model.parameters():
        if parameter.ndim == 2 and parameter is not head and parameter not in embeddings:
            yield parameter.shape[0], parameter.shape[1]
    yield head.shape[1], head.shape[0]


def planned_flops_per_token(shape: Shape, vocab_size: int) -> int:
    """`flops_per_token` of a model that is not there yet."""
    return flops_per_token(_on_meta(shape, vocab_size))


def planned_hidden_size(shape: Shape) -> int:
    """Width of the last hidden states of a model that is not there yet."""
    return int(_configuration(shape, 300, True).hidden_size)


def refuse_short_positions(recipe: PretrainingRecipe, name: str) -> None:
    """Check that a model can see a whole window.

    Raises:
        InputError: names the model, its positions and the window.
    """
    positions = positions_of(_configuration(recipe.model, 300, True))
    if positions is not None and positions < recipe.training.window:
        raise InputError(
            f"{name}: training.window is {recipe.training.window}, but the model has only "
            f"{positions} positions",
            why="A window must fit into the positions that the model knows.",
            mend="Raise max_position_embeddings (GPT-2: n_positions), or shorten the window.",
        )


def positions_of(config: "PretrainedConfig") -> int | None:
    """The longest input in tokens that a model can see; None: no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return None
    # RoBERTa and its kin count positions from the padding's number + 1.
    is_shifted = "roberta" in config.model_type or config.model_type in ("camembert", "mpnet")
    return int(positions) - (config.pad_token_id + 1 if is_shifted else 0)


def shortest_positions(configs: "Iterable[PretrainedConfig]") -> int | None:
    """The longest input that every one of several models can see."""
    limits = (positions_of(config) for config in configs)
    return min((limit for limit in limits if limit is not None), default=None)


def hidden_states(
    model: "PreTrainedModel", input_ids: Int64[Tensor, "batch window"], **seen: Any
) -> Float[Tensor, "batch window hidden"]:
    """What the output head reads: the last hidden states, after the final norm.

    Where an architecture scales its logits the states are scaled instead, and where its head has a
    bias they end in a 1, so that logits are `states @ output_head.T` for every architecture.

    Args:
        seen: `attention_mask` and `position_ids`, where tokens see others than all before them;
            the library's cache under its name, where tokens before them were read already.
    """
    base = model.base_model
    states: Tensor = base(input_ids=input_ids, use_cache=False, **seen).last_hidden_state
    if _head_bias(model) is not None:
        states = torch.cat([states, torch.ones_like(states[..., :1])], dim=-1)
    scale = _logit_scale(model.config)
    return states if scale == 1 else states * scale


@contextmanager
def computing_in(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Let models of float32 weights compute in `dtype`."""
    enabled = dtype != torch.float32
    with products_for(dtype, device), torch.autocast(device.type, dtype=dtype, enabled=enabled):
        yield


def output_head(model: "PreTrainedModel") -> Float[Tensor, "vocab hidden"]:
    """The output embedding, its bias as one more column; logits are hidden_states @ head.T.

    Gradients flow through it to the model's own parameters.
    """
    weight: Tensor = model.get_output_embeddings().weight
    bias = _head_bias(model)
    return weight if bias is None else torch.cat([weight, bias[:, None]], dim=1)


def softcap_of(model: "PreTrainedModel") -> float | None:
    """c where a model's logits are c * tanh(hidden_states @ head.T / c), as Gemma 2's are."""
    for name in ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap"):
        if (softcap := getattr(model.config, name, None)) is not None:
            return float(softcap)
    return None


@torch.no_grad()
def refuse_unread_head(model: "PreTrainedModel") -> None:
    """Check on a few tokens that we form the logits that the model forms itself.

    Raises:
        InputError: an architecture that does something else to its logits.
    """
    was_training = model.training
    model.eval()
    vocab_size = model.get_output_embeddings().weight.shape[0]
    ids = (torch.arange(7, device=model.device) * 31 % vocab_size)[None]
    mask = torch.ones_like(ids)  # said, since the library warns of ids that look like padding
    theirs = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    ours = form_logits(hidden_states(model, ids)[0], output_head(model), softcap_of(model))
    model.train(was_training)
    if (ours - theirs[0]).abs().max() > 1e-3 * theirs.abs().max() + 1e-6:
        raise InputError(
            f"{model.config.model_type} forms its logits in a way that is not known here",
            why="They are not hidden states times the output head, scaled, with a bias or a "
            "softcap; the loss would read other logits than the model gives.",
            mend="Use another architecture, such as llama or gpt2.",
        )


def _head_bias(model: "PreTrainedModel") -> Tensor | None:
    return getattr(model.get_output_embeddings(), "bias", None)


def _logit_scale(config: "PretrainedConfig") -> float:
    """What an architecture multiplies its logits by, under the names that it has for it."""
    scale = 1.0
    for name in ("logit_scale", "lm_head_multiplier"):
        scale *= float(getattr(config, name, None) or 1)
    return scale / float(getattr(config, "logits_scaling", None) or 1)


def pick_device() -> torch.device:
    """The graphics card where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def compute_dtype(precision: str, device: torch.device) -> torch.dtype:
    """float32 or bfloat16; `auto` takes bfloat16 where products in it are fast."""
    if precision == "auto":
        return torch.bfloat16 if _bfloat16_is_fast(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def prefer_fast_attention(model: "PreTrainedModel", device: torch.device) -> None:
    """On a processor, spell attention out as products.

    On windows of some hundred tokens the fused kernel's backward pass takes longer there than the
    products and the softmax by themselves: see `docs/log.md`.
    """
    if device.type == "cpu":
        model.set_attn_implementation("eager")


def checkpoint_activations(model: "PreTrainedModel") -> None:
    """Keep the inputs of blocks alone for the backward pass, which computes the rest again."""
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable({"use_reentrant": False})
    else:  # as older releases of transformers call it
        model.gradient_checkpointing_enable({"use_reentrant": False})


def _bfloat16_is_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _configuration(shape: Shape, vocab_size: int, separators: bool) -> "PretrainedConfig":
    from transformers import AutoConfig

    kind = shape.architecture if isinstance(shape, OtherShape) else shape.model_type
    settings = _settings(shape)
    tokens: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
    if separators:
        tokens |= {"bos_token_id": 1, "eos_token_id": 2}
    for name in ("vocab_size", *tokens):
        if name in settings:
            raise InputError(
                f"model {kind}: settings.{name} is {settings[name]}",
                why=f"The tokenizer decides it, which has a vocabulary of {vocab_size}.",
                mend=f"Leave {name} out; tokenizer.vocab_size is where the size is chosen.",
            )
    try:
        return AutoConfig.for_model(kind, vocab_size=vocab_size, **tokens, **settings)
    except Exception as error:  # KeyError, TypeError, ValueError: each library class its own
        raise InputError(
            f"model {kind} cannot be made with {settings}",
            why=_reason(error),
            mend="It must be an architecture that transformers knows, with settings that fit.",
        ) from None


def _reason(error: Exception) -> str:
    """What a library says went wrong, in one line: some list every name that they know."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return textwrap.shorten(" ".join(lines[:2]) or repr(error), 200, placeholder=" ...")


def _settings(shape: Shape) -> dict[str, Any]:
    """An architecture's own configuration keys."""
    if isinstance(shape, OtherShape):
        return dict(shape.settings)
    return shape.model_dump(exclude={"model_type"})


def _on_meta(shape: Shape, vocab_size: int) -> "PreTrainedModel":
    with torch.device("meta"):
        return _made(shape, vocab_size, separators=True)


def _made(shape: Shape, vocab_size: int, separators: bool) -> "PreTrainedModel":
    from transformers import AutoModelForCausalLM

    config = _configuration(shape, vocab_size, separators)
    try:
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except Exception as error:  # each architecture raises its own when its sizes do not fit
        raise InputError(
            f"model {config.model_type} cannot be made for a vocabulary of {vocab_size}",
            why=_reason(error),
            mend="Its settings must fit together and the vocabulary: "
            + (", ".join(f"{k}={v}" for k, v in _settings(shape).items()) or "it has none"),
        ) from None


def refuse_unusable(folder: Path) -> None:
    """Check that a folder holds a model in a form that is safe to load.

    Raises:
        InputError: no configuration, no weights, or weights that are a pickle.
    """
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder} holds no config.json",
            why="A model is a Hugging Face folder: config.json, model.safetensors, tokenizer.",
            mend="Name the folder that holds these files.",
        )
    if list(folder.glob("*.safetensors")):
        return
    pickles = sorted(
        file.name for pattern in ("*.bin", "*.pt", "*.pth") for file in folder.glob(pattern)
    )
    if pickles:
        raise InputError(
            f"{folder} holds its weights as a pickle only: {pickles[0]}",
            why="Loading a pickle runs whatever code was put into it.",
            mend="Convert it on a machine that trusts it: "
            "AutoModelForCausalLM.from_pretrained(...).save_pretrained(...)",
        )
    raise InputError(
        f"{folder} holds no weights",
        why="There is a config.json but no model.safetensors.",
        mend="Copy the weights beside it, or train again.",
    )
