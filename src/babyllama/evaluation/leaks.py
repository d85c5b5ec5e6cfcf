"""The texts of benchmarks, compared with the training text of a run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from babyllama.data.leaks.check import check
from babyllama.data.leaks.index import Text, text_of_benchmark
from babyllama.data.leaks.of_corpus import is_too_large
from babyllama.data.sources import Domain, clean_files
from babyllama.errors import command
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.suites import suite_for
from babyllama.recipe import NEAR_DUPLICATE
from babyllama.runs.artefact import Facts
from babyllama.runs.kept import kept, read_kept
from babyllama.runs.layout import LEAKS
from babyllama.runs.manifests import digest

_FIELD = "leaks"


def benchmark_texts(benchmarks: Mapping[str, Path]) -> Iterator[Text]:
    """The texts of each benchmark as its suite reads them: all options, with their contexts.

    Raises:
        InputError: a benchmark that cannot be read.
    """
    for name, path in benchmarks.items():
        suite = suite_for(name)
        items = suite.read(path)
        texts = suite.texts(items, rules_named("honest"))
        is_private = any(getattr(item, "is_private", False) for item in items)
        whole = (each.context + each.target for each in texts)
        yield text_of_benchmark(name, whole, is_private=is_private)


def check_benchmarks(
    benchmarks: Mapping[str, Path],
    corpus: Path,
    out: Path,
    *,
    near: float = NEAR_DUPLICATE,
    before: Sequence[Path] = (),
) -> None:
    """Write leaks.json: what the benchmarks of a run share with its training text.

    Args:
        corpus: clean; nothing is written if it is gone or `is_too_large`.
        out: the folder to write into. A file there, or in one of `before`, that holds for the same
            benchmarks and corpus is taken.
        near: from which similarity on texts are near-duplicates.

    Raises:
        InputError: a benchmark or text that cannot be read.
    """
    if not corpus.exists() or not benchmarks:
        return
    train = [Domain(path.stem, path) for path in clean_files(corpus, "train")]
    if not train:
        return
    named = (
        part for name, path in benchmarks.items() for part in ("--benchmark", f"{name}={path}")
    )
    if is_too_large(train, by_hand=command("corpus", "leaks", corpus, *named)):
        return
    data = {name: digest(path) for name, path in benchmarks.items()}
    key = {"benchmarks": data, "corpus": digest(corpus), "near": near}

    def make() -> Facts:
        earlier = (read_kept(folder / LEAKS, key, field=_FIELD) for folder in before)
        found = next((each for each in earlier if each is not None), None)
        if found is not None:
            return found
        texts = [*benchmark_texts(benchmarks)]
        return check(train, benchmarks=texts, near=near, within=False, scratch=out).found

    kept(out / LEAKS, key, make, field=_FIELD)
