"""What this machine has, and how long the built-in recipes would train on it."""

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import torch

from babyllama.models.precision import compute_dtype, pick_device
from babyllama.pipeline.planning import free_disk, plan, resolve_signal
from babyllama.pipeline.preview import preview
from babyllama.pipeline.run import selected_stages
from babyllama.pipeline.sharing import this_machine
from babyllama.pipeline.timing import time_left
from babyllama.recipe import built_in_recipes, load_recipe
from babyllama.runs.manifests import versions
from babyllama.training.compilation import can_compile
from babyllama.training.speed import machine_flops

_SECONDS_OF_WATCHING = 0.5  # how busy the cores are
_MOST_TRIES, _SECONDS_OF_TRIES = 4, 8.0  # of each recipe's steps


@dataclass(frozen=True)
class Examination:
    """What a machine has; sizes are in bytes, speeds in FLOPs a second of matrix products.

    Attributes:
        cores: threads that torch uses.
        bfloat16_flops: on the device that trains; None where float32 is used instead.
        busy_cores: how many cores other programs kept busy before anything was measured.
    """

    processor: str
    cores: int
    memory: int
    free_memory: int
    free_disk: int
    gpus: tuple[str, ...]
    float32_flops: float
    bfloat16_flops: float | None
    has_compiler: bool
    versions: Mapping[str, str]
    busy_cores: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether other programs leave this one its cores, so that speeds are the machine's own."""
        return self.busy_cores < 0.25


def examine() -> Examination:
    """Look at this machine, and time some matrix products."""
    busy_cores = psutil.cpu_percent(interval=_SECONDS_OF_WATCHING) / 100 * (os.cpu_count() or 1)
    machine, memory = this_machine(), psutil.virtual_memory()
    device = pick_device()
    is_bfloat16_fast = compute_dtype("auto", device) == torch.bfloat16
    return Examination(
        processor=processor_name(),
        cores=machine.cores,
        memory=memory.total,
        free_memory=memory.available,
        free_disk=free_disk(Path()),
        gpus=tuple(torch.cuda.get_device_name(number) for number in range(machine.gpus)),
        float32_flops=machine_flops(torch.float32, device),
        bfloat16_flops=machine_flops(torch.bfloat16, device) if is_bfloat16_fast else None,
        has_compiler=can_compile(),
        versions=versions(),
        busy_cores=busy_cores,
    )


def training_times() -> dict[str, float]:
    """Seconds that each built-in recipe's trainings and signal take here, without scoring.

    The best of a few measurements: what else the machine does only makes one slower.
    """
    seconds = {}
    with TemporaryDirectory() as nowhere:
        for name in built_in_recipes():
            folder = Path(nowhere) / name
            recipe, _ = resolve_signal(load_recipe(name), folder)
            actions, planned = preview(selected_stages(recipe, folder)), plan(recipe, folder)
            found: list[float] = []
            started = time.monotonic()
            while len(found) < _MOST_TRIES and time.monotonic() - started < _SECONDS_OF_TRIES:
                found.append(time_left(recipe, planned, actions).seconds)
            seconds[name] = min(found)
    return seconds


def processor_name() -> str:
    """What the processor is called, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
