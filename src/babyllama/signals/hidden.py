"""The hidden signal: the teachers run once, their last hidden states are stored in bfloat16.

On disk, beside the manifest:

    signal.json               what was read: window, count, digest of the stream
    head.safetensors          the ensemble's head (vocab, hidden), float32
    states-00000.safetensors  states (windows, window, hidden) of the first windows, and so on

States are keyed by the number of a window in the stream, never by step, seed or batch: one signal
serves any number of students, epochs, temperatures, alphas and reductions.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from babyllama.artefact import Facts, hash_file, write_atomically
from babyllama.console import Interrupted, ProgressBar, stoppable
from babyllama.ensemble import Ensemble, load_ensemble, refuse_long_windows
from babyllama.errors import InputError
from babyllama.losses import TeacherTargets, form_logits
from babyllama.models import compute_dtype, flops_per_token, pick_device
from babyllama.tokens import Batch, Windows, refuse_other_tokenizer

_SHARD_BYTES = 64 * 2**20
_WINDOWS_AT_ONCE = 32


def store_hidden(teachers: Sequence[Path], tokens: Path, out: Path, *, window: int) -> Facts:
    """Run the teachers once over the training windows and store what they say.

    A shard is written whole or not at all, so a killed writer goes on with the first that is
    missing.

    Returns:
        bytes per token, tokens and FLOPs, for the manifest.

    Raises:
        InputError: teachers that do not share a vocabulary, or do not know the tokens.
    """
    device = pick_device()
    dtype = compute_dtype("auto", device)
    ensemble = load_ensemble(teachers, device=device, dtype=dtype)
    refuse_other_tokenizer(tokens, teachers[0])
    refuse_long_windows(ensemble, window)
    windows = Windows(tokens, "train", window)
    width = ensemble.mixture.head.shape[1]
    per_shard = max(1, _SHARD_BYTES // (window * width * 2))
    save_file({"head": ensemble.mixture.head.cpu().contiguous()}, out / "head.safetensors")
    with (
        stoppable() as stop,
        ProgressBar("signal", len(windows) * window, "tokens") as bar,
    ):
        for number, first in enumerate(range(0, len(windows), per_shard)):
            indices = np.arange(first, min(first + per_shard, len(windows)))
            path = _shard(out, number)
            if not path.exists():
                _write_shard(path, ensemble, windows, indices, device)
            bar.advance(len(indices) * window)
            if stop.requested:
                raise Interrupted
    facts = {
        "kind": "hidden",
        "window": window,
        "windows": len(windows),
        "windows_per_shard": per_shard,
        "hidden_size": width,
        "stream_sha256": hash_file(windows.path),
        "bytes_per_token": width * 2,
    }
    write_atomically(out / "signal.json", json.dumps(facts, indent=1) + "\n")
    return {**facts, "tokens": len(windows) * window, "flops": _flops(ensemble, windows)}


class HiddenSignal:
    """A stored signal, memory-mapped: a batch's windows are read when it is asked for."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.header = read_signal(folder)
        self._device = device
        self._head = load_file(folder / "head.safetensors")["head"].to(device)
        self.products: tuple[tuple[int, int], ...] = ((self._head.shape[1], self._head.shape[0]),)
        # Held open for the signal's life: a map, not a copy.
        self._files = ExitStack()
        self._shards = [
            self._files.enter_context(safe_open(path, "pt")).get_slice("states")
            for path in sorted(folder.glob("states-*.safetensors"))
        ]

    def targets(self, batch: Batch) -> TeacherTargets:
        """Look the batch's windows up; their logits come from one product a slice."""
        states = torch.cat([self._window(int(index)) for index in batch.indices])
        states = states.to(self._device)
        return lambda part: form_logits(states[part], self._head)

    def _window(self, index: int) -> torch.Tensor:
        shard, row = divmod(index, self.header["windows_per_shard"])
        states: torch.Tensor = self._shards[shard][row : row + 1][0]
        return states


def open_hidden(folder: Path, windows: Windows, *, device: torch.device) -> HiddenSignal:
    """Open a stored signal for the windows that a student will read.

    Raises:
        InputError: a signal of other tokens or another window.
    """
    header = read_signal(folder)
    if header["window"] != windows.window:
        raise InputError(
            f"{folder}/signal.json: window is {header['window']}, "
            f"but the student reads windows of {windows.window}",
            why="Stored states belong to the windows that the teachers read.",
            mend=f"Train with training.window {header['window']}, or store the signal again.",
        )
    if header["stream_sha256"] != hash_file(windows.path):
        raise InputError(
            f"{folder} was stored for other tokens than {windows.path}",
            why="The digests of the two streams differ.",
            mend="Run `babyllama signal` on these tokens.",
        )
    return HiddenSignal(folder, device)


def read_signal(folder: Path) -> dict[str, Any]:
    """What a stored signal says of itself.

    Raises:
        InputError: not a stored signal.
    """
    try:
        header: dict[str, Any] = json.loads((folder / "signal.json").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{folder} holds no signal.json",
            mend="Store one: babyllama signal TEACHER... --tokens DIR --kind hidden --out DIR",
        ) from None
    return header


def _write_shard(
    path: Path, ensemble: Ensemble, windows: Windows, indices: np.ndarray, device: torch.device
) -> None:
    states = torch.cat(list(_states(ensemble, windows, indices, device)))
    beside = path.with_suffix(".writing")
    save_file({"states": states}, beside)
    beside.replace(path)


def _states(
    ensemble: Ensemble, windows: Windows, indices: np.ndarray, device: torch.device
) -> Iterator[torch.Tensor]:
    for start in range(0, len(indices), _WINDOWS_AT_ONCE):
        batch = windows.read(indices[start : start + _WINDOWS_AT_ONCE])
        yield ensemble.states(batch.input_ids.to(device)).to(torch.bfloat16).cpu()


def _shard(folder: Path, number: int) -> Path:
    return folder / f"states-{number:05d}.safetensors"


def _flops(ensemble: Ensemble, windows: Windows) -> int:
    per_token = sum(flops_per_token(model) for model in ensemble.models)
    return len(windows) * windows.window * per_token
