"""What a study changed while it had results is told in plain words, and nothing else is."""

from dataclasses import replace

from babyllama.studies.history import Entry
from babyllama.studies.report.changes import changes, seeds_in_words

OTHERS = {"recipe": "mini", "set": {}, "unlike": "refuse"}


def entry(finished, *, rule="a", seeds=(0, 1), cells=("base",), **others):
    return Entry(finished, {"is": rule}, seeds, {key: {} for key in cells}, {**OTHERS, **others})


def told(claim, *history):
    found = replace(claim, history=history)
    return seeds_in_words(found), list(changes(found))


def test_a_study_that_never_changed_has_its_seeds_alone(claim):
    assert told(claim, entry(0)) == ("seeds 0, 1, 2", [])
    assert told(claim) == ("seeds 0, 1, 2", [])
    assert told(claim, entry(0), entry(0, rule="b", seeds=(0, 1, 2))) == ("seeds 0, 1, 2", [])


def test_seeds_that_were_added_and_left_out_after_results_are_told(claim):
    seeds, others = told(claim, entry(0), entry(4, seeds=(0, 1, 2, 3)), entry(8))
    assert seeds == (
        "seeds 0, 1 at first; 2 more (2, 3) after 4 trials were finished; "
        "2 left out (2, 3) after 8 trials were finished"
    )
    assert others == []


def test_a_changed_rule_is_told(claim):
    (line,) = told(claim, entry(0), entry(4, rule="b"))[1]
    assert line.startswith("This rule was changed when 4 trials were finished")


def test_cells_and_settings_that_were_changed_are_told(claim):
    assert told(claim, entry(0), entry(4, cells=("base", "hot")))[1] == [
        "The cells base at first; 1 more (hot) after 4 trials were finished."
    ]
    changed = replace(entry(4), cells={"base": {"seed": 1}})
    assert told(claim, entry(0), changed)[1] == [
        "The settings of the cell base were changed when 4 trials were finished."
    ]
    assert told(claim, entry(0), entry(4, set={"corpus.words": 9}))[1] == [
        "`set` was changed when 4 trials were finished."
    ]


def test_a_folder_of_an_older_release_raises_no_false_alarm(claim):
    old = Entry(0, {"is": "a"})
    assert told(claim, old) == ("seeds 0, 1, 2", [])
    assert told(claim, old, entry(4)) == ("seeds 0, 1, 2", [])
    seeds, _ = told(claim, old, entry(4), entry(4, seeds=(0, 1, 2)))
    assert seeds == "seeds 0, 1; 1 more (2) after 4 trials were finished"


def test_finished_trials_that_the_study_does_not_name_are_told(claim):
    (line,) = changes(replace(claim, history=(), unnamed=("base seed 9",)))
    assert line == (
        "The folder also has 1 finished trial of other seeds or cells; it is not used here: base "
        "seed 9."
    )
