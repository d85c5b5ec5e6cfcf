"""What a user did wrong, said so that they can mend it.

The one exception that `cli.py` turns into a message and exit code 2. What *we* got wrong is an
`assert` or an ordinary exception with its traceback.
"""


class InputError(Exception):
    """A mistake in the user's input.

    Args:
        what: one line that names the file, the field and the value: `mine.yaml: seed is -1`.
        why: what is wrong with it, a sentence or two.
        mend: what to do next, with the command to paste where there is one.
    """

    def __init__(self, what: str, *, why: str = "", mend: str = "") -> None:
        self.what = what
        self.why = why
        self.mend = mend
        super().__init__("\n  ".join(line for line in (what, why, mend) if line))
