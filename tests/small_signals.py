"""Signals that are stored in a process of their own."""

import os
import signal as signals

from babyllama.models import tensor_files
from babyllama.recipe import SampledSignal
from babyllama.signals.store import store_signal
from babyllama.signals.writer import SignalSource


def store_and_die(teachers, tokens, out, dies_at):
    """Store a signal in small shards; die half-way through the bytes of the shard `dies_at`."""
    save_file = tensor_files.save_file

    def save_and_die(tensors, path, metadata):
        save_file(tensors, path, metadata)
        if f"shard-{dies_at:05d}" in str(path):
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signals.SIGKILL)

    tensor_files.save_file = save_and_die
    recipe = SampledSignal(kind="sampled", k=5)
    store_signal(SignalSource(teachers, tokens, recipe, window=16, shard_tokens=16 * 9), out)
