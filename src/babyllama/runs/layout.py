"""Where everything in a run's folder is: no other module spells out these paths.

A run is one folder (`Layout`). The folder of a stage is called after the stage; the names are in
`babyllama.recipe.names`, since a recipe refuses models that bear them. What a stage's folder holds
is the stage's own matter, except for what others read: those files are named here too.
"""

from dataclasses import dataclass
from pathlib import Path

from babyllama.errors import InputError, command
from babyllama.recipe import (
    Recipe,
    StoredSignal,
    SyntheticSource,
    built_in_recipes,
    load_recipe,
    names,
)

STATISTICS = "stats.json"  # of a corpus: counts by split and domain
LINGUISTICS = "linguistics.json"  # of its training text: types, sentences, Zipf's and Heaps' laws
LEAKS = f"{names.LEAKS}.json"  # of a corpus or an evaluation: what train shares
REMOVED = "removed.jsonl"  # of a corpus: the leaks and duplicates that were dropped
ENTROPY = "entropy.json"  # of a synthetic source
MINIMAL_PAIRS = "minimal_pairs"  # of a synthetic source: a benchmark
TOKENS_HEADER = "tokens.json"  # of token streams: their sizes and vocabulary
TRAINING_LOG = "training.jsonl"  # of a model
TRACKERS = "trackers"  # of a model: what third parties logged
SAMPLE = "sample.txt"  # of sampled text: the first texts, to be read
FIDELITY = "fidelity.json"  # of a stored signal: its distance to the teachers
FRONTIER = "frontier.json"  # of a stored signal: the same for every kind and several sizes
PAGE = "index.html"  # of a report
REPORT_TEXT = "report.md"  # of a report: the same in Markdown
CARD = "README.md"  # of a model
EVAL_RESULTS = ".eval_results"  # of a model: scores as the Hugging Face hub reads them
STUDY = "study.yaml"  # of a study
TRIALS = "trials"  # of a study: CELL/seed-N, each a run
FINAL = "final"  # on a learning curve: the finished model, after its checkpoints


@dataclass(frozen=True)
class Layout:
    """The paths of one run.

    Attributes:
        folder: the run's folder; it need not exist.
    """

    folder: Path

    @property
    def recipe(self) -> Path:
        """The recipe, fully resolved: a folder that holds it is a run."""
        return self.folder / f"{names.RECIPE}.yaml"

    @property
    def source(self) -> Path:
        """Synthetic text, if the recipe has a synthetic source."""
        return self.folder / names.SOURCE

    @property
    def minimal_pairs(self) -> Path:
        """The benchmark that comes with synthetic text."""
        return self.source / MINIMAL_PAIRS

    @property
    def corpus(self) -> Path:
        """Clean text."""
        return self.folder / names.CORPUS

    @property
    def tokenizer(self) -> Path:
        """The tokenizer."""
        return self.folder / names.TOKENIZER

    @property
    def tokens(self) -> Path:
        """Token streams."""
        return self.folder / names.TOKENS

    def teacher(self, name: str) -> Path:
        """A teacher's model folder."""
        return self.folder / names.TEACHERS / name

    def student(self, name: str) -> Path:
        """A student's model folder."""
        return self.folder / names.STUDENTS / name

    def teachers(self, recipe: Recipe) -> dict[str, Path]:
        """The model folders of all teachers, by name."""
        return {name: self.teacher(name) for name in recipe.teachers}

    def made_teachers(self, recipe: Recipe) -> list[Path]:
        """The same folders in the order in which they are made: those that are given first."""
        return [self.teacher(name) for name in [*recipe.given, *recipe.trained_teachers]]

    def students(self, recipe: Recipe) -> dict[str, Path]:
        """The model folders of all students, by name."""
        return {name: self.student(name) for name in recipe.students}

    def models(self, recipe: Recipe) -> dict[str, Path]:
        """The model folders of all teachers and students, by name, teachers first."""
        return self.teachers(recipe) | self.students(recipe)

    @property
    def signal(self) -> Path:
        """The stored signal, if the recipe has one."""
        return self.folder / names.SIGNAL

    def sampled_text(self, student: str) -> Path:
        """Text that teachers have written, named after the first student that reads it."""
        return self.folder / names.SAMPLED_TEXT / student

    @property
    def evaluation(self) -> Path:
        """Scores and predictions of all models."""
        return self.folder / names.EVALUATION

    def scores(self, model: str) -> Path:
        """A model's scores on all benchmarks."""
        return scores_file(self.evaluation, model)

    @property
    def is_trial(self) -> bool:
        """Whether the run is a trial of a study, whose folders are links to what trials share."""
        return (self.folder / names.SCORES).is_dir()

    def shared_scores(self, model: str) -> Path:
        """In a trial of a study, a model's scores and predictions that trials share."""
        return self.folder / names.SCORES / model

    def measures(self, model: str) -> Path:
        """What is measured of a model beside its benchmarks."""
        return measures_file(self.evaluation, model)

    def samples(self, model: str) -> Path:
        """What a model wrote after some beginnings of dev documents."""
        return samples_file(self.evaluation, model)

    def predictions(self, model: str) -> Path:
        """A folder of a model's predictions: one file per benchmark, one line per item."""
        return predictions_folder(self.evaluation, model)

    @property
    def report(self) -> Path:
        """The report."""
        return self.folder / names.REPORT

    @property
    def page(self) -> Path:
        """The report's first page."""
        return self.report / PAGE

    @property
    def curves(self) -> Path:
        """Scores at checkpoints."""
        return self.folder / names.CURVES

    def point(self, model: str, point: str, benchmark: str) -> Path:
        """A model's scores on a benchmark at one checkpoint, or at the end."""
        return self.curves / model / point / f"{benchmark}.json"

    def acquisition(self, model: str) -> Path:
        """The ages at which a model acquires words, from its checkpoints."""
        return self.curves / model / "acquisition.json"

    def stages(self, recipe: Recipe) -> dict[str, Path]:
        """The folder of each stage of the recipe, by the stage's name, in order.

        A test compares this with `pipeline.stages`, which makes them.
        """
        source = recipe.corpus.source
        is_made = isinstance(source, SyntheticSource) or source.is_gathered
        folders = [self.source] if is_made else []
        folders += [self.corpus, self.tokenizer, self.tokens, *self.made_teachers(recipe)]
        folders += [self.signal] if isinstance(recipe.signal, StoredSignal) else []
        for name in recipe.generations:
            folders += [self.sampled_text(name)] if name in recipe.sampled_texts else []
            folders.append(self.student(name))
        folders += [self.evaluation, self.report]
        return {folder.relative_to(self.folder).as_posix(): folder for folder in folders}

    @property
    def is_run(self) -> bool:
        """Whether the folder is a run."""
        return self.recipe.is_file()

    def load_recipe(self, example: str) -> Recipe:
        """The run's own recipe.

        Args:
            example: shown where the folder is not a run: a command that works on one.

        Raises:
            InputError: not a run, or a recipe that is wrong.
        """
        refuse_study(self.folder)
        if not self.is_run:
            raise InputError(
                f"{self.folder} is not a run: it has no {self.recipe.name}",
                mend=f"Name a run's folder: {example}",
            )
        return load_recipe(str(self.recipe))


def refuse_study(folder: Path) -> None:
    """Refuse the folder of a study where a run is wanted: its report has the comparisons.

    Raises:
        InputError: names its report, or the command that makes it.
    """
    if not (folder / STUDY).is_file() or Layout(folder).is_run:
        return
    page = folder / names.REPORT / PAGE
    trials = sorted(folder.glob(f"{TRIALS}/*/*/{names.RECIPE}.yaml"))
    raise InputError(
        f"{folder} is a study, not a run",
        why=f"Its report: {page}." if page.is_file() else "It has no report yet.",
        mend=f"Go on with it, or write its report again: {command('study', folder)}"
        + (f"\n  A trial is a run: {trials[0].parent}" if trials else ""),
    )


def scores_file(evaluation: Path, model: str) -> Path:
    """A model's scores in a folder of the evaluation stage, finished or not."""
    return evaluation / f"{model}.json"


def measures_file(evaluation: Path, model: str) -> Path:
    """A model's measures in a folder of the evaluation stage, finished or not."""
    return evaluation / names.MEASURES / f"{model}.json"


def measure_sums_file(evaluation: Path, model: str) -> Path:
    """The sums by document that a model's measures are computed from: a line for each measure."""
    return evaluation / names.MEASURES / f"{model}.jsonl"


def samples_file(evaluation: Path, model: str) -> Path:
    """What a model wrote, in a folder of the evaluation stage, finished or not."""
    return evaluation / names.SAMPLES / f"{model}.json"


def predictions_folder(evaluation: Path, model: str) -> Path:
    """A model's predictions in a folder of the evaluation stage, finished or not."""
    return evaluation / names.PREDICTIONS / model


def predictions_file(predictions: Path, benchmark: str) -> Path:
    """A benchmark's predictions in a model's folder of predictions, a line an item."""
    return predictions / f"{benchmark}.jsonl"


def stream_file(tokens: Path, split: str) -> Path:
    """The tokens of a split in a folder of the tokens stage, finished or not."""
    return tokens / f"{split}.bin"


def default_folder(recipe: str) -> Path:
    """The default folder of a recipe's run, by the recipe's name."""
    return Path("runs") / recipe


def resume_command(folder: Path, *more: object) -> str:
    """The command that makes what a run's folder lacks, from the recipe in it.

    Args:
        more: further arguments, such as "--set" and a setting.
    """
    # A built-in recipe's name stands for the recipe, also where a folder has it.
    place = f"./{folder}" if str(folder) in built_in_recipes() else folder
    return command("run", place, *more)


def run_of(folder: Path) -> Path:
    """The run that a folder belongs to; its parent folder if it belongs to none."""
    parents = folder.absolute().parents
    return next((each for each in parents if Layout(each).recipe.exists()), parents[0])
