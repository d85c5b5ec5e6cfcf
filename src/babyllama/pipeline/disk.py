"""About how much disk a run takes at its peak: from its recipe and the size of its inputs."""

from collections.abc import Mapping
from pathlib import Path

from babyllama.recipe import ExponentialAverage, LastEpochs, Recipe, SyntheticSource, TrainingRecipe
from babyllama.runs.manifests import files_in

_PARAMETER = 4  # bytes
_WORDS_PER_TOKEN = 2 / 3
# Bytes per token of training text, each with its dev text: measured on English.
_CORPUS_AND_TOKENS, _SOURCE = 16, 8
_MINIMAL_PAIRS = 1_200_000  # of a synthetic source, whatever its size
# Bytes of predictions per byte of a benchmark's data; bytes of data per byte of their archive.
_PREDICTIONS, _UNPACKED = 2, 8
_REPORT = 2_000_000


def peak_bytes(
    recipe: Recipe, parameters: Mapping[str, int], train_tokens: int, signal_bytes: int
) -> int:
    """Bytes of a finished run, and of what its trainings resume from while they last.

    Args:
        parameters: of each model, by its name.
    """
    trainings = {name: recipe.pretraining(name).training for name in parameters}
    models = sum(
        (1 + _kept_models(training, train_tokens)) * _PARAMETER * parameters[name]
        for name, training in trainings.items()
    )
    # Teachers may be trained side by side, and so may students.
    resumed = max(
        sum(_while_training(trainings[name]) * parameters[name] for name in group)
        for group in (recipe.trained_teachers, recipe.students)
    )
    text = _CORPUS_AND_TOKENS * train_tokens
    source = recipe.corpus.source
    if isinstance(source, SyntheticSource):
        text += _SOURCE * train_tokens + _MINIMAL_PAIRS
    elif source.is_gathered:
        text += _SOURCE * train_tokens
    # Beside its tokens a sampled text has the rounds that it resumes from, while it is sampled.
    amounts = (recipe.sequences[name].sampling.amount for name in recipe.sampled_texts)
    text += round(_CORPUS_AND_TOKENS * train_tokens * sum(amounts))
    return models + resumed + signal_bytes + text + _evaluation(recipe) + _REPORT


def _while_training(training: TrainingRecipe) -> int:
    """Bytes per parameter: checkpoints of weights and two moments, each with a best model.

    One more than are kept: the oldest is deleted after the newest is written.
    """
    copies = 4 + isinstance(training.average, ExponentialAverage)
    past_epochs = 0
    if isinstance(training.average, LastEpochs):
        past_epochs = min(training.epochs, training.average.epochs + training.keep + 1)
    return _PARAMETER * ((training.keep + 1) * copies + past_epochs)


def _kept_models(training: TrainingRecipe, train_tokens: int) -> int:
    """Models that are kept along the way, at marks of words seen."""
    words = training.epochs * train_tokens * _WORDS_PER_TOKEN
    return sum(mark <= words for mark in training.word_marks)


def _evaluation(recipe: Recipe) -> int:
    """Predictions of every model, of the ensemble, and of an untrained model."""
    scored = len(recipe.teachers) + len(recipe.students) + 2
    data = sum(_unpacked_bytes(path) for path in recipe.evaluation.benchmarks.values())
    if isinstance(recipe.corpus.source, SyntheticSource):
        data += _MINIMAL_PAIRS
    return scored * _PREDICTIONS * data


def _unpacked_bytes(path: Path) -> int:
    files = list(files_in(path)) if path.is_dir() else [path] if path.exists() else []
    return sum(
        file.stat().st_size * (_UNPACKED if file.suffix in (".zip", ".gz") else 1) for file in files
    )
