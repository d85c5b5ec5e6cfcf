"""The report: one HTML page that begins with the answer, and the same in Markdown.

Reads run folders and never imports torch. `index.html` contains its figures and styles, loads
nothing from the network, and is the same bytes for the same runs.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babyllama.console import visible
from babyllama.errors import InputError, command
from babyllama.report.between_runs import page_between
from babyllama.report.labelled import labelled
from babyllama.report.page import page_of
from babyllama.report.rendering import render
from babyllama.report.scored_run import scored_run
from babyllama.report.section import Page
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import PAGE, REPORT_TEXT
from babyllama.runs.manifests import MANIFEST
from babyllama.runs.run import read_run
from babyllama.runs.undamaged import refuse_damaged

__all__ = ["refuse_other_folder", "write_page", "write_report"]

_FIGURES = "figures"
_TITLE = ": a babyllama report</title>"


def refuse_other_folder(out: Path) -> None:
    """Check that a report may be written into a folder: it is new, empty, or holds one of ours.

    Raises:
        InputError: it holds something else, or is a run's own report.
    """
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    other = next((name for name in found if name not in (PAGE, REPORT_TEXT, _FIGURES)), None)
    if MANIFEST in found:
        raise InputError(
            f"{out} belongs to a run",
            why="What a run made is changed by `babyllama run` alone.",
            mend="Choose another --out.",
        )
    if other is not None:
        raise InputError(
            f"{out} holds {other}, which is not part of a report",
            why=f"A report replaces {PAGE}, {REPORT_TEXT} and {_FIGURES} in its folder.",
            mend="Choose a new folder, or an earlier report.",
        )
    page = out / PAGE
    if found and not (page.is_file() and _is_ours(page)):
        raise InputError(
            f"{out} holds {found[0]}, which `babyllama report` did not write",
            why=f"A report replaces {PAGE}, {REPORT_TEXT} and {_FIGURES} in its folder.",
            mend="Choose a new folder, or an earlier report.",
        )


def _is_ours(page: Path) -> bool:
    with page.open(encoding="utf-8", errors="replace") as file:
        return _TITLE in file.read(20_000)


def write_report(runs: Sequence[Path], out: Path) -> dict[str, Any]:
    """Write index.html, report.md and figures/ about a run, or on what differs between several.

    Args:
        runs: folders of runs; of an unfinished run, what is finished is shown.
        out: the folder to write into; created if necessary.

    Returns:
        `first_sentence`: the answer, which may be more than one sentence.

    Raises:
        InputError: no run, a folder that is not a run, a run with nothing to show, or results that
            were changed or damaged after they were made.
    """
    if not runs:
        raise InputError("no run to report", mend="Name one: babyllama report runs/mini --out DIR")
    _refuse_twice(runs)
    for folder in runs:
        refuse_damaged(folder, "babyllama report runs/mini")
    read = [scored_run(read_run(folder)) for folder in runs]
    page = page_of(read[0]) if len(read) == 1 else page_between(labelled(runs, read), runs)
    write_page(page, out)
    return {"first_sentence": f"{page.sentence} {page.others}".strip()}


def _refuse_twice(runs: Sequence[Path]) -> None:
    found = set[Path]()
    for folder in runs:
        if folder.resolve() in found:
            raise InputError(
                f"{folder} is named twice",
                why="A page on several runs says how they differ; a run is like itself.",
                mend=f"Name it once, or another run: {command('report', folder)}",
            )
        found.add(folder.resolve())


def write_page(page: Page, out: Path) -> None:
    """Write index.html, report.md and figures/ from a page that is made.

    Figures of the report that it replaces are deleted if this one has none of the name.
    """
    (out / _FIGURES).mkdir(parents=True, exist_ok=True)
    drawn = {figure.file for section in page.sections for figure in section.figures}
    for file in _figures_of(out / REPORT_TEXT) - drawn:
        (out / _FIGURES / file).unlink(missing_ok=True)
    for figure in (figure for section in page.sections for figure in section.figures):
        write_atomically(out / _FIGURES / figure.file, visible(figure.svg))
    for file, template in ((PAGE, "report.html.j2"), (REPORT_TEXT, "report.md.j2")):
        # Control characters of names and sentences are neither XML nor text to look at.
        write_atomically(out / file, visible(render(template, {"page": page})))


def _figures_of(text: Path) -> set[str]:
    """The files of the figures that a report shows, by its Markdown."""
    found = text.read_text("utf-8", errors="replace") if text.is_file() else ""
    return set(re.findall(rf"\]\({_FIGURES}/([\w-]+\.svg)\)", found))
