"""What every model of a run writes after the same beginnings of dev documents: for readers.

The beginnings and the uniform numbers that tokens are drawn by are the same for all models, and the
real text goes with them. A model may write what its training text has: under the layout `lines` the
mark that begins a line, and the one that ends a document. Kept as scores are, in a file of its own
for each model; an evaluation that was finished before there were samples stays complete without
them.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int64

from babyllama.data.tokenizer import load_tokenizer, never_written
from babyllama.data.windows import Windows, document_starts
from babyllama.models.ensemble import load_ensemble
from babyllama.models.precision import pick_device
from babyllama.models.sampling import Drawing, continued
from babyllama.recipe import EQUAL_WEIGHTS, Mixing
from babyllama.runs.artefact import Facts
from babyllama.runs.kept import kept, read_kept
from babyllama.runs.layout import samples_file
from babyllama.runs.manifests import digest
from babyllama.scores.samples import SAMPLES, SAMPLES_VERSION, TEXTS_FIELD

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TEXTS = 4
_GIVEN = (6, 7, 5, 8, 4, 9, 3, 10)  # tokens of a beginning, the best length first
_LONGEST = 48  # tokens of a text with its beginning
_LEAST = 6  # tokens that a document has after its beginning


@dataclass(frozen=True)
class Beginnings:
    """The beginnings of some dev documents, equally long.

    Attributes:
        given: their tokens.
        rest: how each document goes on, as long as a sample may be.
        are_ended: whether each document ends with its `rest`, so that nothing was cut.
        longest: tokens of a sample with its beginning, at most.
        marks_lines: whether a mark begins every line, as the layout `lines` has it.
    """

    given: Int64[np.ndarray, "texts given"]
    rest: tuple[Int64[np.ndarray, " _"], ...]
    are_ended: tuple[bool, ...]
    longest: int
    marks_lines: bool


def sample_models(
    models: Mapping[str, Sequence[Path]],
    *,
    tokens: Path,
    window: int,
    before: Sequence[Path],
    out: Path,
    mixing: Mixing = EQUAL_WEIGHTS,
    seed: int = 0,
) -> None:
    """Write samples/NAME.json for each model.

    Nothing is written if no dev document is long enough to begin one.

    Args:
        models: name to one folder, or to several for their ensemble.
        window: tokens that every model can read.
        before: folders that may have samples that still hold; they need not exist.

    Raises:
        InputError: what `load_ensemble` raises; less dev text than one window.
    """
    texts = beginnings(tokens, window)
    if texts is None:
        return
    common = {"tokens": digest(tokens), "window": window, "seed": seed,
              "samples_version": SAMPLES_VERSION}  # fmt: skip
    for name, folders in models.items():
        key = {"models": [digest(folder) for folder in folders], **common}
        if len(folders) > 1:
            key |= mixing.model_dump(mode="json")
        file = samples_file(out, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in before:
            old = samples_file(folder, name)
            if not file.exists() and read_kept(old, key, field=SAMPLES) is not None:
                shutil.copy(old, file)
        kept(file, key, partial(_written, folders, mixing, texts, seed), field=SAMPLES)


def beginnings(tokens: Path, window: int) -> Beginnings | None:
    """Of evenly spaced dev documents; of a text without documents, of evenly spaced words.

    A beginning ends where a word does, unless no document has a word that ends there.

    Returns:
        None if nothing in the dev text is long enough.
    """
    windows = Windows(tokens, "dev", window)
    longest = min(_LONGEST, window)
    starts = document_starts(tokens, "dev")
    size = len(windows.stream)
    stops = np.append(starts[1:], size)
    marks_lines = windows.header["layout"] == "lines"
    if not marks_lines or not len(starts):
        starts = np.flatnonzero(windows.word_starts)
        stops = np.minimum(starts + window, size)
    possible = {}
    for given in _GIVEN:
        long = np.flatnonzero((stops - starts >= given + _LEAST) & (3 * given <= window))
        possible[given] = long[windows.word_starts[starts[long] + given] > 0]
    given = max(_GIVEN, key=lambda n: min(TEXTS, len(possible[n])))
    found = possible[given]
    if not len(found):  # as in text without spaces
        given = _GIVEN[0]
        found = np.flatnonzero((stops - starts >= given + _LEAST) & (3 * given <= window))
    if not len(found):
        return None
    chosen = found[np.unique(np.linspace(0, len(found) - 1, TEXTS).round().astype(int))]
    texts = [np.asarray(windows.stream[starts[n] : stops[n]], np.int64) for n in chosen]
    return Beginnings(
        given=np.stack([text[:given] for text in texts]),
        rest=tuple(text[given:longest] for text in texts),
        are_ended=tuple(marks_lines and len(text) <= longest for text in texts),
        longest=longest,
        marks_lines=marks_lines,
    )


def _written(folders: Sequence[Path], mixing: Mixing, texts: Beginnings, seed: int) -> Facts:
    """Each beginning, how it goes on in the real text, and what the model writes instead."""
    ensemble = load_ensemble(folders, device=pick_device(), mixing=mixing)
    library = load_tokenizer(folders[0])
    end = library.eos_token_id
    line = library.bos_token_id if texts.marks_lines else None
    never = never_written(library, marks=(line, end), vocab_size=ensemble.mixture.vocab_size)
    steps = texts.longest - texts.given.shape[1]
    chances = np.random.default_rng(seed).random((len(texts.given), steps))
    drawn = continued(
        ensemble,
        torch.from_numpy(texts.given).to(ensemble.device),
        torch.from_numpy(chances),
        Drawing(1.0, None, never),
        ends=end,
    )
    read = partial(_read, library, line)
    found = []
    for given, rest, real_is_ended, new in zip(
        texts.given, texts.rest, texts.are_ended, drawn.tolist(), strict=True
    ):
        is_ended = end in new
        found.append({
            "given": read(given.tolist()).lstrip("\n"),
            "real": read(rest.tolist()),
            "written": read(new[: new.index(end)] if is_ended else new),
            "is_ended": is_ended,
            "real_is_ended": real_is_ended,
        })  # fmt: skip
    return {TEXTS_FIELD: found}


def _read(library: "PreTrainedTokenizerFast", line: int | None, ids: Sequence[int]) -> str:
    """The text of tokens, with a line break for each mark that begins a line."""
    lines: list[list[int]] = [[]]
    for token in ids:
        if token == line:
            lines.append([])
        else:
            lines[-1].append(token)
    first, *others = (library.decode(each, skip_special_tokens=True) for each in lines)
    return "\n".join([first, *(each.strip() for each in others)])
