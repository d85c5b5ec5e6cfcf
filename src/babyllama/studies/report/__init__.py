"""A study's report: one page that begins with the answer, Markdown beside it, and all rows.

Reads the study's folder as it is: what is not finished is shown as missing.
"""

from pathlib import Path

from babyllama.report import write_page
from babyllama.studies.cells import cells_of, recorded_trials
from babyllama.studies.comparing import main_of, pairs_of
from babyllama.studies.history import read_history, unnamed_trials
from babyllama.studies.outcomes import outcomes_of
from babyllama.studies.report.findings import Findings
from babyllama.studies.report.page import page_of
from babyllama.studies.report.rows import (
    rows_of,
    rows_of_comparisons,
    write_comparisons,
    write_rows,
)
from babyllama.studies.study import StudyRecipe

REPORT = "report"


def write_study_report(study: StudyRecipe, out: Path) -> str:
    """Write OUT/report: the page, its Markdown and figures, and all values as files of rows.

    Args:
        out: the study's folder.

    Returns:
        The first sentences.

    Raises:
        InputError: a comparison that names nothing, or a result that cannot be read.
    """
    findings = read_findings(study, out)
    folder = out / REPORT
    folder.mkdir(parents=True, exist_ok=True)
    files = write_rows(rows_of(findings.outcomes, findings.cells), folder)
    files.append(write_comparisons(rows_of_comparisons(findings), folder))
    page = page_of(findings, files)
    write_page(page, folder)
    return page.sentence


def read_findings(study: StudyRecipe, out: Path) -> Findings:
    """What a study's folder holds by now.

    Raises:
        InputError: as `write_study_report`.
    """
    trials, cells = recorded_trials(study, out), tuple(cells_of(study))
    recipes = {trial.cell: trial.recipe for trial in trials}
    outcomes, missing = outcomes_of(trials, out)
    return Findings(
        study=study,
        cells=cells,
        mains={cell: main_of(study, recipe) for cell, recipe in recipes.items()},
        pairs=tuple(pairs_of(study, recipes)),
        outcomes=tuple(outcomes),
        missing=tuple(missing),
        history=read_history(out),
        unnamed=unnamed_trials(trials, out),
        out=out,
    )
