"""From clean text to batches: tokenizer, tokens and windows, beside what a user would call instead.

    python -m benchmarks.token_speed CORPUS [--vocab-size 16000] [--repeats 3] [--out FILE.json]
    python -m benchmarks.token_speed CORPUS --copies 20 [--out FILE.json]

CORPUS is a clean corpus. Seconds of wall time, each the fastest of the repeats, in turn:

- training the tokenizer, beside the library's own trainer with the same settings on the same files;
- writing the tokens, beside the paper's way (each file encoded as one string, in one thread) and
  beside `encode_batch` on the same lines alone, which is the floor: it finds the tokens, but counts
  no words and writes nothing;
- reading a random batch of 32 windows of 128 tokens.

With `--copies` the training text is repeated so often, and the peak memory of each of the three
commands is taken instead: corpus clean, tokenizer train, tokenize.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from babyllama.console import format_bytes, print_result, silence, table
from babyllama.data.sources import clean_files
from babyllama.data.tokenizer import load_tokenizer, train_tokenizer
from babyllama.data.tokens import tokenize
from babyllama.data.windows import Windows
from babyllama.recipe import TokenizerRecipe, TokensRecipe
from babyllama.runs.files import write_atomically
from benchmarks.loss_speed import machine
from benchmarks.whole_bill import new_folder, seconds_of

LINES_AT_ONCE = 20_000
WINDOWS, WINDOW = 32, 128
COMMAND = [sys.executable, "-c", "from babyllama.cli import main; main()"]
MEASURED = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024); sys.exit(code)"
)


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--vocab-size", type=int, default=16_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--copies", type=int, help="Measure memory on so many copies of the text.")
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    asked = parser.parse_args()
    results: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        if asked.copies:
            results |= memory(asked.corpus, Path(folder), asked.copies, asked.vocab_size)
        else:
            silence()
            results |= speed(asked.corpus, Path(folder), asked.vocab_size, asked.repeats)
    results["load average at the end"] = os.getloadavg()
    if asked.out:
        write_atomically(asked.out, json.dumps(results, indent=1) + "\n")


def speed(corpus: Path, folder: Path, vocab_size: int, repeats: int) -> dict[str, Any]:
    """Time the three steps and what they stand beside."""
    recipe = TokenizerRecipe(vocab_size=vocab_size)
    files = clean_files(corpus, "train")
    everything = [*files, *clean_files(corpus, "dev")]
    size = sum(file.stat().st_size for file in everything)
    tokenizer = folder / "tokenizer"
    train_tokenizer(corpus, recipe, tokenizer)
    library = load_tokenizer(tokenizer)
    numbers = iter(range(10**6))

    def fresh() -> Path:
        return new_folder(folder / f"out-{next(numbers)}")

    ways: dict[str, Callable[[], object]] = {
        "train the tokenizer": lambda: train_tokenizer(corpus, recipe, fresh()),
        "the bare trainer": lambda: _bare_trainer(files, recipe),
        "write the tokens": lambda: tokenize(corpus, tokenizer, TokensRecipe(), fresh()),
        "the paper's way": lambda: [
            library.backend_tokenizer.encode(file.read_text("utf-8")) for file in everything
        ],
        "encode_batch alone": lambda: _encode_lines(library.backend_tokenizer, everything),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            seconds[name].append(seconds_of(work))
    best = {name: min(each) for name, each in seconds.items()}
    out = fresh()
    tokenize(corpus, tokenizer, TokensRecipe(), out)
    batch = _seconds_of_a_batch(out)
    ratios = {
        "trainer to ours": best["train the tokenizer"] / best["the bare trainer"],
        "the paper's way to ours": best["the paper's way"] / best["write the tokens"],
        "ours to encode_batch": best["write the tokens"] / best["encode_batch alone"],
    }
    rows = [(name, f"{each:.2f}") for name, each in best.items()]
    print_result(table(f"{size / 1e6:.1f} MB of text", ("what", "seconds"), rows))
    print(
        f"tokenizer: {ratios['trainer to ours']:.2f} times the bare trainer's time (aim: 1.1); "
        f"tokens: {ratios['the paper' + chr(39) + 's way to ours']:.2f} times as fast as the "
        f"paper's way (aim: 2.5), {ratios['ours to encode_batch']:.2f} times the time of "
        f"encode_batch alone (aim: 1.3); a batch of {WINDOWS} windows: {1000 * batch:.3f} ms "
        "(aim: 1)"
    )
    return {"bytes": size, "seconds": seconds, "ratios": ratios, "seconds of a batch": batch}


def _bare_trainer(files: list[Path], recipe: TokenizerRecipe) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(file) for file in files], trainer)


def _encode_lines(tokenizer: Tokenizer, files: list[Path]) -> None:
    for file in files:
        lines = file.read_text("utf-8").split("\n")
        for start in range(0, len(lines), LINES_AT_ONCE):
            tokenizer.encode_batch(lines[start : start + LINES_AT_ONCE], add_special_tokens=False)


def _seconds_of_a_batch(tokens: Path, times: int = 200) -> float:
    windows = Windows(tokens, "train", WINDOW)
    generator = np.random.default_rng(0)
    count = min(WINDOWS, len(windows))
    drawn = [generator.choice(len(windows), size=count, replace=False) for _ in range(times)]
    return statistics.median(seconds_of(lambda: windows.read(each)) for each in drawn)  # noqa: B023


def memory(corpus: Path, folder: Path, copies: int, vocab_size: int) -> dict[str, Any]:
    """The peak memory of each command on copies of the text."""
    raw = folder / "raw"
    for split, times in (("train", copies), ("dev", 1)):
        new_folder(raw) if split == "train" else None
        (raw / split).mkdir()
        for file in clean_files(corpus, split):
            with (raw / split / file.name).open("wb") as out:
                for _ in range(times):
                    with file.open("rb") as text:
                        shutil.copyfileobj(text, out)
                    out.write(b"\n\n")
    size = sum(file.stat().st_size for file in (raw / "train").iterdir())
    clean, tokenizer, tokens = (folder / name for name in ("clean", "tokenizer", "tokens"))
    commands = {
        "corpus clean": ["corpus", "clean", raw, clean],
        "tokenizer train": ["tokenizer", "train", clean, tokenizer, "--vocab-size", vocab_size],
        "tokenize": ["tokenize", clean, tokenizer, tokens],
    }
    peaks = {}
    for name, arguments in commands.items():
        called = [sys.executable, "-c", MEASURED, *COMMAND, *map(str, arguments)]
        found = subprocess.run(called, check=True, stdout=subprocess.PIPE, text=True)
        peaks[name] = int(found.stdout.split()[-1])
    rows = [(name, format_bytes(peak)) for name, peak in peaks.items()]
    print_result(table(f"Peak memory, {size / 1e6:.0f} MB of text", ("command", "peak"), rows))
    return {"bytes": size, "peak": peaks}


if __name__ == "__main__":
    main()
