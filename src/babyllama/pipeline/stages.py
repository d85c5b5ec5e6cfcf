"""The pipeline: corpus -> tokenizer -> tokens -> teachers -> signal -> students -> evaluation
-> report.

Each function below describes one folder: its inputs, and the code that makes it. `text_stages` has
those of the text. That code is imported when a stage is built, so that checking a complete run is
fast.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from babyllama.errors import InputError
from babyllama.pipeline.text_stages import (
    corpus_stage,
    gathered_stage,
    given_tokenizer_stage,
    source_stage,
    tokenizer_stage,
    tokens_stage,
)
from babyllama.recipe import (
    EQUAL_WEIGHTS,
    AnyStoredSignal,
    AutoSignal,
    DistilledStudent,
    DomainOrder,
    FolderSource,
    Frozen,
    Given,
    Mixing,
    PretrainingRecipe,
    Recipe,
    Sampling,
    SequenceStudent,
    Smoothing,
    StoredSignal,
    SyntheticSource,
    TrainingRecipe,
    TwinStudent,
    mixing_for,
    mixing_of,
    names,
)
from babyllama.runs.artefact import Facts, Stage
from babyllama.runs.launched import ALONE, Launched
from babyllama.runs.layout import Layout
from babyllama.scores.results import SCORING_VERSION


class StoredWindows(Frozen):
    """The settings of a stored signal: with teachers and tokens they determine its contents."""

    signal: AnyStoredSignal
    window: int
    offsets: tuple[int, ...]


class OnlineStudent(Frozen):
    """The settings of a student whose teachers run beside it."""

    student: DistilledStudent
    teachers: Mixing


class SmoothedTwin(PretrainingRecipe):
    """The settings of a twin with label smoothing.

    Attributes:
        temperature, teachers: with which a matched epsilon is measured; None if it is a number.
    """

    smoothing: Smoothing
    temperature: float | None
    teachers: Mixing | None


class SampledText(Frozen):
    """The settings of sampled text: with teachers, tokens and seed they determine it."""

    sampling: Sampling
    window: int
    teachers: Mixing


class EvaluatedWindows(Frozen):
    """The settings of scores: with models, benchmarks and tokens they determine the scores."""

    rules: str
    window: int
    teachers: Mixing


def stages(recipe: Recipe, folder: Path, launched: Launched = ALONE) -> Iterator[Stage]:
    """Every stage of a run in the order of making; `signal: auto` must be resolved before."""
    layout = Layout(folder)
    corpus, tokenizer, tokens = layout.corpus, layout.tokenizer, layout.tokens
    source, benchmarks = recipe.corpus.source, benchmarks_of(recipe, folder)
    if isinstance(source, SyntheticSource):
        yield source_stage(source, layout.source, seed=recipe.seed)
        yield corpus_stage(layout.source, recipe.corpus, corpus, benchmarks=benchmarks)
    elif isinstance(source, FolderSource) and not source.is_gathered:
        yield corpus_stage(source.path, recipe.corpus, corpus, benchmarks=benchmarks)
    else:
        yield gathered_stage(source, layout.source)
        yield corpus_stage(layout.source, recipe.corpus, corpus, benchmarks=benchmarks)
    if isinstance(recipe.tokenizer, Given):
        yield given_tokenizer_stage(recipe.tokenizer, tokenizer)
    else:
        yield tokenizer_stage(corpus, recipe.tokenizer, tokenizer)
    yield tokens_stage(corpus, tokenizer, recipe.tokens, tokens)

    teachers = list(layout.teachers(recipe).values())
    for name, given in recipe.given.items():
        yield given_teacher_stage(given, layout.teacher(name))
    for name in recipe.trained_teachers:
        yield pretraining_stage(
            recipe.pretraining(name), tokens, tokenizer, layout.teacher(name),
            recipe.seed_of(name), corpus=corpus,
        )  # fmt: skip
    assert not isinstance(recipe.signal, AutoSignal), "planning.resolve_signal has resolved it"
    signal, mixing = None, mixing_of(recipe.signal)
    if isinstance(recipe.signal, StoredSignal):
        signal = layout.signal
        window = next(iter(recipe.readers.values())).training.window
        yield signal_stage(
            teachers, tokens, recipe.signal, signal, window=window, offsets=recipe.offsets,
            launched=launched,
        )  # fmt: skip

    models = layout.models(recipe)
    for name in recipe.generations:  # a teacher before its student
        student, out = recipe.students[name], layout.student(name)
        teachers = [models[each] for each in recipe.teachers_of(name)]
        if isinstance(student, SequenceStudent):
            text = layout.sampled_text(recipe.text_for(name))
            if name in recipe.sampled_texts:
                yield sampled_text_stage(
                    teachers, tokens, student.sampling, text, window=student.training.window,
                    mixing=mixing_for(student, mixing), seed=recipe.seed,
                )  # fmt: skip
            yield pretraining_stage(student.pretraining, text, tokenizer, out, recipe.seed)
        elif isinstance(student, DistilledStudent):
            yield distillation_stage(
                student, tokens, tokenizer, out, recipe.seed, teachers=teachers,
                signal=signal if name in recipe.readers else None, mixing=mixing, corpus=corpus,
            )  # fmt: skip
        else:
            yield twin_stage(recipe, name, tokens, tokenizer, out, teachers=teachers, corpus=corpus)

    yield evaluation_stage(recipe, folder)
    yield report_stage(recipe, folder)


def given_teacher_stage(given: Given, out: Path) -> Stage:
    """A model that was given, not trained here: links to its files."""
    name = f"{out.absolute().parent.name}/{out.name}"

    def build(folder: Path) -> Facts:
        from babyllama.models.given import link_model

        return link_model(given, folder, name.replace("/", "."))

    return Stage(name, out, "given", 1, given, {}, build)


def pretraining_stage(
    recipe: PretrainingRecipe,
    tokens: Path,
    tokenizer: Path,
    out: Path,
    seed: int,
    *,
    corpus: Path | None = None,
) -> Stage:
    """A model trained on text alone: a teacher or a twin.

    Args:
        corpus: the clean corpus of the tokens; needed for a curriculum by domain.
    """

    def build(folder: Path) -> Facts:
        from babyllama.training.pretraining import pretrain

        return pretrain(recipe, tokens, tokenizer, folder, corpus=corpus, seed=seed)

    inputs = {"tokens": tokens, "tokenizer": tokenizer, **_read_by_order(recipe.training, corpus)}
    name = f"{out.absolute().parent.name}/{out.name}"
    return Stage(
        name, out, "pretraining", 1, recipe, inputs, build, seed, keeps=True, together=True
    )


def twin_stage(
    recipe: Recipe,
    name: str,
    tokens: Path,
    tokenizer: Path,
    out: Path,
    *,
    teachers: Sequence[Path] = (),
    corpus: Path | None = None,
) -> Stage:
    """A twin: trained on text alone, with label smoothing if its recipe says so.

    Args:
        teachers: of its student; needed if the smoothing is matched to them.
        corpus: as in `pretraining_stage`.
    """
    part, twin = recipe.pretraining(name), recipe.students[name]
    assert isinstance(twin, TwinStudent)
    plain = pretraining_stage(part, tokens, tokenizer, out, recipe.seed, corpus=corpus)
    if twin.smoothing is None:
        return plain
    smoothing, student = twin.smoothing, recipe.distilled[twin.of]
    mixing = mixing_for(student, mixing_of(recipe.signal))
    is_matched = twin.matches_teachers

    def build(folder: Path) -> Facts:
        from babyllama.training.pretraining import pretrain_smoothed
        from babyllama.training.smoothing import MatchedTeachers

        matched = MatchedTeachers(teachers, mixing, student.temperature)
        return pretrain_smoothed(
            part, tokens, tokenizer, folder, corpus=corpus, seed=recipe.seed, smoothing=smoothing,
            teachers=matched if is_matched else None,
        )  # fmt: skip

    settings = SmoothedTwin(
        model=part.model,
        training=part.training,
        smoothing=smoothing,
        temperature=student.temperature if is_matched else None,
        teachers=mixing if is_matched else None,
    )
    inputs = {**plain.inputs, **(_numbered(teachers) if is_matched else {})}
    return replace(plain, recipe=settings, inputs=inputs, build=build)


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
    """The teachers' predictions for every window, stored once.

    Args:
        launched: the processes that a launcher started; together they write the signal.
        processes: how many to start here if there was no launcher. Changes only the speed.
    """

    def build(folder: Path) -> Facts:
        from babyllama.signals.store import store_signal, store_signal_together
        from babyllama.signals.writer import SignalSource

        source = SignalSource(tuple(teachers), tokens, recipe, window, offsets)
        if launched.is_alone:
            return store_signal(source, folder, processes=processes)
        return store_signal_together(source, folder, launched, finished=out)

    inputs = {"tokens": tokens, **_numbered(teachers)}
    # `frontier` measures the signal and does not change it.
    stored = recipe.model_copy(update={"frontier": False})
    part = StoredWindows(signal=stored, window=window, offsets=offsets)
    return Stage(
        out.name, out, "signal", 2, part, inputs, build,
        reusable="*.safetensors", together=not launched.is_alone,
    )  # fmt: skip


def sampled_text_stage(
    teachers: Sequence[Path],
    tokens: Path,
    sampling: Sampling,
    out: Path,
    *,
    window: int,
    mixing: Mixing = EQUAL_WEIGHTS,
    seed: int,
) -> Stage:
    """Text that the teachers' ensemble writes, as token streams.

    Args:
        seed: the recipe's; the sampling's own wins.
    """
    seed = seed if sampling.seed is None else sampling.seed
    part = sampling.model_copy(update={"seed": None})  # the same text, whichever seed was meant

    def build(folder: Path) -> Facts:
        from babyllama.signals.sampled_text import TextSource, sample_text

        return sample_text(TextSource(tuple(teachers), tokens, part, mixing, window, seed), folder)

    inputs = {"tokens": tokens, **_numbered(teachers)}
    settings = SampledText(sampling=part, window=window, teachers=mixing)
    name = f"{out.absolute().parent.name}/{out.name}"
    return Stage(name, out, names.SAMPLED_TEXT, 1, settings, inputs, build, seed)


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
    corpus: Path | None = None,
) -> Stage:
    """A student that learns from a stored signal or, without one, from teachers beside it.

    Args:
        mixing: of the recipe's teachers.
        corpus: as in `pretraining_stage`.
    """
    if student.teachers is not None:
        mixing = mixing_for(student, mixing)

    def build(folder: Path) -> Facts:
        from babyllama.training.distillation import distill

        return distill(
            student, tokens, tokenizer, folder, teachers=teachers, signal=signal, mixing=mixing,
            corpus=corpus, seed=seed,
        )  # fmt: skip

    part: Frozen = student
    inputs = {"tokens": tokens, "tokenizer": tokenizer, **_read_by_order(student.training, corpus)}
    if signal:
        inputs["signal"] = signal
    else:
        inputs |= _numbered(teachers)
        part = OnlineStudent(student=student, teachers=mixing)
    name = f"{out.absolute().parent.name}/{out.name}"
    return Stage(name, out, "distillation", 1, part, inputs, build, seed, keeps=True, together=True)


def evaluation_stage(recipe: Recipe, folder: Path, *, only: str | None = None) -> Stage:
    """Scores of every model of a run, and of the teachers' ensemble, on every benchmark.

    Args:
        only: a model, or "untrained": `build` scores it alone, and a later `build` of all models
            takes its scores.
    """
    layout = Layout(folder)
    models = scored_models(recipe, folder)
    benchmarks = benchmarks_of(recipe, folder)
    main = layout.models(recipe)[next(iter(recipe.taught or recipe.students or recipe.teachers))]
    tokens = layout.tokens
    shared = [layout.shared_scores(name) for name in (*models, names.UNTRAINED)]
    before = [layout.evaluation, *shared]
    window = recipe.evaluated_window

    mixing = mixing_of(recipe.signal)
    part = EvaluatedWindows(rules=recipe.evaluation.rules, window=window, teachers=mixing)

    def build(out: Path) -> Facts:
        from babyllama.evaluation.leaks import check_benchmarks
        from babyllama.evaluation.measures.of_run import measure_models
        from babyllama.evaluation.of_run import evaluate_models, print_seen
        from babyllama.evaluation.samples import sample_models

        chosen = {name: models[name] for name in models if only in (None, name)}
        untrained = main if only in (None, names.UNTRAINED) else None
        facts = evaluate_models(
            chosen, benchmarks, rules=part.rules, mixing=mixing, tokens=tokens, window=window,
            before=before, out=out, corpus=layout.corpus, untrained=untrained, seed=recipe.seed,
        )  # fmt: skip
        measure_models(
            chosen, teachers=[*layout.teachers(recipe).values()], mixing=mixing, tokens=tokens,
            window=window, before=before, out=out, corpus=layout.corpus, untrained=untrained,
            seed=recipe.seed,
        )  # fmt: skip
        sample_models(
            chosen, tokens=tokens, window=window, before=before, out=out, mixing=mixing,
            seed=recipe.seed,
        )  # fmt: skip
        if only is None:
            check_benchmarks(
                benchmarks, layout.corpus, out, near=recipe.corpus.near_duplicate, before=before
            )
            print_seen(out, main.name)
        return facts

    inputs = {"tokens": tokens}
    inputs |= {path.name: path for paths in models.values() for path in paths}
    inputs |= {f"benchmark {name}": path for name, path in benchmarks.items()}
    return Stage(
        names.EVALUATION, layout.evaluation, "evaluation", SCORING_VERSION, part, inputs, build
    )


def benchmarks_of(recipe: Recipe, folder: Path) -> dict[str, Path]:
    """The benchmarks of a run, with the one that comes with a synthetic text."""
    benchmarks = dict(recipe.evaluation.benchmarks)
    if isinstance(recipe.corpus.source, SyntheticSource):
        return {names.GRAMMAR: Layout(folder).minimal_pairs, **benchmarks}
    return benchmarks


def scored_models(recipe: Recipe, folder: Path) -> dict[str, list[Path]]:
    """Every model that is scored, with its folder; the ensemble has several."""
    layout = Layout(folder)
    models = {name: [path] for name, path in layout.models(recipe).items()}
    if len(recipe.teachers) > 1:
        models[names.ENSEMBLE] = list(layout.teachers(recipe).values())
    return models


def report_stage(recipe: Recipe, folder: Path) -> Stage:
    """The report's pages and figures."""

    def build(out: Path) -> Facts:
        from babyllama.report import write_report

        return write_report([folder], out)

    layout = Layout(folder)
    inputs = {"corpus": layout.corpus, "evaluation": layout.evaluation, **layout.models(recipe)}
    if layout.curves.is_dir():
        inputs["curves"] = layout.curves
    return Stage(names.REPORT, layout.report, "report", 1, recipe, inputs, build, recipe.seed)


def _read_by_order(training: TrainingRecipe, corpus: Path | None) -> dict[str, Path]:
    """What a curriculum reads besides tokens and tokenizer.

    Raises:
        InputError: it needs the corpus, which only a run has.
    """
    order = training.order
    if isinstance(order, DomainOrder):
        if corpus is None:
            raise InputError(
                "training.order.by is domain, and this command reads tokens without their corpus",
                why="The corpus says which documents are from which domain.",
                mend="Train the model in a run: babyllama run",
            )
        return {"corpus": corpus}
    return {"order": order.path_read} if order and order.path_read else {}


def _numbered(teachers: Sequence[Path]) -> dict[str, Path]:
    return {f"teacher {number}, {path.name}": path for number, path in enumerate(teachers, 1)}
