"""A user's mistake reads as one message: what, why, and how to mend it."""

from babyllama.errors import InputError


def test_a_message_is_what_then_why_and_mend_indented():
    error = InputError("mine.yaml: seed is -1", why="It must be 0 or more.", mend="Try 0.")
    assert str(error) == "mine.yaml: seed is -1\n  It must be 0 or more.\n  Try 0."


def test_parts_that_are_not_given_leave_no_line():
    assert str(InputError("a is b", mend="Try c.")) == "a is b\n  Try c."
