"""Write docs/evidence/ from finished studies, and the tables of README and of the index from it.

    python docs/write_evidence.py STUDY_FOLDER --commit SHA --command "babyllama study ..."
    python docs/write_evidence.py        # the tables again, from the files that are there

A page begins with sentences of its author. Below `MARK` it is what `babyllama study` wrote, with
the command, the commit and the machine, which is the one where this program runs. Figures and rows
are in a folder of the page's name.
"""

import argparse
import csv
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from babyllama.console import format_duration
from babyllama.pipeline.examination import processor_name
from babyllama.runs.json_files import read_json
from babyllama.runs.layout import TRIALS
from babyllama.runs.run import Curve, read_run
from babyllama.studies.report import REPORT
from babyllama.studies.report.figures import learning_curves, mean_and_reach

HERE = Path(__file__).parent / "evidence"
README = Path(__file__).parents[1] / "README.md"
INDEX = HERE / "index.md"
PICTURED = "demo"  # the study that README's picture shows
MARK = "<!-- Below, as `babyllama study` wrote it. -->"
_ROWS, _COMPARISONS = "rows.csv", "comparisons.csv"
_TABLE = ("<!-- table: docs/write_evidence.py -->\n", "<!-- end of table -->")
_DEV = "dev_cross_entropy"

# README's rows: the page, what it is called there, its measures.
ROWS = (
    ("demo", "a built-in grammar, 15,000 words", (_DEV, "grammar")),
    ("token-mean", "real text, 100,000 words", (_DEV, "blimp")),
    ("replication", "the same, with the paper's sum", (_DEV, "blimp")),
    ("laptop", "real text, a million words", (_DEV, "blimp")),
)
_TITLES = {_DEV: "unseen text, nats per token", "grammar": "grammar pairs, %", "blimp": "BLiMP, %"}
_SHORT = {_DEV: "unseen text", "grammar": "pairs", "blimp": "pairs (BLiMP)"}
_MODELS = ("distilled", "twin", "llama", "gpt2", "ensemble")


def main() -> None:
    """Write a study's page if one is given, then the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, nargs="?", help="the folder of a finished study")
    parser.add_argument("--commit", help="the commit that ran it")
    parser.add_argument("--command", help="the command that ran it")
    parser.add_argument("--name", help="of the page; by default the study's")
    given = parser.parse_args()
    if given.study and not (given.commit and given.command):
        parser.error("a study's page says which commit and which command ran it")
    if given.study:
        write_page(given.study, given.name or given.study.name, given.commit, given.command)
    for path, folder in ((README, "docs/evidence/"), (INDEX, "")):
        text = with_table(path.read_text("utf-8"), folder, in_short=path == README)
        path.write_text(text, encoding="utf-8")


def write_page(study: Path, name: str, commit: str, command: str) -> None:
    """Put a study's report below the mark of its page, its rows and figures beside it."""
    page, folder = HERE / f"{name}.md", HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in (_ROWS, _COMPARISONS):
        shutil.copy(study / REPORT / file, folder / file)
    for figure in (study / REPORT / "figures").glob("*.svg"):
        shutil.copy(figure, folder / figure.name)
    if name == PICTURED:
        (folder / "picture.svg").write_text(picture(study), encoding="utf-8")
    head = page.read_text("utf-8").partition(MARK)[0] if page.is_file() else f"# {name}\n\n"
    _, _, body = (study / REPORT / "report.md").read_text("utf-8").partition("\n\n")
    body = body.replace("](figures/", f"]({name}/")
    body, _, _ = body.partition("\n## Reproduce")
    page.write_text(f"{head}{MARK}\n\n{body}\n{_how(study, name, commit, command)}", "utf-8")


def picture(study: Path) -> str:
    """README's picture: how the loss of student and twin develops, in words for everybody."""
    names = {"distilled": "student, with teachers", "twin": "twin, without"}
    curves: dict[str, list[Curve]] = {name: [] for name in names.values()}
    for trial in sorted((study / TRIALS).glob("*/seed-*")):
        for model in read_run(trial).models:
            if model.name in names and model.curve is not None:
                curves[names[model.name]].append(model.curve)
    return learning_curves(
        curves,
        of_epochs="how often the text has been read",
        of_loss="loss on unseen text (lower is better)",
    )


def _how(study: Path, name: str, commit: str, command: str) -> str:
    """What ran where, for how long."""
    links = (path for path in (study / TRIALS).rglob("*") if path.is_symlink())
    manifests = {link.resolve() / "manifest.json" for link in links}
    seconds = sum(read_json(path).get("wall_seconds", 0) for path in manifests if path.is_file())
    machine = f"{os.cpu_count()} cores of {processor_name()}"
    return (
        "\n## How it was made\n\n"
        f"Commit {commit}, on {machine}. All stages together took {format_duration(seconds)}, "
        "counting those that run side by side one after another. All values: "
        f"[{_ROWS}]({name}/{_ROWS}), [{_COMPARISONS}]({name}/{_COMPARISONS}).\n\n"
        f"```\n{command}\n```\n"
    )


def with_table(text: str, folder: str, *, in_short: bool) -> str:
    """A page with its table written anew.

    Args:
        folder: of the pages of studies, as links on this page name it.
        in_short: of student and twin alone, as means.
    """
    start, end = _TABLE
    before, _, rest = text.partition(start)
    return f"{before}{start}{table(folder, in_short=in_short)}{end}{rest.partition(end)[2]}"


def table(folder: str, *, in_short: bool) -> str:
    """Means over seeds with 95% intervals, and the student's difference from its twin.

    Args:
        folder, in_short: as of `with_table`.
    """
    shown = 2 if in_short else len(_MODELS)
    head = ("", "", "student", "twin", "LLaMA", "GPT-2", "ensemble")[: 2 + shown]
    lines = [
        f"| {' | '.join((*head, 'student − twin'))} |\n",
        f"|{'---|' * (shown + 3)}\n",
    ]
    for name, text, measures in ROWS:
        if not (HERE / name / _ROWS).is_file():
            continue
        for measure in measures:
            found = list(by_model(name, measure))[:shown]
            digits = _digits(measure)
            cells = [
                f"{fmean(values):.{digits}f}" if in_short else _mean(values, digits)
                for values in found
            ]
            what = f"[{text}]({folder}{name}.md), {len(found[0])} seeds"
            first = what if measure == measures[0] else ""
            # README says above its table which unit a measure has.
            title = _SHORT[measure] if in_short else _TITLES[measure]
            lines.append(f"| {first} | {title} | {' | '.join(cells)} | "
                         f"{_difference(name, measure)} |\n")  # fmt: skip
    return "".join(lines)


def by_model(name: str, measure: str) -> Iterator[list[float]]:
    """By model, the values of its seeds."""
    rows = [row for row in rows_of(HERE / name / _ROWS) if row["measure"] == measure]
    for model in _MODELS:
        yield [float(row["value"]) for row in rows if row["model"] == model]


def rows_of(path: Path) -> list[Mapping[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _mean(values: Sequence[float], digits: int) -> str:
    mean, reach = mean_and_reach(values)
    assert reach is not None, "a study has several seeds"
    return f"{mean:.{digits}f} ± {reach:.{digits}f}"


def _digits(measure: str) -> int:
    return 3 if measure == _DEV else 1


def _difference(name: str, measure: str) -> str:
    sides = {"our_model": "distilled", "their_model": "twin", "measure": measure}
    (row,) = (
        row for row in rows_of(HERE / name / _COMPARISONS)
        if all(row[key] == value for key, value in sides.items())
    )  # fmt: skip
    digits = _digits(measure)
    value, low, high = (float(row[key]) for key in ("difference", "low", "high"))
    return f"{value:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f}): {row['verdict']}"


if __name__ == "__main__":
    main()
