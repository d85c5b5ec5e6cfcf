"""BabyLM's supplement to BLiMP: five sets of pairs, some of them dialogues over several lines.

The headline is the mean over the five sets; pooled pairs would be three quarters one set. The file
is the UID, since the data name none. Chance 50.

Source: Warstadt et al. 2023, Findings of the BabyLM Challenge.
"""

from pathlib import Path

from babyllama.errors import InputError
from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.minimal_pairs import read_pairs
from babyllama.evaluation.suites.suite import Published, suite_of_choices

_SETS = (
    "hypernym",
    "qa_congruence_easy",
    "qa_congruence_tricky",
    "subject_aux_inversion",
    "turn_taking",
)


def _read(path: Path) -> list[Choice]:
    pairs = read_pairs(path)
    unknown = next((pair.uid for pair in pairs if pair.uid not in _SETS), None)
    if unknown is not None:
        raise InputError(
            f"{path}: {unknown} is not a set of BLiMP's supplement",
            why=f"Sets are recognised by their file names: {', '.join(_SETS)}.",
            mend="For pairs of your own, choose another name: --benchmark mine=PATH",
        )
    return pairs


FULL = suite_of_choices("blimp_supplement", _read, published=Published(5_218, 5))
FAST = suite_of_choices("blimp_supplement_fast", _read, published=Published(250, 5))
