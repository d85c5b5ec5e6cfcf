"""What a study is: a base recipe, what is varied, seeds, and the rule that decides, as one file."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    PrivateAttr,
    field_validator,
    model_validator,
)

from babyllama.errors import InputError
from babyllama.recipe import built_in_recipes, parse
from babyllama.recipe.base import Frozen, nearest
from babyllama.recipe.extending import read_layers
from babyllama.recipe.names import LONGEST_NAME
from babyllama.recipe.raw_tree import parse_setting, read_yaml, text_of
from babyllama.runs.layout import STUDY

DEV_LOSS = "dev_cross_entropy"
ABOVE_ENTROPY = "nats_above_entropy"  # a word of dev text, of a corpus whose entropy is known
_LIMIT_OF_TRIALS = 200
_EXAMPLE = "Start from a built-in one: babyllama studies replication > mine.yaml"


def _cell_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.=,+-]*", name) or len(name) > LONGEST_NAME:
        raise ValueError(
            f"name {name[:LONGEST_NAME]!r} becomes a folder: it may hold only A-Z, a-z, 0-9 and "
            f"'_.=,+-', starts with a letter or digit, and has at most {LONGEST_NAME} characters"
        )
    return name


CellName = Annotated[str, AfterValidator(_cell_name)]
Changes = dict[str, JsonValue]  # path of a recipe's field, and its value


class NamedCell(Frozen):
    """One condition of a study that is no grid: a name, and what it changes in the recipe."""

    name: CellName = Field(description="The cell's name, in tables and as a folder.")
    set: Changes = Field(
        default_factory=dict, description="Fields of the recipe and their values in this cell."
    )


class Comparison(Frozen):
    """What is compared with what.

    A side is a model (`twin`), a cell (`temperature=2`: its main student), or both, as
    `temperature=2/twin`. A model alone stands for that model in each cell, so that two models are
    compared cell by cell. `*` alone stands for the main student of each other cell.
    """

    ours: str = Field(description="A cell, a model, CELL/MODEL, or `*`.")
    theirs: str = Field(description="What it is compared with, in the same form.")
    expect: Literal["difference", "better", "no_worse", "equivalent"] = Field(
        "difference",
        description="The claim that is tested: any difference; ours is better; ours is no worse, "
        "or neither is better, by the smallest difference that counts.",
    )


class Rule(Frozen):
    """How the study decides, written down before there are data."""

    smallest: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="By measure, the smallest difference that counts, in the measure's unit.",
    )
    correction: Literal["holm", "bh"] = Field(
        "holm",
        description="Correction for the number of comparisons: Holm, or Benjamini and Hochberg.",
    )


class StudyRecipe(Frozen):
    """A question, the recipes that answer it, and how the answer is found."""

    _where: str = PrivateAttr("")  # its file, in messages
    _commanded: tuple[str, ...] = PrivateAttr(())  # fields of the recipe that `--set` has changed
    name: CellName = Field(description="The study's name.")
    question: str = Field(min_length=1, description="In one sentence; the report answers it.")
    recipe: str | dict[str, JsonValue] = Field(
        description="The base recipe: a built-in name, a file (relative to the study's, or else to "
        "the current folder), or a recipe written here, which may extend one."
    )
    set: Changes = Field(
        default_factory=dict, description="Changes of the base recipe, for every cell."
    )
    vary: dict[str, Annotated[list[JsonValue], Field(min_length=1)]] | list[NamedCell] = Field(
        default_factory=dict,
        description="A grid: recipe fields, each with a list of values; or a list of named cells. "
        "Without it the study has one cell, the base recipe.",
    )
    seeds: int | tuple[int, ...] = Field(
        3, description="How many seeds (0, 1, ...), or the seeds themselves."
    )
    student: str | None = Field(
        None, description="The main student of a cell; by default the recipe's first distilled one."
    )
    measure: tuple[str, ...] | None = Field(
        None,
        description="The measures that comparisons use: benchmarks of the recipe, and measures on "
        "dev text, such as dev_cross_entropy. Default: dev_cross_entropy and every benchmark.",
    )
    compare: tuple[Comparison, ...] = Field(
        min_length=1, description="The comparisons, declared before there are data."
    )
    decide: Rule = Rule()
    unlike: Literal["refuse", "mark"] = Field(
        "refuse",
        description="Cells of one comparison that were made on unlike devices, in unlike precision "
        "or by unlike versions: `refuse` to compare them, or compare and `mark` them.",
    )
    max_trials: int = Field(
        _LIMIT_OF_TRIALS, ge=1, description="A study of more trials is refused as a mistake."
    )

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds_are_numbers(cls, seeds: Any) -> Any:
        if not isinstance(seeds, int | list | tuple) and not f"{seeds}".isdecimal():
            raise ValueError("it must be a number or a list of numbers")
        return seeds

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        found = range(seeds) if isinstance(seeds, int) else seeds
        if len(found) < 2:
            raise ValueError("fewer than two seeds give no interval over seeds")
        if len(set(found)) < len(found):
            raise ValueError("a seed is given twice")
        if min(found) < 0:
            raise ValueError("a seed is 0 or more")
        return seeds

    @field_validator("vary", mode="before")
    @classmethod
    def _varies_something(cls, vary: Any) -> Any:
        if not isinstance(vary, dict | list):
            raise ValueError(
                "it must be a grid (fields, each with a list of values) or a list of named cells"
            )
        if vary == []:
            raise ValueError("leave it out, or name a cell")
        return vary

    @field_validator("vary")
    @classmethod
    def _cells_differ(cls, vary: Any) -> Any:
        before: dict[str, str] = {}
        for name in [cell.name for cell in vary] if isinstance(vary, list) else ():
            other = before.get(name.casefold())
            if other == name:
                raise ValueError(f"two cells are named {name!r}")
            if other:
                raise ValueError(f"cells {other} and {name} would have one folder on some systems")
            before[name.casefold()] = name
        return vary

    @field_validator("measure")
    @classmethod
    def _measures_something(cls, measure: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if measure == ():
            raise ValueError("leave it out, or name a measure")
        return measure

    @field_validator("compare", mode="before")
    @classmethod
    def _compares_a_list(cls, compare: Any) -> Any:
        if not isinstance(compare, list | tuple):
            raise ValueError("it must be a list: - {ours: ..., theirs: ...}")
        return compare

    @model_validator(mode="after")
    def _is_of_a_size(self) -> "StudyRecipe":
        count, seeds = self.count_of_cells * len(self.seed_list), len(self.seed_list)
        if count > self.max_trials:
            cells = f"{self.count_of_cells}"
            if isinstance(self.vary, dict) and self.vary:
                sizes = [f"{path} ({len(values)})" for path, values in self.vary.items()]
                cells = f"{' x '.join(sizes)} = {cells}"
            raise ValueError(
                f"vary has {cells} cells: with {seeds} seeds they are {count} trials, more than "
                f"max_trials {self.max_trials}"
            )
        return self

    @property
    def where(self) -> str:
        """What messages call it: its file, if it is from one."""
        return self._where or f"study {self.name}"

    def origin_of(self, path: str) -> str:
        """Where messages say that a change of every cell is from: the file, or `--set`."""
        return f"--set {path}" if path in self._commanded else f"{self.where}: set"

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    @property
    def count_of_cells(self) -> int:
        """How many conditions are compared."""
        if isinstance(self.vary, list):
            return len(self.vary)
        count = 1
        for values in self.vary.values():
            count *= len(values)
        return count


def default_folder_of(study: StudyRecipe, given: str) -> Path:
    """Where a study is unless another folder is named.

    Args:
        given: what the study was read from; a study's folder goes on with that study.
    """
    return Path(given) if _is_folder(given) else Path("studies") / study.name


def built_in_studies() -> list[str]:
    """Names of the shipped studies."""
    folder = resources.files("babyllama.studies") / "shipped"
    names = (each.name for each in folder.iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def load_study(
    name_or_path: str,
    *,
    scale: str | None = None,
    seeds: int | None = None,
    settings: Sequence[str] = (),
) -> StudyRecipe:
    """Read a built-in study by name, a YAML file by path, or that of a study's folder.

    Args:
        scale: another base recipe than the file's; the file's own changes of it are kept.
        seeds: another number of seeds.
        settings: more changes of the base recipe for every cell, as `key.path=value`.

    Raises:
        InputError: no such study, broken YAML, or fields that are unknown, missing or wrong: all
            of them with their lines; or a setting that cells of the study would replace.
    """
    where, text = study_text(name_or_path)
    tree, places = read_yaml(text, where, mend=_EXAMPLE)
    if "recipe" in tree:
        tree["recipe"] = _beside(_file_of(name_or_path).parent, tree["recipe"])
    if scale is not None:
        base = tree.get("recipe")
        tree["recipe"] = {**base, "extends": scale} if isinstance(base, dict) else scale
    if seeds is not None:
        tree["seeds"] = seeds
    if scale is not None:
        _refuse_unknown_scale(scale)
    study = parse(StudyRecipe, tree, where, places=places)
    study._where = where
    return _with_settings(study, settings) if settings else study


def _refuse_unknown_scale(scale: str) -> None:
    try:
        read_layers(scale)
    except InputError as error:
        raise InputError(f"--scale: {error.what}", why=error.why, mend=error.mend) from None


def _beside(folder: Path, recipe: JsonValue) -> JsonValue:
    """A recipe's file beside the study's by its whole path, since OUT/study.yaml names it, too."""
    if isinstance(recipe, dict) and "extends" in recipe:
        return {**recipe, "extends": _beside(folder, recipe["extends"])}
    if not isinstance(recipe, str) or recipe in built_in_recipes():
        return recipe
    path = folder / recipe
    return str(path.absolute()) if path.is_file() else recipe


def _with_settings(study: StudyRecipe, settings: Sequence[str]) -> StudyRecipe:
    varied = varied_fields(study)
    changes, commanded = dict(study.set), list(study._commanded)
    for setting in settings:
        keys, value = parse_setting(setting)
        path = ".".join(keys)
        for other in varied:
            if f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}."):
                raise InputError(
                    f"--set {setting}: cells of the study {study.name} differ in {other}",
                    mend="Write a study of your own: babyllama studies NAME > mine.yaml",
                )
        changes[path] = value
        commanded.append(path)
    changed = study.model_copy(update={"set": changes})
    changed._commanded = tuple(commanded)
    return changed


def varied_fields(study: StudyRecipe) -> list[str]:
    """Paths of the fields in which cells differ."""
    if isinstance(study.vary, list):
        return list(dict.fromkeys(path for cell in study.vary for path in cell.set))
    return list(study.vary)


def study_yaml(study: StudyRecipe) -> str:
    """The study with every default filled in; loading it gives the same study."""
    tree: Mapping[str, Any] = study.model_dump(mode="json")
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def study_text(name_or_path: str) -> tuple[str, str]:
    """The YAML of a study as it was written, after the name for it in messages.

    Raises:
        InputError: no such study.
    """
    if name_or_path in built_in_studies():
        file = resources.files("babyllama.studies") / "shipped" / f"{name_or_path}.yaml"
        return f"study {name_or_path}", file.read_text(encoding="utf-8")
    path = _file_of(name_or_path)
    if not path.is_file():
        raise InputError(
            f"study {name_or_path!r} not found",
            why="It is neither a file, nor the folder of a study, nor one of "
            + ", ".join(built_in_studies())
            + ".",
            mend=nearest(name_or_path, built_in_studies()) or "List them: babyllama studies",
        )
    return str(path), text_of(path, "study")


def _file_of(name_or_path: str) -> Path:
    path = Path(name_or_path)
    return path / STUDY if _is_folder(name_or_path) else path


def _is_folder(name_or_path: str) -> bool:
    """Whether it is the folder of a study, and no built-in study's name."""
    return name_or_path not in built_in_studies() and (Path(name_or_path) / STUDY).is_file()
