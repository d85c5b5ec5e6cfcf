"""One process of those that write a signal: the teachers, and the shards written with them."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from babyllama.console import Interrupted, ProgressBar, format_bytes, print_status, stoppable
from babyllama.data.windows import Batch, Windows, read_header, refuse_other_tokenizer
from babyllama.errors import InputError
from babyllama.models.build import flops_per_token
from babyllama.models.ensemble import load_ensemble, refuse_unread_windows
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.recipe import StoredSignal
from babyllama.runs.artefact import Facts
from babyllama.runs.files import digest_of_json, hash_file, write_atomically
from babyllama.runs.launched import Launched
from babyllama.runs.layout import FIDELITY, FRONTIER, stream_file
from babyllama.runs.manifests import digest
from babyllama.runs.unfinished import fault, is_foreign
from babyllama.signals.encoding import Encoding
from babyllama.signals.fidelity import measure_fidelity
from babyllama.signals.frontier import measure_frontier
from babyllama.signals.kinds import kind_of
from babyllama.signals.shards import (
    HEADER,
    SHARDS,
    TABLES,
    save_tensors,
    shard_damage,
    shard_path,
    shard_plan,
)

_SHARD_BYTES = 64 * 2**20
_SHARD_TOKENS = 2**16  # at most; a kill costs each process at most one shard
_WINDOWS_AT_ONCE = 32  # through the teachers
_SAMPLE_TOKENS = 2**16  # that an encoding is fitted to
_FIDELITY_TOKENS = 2**13
_FRONTIER_TOKENS = 2**12
POLL_SECONDS = 0.2  # between looks at what other processes wrote


@dataclass(frozen=True)
class SignalSource:
    """What a signal is made from, and how.

    Attributes:
        window: tokens of a window.
        offsets: where each pass over the token stream starts; for `fixed` windows one pass, at 0.
        shard_tokens: tokens of a shard, at most.
    """

    teachers: tuple[Path, ...]
    tokens: Path
    recipe: StoredSignal
    window: int
    offsets: tuple[int, ...] = (0,)
    shard_tokens: int = _SHARD_TOKENS


def identity_of(source: SignalSource) -> dict[str, Any]:
    """What distinguishes one signal from another; part of `signal.json`."""
    documents = read_header(source.tokens).get("documents")
    return {
        **({"documents": documents} if documents else {}),
        "recipe": source.recipe.model_dump(mode="json", exclude={"frontier"}),
        "window": source.window,
        "offsets": list(source.offsets),
        "teachers_sha256": [digest(folder) for folder in source.teachers],
        "stream_sha256": hash_file(stream_file(source.tokens, "train")),
    }


class Writer:
    """The loaded teachers, and the plan of the shards that are written with them."""

    def __init__(self, source: SignalSource, out: Path) -> None:
        self.source, self.out = source, out
        self.identity = identity_of(source)
        self._made_from = digest_of_json(self.identity)
        device = pick_device()
        self.ensemble = load_ensemble(
            source.teachers,
            device=device,
            mixing=source.recipe,
            dtype=compute_dtype("auto", device),
        )
        refuse_other_tokenizer(source.tokens, source.teachers[0])
        self.windows = Windows(source.tokens, "train", source.window)
        refuse_unread_windows(
            self.ensemble, source.window, separate=self.windows.separates_documents
        )
        self.counts = tuple(
            (self.windows.stream_tokens - offset) // source.window for offset in source.offsets
        )
        Windows(source.tokens, "dev", source.window)  # refuses dev text that is too short
        self.tokens = sum(self.counts) * source.window
        self.encoding, self._is_new_encoding = self._load_or_fit()
        self.bytes_per_token = self.encoding.sizes.bytes_per_token
        shard_tokens = min(_SHARD_BYTES // self.bytes_per_token, source.shard_tokens)
        per_shard = shard_tokens // source.window
        self.plan = shard_plan(self.counts, max(1, per_shard))

    def _load_or_fit(self) -> tuple[Encoding, bool]:
        """The encoding of an earlier attempt's shards, or one fitted now; whether it is new."""
        recipe, mixture = self.source.recipe, self.ensemble.mixture
        kind, earlier = kind_of(recipe), self.out / TABLES
        if earlier.exists() and not self._fault(earlier):
            with suppress(SafetensorError, KeyError):  # damaged: fitted again
                tables = load_file(earlier, device=str(self.ensemble.device))
                return kind.load(recipe, mixture, tables), False
        return kind.fit(recipe, mixture, *self._sample()), True

    def _sample(self) -> tuple[Tensor, Tensor]:
        """States and inputs of evenly spaced windows, which encodings are fitted to."""
        indices = np.linspace(
            0, len(self.windows) - 1, min(len(self.windows), _SAMPLE_TOKENS // self.source.window)
        )
        starts = np.unique(indices.astype(np.int64)) * self.source.window
        return self._read_at(starts)

    def prepare(self) -> None:
        """Check the disk, print the signal's size, and write what all processes need."""
        tables = self.encoding.tables()
        size = self.tokens * self.bytes_per_token + sum(t.nbytes for t in tables.values())
        if self._is_new_encoding and self.encoding.is_fitted:
            for shard in self.out.glob(SHARDS):
                shard.unlink()  # encoded with tables that are lost: the new tables would misread it
        print_status(
            f"  {self.bytes_per_token:,} bytes per token, {format_bytes(size)} on disk for "
            f"{self.tokens:,} tokens"
        )
        have = sum(file.stat().st_size for file in self.out.glob("*.safetensors"))
        free = shutil.disk_usage(self.out).free
        if size - have > free:
            raise InputError(
                f"the signal takes {format_bytes(size)}, {self.out.parent} has "
                f"{format_bytes(free)} free",
                why=f"{self.tokens:,} tokens at {self.bytes_per_token:,} bytes each.",
                mend="Write it to another disk, or store fewer bytes per token: docs/signals.md.",
            )
        save_tensors(self.out / TABLES, tables, made_from=self._made_from)
        write_atomically(self.out / HEADER, json.dumps(self.header(), indent=1) + "\n")

    def header(self) -> dict[str, Any]:
        """The contents of `signal.json`."""
        mixture = self.ensemble.mixture
        return {
            **self.identity,
            "windows": list(self.counts),
            "windows_per_shard": self.plan[0][1] - self.plan[0][0],
            "shards": len(self.plan),
            "teachers": [folder.name for folder in self.source.teachers],
            "weights": list(mixture.weights),
            "softcaps": [head.softcap for head in mixture.heads],
            "vocab_size": mixture.vocab_size,
            "bytes_per_token": self.bytes_per_token,
        }

    def share(self, launched: Launched) -> range:
        """The numbers of one process's shards."""
        return range(launched.rank, len(self.plan), launched.count)

    def write(self, launched: Launched, alive: Sequence[Callable[[], bool]]) -> dict[str, float]:
        """Write this process's shards and wait for those of the others.

        Args:
            alive: one function a helper process: whether it still runs.

        Returns:
            tokens_per_second_written; nothing if an earlier attempt wrote some shards.
        """
        resumes = any(self.out.glob(SHARDS))
        started = time.monotonic()
        own = self.share(launched)
        others = set(range(len(self.plan))) - set(own)
        earlier = {number for number in others if shard_path(self.out, number).exists()}
        with stoppable() as stop, ProgressBar("signal", self.tokens, "tokens") as bar:
            for number in own:
                self.write_shard(number)
                others = self._advance({number}, others, bar)
                if stop.requested:
                    raise Interrupted
            while others:
                if any(each() for each in alive):
                    time.sleep(POLL_SECONDS)
                else:  # no helper is left; launched processes start from the lowest number
                    self.write_shard(max(others))
                others = self._advance(set(), others, bar)
                if stop.requested:
                    raise Interrupted
            for number in range(len(self.plan)):
                # Shards that nobody has checked: of an earlier attempt, if their helper died now;
                # or written late by a helper of an earlier command.
                if number in earlier or is_foreign(shard_path(self.out, number), self._made_from):
                    self.write_shard(number)
            if stop.requested:
                raise Interrupted
        speed = self.tokens / (time.monotonic() - started)
        return {} if resumes else {"tokens_per_second_written": speed}

    def _advance(self, done: set[int], others: set[int], bar: ProgressBar) -> set[int]:
        """Advance the bar by finished shards; returns the others' shards that are missing."""
        missing = {number for number in others if not shard_path(self.out, number).exists()}
        windows = sum(
            stop - first for first, stop in (self.plan[n] for n in done | others - missing)
        )
        bar.advance(windows * self.source.window)
        return missing

    def write_shard(self, number: int) -> None:
        """Write a shard unless it exists; a damaged one is named and written again."""
        path = shard_path(self.out, number)
        if path.exists() and not self._fault(path):
            return
        first, stop = self.plan[number]
        pieces = [
            self._encoded(self.starts(np.arange(at, min(at + _WINDOWS_AT_ONCE, stop))))
            for at in range(first, stop, _WINDOWS_AT_ONCE)
        ]
        tensors = {name: torch.cat([each[name] for each in pieces]) for name in pieces[0]}
        save_tensors(path, tensors, made_from=self._made_from)

    def _fault(self, path: Path) -> str:
        """What is wrong with a file of an earlier attempt, which is printed; "" if nothing is."""
        found = shard_damage(path) or fault(path, self._made_from)
        if found:
            print_status(f"  {found}: writing it again")
        return found

    def starts(self, numbers: np.ndarray) -> np.ndarray:
        """Where windows start, numbered through all passes."""
        before = np.cumsum([0, *self.counts])
        passes = np.searchsorted(before, numbers, side="right") - 1
        offsets = np.array(self.source.offsets)[passes]
        starts: np.ndarray = (numbers - before[passes]) * self.source.window + offsets
        return starts

    def _encoded(self, starts: np.ndarray) -> dict[str, Tensor]:
        states, inputs = self._read_at(starts)
        rows, window = len(starts), self.source.window
        # Every token of every window has its own seed, whichever process writes it and when.
        seeds = torch.from_numpy(starts)[:, None] * window + torch.arange(window)
        stored = self.encoding.encode(states, seeds.flatten().to(states.device), inputs)
        return {
            name: tensor.view(rows, window, *tensor.shape[1:]).cpu()
            for name, tensor in stored.items()
        }

    def _read_at(self, starts: np.ndarray) -> tuple[Tensor, Tensor]:
        """The teachers' states at every position of some windows, and the input tokens there."""
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
        states = self.ensemble.states_of(batch).float()
        if not torch.isfinite(states).all():
            self._refuse_nan(states, batch)
        return states

    def _refuse_nan(self, states: Tensor, batch: Batch) -> None:
        broken = ~torch.isfinite(states)
        row = int(broken.flatten(1).any(1).nonzero()[0])
        column = int(broken[row].any(0).nonzero()[0])
        ends = np.cumsum(self.ensemble.mixture.widths)
        teacher = self.source.teachers[int(np.searchsorted(ends, column, side="right"))]
        raise InputError(
            f"{teacher} gives NaN or infinite states for the window at token "
            f"{int(batch.starts[row])} of {self.windows.path}",
            why="A student cannot learn from NaN or infinite logits.",
            mend="Train this teacher again, or use an earlier checkpoint.",
        )

    def finish(self, speed: dict[str, float]) -> Facts:
        """Measure the fidelity, and the frontier if the recipe asks for it."""
        mixture = self.ensemble.mixture
        states, inputs = self._held_out()
        fidelity = measure_fidelity(self.encoding, mixture, states, inputs) | speed
        write_atomically(self.out / FIDELITY, json.dumps(fidelity, indent=1) + "\n")
        if self.source.recipe.frontier:
            fewer = slice(None, None, -(-len(states) // _FRONTIER_TOKENS))
            sample, sample_inputs = self._sample()
            frontier = measure_frontier(
                mixture, sample, states[fewer], sample_inputs, inputs[fewer]
            )
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
        """States and inputs of evenly spaced dev windows."""
        dev = Windows(self.source.tokens, "dev", self.source.window)
        limit = max(1, _FIDELITY_TOKENS // self.source.window)
        return self._read(list(dev.evenly_spaced(limit, _WINDOWS_AT_ONCE)))
