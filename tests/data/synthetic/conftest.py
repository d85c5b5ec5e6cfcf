"""One corpus of moderate size, drawn once, for all claims about what it holds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest

from babyllama.data.synthetic import synthesize


@contextlib.contextmanager
def _unchecked_calls() -> Iterator[None]:
    """No run-time type checks: the grammar makes millions of small calls and has no shapes."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture(scope="module", autouse=True)
def _fast() -> Iterator[None]:
    with _unchecked_calls():
        yield


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic")
    with _unchecked_calls():
        synthesize(out, words=60_000, dev_words=6_000, seed=0)
    return out


@pytest.fixture(scope="session")
def lines(corpus: Path) -> list[str]:
    paths = sorted(corpus.rglob("*.txt"))
    return [line for path in paths for line in path.read_text().splitlines() if line]
