"""A model in one GGUF file, for llama.cpp and the programs that are built on it."""

from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.publish.export.about import About
from babyllama.publish.export.gguf_tokenizer import GgufTokenizer
from babyllama.publish.export.gguf_weights import (
    ARCHITECTURES,
    GgufType,
    write_sizes,
    write_weights,
)

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PreTrainedModel


def write_gguf(
    path: Path,
    model: "PreTrainedModel",
    tokenizer: GgufTokenizer,
    about: About,
    *,
    kind: GgufType,
) -> None:
    """Write a model and its tokenizer.

    Raises:
        InputError: a weight that float16 cannot hold.
    """
    import gguf

    writer = gguf.GGUFWriter(path, ARCHITECTURES[model.config.model_type])
    try:
        writer.add_type("model")
        writer.add_name(about.name)
        writer.add_description(about.description)
        if about.license:
            writer.add_license(about.license)
        writer.add_file_type(gguf.LlamaFileType[_FILE_TYPES[kind]])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        write_sizes(writer, model.config, len(tokenizer.tokens))
        _write_tokenizer(writer, tokenizer)
        write_weights(writer, model, len(tokenizer.tokens), kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


_FILE_TYPES = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "q8_0": "MOSTLY_Q8_0"}


def _write_tokenizer(writer: "GGUFWriter", tokenizer: GgufTokenizer) -> None:
    if not tokenizer.is_bpe:
        writer.add_tokenizer_model("none")  # programs give and get token ids
        return
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(_types(tokenizer))
    writer.add_token_merges(tokenizer.merges)
    # Where one of these is missing, llama.cpp takes token 11.
    for token, add in (
        (tokenizer.bos, writer.add_bos_token_id),
        (tokenizer.eos, writer.add_eos_token_id),
        (tokenizer.pad, writer.add_pad_token_id),
    ):
        if token is not None:
            add(token)
    writer.add_add_bos_token(tokenizer.adds_bos)
    writer.add_add_eos_token(tokenizer.adds_eos)
    # For BPE llama.cpp reads it only when tokens become text: the first space is then left out.
    writer.add_add_space_prefix(tokenizer.adds_space)


def _types(tokenizer: GgufTokenizer) -> list[int]:
    from gguf import TokenType

    found = []
    for token in range(len(tokenizer.tokens)):
        kind = TokenType.CONTROL if token in tokenizer.control else TokenType.NORMAL
        found.append(int(TokenType.UNUSED if token in tokenizer.unused else kind))
    return found
