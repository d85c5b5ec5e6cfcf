"""The local page: how soon it is there, and how soon it answers.

    python -m benchmarks.play_speed [--repeats 20] [--out FILE.json]

Shows a run of the shape of `laptop` (two teachers, their ensemble, student and twin) and one more
model, all with random weights: speed depends on shapes, not on weights.

- Start: seconds from the command to the page, and to the first answer about its models, with
  another process for each repeat. Beside them is the floor: a process that only imports the
  libraries' models.
- Answers: milliseconds of a request, JSON and all, each time on another text of 50 tokens. Beside
  the first of them is the floor: plain forward passes of the same five models with all logits.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from babyllama.console import print_result, silence, table
from babyllama.data.tokenizer import load_tokenizer, train_tokenizer
from babyllama.models.build import SpecialTokens, new_model
from babyllama.models.loading import load_model
from babyllama.models.tensor_files import save_model_folder
from babyllama.play.endpoints import endpoints
from babyllama.play.finding import find_models
from babyllama.play.opening import Opening, load
from babyllama.play.server import bound, serving
from babyllama.recipe import Recipe, TokenizerRecipe, load_recipe, to_yaml
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import write_manifest
from benchmarks.loss_speed import machine
from benchmarks.whole_bill import seconds_of

TOKENS, STARTS = 50, 3
FLOOR = "import torch; from transformers import GPT2LMHeadModel, LlamaForCausalLM"
COMMAND = [sys.executable, "-m", "babyllama", "play", "--no-browser", "--port", "0"]
Ask = Callable[..., object]


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    asked = parser.parse_args()
    silence()
    results: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        run, single = made_run(Path(folder), load_recipe("laptop"))
        results |= {"seconds to the page": [], "seconds to start": [], "floor of the start": []}
        for _ in range(asked.starts):
            page, models = start([run, single])
            results["seconds to the page"].append(page)
            results["seconds to start"].append(models)
            results["floor of the start"].append(seconds_of(import_libraries))
        results["milliseconds"] = answers(run, single, asked.repeats)
    show(results)
    results["load average at the end"] = os.getloadavg()
    if asked.out:
        write_atomically(asked.out, json.dumps(results, indent=1) + "\n")


def made_run(folder: Path, recipe: Recipe) -> tuple[Path, Path]:
    """Write a run's models and one more, with a tokenizer of made-up words."""
    (folder / "corpus" / "train").mkdir(parents=True)
    (folder / "corpus" / "train" / "words.txt").write_text(made_text(60_000, seed=0))
    (folder / "tokenizer").mkdir()
    vocab_size = getattr(recipe.tokenizer, "vocab_size", 6_000)
    train_tokenizer(folder / "corpus", TokenizerRecipe(vocab_size=vocab_size), folder / "tokenizer")
    layout = Layout(folder / "run")
    layout.folder.mkdir()
    layout.recipe.write_text(to_yaml(recipe), encoding="utf-8")
    for seed, (name, out) in enumerate(layout.models(recipe).items()):
        write_model(recipe, name, folder / "tokenizer", out, seed=seed)
        key = {"stage": "pretraining", "version": 1, "recipe": {}, "inputs": {}, "seed": seed}
        write_manifest(out, {**key, "facts": {}, "wall_seconds": 1.0}, leave_out=set())
    write_model(recipe, "llama", folder / "tokenizer", folder / "single", seed=9)
    return layout.folder, folder / "single"


def made_text(words: int, *, seed: int) -> str:
    """Lines of made-up words, the same few thousand again and again."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    known = [
        "".join(generator.choice(letters, size=size)) for size in generator.integers(2, 9, 4000)
    ]
    drawn = generator.zipf(1.3, words) % len(known)
    return "\n".join(
        " ".join(known[word] for word in drawn[start : start + 12]) for start in range(0, words, 12)
    )


def write_model(recipe: Recipe, name: str, tokenizer: Path, out: Path, *, seed: int) -> None:
    """A model of the recipe with random weights."""
    library = load_tokenizer(tokenizer)
    special = SpecialTokens(library.pad_token_id, library.bos_token_id, library.eos_token_id)
    shape = recipe.pretraining(name).model
    model = new_model(shape, len(library), seed=seed, separators=True, special=special)
    out.mkdir(parents=True)
    save_model_folder(model, out)
    library.save_pretrained(out)


def start(shown: Sequence[Path]) -> tuple[float, float]:
    """Start the command and end it; seconds to the page, and to the first answer about models."""
    begun = time.perf_counter()
    process = subprocess.Popen([*COMMAND, *shown], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(address) as response:
            response.read()
        page = time.perf_counter() - begun
        ask_for(address)("loading")  # the stream ends when the models are there
        ask_for(address)("models")
        return page, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait()


def import_libraries() -> None:
    """Import in a new process what no start can do without."""
    subprocess.run([sys.executable, "-c", FLOOR], check=True)


def answers(run: Path, single: Path, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of every kind of answer and of the floor, each repeat on another text."""
    cast = load(find_models({"run": run, "single": single}), Opening())
    library = cast.groups[0].tokenizer
    text = made_text(20_000, seed=1)
    ids = library(text, add_special_tokens=False, verbose=False)["input_ids"]
    pieces = (ids[start : start + TOKENS] for start in count(0, TOKENS))
    student = next(iter(cast.lessons))
    folders = [*run.glob("teachers/*"), *run.glob("students/*"), single]
    models = [load_model(folder) for folder in folders]
    found: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        found.setdefault(name, []).append(1000 * seconds_of(work))

    with served(cast) as ask:
        for number in range(repeats + 1):
            piece = next(pieces)
            text = library.decode(piece).strip()
            other = library.decode(piece[:-9]).strip()
            timed("text", lambda: ask("text", text=text))  # noqa: B023
            timed("floor of the text", lambda: forward(models, piece))  # noqa: B023
            timed("place", lambda: ask("position", text=text, at=20))  # noqa: B023
            timed("loss", lambda: ask("loss", text=text, at=20, student=student))  # noqa: B023
            timed("pair", lambda: ask("pair", first=text, second=other))  # noqa: B023
            timed("20 tokens written", lambda: ask("write", text=text, tokens=20))  # noqa: B023
            if number == 0:
                found.clear()  # the first answers load parts of libraries
    return found


@torch.no_grad()
def forward(models: list[Any], piece: list[int]) -> None:
    """The models' own logits of a text."""
    for model in models:
        model(torch.tensor([piece]), use_cache=False).logits.log_softmax(-1)


@contextmanager
def served(cast: Any) -> Iterator[Ask]:
    """A function that asks the server of these models, until the block ends."""
    listening = bound(0)
    opening = Opening()
    opening.answers = endpoints(cast, opening)
    with serving(opening, listening):
        yield ask_for(f"http://127.0.0.1:{listening.getsockname()[1]}/")


def ask_for(address: str) -> Ask:
    """A function that sends a request and reads the answer to its end."""

    def ask(name: str, **body: object) -> object:
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(f"{address}api/{name}", data) as response:
            return response.read()

    return ask


def show(results: dict[str, Any]) -> None:
    """Print medians and extremes, beside the aims."""
    rows = [
        (name, f"{statistics.median(each):.0f}", f"{min(each):.0f} to {max(each):.0f}")
        for name, each in results["milliseconds"].items()
    ]
    title = f"Five models and an ensemble, texts of {TOKENS} tokens"
    print_result(table(title, ("answer", "median ms", "range"), rows))
    text = statistics.median(results["milliseconds"]["text"])
    floor = statistics.median(results["milliseconds"]["floor of the text"])
    page, seconds = (
        statistics.median(results[name]) for name in ("seconds to the page", "seconds to start")
    )
    imports = statistics.median(results["floor of the start"])
    print(
        f"a text takes {text:.0f} ms (aim: 300), {text / floor:.1f} times the plain passes; "
        f"the page is there after {page:.1f} s (aim: 4), its models after {seconds:.1f} s, "
        f"{seconds / imports:.1f} times the bare imports"
    )


if __name__ == "__main__":
    main()
