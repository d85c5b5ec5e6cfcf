"""Writing a signal: the teachers run once over the training windows, what they say is stored.

On disk, beside the manifest:

    signal.json               what was read and in which form it is kept
    format.safetensors        what reading needs besides the shards: heads, codes, tables
    shard-00000.safetensors   tensors (windows, window, ...) of the first windows, and so on
    fidelity.json             how close it comes to the ensemble on held-out windows
    frontier.json             the same of every other kind, where the recipe asks for it

Windows are keyed by where they start in the stream, never by step, seed or batch. A shard is
written whole or not at all and depends on nothing but its number, so any number of processes write
a signal together, and a killed writer goes on with the shards that are missing.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from babyllama.console import Interrupted, ProgressBar, format_bytes, print_status, stoppable
from babyllama.data.windows import Batch, Windows, refuse_other_tokenizer
from babyllama.errors import InputError
from babyllama.models.build import flops_per_token
from babyllama.models.ensemble import load_ensemble, refuse_long_windows
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.recipe import StoredSignal
from babyllama.runs.artefact import SCRATCH, Facts, digest, hash_file, write_atomically
from babyllama.runs.launched import Launched
from babyllama.runs.layout import FIDELITY, FRONTIER
from babyllama.signals.fidelity import measure_fidelity
from babyllama.signals.formats import Format, fit_format, format_from, format_tensors
from babyllama.signals.frontier import measure_frontier
from babyllama.signals.hidden import CodedStates, EightBitStates

_SHARD_BYTES = 64 * 2**20
_SHARD_TOKENS = 2**16  # a kill costs at most this much of the teachers' work a process
_WINDOWS_AT_ONCE = 32
_SAMPLE_TOKENS = 2**16
_FIDELITY_TOKENS = 2**13
_FRONTIER_TOKENS = 2**12
_SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class SignalSource:
    """What a signal is made from, and how.

    Attributes:
        window: tokens a window.
        offsets: where each pass over the stream starts; one pass, at 0, for `fixed` windows.
    """

    teachers: tuple[Path, ...]
    tokens: Path
    recipe: StoredSignal
    window: int
    offsets: tuple[int, ...] = (0,)


def store_signal(source: SignalSource, out: Path, *, processes: int = 1) -> Facts:
    """Run the teachers once over the training windows and store what they say.

    Args:
        processes: on this machine, each with teachers of its own, on its own card where there are
            several.

    Returns:
        kind, bytes per token, tokens, FLOPs and speed, for the manifest.

    Raises:
        InputError: teachers that do not share a vocabulary, do not know the tokens or give no
            number; a form that does not fit them; a disk too small.
    """
    writer = _Writer(source, out)
    writer.prepare()
    ours = [Launched(rank, processes) for rank in range(processes)]
    helpers = [
        get_context("spawn").Process(target=_help, args=(source, out, each), daemon=True)
        for each in ours[1:]
    ]
    for helper in helpers:
        helper.start()
    try:
        speed = writer.write(ours[0], [helper.is_alive for helper in helpers])
    finally:
        for helper in helpers:
            if helper.exitcode:
                print_status(
                    f"  process {helper.pid} ended with {helper.exitcode}; its shards are written"
                )
            helper.terminate()  # at once: a shard is written whole or not at all
    return writer.finish(speed)


def store_signal_together(
    source: SignalSource, out: Path, launched: Launched, *, finished: Path
) -> Facts:
    """`store_signal` by processes that a launcher started, each of which calls this.

    The first prepares the folder and completes it. It never waits for a process that is late or
    died: when its own shards are written, it writes those that are missing.

    Args:
        finished: the folder's name once it is complete. A late process may find it there.

    Returns:
        the first process's facts, as `store_signal`; nothing in the others.
    """
    if launched.rank > 0:
        write_share(source, out, launched, finished=finished)
        return {}
    writer = _Writer(source, out)
    writer.prepare()
    return writer.finish(writer.write(launched, []))


def write_share(
    source: SignalSource, out: Path, launched: Launched, *, finished: Path | None = None
) -> None:
    """Write every n-th shard of a signal that the first process prepares and completes.

    Args:
        finished: the folder's name once it is complete, where that may be before this process has
            begun.
    """
    identity = identity_of(source)
    while not _is_prepared(identity, out):
        if finished is not None and _is_prepared(identity, finished):
            return
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    if torch.cuda.is_available():
        torch.cuda.set_device(launched.rank % torch.cuda.device_count())
    writer = _Writer(source, out)
    for number in writer.share(launched):
        try:
            writer.write_shard(number)
        except (OSError, SafetensorError):
            if out.exists():
                raise
            return  # complete, and renamed by now


def identity_of(source: SignalSource) -> dict[str, Any]:
    """What tells one signal from another; `signal.json` repeats it."""
    return {
        "recipe": source.recipe.model_dump(mode="json", exclude={"frontier"}),
        "window": source.window,
        "offsets": list(source.offsets),
        "teachers_sha256": [digest(folder) for folder in source.teachers],
        "stream_sha256": hash_file(source.tokens / "train.bin"),
    }


def _is_prepared(identity: dict[str, Any], out: Path) -> bool:
    """Whether the first process has begun this signal; what lies there may be of another."""
    try:
        header = json.loads((out / "signal.json").read_text("utf-8"))
    except FileNotFoundError:
        return False
    return all(header.get(name) == value for name, value in identity.items())


def _help(source: SignalSource, out: Path, launched: Launched) -> None:
    """`write_share` in a process of its own: the first one hears Ctrl-C and reports mistakes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(max(1, torch.get_num_threads() // launched.count))
    try:
        write_share(source, out, launched)
    except InputError:
        sys.exit(2)  # the first process comes upon the same when it does this one's work


class _Writer:
    """The teachers, held open while shards are written."""

    def __init__(self, source: SignalSource, out: Path) -> None:
        self.source, self.out = source, out
        device = pick_device()
        self.ensemble = load_ensemble(
            source.teachers,
            device=device,
            mixing=source.recipe,
            dtype=compute_dtype("auto", device),
        )
        refuse_other_tokenizer(source.tokens, source.teachers[0])
        refuse_long_windows(self.ensemble, source.window)
        self.windows = Windows(source.tokens, "train", source.window)
        self.counts = tuple(
            (self.windows.stream_tokens - offset) // source.window for offset in source.offsets
        )
        Windows(source.tokens, "dev", source.window)  # refuses dev text that is too short
        self.tokens = sum(self.counts) * source.window
        self.form, self.form_is_new = self._form()
        per_shard = min(_SHARD_BYTES // self.form.bytes_per_token, _SHARD_TOKENS) // source.window
        self.plan = shard_plan(self.counts, max(1, per_shard))

    def _form(self) -> tuple[Format, bool]:
        """The form of an earlier attempt, which its shards are in, or a new one; and which."""
        kept = self.out / "format.safetensors"
        mixture = self.ensemble.mixture
        if kept.exists():
            with suppress(SafetensorError, KeyError):  # a damaged one is made anew
                tensors = load_file(kept, device=str(self.ensemble.device))
                return format_from(self.source.recipe, mixture, tensors), False
        return fit_format(self.source.recipe, mixture, *self._sample()), True

    def _sample(self) -> tuple[Tensor, Tensor]:
        """Windows spread evenly over the text: what forms are fitted to."""
        indices = np.linspace(
            0, len(self.windows) - 1, min(len(self.windows), _SAMPLE_TOKENS // self.source.window)
        )
        starts = np.unique(indices.astype(np.int64)) * self.source.window
        return self._said(starts)

    def prepare(self) -> None:
        """Check the disk, say what the signal will take, and write what all processes need."""
        tables = format_tensors(self.form)
        size = self.tokens * self.form.bytes_per_token + sum(t.nbytes for t in tables.values())
        if self.form_is_new and isinstance(self.form, CodedStates | EightBitStates):
            for shard in self.out.glob("shard-*.safetensors"):
                shard.unlink()  # written in a form that is gone: another fit reads them wrongly
        print_status(
            f"  {self.form.bytes_per_token:,} bytes a token, {format_bytes(size)} on disk for "
            f"{self.tokens:,} tokens"
        )
        have = sum(file.stat().st_size for file in self.out.glob("*.safetensors"))
        free = shutil.disk_usage(self.out).free
        if size - have > free:
            raise InputError(
                f"the signal takes {format_bytes(size)}, {self.out.parent} has "
                f"{format_bytes(free)} free",
                why=f"{self.tokens:,} tokens at {self.form.bytes_per_token:,} bytes each.",
                mend="Write it to another disk, or store fewer bytes a token: docs/signals.md.",
            )
        _save(self.out / "format.safetensors", tables)
        write_atomically(self.out / "signal.json", json.dumps(self.header(), indent=1) + "\n")

    def header(self) -> dict[str, Any]:
        """What `signal.json` says: enough to read the signal and to refuse what it is not for."""
        mixture = self.ensemble.mixture
        return {
            **identity_of(self.source),
            "windows": list(self.counts),
            "windows_per_shard": self.plan[0][1] - self.plan[0][0],
            "shards": len(self.plan),
            "teachers": [folder.name for folder in self.source.teachers],
            "weights": list(mixture.weights),
            "softcaps": [head.softcap for head in mixture.heads],
            "vocab_size": mixture.vocab_size,
            "bytes_per_token": self.form.bytes_per_token,
        }

    def share(self, launched: Launched) -> range:
        """The numbers of one process's shards."""
        return range(launched.rank, len(self.plan), launched.count)

    def write(self, launched: Launched, alive: Sequence[Callable[[], bool]]) -> dict[str, float]:
        """Write this process's shards and wait for those of the others.

        Returns:
            tokens_per_second_written; nothing where an earlier attempt wrote some of them.
        """
        goes_on = any(self.out.glob("shard-*.safetensors"))
        started = time.monotonic()
        own = self.share(launched)
        others = set(range(len(self.plan))) - set(own)
        with stoppable() as stop, ProgressBar("signal", self.tokens, "tokens") as bar:
            for number in own:
                self.write_shard(number)
                others = self._advance({number}, others, bar)
                if stop.requested:
                    raise Interrupted
            while others:
                if any(each() for each in alive):
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
                else:  # whoever should write them ended, or works its way up to them
                    self.write_shard(max(others))
                others = self._advance(set(), others, bar)
                if stop.requested:
                    raise Interrupted
        speed = self.tokens / (time.monotonic() - started)
        return {} if goes_on else {"tokens_per_second_written": speed}

    def _advance(self, done: set[int], others: set[int], bar: ProgressBar) -> set[int]:
        """Count the shards that are done on the bar; those of others that are not yet there."""
        missing = {number for number in others if not shard_path(self.out, number).exists()}
        windows = sum(
            stop - first for first, stop in (self.plan[n] for n in done | others - missing)
        )
        bar.advance(windows * self.source.window)
        return missing

    def write_shard(self, number: int) -> None:
        """Write a shard unless it is there; a cut one is named and written again."""
        path = shard_path(self.out, number)
        if path.exists():
            damage = unreadable(path)
            if not damage:
                return
            print_status(f"  {damage}: it is written again")
        first, stop = self.plan[number]
        pieces = [
            self._encoded(self._starts(np.arange(at, min(at + _WINDOWS_AT_ONCE, stop))))
            for at in range(first, stop, _WINDOWS_AT_ONCE)
        ]
        _save(path, {name: torch.cat([each[name] for each in pieces]) for name in pieces[0]})

    def _starts(self, numbers: np.ndarray) -> np.ndarray:
        """Where windows start, numbered through all passes."""
        before = np.cumsum([0, *self.counts])
        passes = np.searchsorted(before, numbers, side="right") - 1
        offsets = np.array(self.source.offsets)[passes]
        starts: np.ndarray = (numbers - before[passes]) * self.source.window + offsets
        return starts

    def _encoded(self, starts: np.ndarray) -> dict[str, Tensor]:
        states, inputs = self._said(starts)
        rows, window = len(starts), self.source.window
        # Each token of each window has a seed of its own, whoever writes it and when.
        seeds = torch.from_numpy(starts)[:, None] * window + torch.arange(window)
        stored = self.form.encode(states, seeds.flatten().to(states.device), inputs)
        return {
            name: tensor.view(rows, window, *tensor.shape[1:]).cpu()
            for name, tensor in stored.items()
        }

    def _said(self, starts: np.ndarray) -> tuple[Tensor, Tensor]:
        """The teachers' states at every position of some windows, and the tokens read there."""
        batches = [
            self.windows.read_at(starts[at : at + _WINDOWS_AT_ONCE])
            for at in range(0, len(starts), _WINDOWS_AT_ONCE)
        ]
        return self._read(batches)

    def _read(self, batches: Sequence[Batch]) -> tuple[Tensor, Tensor]:
        states = [self._states(batch).flatten(0, 1) for batch in batches]
        inputs = torch.cat([batch.input_ids.flatten() for batch in batches])
        return torch.cat(states), inputs.to(self.ensemble.device)

    def _states(self, batch: Batch) -> Tensor:
        states = self.ensemble.states(batch.input_ids.to(self.ensemble.device)).float()
        if not torch.isfinite(states).all():
            self._refuse_no_number(states, batch)
        return states

    def _refuse_no_number(self, states: Tensor, batch: Batch) -> None:
        broken = ~torch.isfinite(states)
        row = int(broken.flatten(1).any(1).nonzero()[0])
        column = int(broken[row].any(0).nonzero()[0])
        ends = np.cumsum(self.ensemble.mixture.widths)
        teacher = self.source.teachers[int(np.searchsorted(ends, column, side="right"))]
        raise InputError(
            f"{teacher} gives states that are no numbers for the window at token "
            f"{int(batch.starts[row])} of {self.windows.path}",
            why="A student cannot learn from NaN or infinite logits.",
            mend="Train this teacher again, or go back to an earlier checkpoint.",
        )

    def finish(self, speed: dict[str, float]) -> Facts:
        """Measure what was written."""
        mixture = self.ensemble.mixture
        states, inputs = self._held_out()
        fidelity = measure_fidelity(self.form, mixture, states, inputs) | speed
        write_atomically(self.out / FIDELITY, json.dumps(fidelity, indent=1) + "\n")
        if self.source.recipe.frontier:
            some = slice(None, None, -(-len(states) // _FRONTIER_TOKENS))
            sample, sample_inputs = self._sample()
            frontier = measure_frontier(mixture, sample, states[some], sample_inputs, inputs[some])
            write_atomically(self.out / FRONTIER, json.dumps(frontier, indent=1) + "\n")
        header = self.header()
        return {
            "kind": self.source.recipe.kind,
            **{name: header[name] for name in ("bytes_per_token", "window", "offsets", "shards")},
            "tokens": self.tokens,
            "flops": self.tokens * sum(flops_per_token(model) for model in self.ensemble.models),
            "fidelity": fidelity,
        }

    def _held_out(self) -> tuple[Tensor, Tensor]:
        """Dev windows, spread evenly."""
        dev = Windows(self.source.tokens, "dev", self.source.window)
        limit = max(1, _FIDELITY_TOKENS // self.source.window)
        return self._read(list(dev.evenly_spaced(limit, _WINDOWS_AT_ONCE)))


def shard_plan(counts: Sequence[int], per_shard: int) -> list[tuple[int, int]]:
    """(first, stop) of each shard's windows, numbered through all passes."""
    total = sum(counts)
    return [(first, min(first + per_shard, total)) for first in range(0, total, per_shard)]


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard lies."""
    return folder / f"shard-{number:05d}.safetensors"


def unreadable(path: Path) -> str:
    """What is wrong with a shard's length or header, in words; "" for a whole one.

    A flipped byte in its numbers shows only against the manifest's hash.
    """
    try:
        with safe_open(path, "pt") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        return f"{path} is cut short or damaged ({str(error).strip()})"
    return ""


def _save(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write so that a kill at any byte leaves the old file or none, never half of one.

    Halves lie in SCRATCH, which is no part of a complete folder.
    """
    scratch = path.parent / SCRATCH
    scratch.mkdir(exist_ok=True)
    beside = scratch / f"{path.name}.{os.getpid()}"
    save_file(tensors, beside)
    beside.replace(path)
