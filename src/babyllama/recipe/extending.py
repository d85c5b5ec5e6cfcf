"""The files of a recipe: the one that is named, and those that it extends."""

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from babyllama.errors import InputError
from babyllama.recipe.base import Mistake, nearest
from babyllama.recipe.combining import EXTENDS, Layer
from babyllama.recipe.mistakes import refusal
from babyllama.recipe.raw_tree import read_yaml, text_of


@dataclass(frozen=True)
class Described:
    """A shipped recipe in a line.

    Attributes:
        words: of its training text.
        parameters: of the student, then of its teachers.
        takes: the rough time of a run, and on which hardware.
    """

    purpose: str
    words: int
    parameters: tuple[int, ...]
    takes: str


_PAPERS_SIZES = (58_343_936, 359_973_888, 704_928_768)

# Tests compute words and parameters from the recipes, and the time of strict-small.
BUILT_IN = {
    "mini": Described("built-in text", 15_000, (467_424, 591_920, 476_224), "2 min, 2 cores"),
    "sprout": Described(
        "studies of real text", 100_000, (1_083_152, 1_613_808, 1_629_040), "12 min, 2 cores"
    ),
    "laptop": Described(
        "your own text", 1_000_000, (6_285_568, 10_038_720, 8_167_360), "2 h, 2 cores"
    ),
    "strict-small": Described(
        "the paper, BabyLM", 10_000_000, _PAPERS_SIZES, "30 min, 1 H100 (plan)"
    ),
    "strict": Described("more of BabyLM", 100_000_000, _PAPERS_SIZES, "5 h, 1 H100 (plan)"),
}


def built_in_recipes() -> list[str]:
    """Names of the shipped recipes, smallest first."""
    return list(BUILT_IN)


def read_layers(name_or_path: str) -> list[Layer]:
    """The files of a recipe, unchecked: the one that extends no other first, the named one last.

    A file that extends another and has no `name` is named after the file, so that its run does not
    go into the base's folder.

    Raises:
        InputError: no such recipe, broken YAML (line and column), an `extends` that names no recipe
            or closes a circle, or a field that a base gives twice.
    """
    file = _found(name_or_path, Path()) or _missing(name_or_path)
    return _with_bases(_read(file), file)


def layers_of(text: str, where: str) -> list[Layer]:
    """The same for YAML text.

    Args:
        where: the file of the text, to which paths in `extends` are relative; or another name for
            the text, for messages.
    """
    return _with_bases(Layer(*read_yaml(text, where)), _File(where, Path(where)))


def _with_bases(layer: Layer, file: "_File") -> list[Layer]:
    files, layers = [file], [layer]
    if EXTENDS in layers[0].tree and "name" not in layers[0].tree:
        _name_after_file(layers[0], files[0])
    while EXTENDS in layers[0].tree:
        base = _base_of(layers[0], files)
        files.append(base)
        layers.insert(0, _read(base))
        if layers[0].places.repeated:
            raise refusal(layers[0].places.repeated, layers[0].places)
    return layers


@dataclass(frozen=True)
class _File:
    """A recipe's file.

    Attributes:
        shown: how messages call it.
        path: None of a built-in recipe.
    """

    shown: str
    path: Path | None

    @property
    def identity(self) -> str:
        return str(self.path.resolve()) if self.path else self.shown

    @property
    def folder(self) -> Path:
        return self.path.parent if self.path else Path()


def _found(name_or_path: str, folder: Path) -> _File | None:
    if name_or_path in built_in_recipes():
        return _File(f"recipe {name_or_path}", None)
    path = folder / Path(name_or_path).expanduser()
    return _File(str(path), path) if path.is_file() else None


def _missing(name_or_path: str) -> _File:
    raise InputError(
        f"recipe {name_or_path!r} not found",
        why="It is neither a file nor one of " + ", ".join(built_in_recipes()) + ".",
        mend=nearest(name_or_path, built_in_recipes()) or "List them: babyllama recipes",
    )


def _read(file: _File) -> Layer:
    return Layer(*read_yaml(_text_of(file), file.shown))


def _text_of(file: _File) -> str:
    if file.path is None:
        name = file.shown.removeprefix("recipe ")
        shipped = resources.files("babyllama.recipe") / "shipped" / f"{name}.yaml"
        return shipped.read_text(encoding="utf-8")
    return text_of(file.path, "recipe")


def _base_of(layer: Layer, files: list[_File]) -> _File:
    """The file that the last of these extends."""
    given, folder = layer.tree[EXTENDS], files[-1].folder
    known = built_in_recipes()
    base = _found(given, folder) if isinstance(given, str) else None
    if base is None:
        why = f"It is neither a file in {folder.absolute()} nor one of {', '.join(known)}."
        mend = nearest(str(given), known)
        raise refusal([Mistake((EXTENDS,), f"extends is {given!r}", why, mend)], layer.places)
    if base.identity in [file.identity for file in files]:
        circle = " extends ".join(file.shown for file in [*files, base])
        why = "A recipe cannot extend itself."
        raise refusal(
            [Mistake((EXTENDS,), f"extends closes a circle: {circle}", why)], layer.places
        )
    return base


def _name_after_file(layer: Layer, file: _File) -> None:
    name = file.path.stem.lower() if file.path else ""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
        why = f"A recipe that extends another has its file's name, and {name!r} is no valid name."
        mend = "Add a line such as: name: mine"
        raise refusal([Mistake((EXTENDS,), "name is missing", why, mend)], layer.places)
    layer.tree["name"] = name
    layer.places.move(("name",), layer.places, (EXTENDS,))
