"""Reading a stored signal: memory-mapped shards, of which only a batch's windows are read.

A GPU keeps a signal in its memory if the signal fits into half of the free memory.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from babyllama.data.windows import Batch, Windows
from babyllama.errors import InputError
from babyllama.models.ensemble import Mixture
from babyllama.models.logits import Head
from babyllama.models.loss import TeacherTargets
from babyllama.recipe import JitteredWindows, parse_stored_signal
from babyllama.runs.files import hash_file
from babyllama.runs.manifests import damaged, read_manifest, touch_damaged
from babyllama.signals.encoding import Encoding
from babyllama.signals.kinds import kind_of
from babyllama.signals.shards import HEADER, TABLES, shard_damage, shard_path

_SHARE_OF_GPU_MEMORY = 0.5


class OpenSignal:
    """A stored signal, opened for one temperature."""

    def __init__(
        self,
        folder: Path,
        header: dict[str, Any],
        encoding: Encoding,
        *,
        temperature: float,
        device: torch.device,
    ) -> None:
        self.header = header
        self.products = encoding.sizes.products
        self.encoding, self._temperature, self._device = encoding, temperature, device
        self._passes = {offset: number for number, offset in enumerate(header["offsets"])}
        self._first_windows = np.cumsum([0, *header["windows"]])  # of each pass, then their total
        self._files = ExitStack()  # memory maps that stay open, not copies
        shards = [
            self._files.enter_context(safe_open(shard_path(folder, number), "pt"))
            for number in range(header["shards"])
        ]
        self._slices = [{name: shard.get_slice(name) for name in shard.keys()} for shard in shards]  # noqa: SIM118
        self._resident = self._on_gpu() if fits_on_gpu(header, device) else None

    def targets(self, batch: Batch) -> TeacherTargets:
        """Read what is stored of the batch's windows; targets are formed a slice at a time."""
        stored = self.read(batch.starts)
        stored["inputs"] = batch.input_ids.to(self._device)
        return self.encoding.targets(
            {name: tensor.flatten(0, 1) for name, tensor in stored.items()}, self._temperature
        )

    def read(self, starts: Int64[np.ndarray, " batch"]) -> dict[str, Tensor]:
        """The stored tensors (batch, window, ...) of the windows that start at these tokens."""
        numbers = self._numbers(starts)
        if self._resident is not None:
            chosen = torch.from_numpy(numbers).to(self._device)
            return {name: tensor[chosen] for name, tensor in self._resident.items()}
        # Consecutive windows are read together, so reading in order copies large blocks.
        breaks = np.flatnonzero(
            (np.diff(numbers) != 1) | (numbers[1:] % self.header["windows_per_shard"] == 0)
        )
        runs = np.split(numbers, breaks + 1)
        pieces = [self._run(int(run[0]), len(run)) for run in runs]
        return {
            name: torch.cat([piece[name] for piece in pieces]).to(self._device)
            for name in pieces[0]
        }

    def _numbers(self, starts: np.ndarray) -> np.ndarray:
        """The windows' numbers, counted through all passes."""
        window = self.header["window"]
        passes = np.array([self._passes[int(at) % window] for at in starts])
        numbers: np.ndarray = self._first_windows[passes] + starts // window
        return numbers

    def _run(self, number: int, count: int) -> dict[str, Tensor]:
        shard, row = divmod(number, self.header["windows_per_shard"])
        return {name: each[row : row + count] for name, each in self._slices[shard].items()}

    def _on_gpu(self) -> dict[str, Tensor]:
        return {name: self._all_of(name) for name in self._slices[0]}

    def _all_of(self, name: str) -> Tensor:
        """All windows of one tensor, copied a shard at a time: never two copies on the device."""
        first = self._slices[0][name][:1]
        count = int(self._first_windows[-1])
        gathered: Tensor = first.new_empty(count, *first.shape[1:], device=self._device)
        row = 0
        for shard in self._slices:
            windows = shard[name][:]
            gathered[row : row + len(windows)] = windows.to(self._device)
            row += len(windows)
        return gathered


def open_stored(
    folder: Path,
    windows: Windows,
    *,
    temperature: float,
    device: torch.device,
    weights: tuple[float, ...] | None = None,
) -> OpenSignal:
    """Open a stored signal for the windows that a student will read.

    Args:
        weights: of the teachers, instead of those it was stored with; for kinds that keep the
            teachers' heads.

    Raises:
        InputError: an incomplete or damaged signal, or one for other tokens, windows, temperatures
            or weights.
    """
    header = read_signal(folder)
    _refuse_other_windows(folder, header, windows)
    _refuse_damage(folder, header)
    recipe = parse_stored_signal(header["recipe"], f"{folder / HEADER}")
    kind = kind_of(recipe)
    tables = load_file(folder / TABLES, device=str(device))
    mixture = _mixture(header, tables) if kind.keeps_heads else None
    if weights is not None:
        if mixture is None:
            _refuse_weights(folder, recipe.kind)
        else:
            mixture = mixture.with_weights(weights)
    encoding = kind.load(recipe, mixture, tables)
    _refuse_other_temperature(folder, encoding, temperature)
    return OpenSignal(folder, header, encoding, temperature=temperature, device=device)


def read_signal(folder: Path) -> dict[str, Any]:
    """The header of a stored signal: its `signal.json`.

    Raises:
        InputError: not a stored signal.
    """
    try:
        header: dict[str, Any] = json.loads((folder / HEADER).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{folder} has no {HEADER}",
            mend="Store one: babyllama signal TEACHER... --tokens DIR --kind hidden --out DIR",
        ) from None
    return header


def fits_on_gpu(header: dict[str, Any], device: torch.device) -> bool:
    """Whether a GPU keeps a signal in its memory: if it fits into half of the free memory."""
    if device.type != "cuda":
        return False  # a CPU reads from the page cache as fast as from memory
    free, _ = torch.cuda.mem_get_info(device)
    size = sum(header["windows"]) * header["window"] * header["bytes_per_token"]
    return bool(size < _SHARE_OF_GPU_MEMORY * free)


def _mixture(header: dict[str, Any], tables: dict[str, Tensor]) -> Mixture:
    heads = tuple(
        Head(tables[f"head.{number}"], softcap=softcap)
        for number, softcap in enumerate(header["softcaps"])
    )
    return Mixture(heads, tuple(header["weights"]), header["recipe"]["mean_of"])


def _refuse_other_windows(folder: Path, header: dict[str, Any], windows: Windows) -> None:
    if header["window"] != windows.window:
        raise InputError(
            f"{folder / HEADER}: window is {header['window']}, "
            f"but the student reads windows of {windows.window}",
            why="A signal covers only the windows that its teachers read.",
            mend=f"Train with training.window {header['window']}, or store the signal again.",
        )
    if header["stream_sha256"] != hash_file(windows.path):
        raise InputError(
            f"{folder} was stored for other tokens than {windows.path}",
            why="The digests of the two token streams differ.",
            mend="Run `babyllama signal` on these tokens.",
        )
    if (header.get("documents") == "separate") != windows.separates_documents:
        raise InputError(
            f"{folder} was stored for tokens.documents: {header.get('documents', 'attend')}, "
            f"{windows.path} has {windows.header.get('documents', 'attend')}",
            why="Its teachers saw other tokens in each window than the student sees.",
            mend="Run `babyllama signal` on these tokens.",
        )
    if set(windows.offsets) - set(header["offsets"]):
        wanted = (
            "at random offsets"
            if isinstance(windows.placement, JitteredWindows)
            else f"at offsets {', '.join(map(str, windows.offsets))}"
        )
        raise InputError(
            f"{folder} has windows at offsets {', '.join(map(str, header['offsets']))}, "
            f"the student reads them {wanted}",
            why="A stored signal serves only the windows that it was stored for.",
            mend="Distil with --teacher."
            if isinstance(windows.placement, JitteredWindows)
            else f"Store it with --passes {len(windows.offsets)}, or distil with --teacher.",
        )


def _refuse_damage(folder: Path, header: dict[str, Any]) -> None:
    again = "Run the same `babyllama signal` (or `run`) command again: it writes only"
    paths = [shard_path(folder, number) for number in range(header["shards"])]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise InputError(
            f"{folder} is incomplete: {len(missing)} of {len(paths)} shards are missing",
            why="Its writer was stopped.",
            mend=f"{again} the missing shards.",
        )
    manifest = read_manifest(folder)
    found = next(damaged(folder, manifest), "") if manifest else ""
    found = found or next(filter(None, map(shard_damage, paths)), "")
    if found:
        touch_damaged(folder, [found])
        raise InputError(
            found,
            why="`babyllama verify` names every damaged file.",
            mend=f"{again} damaged shards.",
        )


def _refuse_other_temperature(folder: Path, encoding: Encoding, temperature: float) -> None:
    if encoding.temperatures is not None and temperature not in encoding.temperatures:
        stored = ", ".join(f"{each:g}" for each in encoding.temperatures)
        raise InputError(
            f"temperature is {temperature:g}, {folder} was stored for {stored}",
            why="A signal of this kind is exact only at the temperatures it was stored for.",
            mend=f"Use one of them, or store it with --temperature {temperature:g}.",
        )


def _refuse_weights(folder: Path, kind: str) -> None:
    raise InputError(
        f"{folder}: a {kind} signal has its teachers' weights built in",
        why="It stores the mixture of the teachers, not each teacher.",
        mend="Store it again with these weights, or store hidden states.",
    )
