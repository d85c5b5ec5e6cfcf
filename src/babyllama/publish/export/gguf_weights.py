"""A model's sizes and weights under the names and in the layout that llama.cpp reads.

Source: llama.cpp, convert_hf_to_gguf.py and src/models/, read for the release that docs/export.md
names. Only architectures that were compared with llama.cpp are here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from babyllama.console import print_status
from babyllama.errors import InputError

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PretrainedConfig, PreTrainedModel

GgufType = Literal["f32", "f16", "q8_0"]
# transformers' name of an architecture, and GGUF's.
ARCHITECTURES = {
    "llama": "llama", "mistral": "llama", "gpt2": "gpt2", "qwen2": "qwen2", "qwen3": "qwen3",
}  # fmt: skip
_BLOCK = 32  # numbers that share a scale in q8_0
_TRANSPOSED = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")  # stored as (inputs, outputs)


def refuse_unknown_architecture(folder: Path, config: "PretrainedConfig") -> None:
    """Check that llama.cpp computes what this model does.

    Raises:
        InputError: an architecture that was not compared with llama.cpp, or a setting of it that
            llama.cpp leaves out.
    """
    if config.model_type not in ARCHITECTURES:
        raise InputError(
            f"{folder} is a {config.model_type} model, which is not exported to GGUF",
            why=f"Compared with llama.cpp were: {', '.join(ARCHITECTURES)}.",
            mend="Export it to ONNX: --to onnx",
        )
    fault = next(_gpt2_faults(config) if config.model_type == "gpt2" else _faults(config), None)
    if fault is not None:
        raise InputError(
            f"{folder}/config.json: {fault}",
            why="llama.cpp computes something else for this architecture.",
            mend="Export it to ONNX: --to onnx",
        )


def write_sizes(writer: "GGUFWriter", config: "PretrainedConfig", vocab_size: int) -> None:
    """Write what llama.cpp must know to read the weights."""
    writer.add_vocab_size(vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner or 4 * config.n_embd)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    width = _head_width(config)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(width)
    writer.add_key_length(width)
    writer.add_value_length(width)


def write_weights(
    writer: "GGUFWriter", model: "PreTrainedModel", vocab_size: int, kind: GgufType
) -> None:
    """Write every weight.

    Args:
        vocab_size: rows of the embeddings beyond it are left out: they mean no token.

    Raises:
        InputError: a number that float16 cannot hold.
    """
    from gguf.quants import quantize

    wider = []
    for name, tensor in _named_as_in_gguf(model, vocab_size):
        values = np.ascontiguousarray(tensor.float().numpy())
        stored = _stored_as(name, values, kind)
        if kind == "q8_0" and stored.name == "F16":
            wider.append(name)
        if stored.name == "F16" and np.abs(values).max() > np.finfo(np.float16).max:
            raise InputError(
                f"{name} has a weight of {np.abs(values).max():g}, which float16 cannot hold",
                mend="Export with --type f32",
            )
        writer.add_tensor(name, quantize(values, stored), raw_dtype=stored)
    if wider:
        print_status(
            f"  {len(wider)} matrices are stored as f16, since their rows are not multiples of "
            f"{_BLOCK} numbers: {wider[0]}" + (", ..." if wider[1:] else "")
        )


def _named_as_in_gguf(model: "PreTrainedModel", vocab_size: int) -> Iterator[tuple[str, Tensor]]:
    import gguf

    config = model.config
    architecture = gguf.MODEL_ARCH[ARCHITECTURES[config.model_type].upper()]
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    is_tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    for name, tensor in model.state_dict().items():
        if is_tied and name == "lm_head.weight":
            continue
        stored = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert stored is not None, name
        if name.endswith(_TRANSPOSED):
            tensor = tensor.T
        if stored in ("token_embd.weight", "output.weight"):
            tensor = tensor[:vocab_size]
        if ARCHITECTURES[config.model_type] == "llama":
            heads = {"attn_q": "num_attention_heads", "attn_k": "num_key_value_heads"}
            if count := heads.get(stored.split(".")[-2]):
                tensor = _interleaved(tensor, getattr(config, count))
        yield stored, tensor


def _interleaved(tensor: Tensor, heads: int) -> Tensor:
    """Rows of a query or key matrix in the order in which llama.cpp rotates them.

    transformers rotates row i of a head together with row i + width / 2, llama.cpp's `llama` rows
    2i and 2i + 1.
    """
    halves = tensor.reshape(heads, 2, -1, *tensor.shape[1:])
    return halves.transpose(1, 2).reshape(tensor.shape)


def _stored_as(name: str, values: np.ndarray[Any, Any], kind: GgufType) -> Any:
    from gguf import GGMLQuantizationType as Stored

    if values.ndim < 2 or kind == "f32" or name == "position_embd.weight":
        return Stored.F32
    return Stored.Q8_0 if kind == "q8_0" and values.shape[-1] % _BLOCK == 0 else Stored.F16


def _faults(config: "PretrainedConfig") -> Iterator[str]:
    """Settings of LLaMA and its relatives that llama.cpp does not read as transformers does."""
    rotation = config.rope_parameters
    if config.hidden_act not in ("silu", "swish"):
        yield f"hidden_act is {config.hidden_act}"
    if rotation.get("rope_type", "default") != "default":
        yield f"rope_type is {rotation['rope_type']}"
    if rotation.get("partial_rotary_factor") not in (None, 1, 1.0):
        yield f"partial_rotary_factor is {rotation['partial_rotary_factor']}"
    window = getattr(config, "sliding_window", None)
    if window and window < config.max_position_embeddings:
        yield f"sliding_window is {window}, with {config.max_position_embeddings} positions"
    if config.model_type != "llama" and getattr(config, "attention_bias", False):
        yield "attention_bias is true"


def _gpt2_faults(config: "PretrainedConfig") -> Iterator[str]:
    if config.activation_function not in ("gelu_new", "gelu_pytorch_tanh"):
        yield f"activation_function is {config.activation_function}"
    if not config.scale_attn_weights:
        yield "scale_attn_weights is false"
    for setting in ("scale_attn_by_inverse_layer_idx", "add_cross_attention"):
        if getattr(config, setting):
            yield f"{setting} is true"


def _head_width(config: "PretrainedConfig") -> int:
    width = getattr(config, "head_dim", None)
    return int(width or config.hidden_size // config.num_attention_heads)
