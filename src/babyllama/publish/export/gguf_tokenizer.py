"""A tokenizer as llama.cpp reads it: byte-level BPE, which GGUF calls `gpt2`.

llama.cpp splits a text by GPT-2's rule and merges the pieces as our tokenizers do. It applies no
normaliser and puts no space before a text; whatever else a tokenizer does differently is named in
`differences`. A vocabulary that is no byte-level BPE cannot be stored: the file then has none, and
programs give and get token ids.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers.pre_tokenizers import ByteLevel

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Normalisers that change few texts of most languages; which ones is measured on real lines.
_UNICODE_FORMS = ("NFKC", "NFC")
# Settings of a BPE model under which it merges in another way than llama.cpp does.
_OTHER_MERGES = (
    "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges",
)  # fmt: skip


@dataclass(frozen=True)
class GgufTokenizer:
    """What a GGUF file says about text.

    Attributes:
        tokens: the text of each token by its id, bytes written as GPT-2 writes them.
        control: ids of tokens that no text has, such as BOS.
        unused: ids without a token.
        merges: pairs, the first to be merged first; empty if the model is no BPE.
        normalizer: NFKC or NFC, which llama.cpp leaves out; None without one.
        adds_space: whether a space is put before a text, which llama.cpp leaves out as well.
        adds_bos, adds_eos: whether the tokenizer puts them around a text by itself.
        differences: why llama.cpp gives other tokens, one phrase each.
        is_bpe: whether the vocabulary can be stored.
    """

    tokens: list[str]
    control: frozenset[int]
    unused: frozenset[int]
    merges: list[str]
    bos: int | None
    eos: int | None
    pad: int | None
    normalizer: str | None
    adds_space: bool
    adds_bos: bool
    adds_eos: bool
    differences: tuple[str, ...]
    is_bpe: bool


def read_gguf_tokenizer(folder: Path, known: int) -> GgufTokenizer:
    """Describe the tokenizer of a model folder for llama.cpp.

    Args:
        known: tokens of the model; the tokenizer's ids beyond them are left out.

    Raises:
        InputError: what `load_tokenizer` raises.
    """
    library = load_tokenizer(folder)
    parts = json.loads(library.backend_tokenizer.to_str())
    names = {i: t for t, i in library.get_vocab().items() if i < known}
    special = {i for i, token in library.added_tokens_decoder.items() if token.special}
    model = parts["model"]
    around = _around(library)
    control = frozenset((special | set(library.all_special_ids)) & names.keys())
    eos = _known(library.eos_token_id, known)
    bos = _known(library.bos_token_id, known)
    return GgufTokenizer(
        tokens=[names.get(i, f"[UNUSED{i}]") for i in range(max(names) + 1)],
        control=control,
        unused=frozenset(range(max(names) + 1)) - names.keys(),
        merges=[" ".join(_pair(each)) for each in model.get("merges") or ()],
        bos=eos if bos is None else bos,
        eos=eos,
        pad=_known(library.pad_token_id, known),
        normalizer=_type(parts["normalizer"]),
        adds_space=bool((parts["pre_tokenizer"] or {}).get("add_prefix_space")),
        adds_bos=around == ([bos], []) or around == ([bos], [eos]),
        adds_eos=around == ([], [eos]) or around == ([bos], [eos]),
        differences=tuple(_differences(parts, names, control, around, (bos, eos))),
        is_bpe=model["type"] == "BPE",
    )


def refuse_differences(folder: Path, tokenizer: GgufTokenizer) -> None:
    """Check that llama.cpp can give the tokens that this tokenizer gives.

    Raises:
        InputError: names every difference.
    """
    if tokenizer.differences:
        raise InputError(
            f"{folder}: llama.cpp cannot reproduce the tokenizer: "
            + "; ".join(tokenizer.differences),
            why="From the same text the model would get other tokens than in training.",
            mend="Export to ONNX, which keeps the tokenizer, or accept other tokens: add "
            "--allow-different-text",
        )


def _differences(
    parts: Mapping[str, Any],
    names: Mapping[int, str],
    control: frozenset[int],
    around: tuple[list[int], list[int]],
    roles: tuple[int | None, int | None],
) -> Iterator[str]:
    """Why llama.cpp gives other tokens; `roles` are BOS and EOS."""
    model, normalizer, splitter = parts["model"], parts["normalizer"], parts["pre_tokenizer"]
    if model["type"] != "BPE":
        yield f"its model is {model['type']}, not byte-level BPE"
        return
    for setting in _OTHER_MERGES:
        if model.get(setting):
            yield f"its model has {setting} {model[setting]!r}"
    if _type(normalizer) not in (None, *_UNICODE_FORMS):
        yield f"its normaliser is {_type(normalizer)}"
    is_gpt2s = _type(splitter) == "ByteLevel" and splitter.get("use_regex", True)
    if not is_gpt2s:
        yield f"its pre-tokenizer is {_type(splitter)}, not GPT-2's"
    if lacking := set(ByteLevel.alphabet()) - set(names.values()):
        yield f"{len(lacking)} of the 256 bytes have no token"
    extra = [t["content"] for t in parts["added_tokens"] if t["id"] in names.keys() - control]
    if extra:
        yield f"it has added tokens that texts may hold, such as {extra[0]!r}"
    if around not in [(before, after) for before in ([], [roles[0]]) for after in ([], [roles[1]])]:
        yield f"it puts tokens {around[0]} before a text and {around[1]} behind it"
    if roles[1] is None:
        yield "it has no EOS, and llama.cpp would take token 11 for it"


def _around(library: "PreTrainedTokenizerFast") -> tuple[list[int], list[int]]:
    """The ids that the tokenizer puts before and behind a text by itself."""
    plain = library.encode("a", add_special_tokens=False)
    full = library.encode("a", add_special_tokens=True)
    at = next((i for i in range(len(full)) if full[i : i + len(plain)] == plain), 0)
    return full[:at], full[at + len(plain) :]


def _type(part: Mapping[str, Any] | None) -> str | None:
    """The kind of a part; of several in a row, all of them."""
    if part is None:
        return None
    steps = part.get("normalizers") or part.get("pretokenizers")
    return " then ".join(str(_type(step)) for step in steps) if steps else str(part["type"])


def _pair(merge: Any) -> tuple[str, str]:
    """A merge as older and newer files store it: "a b" or ["a", "b"]."""
    left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
    return left, right


def _known(token: int | None, known: int) -> int | None:
    return token if token is not None and token < known else None
