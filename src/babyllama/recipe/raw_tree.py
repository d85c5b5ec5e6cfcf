"""A recipe as the user wrote it, in YAML and with `--set`, before any field is checked.

The tree is plain dicts, lists and scalars; `Places` knows where each of its fields was written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from babyllama.errors import InputError, kind_of, unreadable
from babyllama.recipe.base import Mistake, nearest

# Far more than any recipe has, far less than a few lines of nested aliases expand to.
DEEPEST = 50
MOST_VALUES = 20_000

# PyYAML lets errors of int(), datetime.date() and its own regular expressions through.
_PARSER_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError)

Keys = tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    """Where a field was written: a line of a file, or a setting if `line` is None."""

    where: str
    line: int | None = None

    def __str__(self) -> str:
        return self.where if self.line is None else f"{self.where}:{self.line}"


class Places:
    """Where each field of a raw tree was written: `mine.yaml:12`, or `--set seed=1`.

    Attributes:
        where: the file, or another name for the tree.
        repeated: keys that a mapping holds twice; the tree has the last value.
    """

    def __init__(
        self, where: str, lines: Mapping[Keys, int] | None = None, repeated: Sequence[Mistake] = ()
    ) -> None:
        self.where = where
        self.repeated = tuple(repeated)
        self._written = {keys: _Place(where, line) for keys, line in (lines or {}).items()}

    def of(self, keys: Keys) -> str:
        """Where a field was written; for a missing one, where the enclosing field was."""
        return str(self._nearest(keys) or self.where)

    def order(self, keys: Keys) -> tuple[bool, bool, str, int]:
        """What to sort mistakes by: lines of this file, of other files, then settings."""
        found = self._nearest(keys) or _Place(self.where, 0)
        return found.line is None, found.where != self.where, found.where, found.line or 0

    def record_setting(self, keys: Keys, setting: str) -> None:
        """Note that `--set` has replaced a field and everything in it."""
        self._forget(keys)
        self._written[keys] = _Place(f"--set {setting}")

    def replace(self, keys: Keys, other: "Places", other_keys: Keys) -> None:
        """Note that a field and everything in it were written where `other` has them."""
        taken = {
            (*keys, *each[len(other_keys) :]): place
            for each, place in other._written.items()
            if each[: len(other_keys)] == other_keys
        }
        self._forget(keys)
        self._written |= taken

    def move(self, keys: Keys, other: "Places", other_keys: Keys) -> None:
        """Note that a field, but not everything in it, was written where `other` has it."""
        if other_keys in other._written:
            self._written[keys] = other._written[other_keys]

    def copy(self) -> "Places":
        """The same places, to be changed separately."""
        copied = Places(self.where, repeated=self.repeated)
        copied._written = dict(self._written)
        return copied

    def _forget(self, keys: Keys) -> None:
        for written in [each for each in self._written if each[: len(keys)] == keys]:
            del self._written[written]

    def _nearest(self, keys: Keys) -> _Place | None:
        prefixes = (keys[:length] for length in range(len(keys), 0, -1))
        return next((self._written[each] for each in prefixes if each in self._written), None)


def text_of(path: Path, what: str) -> str:
    """The text of a file that a user has written.

    Args:
        what: what the file is, such as `recipe`, for messages.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not UTF-8", mend=f"Save the {what} as UTF-8 text."
        ) from None


def read_yaml(
    text: str,
    where: str,
    *,
    mend: str = "Start from a shipped one: babyllama recipes mini > mine.yaml",
) -> tuple[dict[Any, Any], Places]:
    """Read a mapping of fields, none of them checked.

    Args:
        mend: what to do about a file that holds no mapping.

    Raises:
        InputError: broken YAML (line and column), aliases that expand without end, or a document
            that is not a mapping.
    """
    try:
        tree, places = _load(text, where)
    except _PARSER_ERRORS as error:
        raise _yaml_error(where, error) from None
    if not isinstance(tree, dict):
        found = f"holds {kind_of(tree)}, not a mapping of fields"
        raise InputError(f"{where}: {'is empty' if tree is None else found}", mend=mend)
    return tree, places


def set_field(tree: dict[Any, Any], setting: str, places: Places) -> None:
    """Set `key.path=value` in a raw tree; the field itself is checked later, with the tree.

    Raises:
        InputError: not `key.path=value`, a value that is not YAML, a path through a field that is
            not a mapping, or a model that the recipe does not have.
    """
    keys, value = parse_setting(setting)
    branch: Any = tree
    for depth, key in enumerate(keys[:-1], 1):
        is_new = depth == 2 and keys[0] in ("teachers", "students") and key not in branch
        if is_new and keys[2:] != ("like",):
            names = [str(name) for name in branch]
            raise InputError(
                f"--set {setting}: {keys[0]} has no {key!r}",
                why=f"Known here: {', '.join(names)}.",
                mend=nearest(key, names),
            )
        if key not in branch:
            branch[key] = {}
            places.record_setting(keys[:depth], setting)
        branch = branch[key]
        if not isinstance(branch, dict):
            raise InputError(
                f"--set {setting}: {'.'.join(keys[:depth])} is {branch!r}, not a mapping",
                mend="See the fields: babyllama recipes NAME",
            )
    branch[keys[-1]] = value
    places.record_setting(keys, setting)


def parse_setting(setting: str) -> tuple[tuple[str, ...], Any]:
    """The path and the value of `key.path=value`.

    Raises:
        InputError: not of that form, or a value that is not YAML.
    """
    path, equals, value = setting.partition("=")
    keys = tuple(path.strip().split("."))
    if not equals or not all(keys):
        raise InputError(
            f"--set {setting}: is not key.path=value",
            mend="For example: --set students.distilled.alpha=0.9",
        )
    return keys, _read_value(value, setting)


def _read_value(value: str, setting: str) -> Any:
    try:
        tree, places = _load(value, f"--set {setting}")
    except _PARSER_ERRORS:
        raise InputError(
            f"--set {setting}: the value {value!r} is not YAML",
            mend="Put a text with signs in quotation marks: --set 'key.path=\"a: b\"'",
        ) from None
    if places.repeated:
        raise InputError(f"--set {setting}: {places.repeated[0].what}", mend="Remove one of them.")
    return tree


class _Loader(yaml.SafeLoader):
    """PyYAML's loader with a limit on nesting, since it recurses."""

    def __init__(self, text: str, where: str) -> None:
        super().__init__(text)
        self.where = where
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > DEEPEST:
            line = self.line + 1
            raise _excess(self.where, line, f"nests more than {DEEPEST} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    """A number as it is written: YAML 1.1 reads 010 as 8 and 1:30 as 90, which nobody means."""
    written = str(node.value)
    digits = written.lstrip("+-").replace("_", "")
    if ":" in written or (digits.isdecimal() and digits.startswith("0") and len(digits) > 1):
        return written  # a field that wants a number refuses it or reads it as decimal
    return int(loader.construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def _load(text: str, where: str) -> tuple[Any, Places]:
    loader = _Loader(text, where)
    node = loader.get_single_node()
    if node is None:
        return None, Places(where)
    places = _places(node, loader)  # before construction: it bounds what aliases expand to
    return _unshared(loader.construct_document(node)), places


def _places(root: yaml.Node, loader: _Loader) -> Places:
    """The line of each field, and the keys given twice; follows every use of an alias."""
    lines: dict[Keys, int] = {}
    repeated = []
    pending: list[tuple[Keys, yaml.Node]] = [((), root)]
    values = 0
    while pending:
        keys, node = pending.pop()
        values += 1
        if len(keys) > DEEPEST:
            problem = f"holds aliases that nest more than {DEEPEST} levels deep"
            raise _excess(loader.where, _line(node), problem)
        if values > MOST_VALUES:
            problem = f"holds aliases that expand to more than {MOST_VALUES:,} values"
            raise _excess(loader.where, _line(node), problem)
        here: dict[str, int] = {}
        for key, line, child in _children(node, loader):
            path = (*keys, key)
            if key in here:
                name = ".".join(path)
                repeated.append(
                    Mistake(path, f"{name} is given twice, the first time on line {here[key]}")
                )
            here[key] = lines[path] = line
            pending.append((path, child))
    return Places(loader.where, lines, repeated)


def _children(node: yaml.Node, loader: _Loader) -> Iterator[tuple[str, int, yaml.Node]]:
    """Key, line and value of each entry of a mapping or list; a scalar has none."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield str(number), _line(item), item
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):  # any other key is refused by the constructor
                is_merge = key.tag == "tag:yaml.org,2002:merge"
                name = "<<" if is_merge else str(loader.construct_object(key))
                yield name, _line(key), value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _excess(where: str, line: int, problem: str) -> InputError:
    return InputError(
        f"{where}:{line}: {problem}",
        why="A recipe is a few levels deep and a few hundred values long.",
        mend="Write the values out instead of nesting aliases (`*name`) in each other.",
    )


def _yaml_error(where: str, error: Exception) -> InputError:
    mark = getattr(error, "problem_mark", None)
    place = f"{where}:{mark.line + 1}" if mark else where
    return InputError(
        f"{place}: is not YAML" + (f" at column {mark.column + 1}" if mark else ""),
        why=f"The parser says: {getattr(error, 'problem', None) or error}.",
        mend="Fix that line; often the indentation is wrong or a colon is missing.",
    )


def _unshared(tree: Any) -> Any:
    """A copy in which the targets of YAML's `*alias` are separate objects.

    Otherwise a setting of one teacher would change every teacher that shares its settings.
    """
    if isinstance(tree, dict):
        return {key: _unshared(value) for key, value in tree.items()}
    return [_unshared(value) for value in tree] if isinstance(tree, list) else tree
