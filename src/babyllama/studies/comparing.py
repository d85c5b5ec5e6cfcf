"""Which model of which cell a study compares with which: its declared comparisons, written out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from babyllama.errors import InputError, listed
from babyllama.recipe import Recipe, SyntheticSource, names
from babyllama.recipe.base import nearest
from babyllama.scores import measures
from babyllama.studies.study import ABOVE_ENTROPY, DEV_LOSS, Comparison, StudyRecipe

EVERY = "*"


@dataclass(frozen=True)
class Side:
    """A model of a cell."""

    cell: str
    model: str


@dataclass(frozen=True)
class Pair:
    """Two models to compare, and the claim that is tested."""

    ours: Side
    theirs: Side
    expect: str

    def called(self, cells: int) -> tuple[str, str]:
        """Names of the two in sentences, as short as tells them apart.

        Args:
            cells: the number of cells of the study.
        """
        if self.ours.cell == self.theirs.cell:
            where = "" if cells == 1 else f"{self.ours.cell}/"
            return f"{where}{self.ours.model}", f"{where}{self.theirs.model}"
        if self.ours.model == self.theirs.model:
            return self.ours.cell, self.theirs.cell
        return f"{self.ours.cell}/{self.ours.model}", f"{self.theirs.cell}/{self.theirs.model}"


def pairs_of(study: StudyRecipe, recipes: Mapping[str, Recipe]) -> list[Pair]:
    """Every pair that the study's comparisons stand for, in their order, each once.

    Args:
        recipes: of each cell, in the study's order.

    Raises:
        InputError: a side that names nothing, or a comparison that compares nothing.
    """
    found: dict[Pair, None] = {}
    for declared in study.compare:
        own = [pair for pair in _pairs(study, declared, recipes) if pair.ours != pair.theirs]
        if not own:
            raise InputError(
                f"{study.where}: compare {declared.ours} with {declared.theirs}: there is no "
                "such pair",
                why="No cell has both, or both sides are the same.",
                mend=f"Name models of these cells: {listed(list(recipes))}.",
            )
        found |= dict.fromkeys(own)
    return list(found)


def refuse_unknown_measures(study: StudyRecipe, recipes: Mapping[str, Recipe]) -> None:
    """Check that every declared measure will be measured in each cell.

    Raises:
        InputError: names the measure, the cell, and the measures that are known.
    """
    for cell, recipe in recipes.items():
        for measure in study.measure or ():
            if not _measures(recipe, measure):
                known = _benchmarks(recipe)
                raise InputError(
                    f"{study.where}: measure: cell {cell} has no measure {measure!r}",
                    why=f"Its benchmarks and dev loss: {', '.join(known)}; measures on dev text: "
                    f"{', '.join(measures.NAMES)}.",
                    mend=nearest(measure, [*known, *measures.NAMES]),
                )


def refuse_unknown_student(study: StudyRecipe, recipes: Mapping[str, Recipe]) -> None:
    """Check that each cell has the declared main student.

    Raises:
        InputError: names the student, the cell, and its students.
    """
    for cell, recipe in recipes.items():
        if study.student is not None and study.student not in recipe.students:
            raise InputError(
                f"{study.where}: student is {study.student!r}: cell {cell} has no such student",
                why=f"Its students: {', '.join(recipe.students)}.",
                mend=nearest(study.student, recipe.students),
            )


def refuse_unknown_margins(study: StudyRecipe, recipes: Mapping[str, Recipe]) -> None:
    """Check that each declared smallest difference is of something that can be measured.

    It may be of a benchmark that these recipes do not have: a study is for several scales.

    Raises:
        InputError: no benchmark of babyllama or of a cell, and no measure, has the name.
    """
    from babyllama.evaluation.suites import SUITES

    of_cells = [name for recipe in recipes.values() for name in _benchmarks(recipe)]
    every = [DEV_LOSS, ABOVE_ENTROPY, names.GRAMMAR, *(suite.name for suite in SUITES)]
    known = dict.fromkeys([*of_cells, *every, *measures.NAMES])
    for name in study.decide.smallest:
        if name not in known and name.partition("/")[0] not in measures.NAMES:
            raise InputError(
                f"{study.where}: decide.smallest.{name}: no benchmark and no measure has this name",
                why=f"There are {', '.join(known)}.",
                mend=nearest(name, known),
            )


def unmeasured(study: StudyRecipe, recipes: Mapping[str, Recipe]) -> list[str]:
    """The measures with a declared smallest difference that no cell measures."""
    every = recipes.values()
    return [name for name in study.decide.smallest if not any(_measures(r, name) for r in every)]


def _measures(recipe: Recipe, measure: str) -> bool:
    return measure in _benchmarks(recipe) or measure.partition("/")[0] in measures.NAMES


def _benchmarks(recipe: Recipe) -> list[str]:
    """The dev loss, and the benchmarks on which a recipe's models are scored."""
    is_synthetic = isinstance(recipe.corpus.source, SyntheticSource)
    known = [DEV_LOSS, *recipe.evaluation.benchmarks]
    return [*known, ABOVE_ENTROPY, names.GRAMMAR] if is_synthetic else known


def main_of(study: StudyRecipe, recipe: Recipe) -> str:
    """The main student of a cell."""
    return study.student or next(iter([*recipe.taught, *recipe.students]))


def _pairs(
    study: StudyRecipe, declared: Comparison, recipes: Mapping[str, Recipe]
) -> Iterator[Pair]:
    ours, theirs = (_sides(study, side, recipes) for side in (declared.ours, declared.theirs))
    for cell, mine in ours.items():
        for other_cell, other in theirs.items():
            # Sides that stand for each cell meet in their own; a fixed side meets every cell.
            if cell == other_cell or len(ours) == 1 or len(theirs) == 1:
                yield Pair(mine, other, declared.expect)


def _sides(study: StudyRecipe, side: str, recipes: Mapping[str, Recipe]) -> dict[str, Side]:
    """By cell, what a side stands for."""
    mains = {cell: Side(cell, main_of(study, recipe)) for cell, recipe in recipes.items()}
    if side == EVERY:
        return mains
    if side in recipes:
        return {side: mains[side]}
    cell, slash, model = side.rpartition("/")
    chosen = [cell] if slash else list(recipes)
    found = {
        each: Side(each, model) for each in chosen if each in recipes
        and model in _models(recipes[each])
    }  # fmt: skip
    if not found:
        known = [EVERY, *recipes, *dict.fromkeys(m for r in recipes.values() for m in _models(r))]
        raise InputError(
            f"{study.where}: compare: {side!r} is neither a cell nor a model",
            why=f"There are {', '.join(known)}; and CELL/MODEL.",
            mend=nearest(side, known),
        )
    return found


def _models(recipe: Recipe) -> Sequence[str]:
    return [*recipe.teachers, *recipe.students, names.ENSEMBLE, names.UNTRAINED]
