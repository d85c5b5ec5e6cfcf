"""The first sentence."""

from babyllama.scores.paired_seeds import SeedsDifference
from babyllama.scores.verdicts import Asked, verdicts
from babyllama.studies.comparing import Pair, Side
from babyllama.studies.report.answer import answer
from babyllama.studies.report.decided import Decided, Untested


def pair(ours, theirs="base"):
    return Pair(Side(ours, "student"), Side(theirs, "student"), "difference")


def compared(differences, measure="blimp"):
    """One comparison with `base` for each cell and difference, each with a standard error of 1."""
    asked = [Asked(SeedsDifference(v, 1.0, 0.0, (v,) * 9)) for v in differences.values()]
    return [
        Decided(pair(cell), measure, verdict)
        for cell, verdict in zip(differences, verdicts(asked, "holm"), strict=True)
    ]


def levels(each):
    return f"{70 + each.difference.value:.1f} against 70.0 percent"


def test_the_first_pair_is_named_with_its_values_and_few_others_with_their_differences():
    found = answer(compared({"a": 9.0, "b": 0.5}), [], cells=3, seeds=9, levels=levels)
    assert found == (
        "Over 9 seeds, a is better than base on blimp (79.0 against 70.0 percent). "
        "b cannot be told apart from base on blimp (+0.5)."
    )


def test_another_pair_of_the_same_model_does_not_repeat_its_name():
    decided = [
        Decided(Pair(Side("a", "student"), Side("a", other), "better"), "dev_cross_entropy", each)
        for other, each in zip(
            ("twin", "llama"),
            verdicts([Asked(SeedsDifference(v, 0.1, 0.0, (v,) * 9)) for v in (-3, -2)], "holm"),
            strict=True,
        )
    ]
    assert answer(decided, [], cells=1, seeds=9, levels=levels) == (
        "Over 9 seeds, student is worse than twin on unseen text (67.0 against 70.0 percent). "
        "It is worse than llama on unseen text (-2.00 nats per token)."
    )


def test_a_subject_that_comes_back_after_another_one_is_named_again():
    names = (("second", "first"), ("third", "second"), ("second", "twin"))
    asked = [Asked(SeedsDifference(0.5, 1.0, 0.0, (0.5,) * 9)) for _ in names]
    decided = [
        Decided(Pair(Side("a", ours), Side("a", theirs), "better"), "blimp", each)
        for (ours, theirs), each in zip(names, verdicts(asked, "holm"), strict=True)
    ]
    assert answer(decided, [], cells=1, seeds=9, levels=levels) == (
        "Over 9 seeds, second cannot be told apart from first on blimp (70.5 against 70.0 percent)."
        " third cannot be told apart from second on blimp (+0.5); "
        "second cannot be told apart from twin on blimp (+0.5)."
    )


def test_measures_of_one_pair_share_a_clause():
    found = answer(
        [*compared({"a": 9.0}), *compared({"a": -9.0}, "ewok")],
        [],
        cells=2,
        seeds=9,
        levels=levels,
    )
    assert found == (
        "Over 9 seeds, a is better than base on blimp (79.0 against 70.0 percent); "
        "is worse than base on ewok (61.0 against 70.0 percent)."
    )


def test_many_pairs_are_counted():
    cells = {"a": 9.0, "b": -9.0, "c": -8.0, "d": 0.1, "e": 0.2, "f": 0.3, "g": 0.4}
    assert answer(compared(cells), [], cells=8, seeds=9, levels=levels) == (
        "Over 9 seeds, on blimp, 1 of 7 is better than base (a), 2 are worse than it (b and c) and "
        "4 cannot be told apart from it."
    )
    none = dict.fromkeys("abcde", 0.1)
    assert answer(compared(none), [], cells=6, seeds=9, levels=levels) == (
        "Over 9 seeds, on blimp, none of 5 is better than base and 5 cannot be told apart from it."
    )


def test_pairs_that_have_no_side_in_common_are_counted_and_the_few_are_named():
    def counted(theirs):
        asked = [
            Asked(SeedsDifference(v, 0.01, 0.0, (v,) * 9), "equivalent", 5.0) for v in [0.0] * 2
        ]
        asked += [Asked(SeedsDifference(0.5, 1.0, 0.0, (0.5,) * 9)) for _ in range(3)]
        pairs = [pair(ours, other) for ours, other in zip("abcde", theirs, strict=True)]
        decided = [
            Decided(each, "blimp", verdict)
            for each, verdict in zip(pairs, verdicts(asked, "holm"), strict=True)
        ]
        return answer(decided, [], cells=9, seeds=9, levels=levels)

    assert counted(["hot", "cold", "x", "y", "z"]) == (
        "Over 9 seeds, on blimp, of 5 pairs the first is better in none, the two are equivalent in "
        "2 (a against hot and b against cold) and cannot be told apart in 3 (c against x, d "
        "against y and e against z)."
    )
    assert counted(["hot", "hot", "hot", "hot", "hot"]) == (
        "Over 9 seeds, on blimp, none of 5 is better than hot, 2 are equivalent to it (a and b) "
        "and 3 cannot be told apart from it (c, d and e)."
    )


def test_a_claim_about_models_is_counted_over_the_cells_in_which_it_holds():
    shown = {("student", "twin"): (9.0, 9.0, 0.1), ("student", "teacher"): (9.0, 8.0, 9.0),
             ("other", "twin"): (0.1, 0.2, -9.0)}  # fmt: skip
    pairs = [Pair(Side(cell, ours), Side(cell, theirs), "better")
             for ours, theirs in shown for cell in "abc"]  # fmt: skip
    asked = [Asked(SeedsDifference(v, 1.0, 0.0, (v,) * 9)) for own in shown.values() for v in own]
    decided = [
        Decided(each, "blimp", verdict)
        for each, verdict in zip(pairs, verdicts(asked, "holm"), strict=True)
    ]
    assert answer(decided, [], cells=3, seeds=9, levels=levels) == (
        "Over 9 seeds, on blimp, student is better than twin in 2 of 3 cells (a and b) and cannot "
        "be told apart from it in 1 (c); is better than teacher in 3 of 3 cells; other is worse "
        "than twin in 1 of 3 cells (c) and cannot be told apart from it in 2 (a and b)."
    )


def test_what_could_not_be_tested_is_no_answer():
    untested = [Untested(pair("a"), "blimp", "only seed 0 has both")]
    found = answer([], untested, cells=2, seeds=3, levels=levels)
    assert found == "There is no answer yet: only seed 0 has both."


def test_one_model_against_many_others_is_the_subject():
    values = {"twin": -9.0, "decayed": -8.0, "smoothed": -7.0, "averaged": -9.0, "shorter": -0.5}
    asked = [Asked(SeedsDifference(v, 1.0, 0.0, (v,) * 9)) for v in values.values()]
    decided = [
        Decided(Pair(Side("a", "student"), Side("a", other), "better"), "dev_cross_entropy", each)
        for other, each in zip(values, verdicts(asked, "holm"), strict=True)
    ]
    found = answer(decided, [], cells=1, seeds=9, levels=levels)
    assert found == (
        "Over 9 seeds, on unseen text, student is worse than 4 of 5 and cannot be told apart "
        "from 1 (shorter)."
    )
