"""COMPS: is a property likelier of a concept that has it than of one that lacks it?

log p(property_phrase | prefix_acceptable) against log p(property_phrase | prefix_unacceptable);
the prefixes are not scored. The space between the two is scored with the phrase, except under the
rules of 2025, whose pipeline leaves it out where it is a token of its own. Four files, of which the
headline is the mean. Chance 50.

Source: Misra et al. 2023; decode_comps and calculate_results_from_pred.py of the 2025 pipeline.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites.choices import Choice, choice_texts
from babyllama.evaluation.suites.suite import Published, suite_of_choices
from babyllama.runs.rows import Row, read_rows

_SUBSETS = ("base", "wugs", "wugs_dist_before", "wugs_dist_in_between")
_WANTED = ("prefix_acceptable", "prefix_unacceptable", "property_phrase")


def _read(path: Path) -> list[Choice]:
    # The file is the subset, so that two of them may have one item.
    rows = read_rows(path, _WANTED, keys=lambda row: [(row.stem, repr(row.values))])
    return [_choice(row) for row in rows]


def _subset(row: Row) -> str:
    """As the pipeline of 2025 calls it: comps_wugs_dist-before.jsonl is wugs_dist_before."""
    subset = row.stem.removeprefix("comps_").replace("-", "_")
    if subset not in _SUBSETS:
        raise InputError(
            f"{row.file} is not a part of COMPS",
            why=f"Parts are recognised by their file names: {', '.join(_SUBSETS)}.",
            mend="Remove it, or name it as it is published.",
        )
    return subset


def _choice(row: Row) -> Choice:
    phrase = f" {row.text('property_phrase')}"
    prefixes = (row.text("prefix_acceptable"), row.text("prefix_unacceptable"))
    subset = _subset(row)
    options = tuple(Text(phrase, prefix) for prefix in prefixes)
    return Choice(subset, str(row.number), subset, subset, options)


def _texts(choices: Sequence[Choice], rules: ScoringRules) -> list[Text]:
    texts = choice_texts(choices)
    if rules.name != "2025":
        return texts
    return [Text(text.target.removeprefix(" "), f"{text.context} ") for text in texts]


SUITE = replace(suite_of_choices("comps", _read, published=Published(91_028, 4)), texts=_texts)
