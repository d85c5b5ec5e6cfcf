"""Formulas over the surprisal of regions, in which SyntaxGym states what a sentence should show.

    ((6;%mismatch%) + (7;%mismatch%)) > ((6;%match%) + (7;%match%)) & (5;%a%) < (5;%b%)

`(6;%match%)` is the surprisal of region 6 in the condition match, `(*;%match%)` that of all its
regions. Sums bind more tightly than comparisons, and these more than `&` and `|`, which are alike
and go from left to right. Values are arrays, one value an item, so that a formula is computed once.

Source: syntaxgym/prediction.py of cpllab/syntaxgym-core for grammar, precedence and `=`.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

Region = tuple[str, int]  # condition and number
Surprisals = Mapping[Region, np.ndarray]
Formula = Callable[[Surprisals], np.ndarray]

_TOKEN = re.compile(r"\(\s*(\d+|\*)\s*;\s*%([\w-]+)%\s*\)|(\d+(?:\.\d+)?)|([-+<>=&|()\[\]])|(\S)")
_OPERATORS: Sequence[Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = (
    {"&": np.logical_and, "|": np.logical_or},
    {"<": np.less, ">": np.greater, "=": lambda a, b: np.isclose(a, b, rtol=1e-5, atol=1e-3)},
    {"+": np.add, "-": np.subtract},
)


def parse_formula(text: str, regions: Sequence[Region]) -> Formula:
    """A formula as a function of the regions' surprisals, in bits.

    Args:
        regions: that exist.

    Raises:
        ValueError: it cannot be read, names a region that does not exist, or compares nothing;
            says what is wrong.
    """
    tokens = [match.groups() for match in _TOKEN.finditer(text)]
    odd = next((token[4] for token in tokens if token[4]), None)
    if odd:
        raise ValueError(f"unexpected {odd!r}")
    if not any(token[3] in ("<", ">", "=") for token in tokens):
        raise ValueError("nothing is compared")
    formula, rest = _operation(tokens, set(regions), 0)
    if rest:
        raise ValueError(f"unexpected {_shown(rest[0])!r}")
    return formula


_Tokens = Sequence[tuple[str | None, ...]]


def _operation(tokens: _Tokens, regions: set[Region], level: int) -> tuple[Formula, _Tokens]:
    """Operands that operators of one level join, from left to right."""
    if level == len(_OPERATORS):
        return _operand(tokens, regions)
    formula, tokens = _operation(tokens, regions, level + 1)
    while tokens and tokens[0][3] in _OPERATORS[level]:
        operator = _OPERATORS[level][str(tokens[0][3])]
        other, tokens = _operation(tokens[1:], regions, level + 1)
        formula = _joined(operator, formula, other)
    return formula, tokens


def _joined(
    operator: Callable[[np.ndarray, np.ndarray], np.ndarray], one: Formula, other: Formula
) -> Formula:
    return lambda surprisals: operator(one(surprisals), other(surprisals))


def _operand(tokens: _Tokens, regions: set[Region]) -> tuple[Formula, _Tokens]:
    if not tokens:
        raise ValueError("it ends too early")
    number, condition, literal, sign, _ = tokens[0]
    if sign in ("(", "["):
        formula, rest = _operation(tokens[1:], regions, 0)
        if not rest or rest[0][3] != {"(": ")", "[": "]"}[str(sign)]:
            raise ValueError("a bracket is not closed")
        return formula, rest[1:]
    if literal is not None:
        value = np.array(float(literal))
        return lambda _surprisals: value, tokens[1:]
    if number is None or condition is None:
        raise ValueError(f"unexpected {_shown(tokens[0])!r}")
    own = [each for each in regions if each[0] == condition and number in ("*", str(each[1]))]
    if not own:
        raise ValueError(f"there is no region {number} in a condition {condition}")
    return lambda surprisals: np.sum([surprisals[each] for each in own], axis=0), tokens[1:]


def _shown(token: tuple[str | None, ...]) -> str:
    number, condition, *others = token
    return f"({number};%{condition}%)" if number else next(each for each in others if each)
