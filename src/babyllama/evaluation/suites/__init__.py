"""The benchmarks, one small file each, and which one a name means."""

from difflib import get_close_matches
from typing import Any

from babyllama.errors import InputError
from babyllama.evaluation.suites import (
    aoa,
    aoa_2025,
    blimp,
    blimp_nl,
    blimp_supplement,
    comps,
    entity_tracking,
    ewok,
    global_piqa,
    lambada,
    perplexity,
    reading,
    syntaxgym,
    turblimp,
    wug,
    zhoblimp,
)
from babyllama.evaluation.suites.minimal_pairs import read_pairs
from babyllama.evaluation.suites.suite import Suite, suite_of_choices

__all__ = ["SUITES", "Suite", "suite_for"]

SUITES: tuple[Suite[Any], ...] = (
    blimp.FULL,
    blimp.FILTERED,
    blimp.FAST,
    blimp_supplement.FULL,
    blimp_supplement.FAST,
    ewok.SUITE,
    ewok.CONTEXTS,
    comps.SUITE,
    entity_tracking.SUITE,
    global_piqa.PARALLEL,
    global_piqa.NONPARALLEL,
    wug.ADJECTIVES,
    wug.PAST,
    reading.SUITE,
    aoa.SUITE,
    aoa_2025.SUITE,
    lambada.SUITE,
    syntaxgym.SUITE,
    perplexity.SUITE,
    blimp_nl.SUITE,
    zhoblimp.SUITE,
    turblimp.SUITE,
)


def suite_for(name: str) -> Suite[Any]:
    """The suite of that name; any other name is the user's own minimal pairs.

    Raises:
        InputError: a name that is nearly a suite's. One that only adds to it (`blimp2`,
            `my_blimp`) is the user's own.
    """
    suites = {suite.name: suite for suite in SUITES}
    if name in suites:
        return suites[name]
    nearest = get_close_matches(name, suites, n=1, cutoff=0.8)
    if nearest and not name.startswith(nearest[0]) and not name.endswith(nearest[0]):
        raise InputError(
            f"benchmark {name} not found",
            why=f"The nearest name is {nearest[0]}. Known: {', '.join(suites)}.",
            mend="For minimal pairs of your own, choose a name that is less similar.",
        )
    return suite_of_choices(name, read_pairs)
