"""An hour in class about distillation: its papers, and the parts of the worksheet.

The worksheet is the one source of the parts: each is a heading, `## 3. Title (5 minutes)`, and the
text below it.
"""

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from babyllama.errors import InputError, listed
from babyllama.runs.files import write_atomically

WORKSHEET, ANSWERS, TEACHER = "worksheet.md", "answers.md", "teacher.md"
NOTEBOOK, RECIPE = "lesson.ipynb", "pupil.yaml"
PAPERS = (WORKSHEET, ANSWERS, TEACHER, NOTEBOOK, RECIPE)
_HEADING = re.compile(r"^## (?P<number>\d+)\. (?P<title>.+) \((?P<minutes>\d+) minutes\)$", re.M)


@dataclass(frozen=True)
class Part:
    """A part of the hour.

    Attributes:
        number: from 1.
        text: in Markdown, the heading included.
    """

    number: int
    title: str
    minutes: int
    text: str


def paper(name: str) -> str:
    """The text of one of `PAPERS`."""
    return (resources.files("babyllama.lesson") / name).read_text("utf-8")


def parts_of(page: str) -> list[Part]:
    """The parts of the worksheet, or of another page with the same headings, in order."""
    found = list(_HEADING.finditer(page))
    ends = [each.start() for each in found[1:]] + [len(page)]
    return [
        Part(
            number=int(each["number"]),
            title=each["title"],
            minutes=int(each["minutes"]),
            text=page[each.start() : end].rstrip(),
        )
        for each, end in zip(found, ends, strict=True)
    ]


def part(number: str) -> Part:
    """One part of the worksheet.

    Raises:
        InputError: there is no part of that number; names the first and the last part.
    """
    parts = parts_of(paper(WORKSHEET))
    found = next((each for each in parts if str(each.number) == number), None)
    if found is None:
        raise InputError(
            f"the lesson has no part {number}",
            why=f"Its parts are 1 to {len(parts)}.",
            mend="List them: babyllama lesson",
        )
    return found


def write_papers(folder: Path) -> list[Path]:
    """Write all papers into a folder, which is made if it is missing.

    Existing files with the same contents are left alone.

    Returns:
        the papers' paths.

    Raises:
        InputError: a file of the same name differs; then nothing is written.
    """
    texts = {folder / name: paper(name) for name in PAPERS}
    others = [path for path, text in texts.items() if not _may_write(path, text)]
    if others:
        raise InputError(
            f"{folder} has other files of these names: {listed([path.name for path in others])}",
            why="They would be replaced. Nothing was written.",
            mend="Choose another folder, or move these files.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        if not path.exists():
            write_atomically(path, text)
    return list(texts)


def _may_write(path: Path, text: str) -> bool:
    """Whether there is nothing at the path, or the text itself."""
    if path.is_symlink() or path.exists():
        return path.is_file() and path.read_bytes() == text.encode()
    return True
