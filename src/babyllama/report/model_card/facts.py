"""What is known of a trained model, from its folder and from the run around it.

Only folders that were finished before the model are read, so that a card can be written while the
run trains other models.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from babyllama.recipe import Recipe, StoredSignal, SyntheticSource, TwinStudent
from babyllama.recipe.names import words_of_checkpoint
from babyllama.runs.json_files import read_json
from babyllama.runs.layout import STATISTICS, Layout, run_of
from babyllama.runs.manifests import digest, is_readable, read_manifest
from babyllama.scores.results import BenchmarkResult, DevResult, read_results

Tree = Mapping[str, Any]
Role = Literal["teacher", "student", "twin", "model"]


@dataclass(frozen=True)
class CardFacts:
    """A trained model.

    Attributes:
        role: `model` is one that was trained outside a run on text alone.
        manifest: of its folder.
        recipe: of its run; None outside a run.
        corpus: counts of the run's text, from corpus/stats.json; empty outside a run.
        teachers: of a student, the manifests of its teachers, by name.
        earlier: of a student whose teachers are students, the manifests of their teachers.
        sampled: the manifest of the text that its teachers wrote, if it learned that; else empty.
        signal: the manifest of the stored signal, if the student or one of its teachers learned
            from it; else empty.
        results: its scores, by benchmark.
        rules: the rules by which it was scored.
        dev: how well it predicts the dev text.
    """

    name: str
    role: Role
    manifest: Tree
    recipe: Recipe | None = None
    corpus: Tree = field(default_factory=dict)
    teachers: Mapping[str, Tree] = field(default_factory=dict)
    earlier: Mapping[str, Tree] = field(default_factory=dict)
    sampled: Tree = field(default_factory=dict)
    signal: Tree = field(default_factory=dict)
    results: Mapping[str, BenchmarkResult] = field(default_factory=dict)
    rules: Tree = field(default_factory=dict)
    dev: DevResult | None = None

    @property
    def training(self) -> Tree:
        """What its training recorded: words seen, FLOPs, the best epoch and so on."""
        found: Tree = self.manifest.get("facts", {})
        return found

    @property
    def corpus_words(self) -> int | None:
        """White-space words of the training text; None if unknown."""
        found = self.corpus.get("train", {}).get("total", {}).get("words")
        return None if found is None else int(found)

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the text's languages; empty if nobody stated them."""
        if self.recipe is None:
            return ()
        is_synthetic = isinstance(self.recipe.corpus.source, SyntheticSource)
        return self.recipe.card.language or (("en",) if is_synthetic else ())

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """The names of the models along the way that its folder holds, by words seen."""
        found = {name.partition("/")[0] for name in self.manifest.get("files", {})}
        words = {name: words_of_checkpoint(name) for name in found}
        kept = {name: count for name, count in words.items() if count is not None}
        return tuple(sorted(kept, key=kept.__getitem__))


def card_facts(folder: Path) -> CardFacts:
    """What is known of a trained model, without its scores.

    Args:
        folder: the model's folder, in a run or elsewhere.

    Raises:
        InputError: the run's recipe or counts cannot be read.
    """
    manifest = _manifest(folder)
    layout = Layout(run_of(folder))
    recipe = layout.load_recipe("babyllama run mini") if layout.is_run else None
    own = layout.models(recipe) if recipe else {}
    name = next((name for name, path in own.items() if path.absolute() == folder.absolute()), None)
    if recipe is None or name is None:
        is_student = manifest.get("stage") == "distillation"
        return CardFacts(folder.absolute().name, "student" if is_student else "model", manifest)
    statistics = layout.corpus / STATISTICS
    facts = CardFacts(
        name=name,
        role=_role(recipe, name),
        manifest=manifest,
        recipe=recipe,
        corpus=read_json(statistics) if statistics.is_file() else {},
    )
    if facts.role != "student":
        return facts
    teachers, before = recipe.teachers_of(name), recipe.trained_before(name)
    readers = recipe.readers if isinstance(recipe.signal, StoredSignal) else {}
    reads_samples = name in recipe.sequences
    reads = any(each in readers for each in (*before, name))
    return replace(
        facts,
        teachers={each: _manifest(own[each]) for each in teachers},
        earlier={each: _manifest(own[each]) for each in before if each not in teachers},
        signal=_manifest(layout.signal) if reads else {},
        sampled=_manifest(layout.sampled_text(recipe.text_for(name))) if reads_samples else {},
    )


def with_scores_of_run(facts: CardFacts, folder: Path) -> CardFacts:
    """The same with the scores of the run's evaluation, if it scored these weights.

    Raises:
        InputError: a result file with a wrong field.
    """
    layout = Layout(run_of(folder))
    scores = layout.scores(facts.name)
    scored = _manifest(layout.evaluation).get("inputs", {}).get(facts.name)
    if facts.recipe is None or scored != digest(folder) or not scores.is_file():
        return facts
    result = read_results(scores)[0]
    return replace(facts, results=result.benchmarks, rules=result.rules, dev=result.dev)


def _role(recipe: Recipe, name: str) -> Role:
    student = recipe.students.get(name)
    if isinstance(student, TwinStudent):
        return "twin"
    return "teacher" if student is None else "student"


def _manifest(folder: Path) -> Tree:
    found = read_manifest(folder)
    return found if found is not None and is_readable(found) else {}
