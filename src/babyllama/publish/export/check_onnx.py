"""Whether onnxruntime computes from a graph what our ensemble computes."""

import importlib.util
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.models.build import shortest_positions
from babyllama.models.ensemble import Ensemble
from babyllama.publish.export.texts import Texts, windows_of

_NOT_VERIFIED = (
    "not verified: onnxruntime is not installed. Install it and export again: "
    "pip install onnxruntime"
)
LARGEST_DIFFERENCE = 1e-3


def check_onnx(
    path: Path, folder: Path, ensemble: Ensemble, texts: Texts, *, tokenizer: Path | None
) -> list[str]:
    """Compare a graph and the tokenizer beside it with models and the tokenizer of a folder.

    Args:
        tokenizer: the tokenizer.json that was written; None if none was.

    Returns:
        what was compared and found, in sentences.

    Raises:
        InputError: other token ids or other logits.
    """
    encode = partial(load_tokenizer(folder).encode, add_special_tokens=False)
    found = [] if tokenizer is None else [_compare_ids(tokenizer, encode, texts)]
    if importlib.util.find_spec("onnxruntime") is None:
        return [*found, _NOT_VERIFIED]
    windows = windows_of(
        texts,
        encode,
        known=ensemble.mixture.vocab_size,
        positions=shortest_positions(model.config for model in ensemble.models),
    )
    session = _session(path)
    alone = max(_distance(session, ensemble, [each]) for each in windows)
    # Rows of other lengths in one batch: the graph counts positions from the mask.
    padded = _distance(session, ensemble, [windows[0][:9], windows[0][:4], windows[0][:1]])
    largest = max(alone, padded)
    if not largest <= LARGEST_DIFFERENCE:
        raise InputError(
            f"onnxruntime's logits differ from the model's by {largest:.2g}",
            why="The file would be another model, so it was not kept.",
            mend="Report this model's config.json, and the versions of torch and onnxruntime.",
        )
    return [
        *found,
        f"logits at {sum(map(len, windows)):,} positions differ by at most {largest:.1e} in "
        f"onnxruntime {metadata.version('onnxruntime')}, alone and in a padded batch",
    ]


def _compare_ids(copy: Path, encode: Any, texts: Texts) -> str:
    read = Tokenizer.from_file(str(copy))
    read.encode_special_tokens = True
    for line in texts.lines:
        if read.encode(line, add_special_tokens=False).ids != encode(line):
            raise InputError(
                f"{copy.name} gives other token ids for {line[:80]!r}",
                why="The folder's tokenizer class adds to its tokenizer.json.",
                mend="Name a file OUT.onnx, without the tokenizer.",
            )
    return f"the same token ids for {len(texts.lines):,} lines ({texts.source}) in tokenizer.json"


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _distance(session: Any, ensemble: Ensemble, rows: Sequence[Sequence[int]]) -> float:
    """The largest difference of two logits in a batch; rows are padded on either side in turn."""
    longest = max(map(len, rows))
    ids, mask = (np.zeros((len(rows), longest), np.int64) for _ in range(2))
    places = [slice(len(row)) if at % 2 else slice(longest - len(row), None)
              for at, row in enumerate(rows)]  # fmt: skip
    for at, (row, place) in enumerate(zip(rows, places, strict=True)):
        ids[at, place], mask[at, place] = row, 1
    (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
    each = (
        np.abs(logits[at, place] - ensemble.logits(torch.tensor([row]))[0].numpy()).max()
        for at, (row, place) in enumerate(zip(rows, places, strict=True))
    )
    return float(max(each))
