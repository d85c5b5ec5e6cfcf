"""Whether llama.cpp reads from a GGUF file the model that was written: token ids and logits."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.publish.export.gguf_tokenizer import GgufTokenizer
from babyllama.publish.export.gguf_weights import GgufType
from babyllama.publish.export.texts import Texts, windows_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NOT_VERIFIED = (
    "not verified: llama-cpp-python is not installed. Install it, which compiles llama.cpp, and "
    "export again: pip install llama-cpp-python"
)
LARGEST_DIFFERENCE = 1e-3  # of an f32 logit
# Mean KL in nats per token. Models of `mini` reach 7e-07 and 5e-04 (docs/export.md); with one
# matrix of `distilled` in a wrong layout it is 0.15 to 0.35.
_LARGEST_KL = {"f16": 1e-4, "q8_0": 1e-2}
_Logits = Float[Tensor, "positions vocab"]
_F32 = 0  # ggml's number of the type
_GELU_LIMIT = 10.0  # beyond it ggml's GELU is exact


def check_gguf(
    path: Path,
    folder: Path,
    model: "PreTrainedModel",
    tokenizer: GgufTokenizer,
    texts: Texts,
    *,
    kind: GgufType,
    allow_different_text: bool,
) -> list[str]:
    """Compare a file, as llama-cpp-python reads it, with the model and the tokenizer of a folder.

    Args:
        allow_different_text: whether token ids may differ.

    Returns:
        what was compared and found, in sentences.

    Raises:
        InputError: other token ids, unless they are allowed; other logits.
    """
    if importlib.util.find_spec("llama_cpp") is None:
        return [_NOT_VERIFIED]
    library = load_tokenizer(folder)
    encode = partial(library.encode, add_special_tokens=False)
    windows = windows_of(
        texts, encode, known=len(tokenizer.tokens), positions=model.config.max_position_embeddings
    )
    with _opened(path, max(map(len, windows))) as llama:
        found = [] if not tokenizer.is_bpe else _compare_ids(
            lambda text: llama.tokenize(text.encode(), add_bos=False, special=False),
            encode, library.backend_tokenizer.normalizer, tokenizer, texts, allow_different_text,
        )  # fmt: skip
        return [*found, _compare_logits(model, partial(_logits, llama), windows, kind)]


def _compare_ids(
    theirs: Callable[[str], list[int]],
    ours: Callable[[str], list[int]],
    normalizer: Any,
    tokenizer: GgufTokenizer,
    texts: Texts,
    allow_different_text: bool,
) -> list[str]:
    """Compare token ids of normalised lines with a space before them; say what that leaves out."""
    lines = texts.lines
    forms = [normalizer.normalize_str(line) if normalizer else line for line in lines]
    wrong = [
        line
        for line, form in zip(lines, forms, strict=True)
        if theirs(_spaced(form, tokenizer)) != ours(line)
    ]
    if wrong and not allow_different_text:
        raise InputError(
            f"llama.cpp gives other token ids for {len(wrong)} of {len(lines)} lines, such as "
            f"{wrong[0][:80]!r}",
            why="The file would not be the model that was trained, so it was not kept.",
            mend="Export to ONNX, which keeps the tokenizer, or accept other tokens: add "
            "--allow-different-text",
        )
    same = f"{len(lines) - len(wrong):,} of " if wrong else ""
    found = [
        f"the same token ids for {same}{len(lines):,} lines ({texts.source}) in llama-cpp-python "
        f"{metadata.version('llama-cpp-python')}{_how(tokenizer)}"
    ]
    if tokenizer.normalizer is not None:
        changed = [line for line, form in zip(lines, forms, strict=True) if line != form]
        other = sum(theirs(_spaced(line, tokenizer)) != ours(line) for line in changed)
        found.append(
            f"llama.cpp does not apply {tokenizer.normalizer}, which changes {len(changed):,} of "
            f"these lines; as they stand, {other:,} of them get other tokens"
        )
    return found


def _how(tokenizer: GgufTokenizer) -> str:
    """What was done to the lines first, since llama.cpp does not do it."""
    steps = [] if tokenizer.normalizer is None else [f"after {tokenizer.normalizer}"]
    steps += ["with a space before each"] if tokenizer.adds_space else []
    return f", {' and '.join(steps)}" if steps else ""


def _spaced(text: str, tokenizer: GgufTokenizer) -> str:
    return f" {text}" if tokenizer.adds_space and not text[:1].isspace() else text


def _compare_logits(
    model: "PreTrainedModel",
    theirs: Callable[[Sequence[int]], _Logits],
    windows: Sequence[Sequence[int]],
    kind: GgufType,
) -> str:
    """Compare logits at all positions of some windows, each read from an empty cache.

    Raises:
        InputError: they differ by more than float32, the type's rounding or llama.cpp's GELU
            explains.
    """
    read = torch.cat([theirs(each) for each in windows])
    ours = _own_logits(model, windows)[:, : read.shape[-1]]
    largest = _largest(ours, read)
    kl = nn.functional.kl_div(
        read.log_softmax(-1), ours.log_softmax(-1), log_target=True, reduction="batchmean"
    ).item()
    said = f"logits at {len(ours):,} positions differ by at most {largest:.1e}"
    if kind != "f32":
        if not kl <= _LARGEST_KL[kind]:
            raise _other_logits(f"by a mean KL of {kl:.2g} nats per token")
        return f"{said}, by a mean KL of {kl:.1e} nats per token: {kind} rounds the weights"
    if model.config.model_type == "gpt2" and largest > LARGEST_DIFFERENCE:
        with _gelu_of_ggml(model):
            rounded = _own_logits(model, windows)[:, : read.shape[-1]]
        explained = _largest(ours, rounded)
        if _largest(rounded, read) <= explained:
            return f"{said}; llama.cpp computes GELU in float16, which explains {explained:.1e}"
    if not largest <= LARGEST_DIFFERENCE:
        raise _other_logits(f"by {largest:.2g}")
    return said


def _own_logits(model: "PreTrainedModel", windows: Sequence[Sequence[int]]) -> _Logits:
    each = []
    for ids in windows:
        tokens = torch.tensor([ids])
        made = model(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False)
        each.append(made.logits[0].double())
    return torch.cat(each)


def _largest(one: _Logits, other: _Logits) -> float:
    return float((one - other).abs().max())


def _other_logits(how_much: str) -> InputError:
    return InputError(
        f"llama.cpp's logits differ from the model's {how_much}",
        why="The file would be another model, so it was not kept.",
        mend="Export to ONNX (--to onnx) and report this model's config.json.",
    )


@contextmanager
def _opened(path: Path, window: int) -> Iterator[Any]:
    """The model in llama.cpp, on the CPU, its cache in float32."""
    from llama_cpp import Llama

    with closing(
        Llama(
            str(path), n_ctx=window, n_batch=window, n_ubatch=window, n_gpu_layers=0,
            logits_all=True, type_k=_F32, type_v=_F32, verbose=False,
        )
    ) as llama:  # fmt: skip
        yield llama


def _logits(llama: Any, ids: Sequence[int]) -> _Logits:
    llama.reset()
    llama.eval(ids)
    return torch.tensor(np.array(llama.scores[: len(ids)])).double()


class _GeluOfGgml(nn.Module):
    """GELU by a table of float16 numbers, as ggml computes it on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        table = nn.functional.gelu(x.half().float(), approximate="tanh").half().float()
        return torch.where(x.abs() < _GELU_LIMIT, table, x.clamp(min=0))


@contextmanager
def _gelu_of_ggml(model: "PreTrainedModel") -> Iterator[None]:
    """Let a GPT-2 round as llama.cpp does."""
    blocks = [block.mlp for block in model.base_model.h]
    before = [each.act for each in blocks]
    for each in blocks:
        each.act = _GeluOfGgml()
    try:
        yield
    finally:
        for each, act in zip(blocks, before, strict=True):
            each.act = act
