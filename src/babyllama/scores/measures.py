"""What is measured of a model beside its benchmarks: values with intervals, from sums by unit.

A unit is a document of the dev text, or a sequence of the copying probe: tokens within one depend
on each other, so the 95% intervals cover other units, not other tokens. They do not cover another
training seed. `babyllama.evaluation.measures` computes the sums.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from pydantic import ValidationError
from scipy.special import stdtrit

from babyllama.errors import InputError
from babyllama.runs.artefact import Facts
from babyllama.runs.files import write_atomically
from babyllama.runs.json_files import read_json, read_json_lines
from babyllama.scores.results import Interval, Measured

MEASURES_VERSION = 2  # raised when the same model and text get other measures
VALUES = "values"  # the field of a model's file that holds them
PERCENT, NATS = "percent", "nats"

# Names of measures; those of parts are written `cross_entropy/domain/stories`.
CROSS_ENTROPY = "cross_entropy"
DOMAIN, FREQUENCY = "domain", "frequency"
ENTROPY = "entropy"
ACCURACY = "accuracy"
CALIBRATION_ERROR = "calibration_error"
OVERCONFIDENCE = "overconfidence"
AGREEMENT = "teacher_agreement"
TEACHER_KL = "teacher_kl"
COPYING_TEXT, COPYING_RANDOM = "copying/text", "copying/random"
AMBIGUITY = "ambiguity"  # of the ensemble
DISAGREEMENT, PAIRWISE_KL = "disagreement", "pairwise_kl"

_IN_PERCENT = (ACCURACY, CALIBRATION_ERROR, OVERCONFIDENCE, AGREEMENT, DISAGREEMENT)
# What the first part of a measure's name may be.
NAMES = (*_IN_PERCENT, CROSS_ENTROPY, ENTROPY, TEACHER_KL, "copying", AMBIGUITY, PAIRWISE_KL)
_DECIMALS = 6  # of the sums in a file


@dataclass(frozen=True)
class Sums:
    """What each unit adds to a measure.

    Attributes:
        totals: of each unit: of nats, of right answers, ...; one row. The calibration error has a
            row for each bin.
        counts: tokens of each unit.
    """

    name: str
    totals: Float64[np.ndarray, "rows units"]
    counts: Float64[np.ndarray, " units"]

    @property
    def scale(self) -> float:
        """100 for what is given in percent."""
        return 100.0 if unit_of(self.name) == PERCENT else 1.0


def unit_of(name: str) -> str:
    """Percent or nats, of a measure or a part of one."""
    return PERCENT if name.partition("/")[0] in _IN_PERCENT else NATS


def measured(sums: Sums) -> Measured:
    """A measure's value with its interval.

    The value is sum(totals) / sum(counts), so that every token counts alike, and its interval that
    of a ratio of two means over units: value +- t_{0.975, G-1} s.e. with

        s.e.**2 = G / (G - 1) * sum_g (total_g - value * count_g)**2 / sum(counts)**2

    The calibration error is sum_b |sum_g total_bg| / sum(counts). Its interval is that of the same
    ratio with total_g = sum_b sign_b total_bg, where sign_b is the sign of bin b's sum: to first
    order it does not change. A bootstrap is no use here, because noise makes the error of a
    resample larger than that of the text.

    Source: Cochran 1977, Sampling Techniques, 6.4 (ratio estimate) and 9A.1 (clusters); Miller
    2024, Adding Error Bars to Evals, 2.2.
    """
    has = sums.counts > 0
    counts = sums.counts[has]
    value, interval = _difference(sums.totals[:, has], None, counts)
    return Measured(
        name=sums.name,
        value=sums.scale * value,
        interval=interval and _scaled(interval, sums.scale),
        unit=PERCENT if sums.scale == 100 else NATS,
        units=int(has.sum()),
        tokens=int(counts.sum()),
    )


def difference(ours: Sums, theirs: Sums) -> tuple[float, Interval | None] | None:
    """Ours minus theirs on the same units, paired, with its 95% interval as in `measured`.

    Returns:
        None if the units are not the same.
    """
    if ours.name != theirs.name or not np.array_equal(ours.counts, theirs.counts):
        return None
    has = ours.counts > 0
    value, interval = _difference(ours.totals[:, has], theirs.totals[:, has], ours.counts[has])
    return ours.scale * value, interval and _scaled(interval, ours.scale)


def _difference(
    ours: Float64[np.ndarray, "rows units"],
    theirs: Float64[np.ndarray, "rows units"] | None,
    counts: Float64[np.ndarray, " units"],
) -> tuple[float, Interval | None]:
    """The value of ours, or ours minus theirs, with its interval."""
    totals = _signed(ours) if theirs is None else _signed(ours) - _signed(theirs)
    size, groups = float(counts.sum()), len(counts)
    value = float(totals.sum()) / size
    if groups < 2:
        return value, None
    residuals = totals - value * counts
    error = math.sqrt(groups / (groups - 1) * float(residuals @ residuals)) / size
    reach = float(stdtrit(groups - 1, 0.975)) * error
    return value, (value - reach, value + reach)


def _signed(totals: Float64[np.ndarray, "rows units"]) -> Float64[np.ndarray, " units"]:
    """Each unit's part of the sum, or of the sum of the rows' absolute sums."""
    signs = np.sign(totals.sum(axis=1)) if len(totals) > 1 else np.ones(1)
    found: Float64[np.ndarray, " units"] = signs @ totals
    return found


def _scaled(interval: Interval, scale: float) -> Interval:
    return scale * interval[0], scale * interval[1]


# --- files --------------------------------------------------------------------------------------


def write_sums(found: Sequence[Sums], file: Path) -> None:
    """Write a line of JSON for each measure."""
    lines = [
        json.dumps(
            {
                "name": each.name,
                "totals": each.totals.round(_DECIMALS).tolist(),
                "counts": each.counts.astype(np.int64).tolist(),
            },
            ensure_ascii=False,
        )
        for each in found
    ]
    write_atomically(file, "".join(f"{line}\n" for line in lines))


def read_sums(file: Path) -> dict[str, Sums]:
    """What `write_sums` wrote, by name; empty without the file.

    Raises:
        InputError: a line that is not JSON.
    """
    lines = read_json_lines(file) if file.is_file() else ()
    return {
        line["name"]: Sums(
            line["name"],
            np.array(line["totals"], dtype=np.float64),
            np.array(line["counts"], dtype=np.float64),
        )
        for line in lines
    }


def written_measures(found: Iterable[Measured]) -> Facts:
    """Measures as plain data by name, for a file that `read_measures` reads."""
    rows = (each.written() for each in found)
    return {row.pop("name"): row for row in rows}


def read_measures(file: Path) -> dict[str, Measured]:
    """A model's measures in a run, by name; empty without the file: older runs have none.

    Args:
        file: `Layout(run).measures(model)`.

    Raises:
        InputError: not JSON, or not measures.
    """
    if not file.is_file():
        return {}
    try:
        found = read_json(file)[VALUES]
        return {name: Measured.model_validate({"name": name, **row}) for name, row in found.items()}
    except (KeyError, TypeError, AttributeError, ValidationError):
        raise InputError(
            f"{file} does not hold measures", mend="Find all damage: babyllama verify RUN"
        ) from None
