"""Peak memory of training each model of a recipe: derived from shapes by the plan, and measured.

    python -m benchmarks.peak_memory [--recipe laptop] [--steps 40] [--variants uncompiled ...]

Each model is trained on random words by the real command in its own process, for one epoch of a few
dozen updates with dev scoring and a checkpoint: more updates need no more memory. The measured peak
includes what no shape says: Python and its libraries, the compiler, the allocator, the pages of a
stored signal. Prints both and writes build/benchmarks/peak_memory.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from babyllama.console import format_bytes, print_result, table
from babyllama.pipeline.planning import plan
from babyllama.recipe import Recipe, StoredSignal, load_recipe
from babyllama.runs.manifests import read_manifest

COMMAND = [sys.executable, "-c", "from babyllama.cli import main; main()"]
# Changes to every model's training.
VARIANTS: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "uncompiled": ("compile=false",),
    "float32": ("precision=float32",),
    "float32, uncompiled": ("precision=float32", "compile=false"),
    "bfloat16": ("precision=bfloat16",),
    "bfloat16, uncompiled": ("precision=bfloat16", "compile=false"),
    "micro-batches": ("micro_batch_size=8",),
    "micro-batches, uncompiled": ("micro_batch_size=8", "compile=false"),
    "checkpointed": ("activation_checkpointing=true",),
    "more copies": ("optimizer={kind: sam}", "average={kind: ema}"),
}
TOKENS_PER_WORD = 1.6  # of the random words, roughly


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="laptop")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS)[:2])
    parser.add_argument("--students", nargs="*", help="All by default; teachers are needed.")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        _write_text(Path(folder) / "text", load_recipe(asked.recipe), asked.steps)
        for variant in asked.variants:
            rows += measure(Path(folder), asked.recipe, variant, asked.students)
    print_result(
        table(
            f"Peak memory, {asked.recipe}, {torch.get_num_threads()} threads",
            ("training", "model", "precision", "derived", "measured", "not derived"),
            [
                (
                    row["variant"],
                    row["model"],
                    row["precision"],
                    format_bytes(row["derived"]["total"]),
                    format_bytes(row["measured"]),
                    format_bytes(row["measured"] - row["derived"]["total"]),
                )
                for row in rows
            ],
        )
    )
    out = Path("build/benchmarks/peak_memory.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    machine = {"processor": platform.processor(), "torch": torch.__version__}
    out.write_text(json.dumps({**machine, "rows": rows}, indent=1))


def measure(
    folder: Path, name: str, variant: str, wanted: list[str] | None
) -> list[dict[str, Any]]:
    """Train the models of one variant, each in its own process."""
    given = load_recipe(name)
    settings = [f"corpus.source={{kind: folder, path: {folder / 'text'}}}"]
    if isinstance(given.signal, StoredSignal):
        settings.append("signal.frontier=false")
    for path in [
        *(f"teachers.{each}" for each in given.teachers),
        *(f"students.{each}" for each in given.distilled),
    ]:
        changes = ("epochs=1", "warmup_steps=0", *VARIANTS[variant])
        settings += [f"{path}.training.{change}" for change in changes]
    recipe = load_recipe(name, tuple(settings))
    run = folder / "run"
    arguments = ["run", name, "--run-dir", str(run)]
    for setting in settings:
        arguments += ["--set", setting]
    _run([*arguments, "--until", "tokens"])
    planned = {each.name: each for each in plan(recipe, run).models}
    rows = []
    students = [each for each in recipe.students if wanted is None or each in wanted]
    for kind, names in (("teachers", [*recipe.teachers]), ("students", students)):
        if names and kind == "students" and isinstance(recipe.signal, StoredSignal):
            _run([*arguments, "--until", "signal"])  # in a process before the students'
        for each in names:
            _run([*arguments, "--until", f"{kind}/{each}"])
            facts = (read_manifest(run / kind / each) or {})["facts"]
            memory = planned[each].memory
            assert memory is not None
            rows.append(
                {
                    "variant": variant,
                    "model": each,
                    "precision": facts["precision"],
                    "derived": {**asdict(memory), "total": memory.total},
                    "measured": facts["peak_memory_bytes"],
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def _run(arguments: list[str]) -> None:
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ}
    subprocess.run([*COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)


def _write_text(folder: Path, recipe: Recipe, steps: int) -> None:
    """Lines of random words, some of them frequent, enough to train a vocabulary."""
    per_step = max(
        part.training.batch_size * part.training.window
        for part in map(recipe.pretraining, [*recipe.teachers, *recipe.students])
    )
    generator = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    count = 2 * recipe.tokenizer.vocab_size
    words = ["".join(generator.choice(letters, generator.integers(2, 9))) for _ in range(count)]
    chances = 1 / (np.arange(count) + 30.0)
    train_words = round(steps * per_step / TOKENS_PER_WORD)
    for split, size in (("train", train_words), ("dev", train_words // 6)):
        (folder / split).mkdir(parents=True)
        lines = generator.choice(words, (max(1, size // 12), 12), p=chances / chances.sum())
        text = "".join(" ".join(line) + ".\n" for line in lines)
        (folder / split / "made.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
