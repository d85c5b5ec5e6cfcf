"""A run's own pairs, filtered by who was right."""

import shutil

import pytest

from babyllama.errors import InputError
from babyllama.play.predictions import Filter, benchmarks_of, pairs_answer
from babyllama.runs.layout import Layout


def numbers(run, start=0, **conditions):
    found = pairs_answer(run, "grammar", Filter(**conditions), start=start)
    return found.total, [pair.number for pair in found.pairs]


def test_only_benchmarks_of_pairs_are_listed(play_run):
    assert benchmarks_of(play_run.folder) == ["grammar"]


def test_pairs_are_filtered_by_who_was_right_or_wrong_by_paradigm_and_by_words(play_run):
    run = play_run.folder
    assert numbers(run) == (3, [0, 1, 2])
    assert numbers(run, right="distilled", wrong="twin") == (1, [1])
    assert numbers(run, right="twin", wrong="distilled") == (0, [])  # a tie is not wrong
    assert numbers(run, uid="agreement") == (2, [0, 2])
    assert numbers(run, words="SNOW") == (1, [1])
    assert numbers(run, start=2) == (3, [2])


def test_a_pair_says_who_was_right(play_run):
    found = pairs_answer(play_run.folder, "grammar", Filter(), start=0)
    assert found.models == ("llama", "gpt2", "ensemble", "distilled", "twin")
    assert found.uids == ("agreement", "polarity")
    assert found.pairs[2].correct == {
        "llama": 0, "gpt2": 0, "ensemble": 0, "distilled": 0.5, "twin": 1,
    }  # fmt: skip
    assert (found.pairs[2].good, found.pairs[2].bad) == (
        "Where is the ball?",
        "Where are the ball?",
    )


def test_what_the_run_does_not_have_is_refused(play_run, tmp_path):
    with pytest.raises(InputError, match="has no pairs of 'blimp'"):
        pairs_answer(play_run.folder, "blimp", Filter(), start=0)
    with pytest.raises(InputError, match="no predictions of 'mine'"):
        pairs_answer(play_run.folder, "grammar", Filter(right="mine"), start=0)
    damaged = Layout(tmp_path / "run")
    shutil.copytree(play_run.folder, damaged.folder)
    file = damaged.predictions("gpt2") / "grammar.jsonl"
    file.write_text(file.read_text("utf-8") + '{"UID": "x"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"grammar.jsonl:4 does not say which item"):
        pairs_answer(damaged.folder, "grammar", Filter(), start=0)
