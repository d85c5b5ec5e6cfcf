"""Whether the dev loss says how models score, over all trained models of all trials."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from babyllama.report.section import Section
from babyllama.scores.rank_correlation import rank_correlation
from babyllama.studies.report.findings import Findings, folder_of
from babyllama.studies.study import DEV_LOSS


def correlation(findings: Findings) -> Section | None:
    """Whether the dev loss says how models score, over all trained models of all trials."""
    lines = [
        line
        for measure in findings.measures
        if measure != DEV_LOSS
        for line in _about_correlation(findings, measure)
    ]
    if not lines:
        return None
    return Section("Does the dev loss predict the benchmarks?", tuple(lines))


def _about_correlation(findings: Findings, measure: str) -> Iterator[str]:
    by_trial: dict[Path, list[tuple[float, float]]] = {}
    seen: set[Path] = set()
    for each in findings.outcomes:
        model = folder_of(each)
        if model is None or model in seen or not {DEV_LOSS, measure} <= each.values.keys():
            continue
        seen.add(model)
        by_trial.setdefault(each.trial, []).append((each.values[DEV_LOSS], each.values[measure]))
    if len(by_trial) < 3:
        return
    try:
        found = rank_correlation([np.array(own) for own in by_trial.values()])
    except ValueError as error:
        yield f"{measure}: {error}."
        return
    low, high = found.interval
    meaning = "" if found.excludes_zero else "; no relation is shown"
    yield (
        f"Spearman's rank correlation between the dev loss and {measure} is {found.value:.2f} "
        f"(95% interval {low:.2f} to {high:.2f} over other trials), over {found.checkpoints} "
        f"models of {found.trials} trials{meaning}."
    )
