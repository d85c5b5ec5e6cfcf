"""The rule for source code, in which every other character counts."""

import re

_SPACE_AT_END = re.compile(r"(?m)(?<![^\S\n])[^\S\n]+$")


def remove_trailing_space(text: str) -> str:
    r"""Remove white space at the ends of lines, and nothing else.

    >>> remove_trailing_space("def f(): \n\treturn '&lt;b>'  ")
    "def f():\n\treturn '&lt;b>'"
    """
    return _SPACE_AT_END.sub("", text)
