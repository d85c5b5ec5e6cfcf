"""The straight line: corpus -> tokenizer -> tokens -> teachers -> signal -> students -> evaluation
-> report.

Each function below describes one folder: what it is made from and what makes it. Stage modules are
imported only when a stage has work to do, so that looking at a complete run takes no time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from babyllama.recipe import (
    DEV_FRACTION,
    EQUAL_WEIGHTS,
    AnyStoredSignal,
    AutoSignal,
    CorpusRecipe,
    DistilledStudent,
    FolderSource,
    Frozen,
    Mixing,
    PretrainingRecipe,
    Recipe,
    StoredSignal,
    SyntheticSource,
    TokenizerRecipe,
    TokensRecipe,
    mixing_of,
)
from babyllama.recipe.names import ENSEMBLE
from babyllama.runs.artefact import Facts, Stage
from babyllama.runs.launched import ALONE, Launched
from babyllama.runs.layout import Layout

GRAMMAR = "grammar"  # the benchmark that a synthetic corpus brings along


class Cleaning(Frozen):
    """What decides a clean corpus besides the text it is made from."""

    rules: str
    dev_fraction: float
    domain: str | None


class StoredWindows(Frozen):
    """What decides a stored signal besides teachers and tokens."""

    signal: AnyStoredSignal
    window: int
    offsets: tuple[int, ...]


class OnlineStudent(Frozen):
    """What decides a student of teachers that run beside it."""

    student: DistilledStudent
    teachers: Mixing


class EvaluatedWindows(Frozen):
    """What decides scores besides models, benchmarks and tokens."""

    rules: str
    window: int
    teachers: Mixing


def stages(recipe: Recipe, folder: Path, launched: Launched = ALONE) -> Iterator[Stage]:
    """Every stage of a run, in the order in which they are made."""
    layout = Layout(folder)
    corpus, tokenizer, tokens = layout.corpus, layout.tokenizer, layout.tokens
    source = recipe.corpus.source
    if isinstance(source, SyntheticSource):
        yield source_stage(source, layout.source, seed=recipe.seed)
        yield corpus_stage(layout.source, recipe.corpus, corpus)
    else:
        yield corpus_stage(source.path, recipe.corpus, corpus)
    yield tokenizer_stage(corpus, recipe.tokenizer, tokenizer)
    yield tokens_stage(corpus, tokenizer, recipe.tokens, tokens)

    teachers = list(layout.teachers(recipe).values())
    for name in recipe.teachers:
        yield pretraining_stage(
            recipe.pretraining(name), tokens, tokenizer, layout.teacher(name), recipe.seed
        )
    assert not isinstance(recipe.signal, AutoSignal), "planning.resolve_signal has resolved it"
    signal, mixing = None, mixing_of(recipe.signal)
    if isinstance(recipe.signal, StoredSignal):
        signal = layout.signal
        readers = [student.training for student in recipe.distilled.values()]
        window = readers[0].window
        offsets = sorted({at for reader in readers for at in reader.windows.offsets(window)})
        yield signal_stage(
            teachers, tokens, recipe.signal, signal, window=window, offsets=tuple(offsets),
            launched=launched,
        )  # fmt: skip

    for name, student in recipe.students.items():
        out = layout.student(name)
        if isinstance(student, DistilledStudent):
            yield distillation_stage(
                student, tokens, tokenizer, out, recipe.seed, teachers=teachers, signal=signal,
                mixing=mixing,
            )  # fmt: skip
        else:
            yield pretraining_stage(recipe.pretraining(name), tokens, tokenizer, out, recipe.seed)

    yield evaluation_stage(recipe, folder)
    yield report_stage(recipe, folder)


def source_stage(recipe: SyntheticSource, out: Path, *, seed: int) -> Stage:
    """Text from the embedded grammar, its entropy and its minimal pairs."""

    def build(folder: Path) -> Facts:
        from babyllama.data.synthetic import synthesize

        synthesize(folder, words=recipe.words, dev_words=recipe.dev_words, seed=seed)
        return {}

    return Stage("source", out, "synthetic", 1, recipe, {}, build, seed)


def corpus_stage(
    source: Path, recipe: CorpusRecipe, out: Path, *, domain: str | None = None
) -> Stage:
    """Clean text, a file a domain, and its statistics."""
    given = recipe.source
    dev_fraction = given.dev_fraction if isinstance(given, FolderSource) else DEV_FRACTION

    def build(folder: Path) -> Facts:
        from babyllama.data.cleaning import clean_corpus

        clean_corpus(source, folder, rules=recipe.rules, dev_fraction=dev_fraction, domain=domain)
        return {}

    # Where the source lies is not part of what is made: its contents are in its digest.
    part = Cleaning(rules=recipe.rules, dev_fraction=dev_fraction, domain=domain)
    return Stage(out.name, out, "corpus", 1, part, {"source": source}, build)


def tokenizer_stage(corpus: Path, recipe: TokenizerRecipe, out: Path) -> Stage:
    """Byte-level BPE trained on the clean training text."""

    def build(folder: Path) -> Facts:
        from babyllama.data.tokenizer import train_tokenizer

        return {**train_tokenizer(corpus, recipe, folder)}

    return Stage(out.name, out, "tokenizer", 1, recipe, {"corpus": corpus}, build)


def tokens_stage(corpus: Path, tokenizer: Path, recipe: TokensRecipe, out: Path) -> Stage:
    """Memory-mapped token streams."""

    def build(folder: Path) -> Facts:
        from babyllama.data.tokens import tokenize

        return {**tokenize(corpus, tokenizer, recipe, folder)}

    inputs = {"corpus": corpus, "tokenizer": tokenizer}
    return Stage(out.name, out, "tokens", 2, recipe, inputs, build)


def pretraining_stage(
    recipe: PretrainingRecipe, tokens: Path, tokenizer: Path, out: Path, seed: int
) -> Stage:
    """A model trained on text alone: a teacher, or a twin."""

    def build(folder: Path) -> Facts:
        from babyllama.training.pretraining import pretrain

        return pretrain(recipe, tokens, tokenizer, folder, seed=seed)

    inputs = {"tokens": tokens, "tokenizer": tokenizer}
    name = f"{out.absolute().parent.name}/{out.name}"
    return Stage(name, out, "pretraining", 1, recipe, inputs, build, seed, together=True)


def signal_stage(
    teachers: Sequence[Path],
    tokens: Path,
    recipe: AnyStoredSignal,
    out: Path,
    *,
    window: int,
    offsets: tuple[int, ...] = (0,),
    launched: Launched = ALONE,
    processes: int = 1,
) -> Stage:
    """What the teachers say, stored once.

    Args:
        launched: the processes that write it together, where a launcher started several.
        processes: how many to start here otherwise. How many write changes the speed alone.
    """

    def build(folder: Path) -> Facts:
        from babyllama.signals.store import store_signal, store_signal_together
        from babyllama.signals.writer import SignalSource

        source = SignalSource(tuple(teachers), tokens, recipe, window, offsets)
        if launched.is_alone:
            return store_signal(source, folder, processes=processes)
        return store_signal_together(source, folder, launched, finished=out)

    inputs = {"tokens": tokens, **_numbered(teachers)}
    stored = recipe.model_copy(update={"frontier": False})  # about the signal, not of it
    part = StoredWindows(signal=stored, window=window, offsets=offsets)
    return Stage(
        out.name, out, "signal", 2, part, inputs, build,
        reusable="*.safetensors", together=not launched.is_alone,
    )  # fmt: skip


def distillation_stage(
    student: DistilledStudent,
    tokens: Path,
    tokenizer: Path,
    out: Path,
    seed: int,
    *,
    teachers: Sequence[Path] = (),
    signal: Path | None = None,
    mixing: Mixing = EQUAL_WEIGHTS,
) -> Stage:
    """A student of a stored signal, or else of teachers that run beside it."""

    def build(folder: Path) -> Facts:
        from babyllama.training.distillation import distill

        return distill(
            student, tokens, tokenizer, folder, teachers=teachers, signal=signal, mixing=mixing,
            seed=seed,
        )  # fmt: skip

    part: Frozen = student
    inputs = {"tokens": tokens, "tokenizer": tokenizer}
    if signal:
        inputs["signal"] = signal
    else:
        inputs |= _numbered(teachers)
        part = OnlineStudent(student=student, teachers=mixing)
    name = f"{out.absolute().parent.name}/{out.name}"
    return Stage(name, out, "distillation", 1, part, inputs, build, seed, together=True)


def evaluation_stage(recipe: Recipe, folder: Path) -> Stage:
    """Every model of a run and the teachers' ensemble on every benchmark."""
    layout = Layout(folder)
    models = {name: [path] for name, path in layout.models(recipe).items()}
    if len(recipe.teachers) > 1:
        models[ENSEMBLE] = list(layout.teachers(recipe).values())
    benchmarks = dict(recipe.evaluation.benchmarks)
    if isinstance(recipe.corpus.source, SyntheticSource):
        benchmarks = {GRAMMAR: layout.minimal_pairs, **benchmarks}
    tokens, before = layout.tokens, layout.evaluation
    window = min(recipe.pretraining(name).training.window for name in layout.models(recipe))

    mixing = mixing_of(recipe.signal)
    part = EvaluatedWindows(rules=recipe.evaluation.rules, window=window, teachers=mixing)

    def build(out: Path) -> Facts:
        from babyllama.evaluation.of_run import evaluate_models

        return evaluate_models(
            models,
            benchmarks,
            rules=part.rules,
            mixing=mixing,
            tokens=tokens,
            window=window,
            before=before,
            out=out,
        )

    inputs = {path.name: path for paths in models.values() for path in paths}
    inputs |= {f"benchmark {name}": path for name, path in benchmarks.items()}
    return Stage("evaluation", before, "evaluation", 2, part, {"tokens": tokens, **inputs}, build)


def report_stage(recipe: Recipe, folder: Path) -> Stage:
    """The page that answers first."""

    def build(out: Path) -> Facts:
        from babyllama.report import write_report

        return write_report([folder], out)

    layout = Layout(folder)
    inputs = {"corpus": layout.corpus, "evaluation": layout.evaluation, **layout.models(recipe)}
    if layout.curves.is_dir():
        inputs["curves"] = layout.curves
    return Stage("report", layout.report, "report", 1, recipe, inputs, build, recipe.seed)


def _numbered(teachers: Sequence[Path]) -> dict[str, Path]:
    return {f"teacher {number}, {path.name}": path for number, path in enumerate(teachers, 1)}
