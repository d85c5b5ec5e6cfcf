"""Take the end of a text as dev text, at the border of a document, a line or a word."""

from babyllama.errors import InputError


def split_dev(text: str, *, fraction: float, name: str) -> tuple[str, str]:
    """Split a text into train and dev; dev is its end.

    The text is split between documents (at a blank line) if that gives between half and one and a
    half times the wanted share, else between lines, else (in a text of one line) between words.

    Args:
        fraction: the wanted share of characters for dev, greater than 0 and less than 1.
        name: the text's name in messages.

    Returns:
        train, dev. Joined, they are the text.

    Raises:
        InputError: the fraction is out of range, or the text cannot be split.
    """
    if not 0 < fraction < 1:
        raise InputError(
            f"dev_fraction is {fraction}",
            why="It is the share of the text that is not trained on. It is between 0 and 1.",
            mend="Try 0.05.",
        )
    target = round(len(text) * (1 - fraction))
    for boundary, tolerance in (("\n\n", 0.5), ("\n", None), (" ", None)):
        cut = _boundary_near(text, boundary, target)
        error = abs((len(text) - cut) / (len(text) * fraction) - 1) if cut else None
        if error is not None and (tolerance is None or error <= tolerance):
            return text[:cut], text[cut:]
    raise InputError(
        f"{name} is too short for a dev split of {fraction}",
        why="It has only one line with only one word.",
        mend="Put dev texts into a dev/ folder beside train/.",
    )


def _boundary_near(text: str, boundary: str, target: int) -> int:
    """The index after the boundary nearest to `target` that has text on both sides, or 0."""
    first, end = len(text) - len(text.lstrip()), len(text.rstrip())
    target = min(max(target, first), end)
    before = text.rfind(boundary, first, target)
    after = text.find(boundary, max(target - len(boundary), first), end)
    cuts = [at + len(boundary) for at in (before, after) if at >= 0]
    return min(cuts, key=lambda cut: abs(cut - target), default=0)
