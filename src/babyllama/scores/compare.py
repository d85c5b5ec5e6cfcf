"""Models and recipes compared: result files in, differences with their intervals out.

`results` are the files that `evaluate` and `finetune` write, `entrants` what is compared,
`comparisons` pairs and tests; `babyllama.report.comparisons` puts it in words.
"""

from collections.abc import Sequence

from babyllama.scores.comparisons import Comparison, compared
from babyllama.scores.differences import Correction
from babyllama.scores.entrants import Source, read_entrants


def compare(sources: Sequence[Source], *, correction: Correction) -> list[Comparison]:
    """Compare the first model or recipe with each of the others, on every benchmark both have.

    Args:
        sources: result files, of one model or several, folders of them, each the seeds of one
            recipe, runs, models of runs, and results that are in memory.

    Raises:
        InputError: what cannot be read or does not compare.
    """
    return compared(read_entrants(sources), correction=correction)
