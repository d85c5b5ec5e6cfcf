"""Load a model folder that anybody may have made: completely, or with an error that says why not.

Only safetensors of the folder itself are read, never a pickle and never code. `model_files` checks
the folder's files before it is loaded, `load_as` the weights afterwards.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from babyllama.console import print_status
from babyllama.errors import InputError
from babyllama.models.build import reason_of
from babyllama.models.logits import refuse_unread_head
from babyllama.models.model_files import read_config, read_tensors, refuse_unusable, stored_tensors

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

Kind = Literal["causal", "masked", "encoder-decoder"]
# What torch.compile and sharding put into the names of weights, at any depth.
_WRAPPERS = re.compile(r"(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# What training loops put before all names.
_PREFIXES = ("module.", "_forward_module.", "model.", "net.")
# What files hold and no language model reads: buffers of older releases, heads for other tasks.
_HARMLESS = re.compile(
    r"\.attn\.(masked_)?bias$|\.attention\.(masked_)?bias$|rotary_emb\.inv_freq$"
    r"|(^|\.)position_ids$|^cls\.seq_relationship\.|(^|\.)pooler\."
)
_FLOATS = {"F64", "F32", "F16", "BF16"}


def load_model(folder: Path) -> "PreTrainedModel":
    """Load a causal model's folder for inference: float32, no dropout, no gradients, no downloads.

    Raises:
        InputError: what `load_as` raises; a model of another kind, or an architecture whose logits
            babyllama cannot form.
    """
    from transformers import AutoModelForCausalLM

    kind = kind_of(folder)
    if kind != "causal":
        raise InputError(
            f"{folder} is {_A[kind]}, not a causal language model",
            why="Only a causal model continues a text from left to right.",
            mend="Name a causal model; babyllama evaluate scores the other kinds as well.",
        )
    model = load_as(AutoModelForCausalLM, folder, "a causal language model")
    refuse_unread_head(model)
    return model


_A = {"masked": "a masked language model", "encoder-decoder": "an encoder-decoder"}


def load_as(auto: Any, folder: Path, title: str, *, labels: int | None = None) -> "PreTrainedModel":
    """Load a model folder with one of transformers' Auto classes, as `load_model` does.

    Args:
        auto: AutoModelForCausalLM, AutoModelForMaskedLM or the like.
        title: the name of that kind in an error.
        labels: give the model a new classification head with so many labels. Only the head, and
            the pooler before it, may then be missing from the file.

    Raises:
        InputError: a folder that `refuse_unusable` refuses; another kind of model; weights that
            are missing, unknown, not floating-point numbers or not finite.
    """
    refuse_unusable(folder)
    config = configuration_of(folder)
    if labels is not None:
        config.num_labels = labels
    stored = stored_tensors(folder)
    source = _Source(auto, folder, title, config, has_new_head=labels is not None)
    plain = {name: _WRAPPERS.sub("", name) for name in stored}
    doubled = [name for name, each in plain.items() if name != each and each in stored]
    _refuse_unused(folder, doubled)
    model, lacking, unused = _load(source, plain)
    prefix = _common_prefix(list(plain.values()))
    if (lacking or unused) and prefix:
        shorter = {name: each.removeprefix(prefix) for name, each in plain.items()}
        again, *faults = _load(source, shorter)
        if not any(faults):
            model, lacking, unused, plain = again, [], [], shorter
    _refuse_lacking(folder, lacking)
    _refuse_unused(folder, unused)
    _refuse_untied(folder, model)
    _refuse_other_types(folder, model, {plain[name]: each.dtype for name, each in stored.items()})
    _refuse_not_finite(folder, model)
    _say_renamed(folder, plain)
    return model.eval().requires_grad_(False)


def kind_of(folder: Path) -> Kind:
    """The kind of a folder's model by its config.json; causal by default.

    Raises:
        InputError: no config.json, or one that cannot be read.
    """
    config = read_config(folder)
    if config.get("is_encoder_decoder"):
        return "encoder-decoder"
    names = config.get("architectures")
    names = names if isinstance(names, list) else [names]
    is_masked = any(str(name).endswith("ForMaskedLM") for name in names)
    return "masked" if is_masked else "causal"


def configuration_of(folder: Path) -> "PretrainedConfig":
    """The library's configuration of a model folder.

    Raises:
        InputError: it cannot be read.
    """
    from transformers import AutoConfig

    read_config(folder)
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library lets every kind of exception through
        raise InputError(
            f"{folder}/config.json cannot be used",
            why=reason_of(error),
            mend="Its model_type and fields must be those of an architecture of transformers.",
        ) from None


@dataclass(frozen=True)
class _Source:
    """What is loaded, and as what: see `load_as`."""

    auto: Any
    folder: Path
    title: str
    config: "PretrainedConfig"
    has_new_head: bool


def _load(
    source: _Source, names: Mapping[str, str]
) -> "tuple[PreTrainedModel, list[str], list[str]]":
    """A model, the names of weights that its file lacks, and of those that it does not use.

    Args:
        names: the stored names of the weights, each with that under which the model gets it.
    """
    settings = {
        "config": source.config, "dtype": torch.float32, "output_loading_info": True,
        "local_files_only": True, "use_safetensors": True, "trust_remote_code": False,
    }  # fmt: skip
    try:
        with torch.device("meta"):
            planned = source.auto.from_config(source.config)
        _refuse_other_sizes(source.folder, planned, names)
        if all(stored == name for stored, name in names.items()):
            model, found = source.auto.from_pretrained(source.folder, **settings)
        else:
            tensors = {names[name]: each for name, each in read_tensors(source.folder).items()}
            model, found = type(planned).from_pretrained(None, state_dict=tensors, **settings)
            model.config.name_or_path = str(source.folder)
    except InputError:
        raise
    except Exception as error:  # the library raises many kinds, often several lines long
        raise InputError(
            f"{source.folder} cannot be loaded as {source.title}",
            why=reason_of(error),
            mend=f"Name a folder that transformers.{source.auto.__name__} can load.",
        ) from None
    lacking = sorted(found["missing_keys"])
    unused = [name for name in sorted(found["unexpected_keys"]) if not _HARMLESS.search(name)]
    if source.has_new_head:
        body = f"{model.base_model_prefix}."
        parts = {name for name, _ in model.base_model.named_children()}
        lacking = [name for name in lacking if name.startswith(body) and "pooler" not in name]
        unused = [
            name for name in unused if name.startswith(body) or name.partition(".")[0] in parts
        ]
    return model, lacking, unused


def _refuse_other_sizes(folder: Path, planned: "PreTrainedModel", names: Mapping[str, str]) -> None:
    """Check shapes before loading: the library first makes a matrix of the configuration's size."""
    weights = dict(planned.named_parameters())
    for stored, tensor in stored_tensors(folder).items():
        name = names[stored]  # a body that was saved alone has names without its own
        weight = weights.get(name, weights.get(f"{planned.base_model_prefix}.{name}"))
        if weight is not None and list(weight.shape) != tensor.shape:
            raise InputError(
                f"{folder}: the weights do not have the sizes in config.json",
                why=f"{stored} is stored as {tensor.shape}, config.json asks for "
                f"{list(weight.shape)}.",
                mend="Use the config.json that was saved with these weights.",
            )


def _say_renamed(folder: Path, names: Mapping[str, str]) -> None:
    stored, name = next(((a, b) for a, b in names.items() if a != b), ("", ""))
    if stored:
        print_status(f"  {folder}: names of weights are simplified, {stored} to {name}")


def _common_prefix(names: Sequence[str]) -> str:
    """The well-known prefix that all names share; "" without one."""
    return next((p for p in _PREFIXES if all(name.startswith(p) for name in names)), "")


def _refuse_lacking(folder: Path, lacking: Sequence[str]) -> None:
    if lacking:
        raise InputError(
            f"{folder} lacks weights of its model: {_some(lacking)}",
            why="They would be random, and so would everything that is computed with them.",
            mend="Save the whole model again with save_pretrained(), or correct config.json.",
        )


def _refuse_unused(folder: Path, unused: Sequence[str]) -> None:
    if unused:
        raise InputError(
            f"{folder} holds weights that its model does not use: {_some(unused)}",
            why="Without them it is not the model that was trained.",
            mend="Correct config.json (sizes, number of layers, tie_word_embeddings), or save the "
            "model again with save_pretrained().",
        )


def _refuse_untied(folder: Path, model: "PreTrainedModel") -> None:
    """Check that a head and embeddings that should be one matrix are one.

    Where the file has both and they differ, one release of transformers ties them and another
    does not.
    """
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    is_tied = getattr(model.config.get_text_config(), "tie_word_embeddings", False)
    if head is not None and is_tied and head.weight is not embeddings.weight:
        raise InputError(
            f"{folder}/config.json: tie_word_embeddings is true, but the head and the embeddings "
            "differ",
            why="If they are tied, one of the two matrices in the file is ignored.",
            mend="Set tie_word_embeddings to false if the model was trained with its own head.",
        )


def _refuse_other_types(folder: Path, model: "PreTrainedModel", types: Mapping[str, str]) -> None:
    """Check that every weight is stored as floating-point numbers; buffers may be others."""
    weights = {name for name, _ in model.named_parameters()}
    for name, dtype in types.items():
        # A body that was saved alone has names without its own.
        is_weight = name in weights or f"{model.base_model_prefix}.{name}" in weights
        if is_weight and dtype not in _FLOATS:
            raise InputError(
                f"{folder}: weight {name} is stored as {dtype}, not as floating-point numbers",
                why="Quantised weights mean nothing without their scales.",
                mend="Save the model in float32, bfloat16 or float16.",
            )


def _refuse_not_finite(folder: Path, model: "PreTrainedModel") -> None:
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise InputError(
                f"{folder}: weight {name} has NaN or infinite values",
                why="Its training diverged, or the file is damaged.",
                mend="Train it again, or use an earlier checkpoint.",
            )


def _some(names: Sequence[str]) -> str:
    """The first names of a list that may be long."""
    return ", ".join(names[:3]) + (f", ... ({len(names)} in all)" if len(names) > 3 else "")
