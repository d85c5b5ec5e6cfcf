"""A mistake in the user's input, reported so that they can fix it.

`babyllama.cli` turns this exception into a message and exit code 2. A mistake of ours is an
`assert` or an ordinary exception, with its traceback.
"""


class InputError(Exception):
    """A mistake in the user's input.

    Args:
        what: one line that names the file, the field and the value: `mine.yaml: seed is -1`.
        why: what is wrong with it, in a sentence or two.
        mend: what to do next, with a command to paste if there is one.
    """

    def __init__(self, what: str, *, why: str = "", mend: str = "") -> None:
        self.what = what
        self.why = why
        self.mend = mend
        super().__init__("\n  ".join(line for line in (what, why, mend) if line))
