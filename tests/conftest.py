"""Small real fixtures that many tests share: corpus, tokenizer, tokens, teachers, signal.

And which tests are slow: `make test-quick` leaves those out.
"""

import json
import logging
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# Every run of the suite tries the same examples: a change is judged by what it changes. To look for
# others: pytest --hypothesis-profile=default.
settings.register_profile("same examples", derandomize=True)
settings.load_profile("same examples")

# One thread: the suite shares its machine, and the bits of a sum depend on the number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests say themselves what their terminal is like: the one that starts the suite does not count.
os.environ["TERM"] = "xterm"
for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(name, None)

# Whatever uses one of these trains models first.
SLOW_FIXTURES = {"teachers", "signal"}


# transformers writes its warnings to the standard error of the test that imported it first, which
# is closed by then: logging would print a traceback into the output of another test.
logging.raiseExceptions = False


def pytest_collection_modifyitems(items):
    """Mark slow tests, so that they can be left out: `-m "not slow"`."""
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


LINES = [
    "The cat sees a dog.", "A dog sees the cats.", "Anna gives Ben two red apples.",
    "Where is the ball?", "It is behind the old house.", "The children have never seen any snow.",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, driven by Playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Two domains of a few hundred lines."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, repeats in (("train", 60), ("dev", 12)):
        (folder / split).mkdir()
        for number, domain in enumerate(("talk", "tales")):
            lines = [LINES[(i * (number + 2) + i // 7) % len(LINES)] for i in range(6 * repeats)]
            text = "".join(line + ("\n\n" if i % 9 == 8 else "\n") for i, line in enumerate(lines))
            (folder / split / f"{domain}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tokenizer(corpus, tmp_path_factory):
    """A tokenizer of that corpus."""
    from babyllama.data.tokenizer import train_tokenizer
    from babyllama.recipe import TokenizerRecipe

    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=320), folder)
    return folder


@pytest.fixture(scope="session")
def tokens(corpus, tokenizer, tmp_path_factory):
    """Its token streams."""
    from babyllama.data.tokens import tokenize
    from babyllama.recipe import TokensRecipe

    folder = tmp_path_factory.mktemp("tokens")
    tokenize(corpus, tokenizer, TokensRecipe(), folder)
    return folder


@pytest.fixture(scope="session")
def few_tokens(corpus, tokenizer, tmp_path_factory):
    """The streams of its first lines: signals that take long to write need no more."""
    from babyllama.data.tokens import tokenize
    from babyllama.recipe import TokensRecipe

    shorter, folder = tmp_path_factory.mktemp("shorter"), tmp_path_factory.mktemp("few_tokens")
    for file in corpus.rglob("*.txt"):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        (shorter / file.parent.name).mkdir(exist_ok=True)
        text = "".join(lines[: len(lines) // 6])
        (shorter / file.parent.name / file.name).write_text(text, encoding="utf-8")
    tokenize(shorter, tokenizer, TokensRecipe(), folder)
    return folder


@pytest.fixture(scope="session")
def tiny_recipe():
    """A recipe whose models train in a second."""
    from babyllama.recipe import Recipe

    training = {
        "epochs": 2,
        "batch_size": 16,
        "window": 16,
        "learning_rate": 3e-3,
        "warmup_steps": 2,
        "precision": "float32",
        "checkpoint_every": 10,
        "log_every": 1,
    }
    llama = {
        "model_type": "llama",
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    }
    gpt2 = {
        "model_type": "gpt2",
        "n_embd": 24,
        "n_inner": 32,
        "n_layer": 1,
        "n_head": 2,
        "n_positions": 64,
        "resid_pdrop": 0.1,
    }
    return Recipe.model_validate(
        {
            "name": "tiny",
            "seed": 3,
            "corpus": {"source": {"kind": "synthetic", "words": 2000, "dev_words": 500}},
            "tokenizer": {"vocab_size": 320},
            "teachers": {
                "llama": {"model": llama, "training": training},
                "gpt2": {"model": gpt2, "training": training},
            },
            "signal": {"kind": "hidden"},
            "students": {
                "distilled": {"kind": "distilled", "model": llama, "training": training},
                "twin": {"kind": "twin", "of": "distilled"},
            },
        }
    )


@pytest.fixture(scope="session")
def teachers(tiny_recipe, tokens, tokenizer, tmp_path_factory):
    """A trained LLaMA and a trained GPT-2 of other widths."""
    from babyllama.training.pretraining import pretrain

    folder = tmp_path_factory.mktemp("teachers")
    for name, part in tiny_recipe.teachers.items():
        (folder / name).mkdir()
        pretrain(part, tokens, tokenizer, folder / name, seed=1)
    return [folder / name for name in tiny_recipe.teachers]


@pytest.fixture(scope="session")
def signal(teachers, tokens, tmp_path_factory):
    """The stored predictions of those teachers."""
    from babyllama.recipe import HiddenSignal
    from babyllama.signals.store import store_signal
    from babyllama.signals.writer import SignalSource

    folder = tmp_path_factory.mktemp("signal")
    recipe = HiddenSignal(kind="hidden")
    store_signal(SignalSource(tuple(teachers), tokens, recipe, window=16), folder)
    return folder


@pytest.fixture(scope="session")
def data():
    """The folder of real text and benchmarks, if there is one."""
    folder = os.environ.get("BABYLLAMA_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("BABYLLAMA_DATA is not a folder of real text and benchmarks")
    return Path(folder)


@pytest.fixture
def written(tmp_path):
    """A function that writes a JSON file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    return write
