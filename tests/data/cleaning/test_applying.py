from babyllama.data.cleaning.applying import apply_rules, clean_lines


def drop_pairs(text: str) -> str:
    return text.replace("()", "")


def shout(text: str) -> str:
    return text.upper()


def test_rules_are_applied_in_their_order_and_each_change_is_told():
    seen = []

    apply_rules("a()", (drop_pairs, shout, shout), lambda *change: seen.append(change))

    assert seen == [(drop_pairs, "a()", "a"), (shout, "a", "A")]


def test_lines_are_cleaned_until_nothing_changes():
    assert clean_lines("((()))\n()\nx", (drop_pairs,)) == ["", "", "x"]


def test_a_second_pass_sees_only_lines_that_changed_and_applies_further_rules():
    assert clean_lines("a()\nb", (drop_pairs,), again=(shout,)) == ["A", "b"]
