"""InputError, for mistakes in the user's input, and helpers that word its messages.

`babyllama.cli` turns this exception into a message and exit code 2. A mistake of ours is an
`assert` or an ordinary exception; the command line saves its traceback.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

_LONGEST_WORD, _LONGEST_PART = 400, 4000  # characters
_LONGEST_PATH = 8192  # quoted; in a command, nothing shorter may be cut
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),  # before numbers: a bool is an int
    ((int, float), "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "a mapping"),
)


class InputError(Exception):
    """A mistake in the user's input.

    A value of more than a few hundred characters is shortened in `what` and `why`.

    Args:
        what: one line that names the file, the field and the value: `mine.yaml: seed is -1`.
        why: what is wrong with it, in a sentence or two.
        mend: what to do next, with a command to paste if there is one: see `command`.
    """

    def __init__(self, what: str, *, why: str = "", mend: str = "") -> None:
        self.what = _shortened(what)
        self.why = _shortened(why)
        self.mend = _shortened(mend, longest=_LONGEST_PATH)
        super().__init__("\n  ".join(line for line in (self.what, self.why, self.mend) if line))


def unreadable(path: Path, error: OSError) -> InputError:
    """That a file or a folder cannot be read, with the system's reason."""
    return InputError(
        f"{path} cannot be read: {error.strerror or error}",
        mend="Check its permissions and the disk that it is on.",
    )


def command(*arguments: object) -> str:
    """A command of babyllama that can be pasted: quoted, and no path is taken for an option.

    Args:
        arguments: without `babyllama`. A `Path` may begin with `-`; any other argument that does is
            an option.
    """
    return " ".join(["babyllama", *(quoted(each) for each in arguments)])


def quoted(argument: object) -> str:
    """An argument as a shell reads it; a `Path` that begins with `-` gets `./` before it."""
    text = str(argument)
    if isinstance(argument, Path) and text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    # Bash's and zsh's form for what a terminal does not show: $'a\nb'.
    escaped = "".join(_escaped(each) for each in text)
    return f"$'{escaped}'"


def listed(names: Sequence[object], most: int = 8) -> str:
    """The first of some names, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def numbered(number: int, noun: str) -> str:
    """A number with its noun: `1 word`, `2,000 words`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def kind_of(value: object) -> str:
    """What a value of JSON or YAML is, in a reader's words: `a text`, `a list`, `null`."""
    for kinds, words in _KINDS:
        if isinstance(value, kinds):
            return words
    return f"a {type(value).__name__}"  # such as a date, which YAML has


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))


def _shortened(text: str, *, longest: int = _LONGEST_WORD) -> str:
    """The text with the middle cut out of very long words, and of the text if still too long."""
    if len(text) > longest:
        text = " ".join(_cut(word, longest) for word in text.split(" "))
    return _cut(text, max(longest, _LONGEST_PART))


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}[... {len(text) - 2 * half:,} characters ...]{text[-half:]}"
