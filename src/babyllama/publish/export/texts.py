"""Real lines on which an export is checked: of the model's own run, or of a file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babyllama.data.sources import clean_files
from babyllama.errors import InputError
from babyllama.runs.layout import Layout, run_of

_LINES = 2000
_WINDOW, _WINDOWS = 128, 8
_WORDS_OF_GRAMMAR = 30_000  # enough for as many lines


@dataclass(frozen=True)
class Texts:
    """Lines of text, and in words where they are from."""

    lines: list[str]
    source: str


def texts_to_check(folder: Path, text: Path | None) -> Texts:
    """Up to 2,000 lines, evenly spaced over the text.

    Args:
        folder: a model. Without a `text` the lines are those of its run's dev text, or else of the
            built-in corpus.
        text: a text file.

    Raises:
        InputError: a text that is no file, is not UTF-8 or has no line.
    """
    if text is not None:
        return Texts(_some(_lines_of_user(text)), str(text))
    corpus = Layout(run_of(folder)).corpus
    files = clean_files(corpus, "dev") if corpus.is_dir() else []
    if lines := [line for file in files for line in _lines(file)]:
        return Texts(_some(lines), "the run's dev text")
    from babyllama.data.synthetic.writing import draw_split

    drawn = draw_split("dev", words=_WORDS_OF_GRAMMAR, seed=0).values()
    lines = [line for documents in drawn for one in documents for line in one.lines]
    return Texts(_some(lines), "the built-in corpus; for text of your own add --text FILE")


def windows_of(
    texts: Texts, encode: Callable[[str], list[int]], *, known: int, positions: int | None
) -> list[list[int]]:
    """The first tokens of the lines, as a few inputs on which logits are compared.

    Args:
        known: tokens of the model; others are left out.
        positions: the model's longest input; None: no limit.
    """
    ids = [token for line in texts.lines for token in encode(line) if token < known]
    length = min(_WINDOW, positions or _WINDOW)
    return [ids[at : at + length] for at in range(0, len(ids), length)][:_WINDOWS]


def _lines_of_user(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(f"--text {path} is not a file", mend="Name a text file.")
    lines = list(_lines(path))
    if not lines:
        raise InputError(f"--text {path} has no text", mend="Name another text file.")
    return lines


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text", why=str(error), mend="Convert it to UTF-8."
        ) from None


def _some(lines: list[str]) -> list[str]:
    count = min(len(lines), _LINES)
    return [lines[at * len(lines) // count] for at in range(count)]
