"""Reading a stored signal: memory-mapped, a batch's windows when it is asked for.

A shard is never read whole: a batch's windows alone are. On a card, a signal that fits into half of
its free memory is kept there.
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
from babyllama.recipe import (
    HiddenSignal,
    JitteredWindows,
    SampledSignal,
    TopKSignal,
    parse_stored_signal,
)
from babyllama.runs.artefact import damaged, hash_file, read_manifest, touch_damaged
from babyllama.signals.formats import Format, format_from
from babyllama.signals.store import shard_path, unreadable

_SHARE_OF_CARD = 0.5


class OpenSignal:
    """A stored signal, held open for one temperature."""

    def __init__(
        self,
        folder: Path,
        header: dict[str, Any],
        form: Format,
        *,
        temperature: float,
        device: torch.device,
    ) -> None:
        self.header = header
        self.products = form.products
        self._form, self._temperature, self._device = form, temperature, device
        self._offsets = {offset: number for number, offset in enumerate(header["offsets"])}
        self._before = np.cumsum([0, *header["windows"]])
        # Held open for the signal's life: maps, not copies.
        self._files = ExitStack()
        shards = [
            self._files.enter_context(safe_open(shard_path(folder, number), "pt"))
            for number in range(header["shards"])
        ]
        self._slices = [{name: shard.get_slice(name) for name in shard.keys()} for shard in shards]  # noqa: SIM118
        self._resident = self._on_card() if fits_on_card(header, device) else None

    def targets(self, batch: Batch) -> TeacherTargets:
        """Look the batch's windows up; what they say is worked out a slice at a time."""
        stored = self.read(batch.starts)
        stored["inputs"] = batch.input_ids.to(self._device)
        return self._form.targets(
            {name: tensor.flatten(0, 1) for name, tensor in stored.items()}, self._temperature
        )

    def read(self, starts: Int64[np.ndarray, " batch"]) -> dict[str, Tensor]:
        """What is stored of the windows that start at these tokens, (batch, window, ...) each."""
        numbers = self._numbers(starts)
        if self._resident is not None:
            chosen = torch.from_numpy(numbers).to(self._device)
            return {name: tensor[chosen] for name, tensor in self._resident.items()}
        # Neighbours are read at once: a pass in order is a copy of large blocks.
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
        """The windows' numbers through all passes."""
        window = self.header["window"]
        passes = np.array([self._offsets[int(at) % window] for at in starts])
        numbers: np.ndarray = self._before[passes] + starts // window
        return numbers

    def _run(self, number: int, count: int) -> dict[str, Tensor]:
        shard, row = divmod(number, self.header["windows_per_shard"])
        return {name: each[row : row + count] for name, each in self._slices[shard].items()}

    def _on_card(self) -> dict[str, Tensor]:
        return {name: self._all_of(name) for name in self._slices[0]}

    def _all_of(self, name: str) -> Tensor:
        """Every window's, a shard at a time into their place: never twice on the device."""
        first = self._slices[0][name][:1]
        count = int(self._before[-1])
        whole: Tensor = first.new_empty(count, *first.shape[1:], device=self._device)
        row = 0
        for shard in self._slices:
            windows = shard[name][:]
            whole[row : row + len(windows)] = windows.to(self._device)
            row += len(windows)
        return whole


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
        weights: of the teachers, instead of those it was stored with (hidden kinds only).

    Raises:
        InputError: a signal that is half written or damaged, of other tokens or windows, or for
            other temperatures or weights.
    """
    header = read_signal(folder)
    _refuse_other_windows(folder, header, windows)
    _refuse_damage(folder, header)
    recipe = parse_stored_signal(header["recipe"], f"{folder}/signal.json")
    tensors = load_file(folder / "format.safetensors", device=str(device))
    mixture = None
    if isinstance(recipe, HiddenSignal):
        mixture = _mixture(header, tensors, recipe)
        if weights is not None:
            mixture = mixture.with_weights(weights)
    else:
        _refuse_unstored(folder, recipe, temperature, weights)
    form = format_from(recipe, mixture, tensors)
    return OpenSignal(folder, header, form, temperature=temperature, device=device)


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


def fits_on_card(header: dict[str, Any], device: torch.device) -> bool:
    """Whether a signal may be kept on the device: half of a card's free memory holds it."""
    if device.type != "cuda":
        return False  # a processor reads it from the page cache at the speed of memory
    free, _ = torch.cuda.mem_get_info(device)
    size = sum(header["windows"]) * header["window"] * header["bytes_per_token"]
    return bool(size < _SHARE_OF_CARD * free)


def _mixture(header: dict[str, Any], tensors: dict[str, Tensor], recipe: HiddenSignal) -> Mixture:
    heads = tuple(
        Head(tensors[f"head.{number}"], softcap=softcap)
        for number, softcap in enumerate(header["softcaps"])
    )
    return Mixture(heads, tuple(header["weights"]), recipe.mean_of)


def _refuse_other_windows(folder: Path, header: dict[str, Any], windows: Windows) -> None:
    if header["window"] != windows.window:
        raise InputError(
            f"{folder}/signal.json: window is {header['window']}, "
            f"but the student reads windows of {windows.window}",
            why="What teachers said belongs to the windows that they read.",
            mend=f"Train with training.window {header['window']}, or store the signal again.",
        )
    if header["stream_sha256"] != hash_file(windows.path):
        raise InputError(
            f"{folder} was stored for other tokens than {windows.path}",
            why="The digests of the two streams differ.",
            mend="Run `babyllama signal` on these tokens.",
        )
    if set(windows.offsets) - set(header["offsets"]):
        wanted = (
            "at random places"
            if isinstance(windows.placement, JitteredWindows)
            else f"at offsets {', '.join(map(str, windows.offsets))}"
        )
        raise InputError(
            f"{folder} holds windows at offsets {', '.join(map(str, header['offsets']))}, "
            f"the student reads them {wanted}",
            why="A stored signal serves the windows that it was made of alone.",
            mend="Distil with --teacher."
            if isinstance(windows.placement, JitteredWindows)
            else f"Store it with --passes {len(windows.offsets)}, or distil with --teacher.",
        )


def _refuse_damage(folder: Path, header: dict[str, Any]) -> None:
    again = "Run the same `babyllama signal` (or `run`) command again: it writes"
    paths = [shard_path(folder, number) for number in range(header["shards"])]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise InputError(
            f"{folder} is half written: {len(missing)} of {len(paths)} shards are missing",
            why="Its writer was stopped.",
            mend=f"{again} the others.",
        )
    manifest = read_manifest(folder)
    found = next(damaged(folder, manifest), "") if manifest else ""
    found = found or next(filter(None, map(unreadable, paths)), "")
    if found:
        touch_damaged(folder, [found])
        raise InputError(
            found,
            why="`babyllama verify` names all that is damaged.",
            mend=f"{again} damaged shards alone.",
        )


def _refuse_unstored(
    folder: Path,
    recipe: TopKSignal | SampledSignal,
    temperature: float,
    weights: tuple[float, ...] | None,
) -> None:
    if temperature not in recipe.temperatures:
        stored = ", ".join(f"{each:g}" for each in recipe.temperatures)
        raise InputError(
            f"temperature is {temperature:g}, {folder} was stored for {stored}",
            why=f"The weights of a {recipe.kind} signal are exact at its own temperatures alone.",
            mend=f"Use one of them, or store it with --temperature {temperature:g}.",
        )
    if weights is not None:
        raise InputError(
            f"{folder}: a {recipe.kind} signal has its teachers' weights built in",
            why="What it keeps is of the mixture, not of each teacher.",
            mend="Store it again with these weights, or store hidden states.",
        )
