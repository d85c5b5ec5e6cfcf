"""Inputs for timings that need no training: teachers with random weights, and random tokens.

Speed depends on shapes, not on the weights. The shapes are the paper's at half their widths: a
student of 512 becomes one of 256, teachers of 1,024 and 1,536 become 512 and 768, the vocabulary of
16,000 becomes 8,000, and all keep their number of layers. So every matrix product is a quarter of
the paper's and the relative costs stay the same: the teachers' forward pass takes 7.0 times the
FLOPs of a student's step, the product that computes their logits 0.27 times.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tokenizers import Tokenizer, models

from babyllama.data.tokenizer import load_tokenizer, vocabulary_digest
from babyllama.models.build import new_model
from babyllama.recipe import GPT2Shape, LlamaShape, Shape

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WINDOW = 128
VOCAB_SIZE = 8_000
LAYERS = 24  # of a teacher
STUDENT = LlamaShape(
    model_type="llama",
    hidden_size=256,
    intermediate_size=512,
    num_hidden_layers=16,
    num_attention_heads=4,
)


@dataclass(frozen=True)
class Inputs:
    """Folders as written by babyllama's commands."""

    tokenizer: Path
    tokens: Path
    teachers: tuple[Path, ...]


def make_inputs(
    folder: Path, *, train_tokens: int, dev_tokens: int, layers: int = LAYERS
) -> Inputs:
    """Write a tokenizer, a stream and two teachers.

    Args:
        layers: of each teacher; fewer if only the width of their states matters.
    """
    made = Inputs(folder / "tokenizer", folder / "tokens", (folder / "llama", folder / "gpt2"))
    write_text(folder, VOCAB_SIZE, train=train_tokens, dev=dev_tokens)
    for path, shape in zip(made.teachers, teacher_shapes(layers), strict=True):
        model = new_model(shape, VOCAB_SIZE, seed=0, separators=True)
        _spread_as_trained(model)
        model.save_pretrained(path)
        load_tokenizer(made.tokenizer).save_pretrained(path)
    return made


def teacher_shapes(layers: int = LAYERS) -> tuple[Shape, Shape]:
    """The paper's LLaMA and GPT-2 at half their widths."""
    llama = LlamaShape(
        model_type="llama",
        hidden_size=512,
        intermediate_size=1_536,
        num_hidden_layers=layers,
        num_attention_heads=8,
    )
    gpt2 = GPT2Shape(model_type="gpt2", n_embd=768, n_inner=3_072, n_layer=layers, n_head=16)
    return llama, gpt2


def _spread_as_trained(model: "PreTrainedModel") -> None:
    """Set the final norm's weights so that state i has a std proportional to 1 / (1 + i / 2)."""
    inner = model.base_model
    norm = inner.norm if hasattr(inner, "norm") else inner.ln_f
    with torch.no_grad():
        norm.weight.copy_(8 / (1 + torch.arange(len(norm.weight)) / 2))


def write_text(folder: Path, vocab_size: int, **splits: int) -> None:
    """Write `tokenizer` and `tokens`: random tokens, each of them one word."""
    _write_tokenizer(folder / "tokenizer", vocab_size)
    _write_tokens(folder / "tokens", folder / "tokenizer", vocab_size, **splits)


def _write_tokenizer(out: Path, vocab_size: int) -> None:
    """A tokenizer with one word per token; nothing is tokenized with it."""
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<s>", "</s>", *(f"word{number}" for number in range(3, vocab_size))]
    vocabulary = {word: number for number, word in enumerate(words)}
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>")),
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
    ).save_pretrained(out)


def _write_tokens(out: Path, tokenizer: Path, vocab_size: int, **splits: int) -> None:
    out.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for split, count in splits.items():
        generator.integers(3, vocab_size, count, dtype=np.uint16).tofile(out / f"{split}.bin")
        np.ones(count, np.uint8).tofile(out / f"{split}.words.bin")
    header = {
        "dtype": "uint16",
        "layout": "lines",
        "vocabulary_sha256": vocabulary_digest(tokenizer),
        "vocab_size": vocab_size,
    }
    (out / "tokens.json").write_text(json.dumps(header))
