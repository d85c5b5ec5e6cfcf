"""Small trainings as they are on disk, and `babyllama watch --once`."""

import json

from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.runs import artefact
from babyllama.runs.artefact import Stage


def step(number, *, steps=400, **more):
    """A line of a training of 4 epochs, 100 steps each, 512 tokens per step."""
    return {
        "step": number, "steps": steps, "epoch": number / 100, "tokens": 512 * number,
        "words": 350 * number, "loss": 5.0, "cross_entropy": 3 + 60 / (number + 10), "kl": 0.0,
        "gradient_norm": 0.8, "learning_rate": 1e-3, "tokens_per_second": 5120.0,
        "flops_per_second": 3e9, "products_share": 0.61, "memory_bytes": 900 * 1024**2, **more,
    }  # fmt: skip


def write(folder, lines, *, tail=""):
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "training.jsonl").write_text(text + tail)


def finish(out, recipe, *, facts=None, lines=()):
    """A complete stage, made as every stage is."""

    def build(folder):
        if lines:
            write(folder, lines)
        return facts or {}

    artefact.complete(Stage(out.name, out, "pretraining", 1, recipe, {}, build))


def once(path, *, code=0, columns=80, rows=24):
    environment = {"COLUMNS": str(columns), "LINES": str(rows)}
    result = CliRunner().invoke(app, ["watch", str(path), "--once"], env=environment)
    assert result.exit_code == code, result.output
    return result.output


def words(text):
    return " ".join(text.split())
