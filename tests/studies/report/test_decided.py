"""Comparisons: seeds that both sides have, unlike machines, claims without a margin."""

from dataclasses import replace

import pytest

from babyllama.studies.report.decided import decide_all, measures_of, notes_of


def test_benchmarks_are_paired_by_item_and_losses_by_seed(claim):
    decided, untested = decide_all(claim.study, claim.pairs, claim.outcomes)
    assert untested == []
    assert (decided[0].measure, decided[0].verdict.word) == ("dev_cross_entropy", "better")
    loss = decided[0].difference
    assert loss.of_items == 0
    assert decided[2].notes == ()  # items are known, not only scores
    assert not decided[0].verdict.asked.higher_is_better
    assert decided[2].verdict.asked.higher_is_better


def test_seeds_that_one_side_lacks_are_left_out_and_told(claim):
    lost = [o for o in claim.outcomes if (o.model, o.seed) != ("twin", 1)]
    decided, untested = decide_all(claim.study, claim.pairs, lost)
    assert decided[0].difference.seeds == 2
    assert "2 comparisons on dev_cross_entropy, grammar: 2 of 3 seeds have both." in [
        *notes_of(decided)
    ]
    assert untested == []
    lost = [o for o in lost if (o.model, o.seed) != ("twin", 2)]
    _, untested = decide_all(claim.study, claim.pairs, lost)
    assert untested[0].why == "only seed 0 has both, and an interval needs two seeds"


@pytest.mark.parametrize("unlike", ["refuse", "mark"])
def test_sides_made_on_unlike_machines_are_refused_or_marked(claim, unlike):
    mixed = [
        replace(o, made_with="cuda, bfloat16") if o.model == "twin" else o for o in claim.outcomes
    ]
    study = claim.study.model_copy(update={"unlike": unlike})
    decided, untested = decide_all(study, claim.pairs[:1], mixed)
    why = "made unlike: cpu, float32; cuda, bfloat16"
    if unlike == "refuse":
        assert [each.why for each in untested] == [why] * 2
        assert decided == []
    else:
        assert all(why in each.notes for each in decided)


def test_a_claim_without_a_smallest_difference_is_tested_for_any(claim, study):
    rule = study().decide.model_copy(update={"smallest": {"grammar": 1.0}})
    changed = claim.study.model_copy(update={"decide": rule})
    decided, _ = decide_all(changed, claim.pairs, claim.outcomes)
    loss = next(e for e in decided if e.pair.expect == "no_worse")
    assert loss.verdict.asked.question == "better"
    assert "no smallest difference that counts" in loss.notes[0]


def test_declared_measures_replace_all(claim):
    assert measures_of(claim.study, claim.outcomes) == ["dev_cross_entropy", "grammar"]
    chosen = claim.study.model_copy(update={"measure": ("grammar",)})
    assert measures_of(chosen, claim.outcomes) == ["grammar"]
