"""A study that is killed again and again has the bits of one that was left alone.

    python -m benchmarks.kills --engine local [--kills 20] [--seed 0]
    python -m benchmarks.kills --engine ray

Makes a study of tiny models once undisturbed under the local engine. Then makes it again under the
given engine: the command gets kill -9 at random moments, in its start, its work and its end, and is
started again until it ends by itself; if it ends too early, the next kills hit another copy. All
weights and scores are compared with those of the undisturbed study. Exit code 1 if any differs.
Writes build/benchmarks/kills-ENGINE.json.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

COMMAND = [sys.executable, "-c", "from babyllama.cli import main; main()", "study"]
TRAINING = {
    "epochs": 2, "batch_size": 16, "window": 16, "learning_rate": 3e-3, "warmup_steps": 2,
    "precision": "float32", "checkpoint_every": 5, "log_every": 1,
}  # fmt: skip
LLAMA = {
    "model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
WIDER = {**LLAMA, "hidden_size": 32}
STUDY = {
    "name": "kills",
    "question": "Do kills change anything?",
    "recipe": {
        "name": "tiny",
        "corpus": {"source": {"kind": "synthetic", "words": 2000, "dev_words": 500}},
        "tokenizer": {"vocab_size": 320},
        "teachers": {
            "narrow": {"model": LLAMA, "training": TRAINING},
            "wide": {"model": WIDER, "training": TRAINING},
        },
        "signal": {"kind": "hidden"},
        "students": {
            "distilled": {"kind": "distilled", "model": LLAMA, "training": TRAINING},
            "twin": {"kind": "twin", "of": "distilled"},
        },
    },
    "vary": {"students.distilled.temperature": [1, 2]},
    "seeds": 2,
    "compare": [{"ours": "temperature=1", "theirs": "temperature=2"}],
}


def main() -> None:
    """Make the studies, compare them, print and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("local", "ray"), required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.engine, given.kills, random.Random(given.seed))
    out = Path(f"build/benchmarks/kills-{given.engine}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))
    sys.exit(1 if found["different"] else 0)


def measure(folder: Path, engine: str, kills: int, draw: random.Random) -> dict[str, Any]:
    """Make the study undisturbed, then with kills; what differs."""
    study = folder / "study.yaml"
    study.write_text(yaml.safe_dump(STUDY))
    assert begin(study, folder / "alone", "local").wait() == 0, "the undisturbed study failed"
    expected = contents(folder / "alone")
    # One more under the engine, for the time that starting and working take there.
    started = time.monotonic()
    timed = begin(study, folder / "timed", engine)
    while not list((folder / "timed").glob("building/*/*.lease")) and timed.poll() is None:
        time.sleep(0.05)
    start = time.monotonic() - started
    assert timed.wait() == 0, "the study failed"
    work = time.monotonic() - started - start

    moments: list[float] = []
    copies = [folder / "timed"]
    while len(moments) < kills:
        copies.append(folder / f"killed-{len(copies)}")
        while (killed := kill_once(study, copies[-1], engine, start, work, draw)) is not None:
            moments.append(killed)
            if len(moments) == kills:
                break
    assert begin(study, copies[-1], engine).wait() == 0, "the study did not end after the kills"
    different = sorted(
        f"{copy.name}/{name}"
        for copy in copies
        for name in contents(copy).keys() | expected.keys()
        if contents(copy).get(name) != expected.get(name)
    )
    return {
        "engine": engine,
        "kills": len(moments),
        "seconds_from_start": [round(moment, 1) for moment in moments],
        "studies": len(copies),
        "files_of_each": len(expected),
        "different": different,
        "start_seconds": round(start, 1),
        "work_seconds": round(work, 1),
    }


def kill_once(
    study: Path, out: Path, engine: str, start: float, work: float, draw: random.Random
) -> float | None:
    """Start the command and kill it at a random moment; None if it ended before by itself."""
    moment = draw.uniform(0.2 * start, start + work / 3)
    process = begin(study, out, engine)
    try:
        code = process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return moment
    assert code == 0, f"the study ended with exit code {code}"
    return None


def begin(study: Path, out: Path, engine: str) -> "subprocess.Popen[bytes]":
    """The command, which logs beside its folder."""
    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, str(study), "--out", str(out), "--engine", engine, "--jobs", "2"],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def contents(study: Path) -> dict[str, str]:
    """The checksums of all weights, scores and predictions of a study's trials."""
    paths = [
        *study.glob("trials/*/*/*/*/model.safetensors"),
        *study.glob("trials/*/*/evaluation/**/*.json*"),
    ]
    return {
        path.relative_to(study).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.name != "manifest.json"
    }


if __name__ == "__main__":
    main()
