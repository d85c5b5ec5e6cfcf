"""How much of the dev text a training scored after each epoch, in words."""

from collections.abc import Mapping
from typing import Any


def part_of_dev(facts: Mapping[str, Any]) -> str:
    """`256 of 269 windows`, which is why an evaluation of all of them finds another loss.

    Args:
        facts: of the training.

    Returns:
        "" if all were scored, or if an older training did not record it.
    """
    scored, there = facts.get("dev_windows", 0), facts.get("dev_windows_there", 0)
    return f"{scored:,} of {there:,} windows" if scored < there else ""
