"""Measures of single models of a run, for commands that score models outside of its evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babyllama.errors import InputError
from babyllama.evaluation.measures import measure
from babyllama.evaluation.measures.dev_text import DevText
from babyllama.evaluation.measures.teachers import TeacherStates, teacher_states
from babyllama.recipe import Mixing, mixing_of
from babyllama.runs.artefact import Facts
from babyllama.runs.layout import Layout, run_of
from babyllama.runs.manifests import digest, read_manifest
from babyllama.scores.measures import MEASURES_VERSION, measured
from babyllama.scores.results import Measured


@dataclass(frozen=True)
class KnownText:
    """What the models of a run are measured on.

    Attributes:
        teachers: of the run; none if they are not all finished.
        mixing: how the teachers are averaged.
    """

    text: DevText
    teachers: tuple[Path, ...]
    mixing: Mixing

    def key(self) -> Facts:
        """What decides the measures of a model."""
        return {
            "tokens": digest(self.text.tokens),
            "window": self.text.window,
            "teachers": [digest(folder) for folder in self.teachers],
            **self.mixing.model_dump(mode="json"),
            "measures": MEASURES_VERSION,
        }

    def measures(self, folders: Sequence[Path], mixing: Mixing) -> list[Measured]:
        """Of a model, or of several that are averaged.

        Raises:
            InputError: what `measure` raises.
        """
        places = [each.absolute() for each in folders]
        is_ensemble = places == [*self.teachers] and (len(places) == 1 or mixing == self.mixing)
        found = measure(
            folders, self.text, mixing=mixing, teachers=_states(self), is_ensemble=is_ensemble
        )
        return [measured(each) for each in found]


def known_text(folders: Sequence[Path]) -> KnownText | None:
    """What models are measured on if all are teachers or students of one run, and its tokens exist.

    Returns:
        None otherwise, and for a run whose recipe cannot be read: its models have scores all the
        same.
    """
    layout = Layout(run_of(folders[0]))
    if not layout.is_run or read_manifest(layout.tokens) is None:
        return None
    try:
        recipe = layout.load_recipe("babyllama evaluate runs/mini/students/distilled")
    except InputError:
        return None
    of_run = {path.absolute() for path in layout.models(recipe).values()}
    if not {each.absolute() for each in folders} <= of_run:
        return None
    teachers = [path.absolute() for path in layout.teachers(recipe).values()]
    has_all = all(read_manifest(path) is not None for path in teachers)
    text = DevText(layout.tokens, recipe.evaluated_window, layout.corpus)
    return KnownText(text, tuple(teachers) if has_all else (), mixing_of(recipe.signal))


@lru_cache(maxsize=1)
def _states(known: KnownText) -> TeacherStates | None:
    """The teachers' states, computed once for the models of a command."""
    return teacher_states(known.teachers, known.mixing, known.text) if known.teachers else None
