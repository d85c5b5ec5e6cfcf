"""Apply rules to lines until nothing changes, so that cleaning clean text changes nothing."""

from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from operator import ne

Rule = Callable[[str], str]
Watch = Callable[[Rule, str, str], None]
"""Is told each rule that changed a text, the text before and the text after."""

_PASSES = 6  # mark-up inside mark-up that is nested deeper stays


def apply_rules(text: str, rules: Iterable[Rule], watch: Watch | None = None) -> str:
    """Apply rules in their order, each once."""
    for rule in rules:
        after = rule(text)
        if watch is not None and after != text:
            watch(rule, text, after)
        text = after
    return text


def clean_lines(
    text: str, rules: Sequence[Rule], *, again: Sequence[Rule] = (), watch: Watch | None = None
) -> list[str]:
    """Apply rules to all lines, then to those that changed, until none changes.

    A rule may leave what an earlier one looks for: without "[x]", "&am[x]p;" is an entity. Fewer
    lines change than not, so a second look at them is cheap.

    Args:
        rules: none may look across lines, or remove or add a line end.
        again: more rules, applied after the first pass, to lines that it changed.

    Returns:
        the lines.
    """
    after = apply_rules(text, rules, watch)
    lines = after.split("\n")
    if after == text:
        return lines
    before = text.split("\n")
    changed = list(compress(range(len(lines)), map(ne, before, lines)))
    for _ in range(_PASSES):
        some = "\n".join([lines[at] for at in changed])
        cleaned = apply_rules(some, (*again, *rules), watch)
        if cleaned == some:
            break
        found = list(zip(changed, cleaned.split("\n"), strict=True))
        changed = [at for at, line in found if line != lines[at]]
        for at, line in found:
            lines[at] = line
    return lines
