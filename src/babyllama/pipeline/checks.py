"""Checks that refuse, before any long work starts, a run that would fail later."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from babyllama.console import print_status
from babyllama.data.difficulty import refuse_unlike_domains, windows_in_order
from babyllama.data.gathering.gather import look_at_source
from babyllama.data.order_files import check_order_file
from babyllama.data.raw_text import check_text
from babyllama.data.sources import read_source, read_split
from babyllama.data.synthetic.domains import DOMAINS as SYNTHETIC_DOMAINS
from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.evaluation.lengths import refuse_long_texts
from babyllama.evaluation.suites import suite_for
from babyllama.models.build import configuration, planned_model, refuse_short_positions
from babyllama.models.documents import refuse_inseparable
from babyllama.models.given import check_model, check_tokenizer, folder_of, planned_teacher
from babyllama.pipeline.planning import Plan, plan, refuse_full_disk, vocabulary_size
from babyllama.pipeline.text_stages import gathered_text
from babyllama.recipe import (
    DistilledStudent,
    DomainOrder,
    FolderSource,
    Given,
    LossOrder,
    PretrainingRecipe,
    Recipe,
    SyntheticSource,
    TrainingRecipe,
    names,
)
from babyllama.recipe.names import STUDENTS, TEACHERS
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import digest, read_manifest
from babyllama.training.optimizer import refuse_missing_optimizer
from babyllama.training.schedule import plan_training, refuse_uneven
from babyllama.training.trackers import refuse_missing_trackers


def check_before_run(
    recipe: Recipe, folder: Path, *, processes: int = 1, option: str = "--run-dir DIR"
) -> Plan:
    """Read every input of a run, plan every model, and compare the plan with the free disk.

    Args:
        processes: how many will train each model together.
        option: which one of the command names another folder, for a disk that is too small.

    Returns:
        the plan.

    Raises:
        InputError: a corpus or benchmark that cannot be read; a model that cannot be made, or with
            fewer positions than its windows have tokens, or that cannot read documents separately
            where the recipe asks for it; a batch that the processes cannot share;
            an optimiser or a tracker that is not installed; a curriculum whose file or domains are
            wrong; a given teacher that cannot teach, or a given tokenizer that cannot be used; too
            little free disk.
    """
    domains = _check_text(recipe, folder)
    for name, path in recipe.evaluation.benchmarks.items():
        suite_for(name).read(path)
    check_settings(recipe, processes=processes, domains=domains)
    planned = plan(recipe, folder)
    refuse_full_disk(planned, folder, option)
    return planned


def check_settings(
    recipe: Recipe, *, processes: int = 1, domains: Sequence[str] | None = None
) -> None:
    """Check what follows from the recipe alone, before text or benchmarks are there.

    Args:
        processes: as in `check_before_run`.
        domains: of the text; None if they are not known yet.

    Raises:
        InputError: what `check_before_run` raises, but for text, benchmarks and disk.
    """
    tokenizer = None
    if isinstance(recipe.tokenizer, Given):
        tokenizer = folder_of(recipe.tokenizer, names.TOKENIZER)
        check_tokenizer(recipe.tokenizer, recipe.tokens)
    _check_given(recipe, tokenizer)
    for name in recipe.trained:
        part = recipe.pretraining(name)
        refuse_short_positions(part, name)
        with _naming(recipe, name):
            refuse_uneven(part.training, processes)
            refuse_missing_optimizer(part.training)
            refuse_missing_trackers(part.training.trackers)
            _check_order(part.training, domains, tokenizer)
    _check_trained_teachers(recipe)
    if recipe.tokens.documents == "separate":
        _refuse_inseparable(recipe)


def _check_text(recipe: Recipe, folder: Path) -> tuple[str, ...] | None:
    """Check the text of a run; returns its domains, None if they are not known yet."""
    source, layout = recipe.corpus.source, Layout(folder)
    if isinstance(source, SyntheticSource):
        return tuple(SYNTHETIC_DOMAINS)
    if not isinstance(source, FolderSource) or source.is_gathered:
        gathered = gathered_text(source, layout.source)
        if gathered is not None:
            return tuple(domain.name for domain in read_split(gathered, "train"))
        look_at_source(source)  # its stage, the first of a run, reads all of it
        return None
    if not source.path.exists() and read_manifest(layout.corpus) is not None:
        return None
    texts = read_source(source.path)
    for domain in (*texts.train, *texts.dev):
        check_text(domain.path)
    return tuple(domain.name for domain in texts.train)


def check_before_training(
    recipe: Recipe, tokens: Path, tokenizer: Path, *, corpus: Path | None = None
) -> None:
    """Plan the training of every model on the finished tokens, before the first is trained.

    Args:
        corpus: the clean corpus of the tokens; needed for a curriculum by domain.

    Raises:
        InputError: names the model whose windows, order, batch, warm-up or word budget do not fit
            the text, or the benchmark with a text that is too long for a model.
    """
    vocab_size = len(load_tokenizer(tokenizer))
    _check_given(recipe, tokenizer)
    _tell_other_texts(recipe, tokens)
    configs = {
        name: configuration(recipe.pretraining(name).model, vocab_size, separators=True)
        for name in recipe.trained
    }
    benchmarks, rules = recipe.evaluation.benchmarks, recipe.evaluation.rules
    refuse_long_texts(benchmarks, tokenizer, configs, rules=rules)
    for name in recipe.trained:
        training = recipe.pretraining(name).training
        with _naming(recipe, name):
            if isinstance(training.order, LossOrder):
                # Its training measures the losses. Without them only the words that a budget
                # counts are a little different.
                _check_order_model(training.order, training.window, tokenizer)
                training = training.model_copy(update={"order": None})
            windows = windows_in_order(training, tokens, tokenizer, corpus=corpus, seed=recipe.seed)
            plan_training(windows, training, seed=recipe.seed)
            _refuse_too_little(recipe, name, windows)


def _refuse_too_little(recipe: Recipe, name: str, windows: Windows) -> None:
    """Refuse a student whose sampled text is less than two windows."""
    student = recipe.sequences.get(name)
    if student and student.sampling.amount * windows.stream_tokens < 2 * windows.window:
        raise InputError(
            f"sampling.amount is {student.sampling.amount:g}: of {windows.stream_tokens:,} tokens "
            f"this is less than two windows of {windows.window}",
            mend="Give a larger amount; 1 is as much as the training text.",
        )


def _check_order(
    training: TrainingRecipe, domains: Sequence[str] | None, tokenizer: Path | None
) -> None:
    """Read what a curriculum names, and compare its domains with those of the source.

    Args:
        domains: None if they are not known yet.
        tokenizer: None if it is not known yet.
    """
    order = training.order
    check_order_file(order)
    if isinstance(order, LossOrder):
        _check_order_model(order, training.window, tokenizer)
    if isinstance(order, DomainOrder) and domains is not None:
        refuse_unlike_domains(order.domains, domains)


def _check_order_model(order: LossOrder, window: int, tokenizer: Path | None) -> None:
    given = Given(path=str(order.model))
    check_model(given, "training.order.model", window=window, tokenizer=tokenizer)


def _check_given(recipe: Recipe, tokenizer: Path | None) -> None:
    windows = [student.training.window for student in recipe.taught.values()]
    for name, given in recipe.given.items():
        check_model(
            given, f"{TEACHERS}.{name}", window=max(windows, default=1), tokenizer=tokenizer
        )


def _tell_other_texts(recipe: Recipe, tokens: Path) -> None:
    """Warn of given teachers that another run trained, on other text than this run's."""
    for name, given in recipe.given.items():
        field = f"{TEACHERS}.{name}"
        manifest = read_manifest(folder_of(given, field)) or {}
        trained_on = manifest.get("inputs", {}).get(names.TOKENS)
        if trained_on not in (None, digest(tokens)):
            print_status(
                f"{field} was trained on other text than this run's: it may have read this run's "
                "dev text, and a student that gains may owe it to the other text"
            )


def _refuse_inseparable(recipe: Recipe) -> None:
    """Refuse models that cannot read documents separately in the longest windows of the run.

    All models are evaluated on windows of that length, whatever the length of their own.
    """
    vocab_size = vocabulary_size(recipe)
    parts = {name: recipe.pretraining(name) for name in recipe.trained}
    window = max((part.training.window for part in parts.values()), default=1)
    for name, part in parts.items():
        refuse_inseparable(planned_model(part.model, vocab_size), window, name)
    for name, given in recipe.given.items():
        field = f"{TEACHERS}.{name}"
        refuse_inseparable(planned_teacher(given, field), window, field)


def _check_trained_teachers(recipe: Recipe) -> None:
    """Refuse a teacher with fewer positions than the windows of its student have tokens."""
    for name, student in recipe.taught.items():
        if isinstance(student, DistilledStudent) and not student.needs_teachers:
            continue
        for teacher in recipe.teachers_of(name):
            if teacher not in recipe.given:
                shape = recipe.pretraining(teacher).model
                read = PretrainingRecipe(model=shape, training=student.training)
                refuse_short_positions(read, f"{teacher}, which teaches students.{name}")


@contextmanager
def _naming(recipe: Recipe, name: str) -> Iterator[None]:
    """Put the model's name before the message of an `InputError`."""
    try:
        yield
    except InputError as error:
        kind = TEACHERS if name in recipe.teachers else STUDENTS
        raise InputError(f"{kind}.{name}: {error.what}", why=error.why, mend=error.mend) from None
