"""Age of acquisition by the pipeline of 2025: curves over checkpoints, against children's."""

import gzip
import json
import math

import numpy as np
import pytest

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.aoa_2025 import (
    acquisition,
    child_age,
    model_age,
    read_children,
    sigmoid,
)

LATE = suite_for("aoa_2025")
MONTHS = np.arange(16, 31)
SEEN = [10**6 * n for n in (1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 50, 70, 100)]


def shares(middle, slope=0.6):
    rising = sigmoid(MONTHS.astype(float), 1.0, slope, middle, 0.0)
    return list(zip(MONTHS.tolist(), rising.tolist(), strict=True))


def curve(middle, chance, *, least=3.0, contexts=(0.0,)):
    """Minus surprisal as a sigmoid that crosses half-way between chance and `least` at `middle`."""
    x = np.log10(np.array(SEEN) + 1.0)
    rising = -sigmoid(x, chance - least, 6.0, middle, -chance)
    return [(s, n + c) for s, n in zip(SEEN, rising.tolist(), strict=True) for c in contexts]


def test_a_child_knows_a_word_where_half_of_them_say_it():
    assert child_age(shares(22.5)) == pytest.approx(22.5, abs=0.01)
    assert child_age(shares(40.0)) is None
    assert child_age(shares(22.5)[:2]) is None
    assert child_age([(16, 0.0)] * 0) is None


@pytest.mark.parametrize(
    ("name", "chance"), [("2025", math.log2(300_000)), ("honest", math.log(300_000))]
)
def test_a_model_knows_a_word_half_way_between_chance_and_its_least_surprisal(name, chance):
    age = model_age(curve(6.8, chance), rules_named(name))
    assert age == pytest.approx(6.8, abs=0.03)
    assert model_age(curve(9.5, chance), rules_named(name)) is None
    assert model_age([(s, 5.0) for s in SEEN], rules_named(name)) is None
    assert model_age(curve(6.8, chance)[:2], rules_named(name)) is None


def test_contexts_are_points_under_2025_and_averaged_otherwise():
    spread = curve(6.8, math.log(300_000), contexts=(-2.0, 2.0))
    assert model_age(spread, rules_named("honest")) == pytest.approx(6.8, abs=0.03)
    # The least surprisal is that of one context, and the chance level is in bits, not nats.
    threshold = (math.log2(300_000) + 3.0 - 2.0) / 2
    share = (math.log(300_000) - threshold) / (math.log(300_000) - 3.0)
    expected = 6.8 + math.log(share / (1 - share)) / 6.0
    assert expected < 6.7
    assert model_age(spread, rules_named("2025")) == pytest.approx(expected, abs=0.03)


def lines_at(curves):
    return {
        seen: [
            {"word": word, "surprisal": nats}
            for word, points in curves.items() for s, nats in points if s == seen
        ]
        for seen in SEEN
    }  # fmt: skip


def test_acquisition_correlates_the_ages_of_words_that_both_learn():
    middles = {"a dog": (6.4, 18.0), "moon": (6.6, 24.0), "see": (6.9, 21.0), "of": (7.3, 27.0)}
    chance = math.log(300_000)
    curves = {word: curve(model, chance) for word, (model, _) in middles.items()}
    curves["never"] = curve(9.9, chance)
    children = {word: shares(child) for word, (_, child) in middles.items()}
    children |= {"never": shares(20.0)}
    facts = acquisition(lines_at(curves), children, rules_named("honest")).written()
    expected = np.corrcoef(np.array(list(middles.values())).T)[0, 1]
    assert facts["score"] == pytest.approx(100 * expected, abs=2)
    assert (facts["n"], facts["words_asked"]) == (4, 5)
    assert facts["words"]["moon"]["child"] == pytest.approx(24, abs=0.01)
    json.dumps(facts, allow_nan=False)


def test_fewer_than_three_words_are_no_correlation():
    curves = {"moon": curve(6.6, math.log(300_000))}
    facts = acquisition(lines_at(curves), {"moon": shares(20.0)}, rules_named("honest")).written()
    assert (facts["score"], facts["n"]) == (0.0, 1)


def test_one_checkpoint_gives_the_surprisal_of_words_in_contexts(tmp_path, score):
    words = {"dog": [{"context": "I see a "}, {"context": ""}], "a": [{"context": "see"}]}
    (tmp_path / "cdi_childes.json").write_text(json.dumps(words), encoding="utf-8")
    items = LATE.read(tmp_path)
    assert LATE.texts(items, rules_named("2025")) == [Text("dog", "I see a "), Text("dog")]
    facts, lines = score(LATE, items, [-3.0, -5.0])
    assert facts["score"] == 4
    assert [(line["word"], line["surprisal"]) for line in lines] == [("dog", 3), ("dog", 5)]


@pytest.mark.parametrize("text", ["{", "[1]", '{"dog": ["x"]}', '{"dog": {"context": "x"}}'])
def test_contexts_of_another_form_are_refused(tmp_path, text):
    (tmp_path / "cdi.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"cdi\.json"):
        LATE.read(tmp_path)


def test_children_are_read_from_either_table(tmp_path):
    ages = ",".join(f'"{age}"' for age in range(16, 31))
    row = ",".join(["0.1", "NA", *["0.5"] * 13])
    for column in ("word", "definition"):
        text = f'"id","{column}",{ages}\n1,"dog",{row}\n2,"dog",{row}\n'
        (tmp_path / "cdi.csv.gz").write_bytes(gzip.compress(text.encode()))
        children = read_children(tmp_path / "cdi.csv.gz")
        assert list(children) == ["dog"]
        assert children["dog"][:2] == [(16, 0.1), (18, 0.5)]


def test_the_published_children_have_680_words(data):
    children = read_children(data / "benchmarks" / "aoa" / "child_american_english_proportions.csv")
    assert len(children) == 680
    assert child_age(children["dog"]) is None  # two in three say it at 16 months already
    assert 20 < child_age(children["moon"]) < 24


def test_utterances_give_contexts_too_at_most_twenty_a_word(write):
    rows = [{"sent": f"a dog {i} dog", "words": ["a", "dog"]} for i in range(30)]
    items = LATE.read(write({"childes.jsonl": rows}))
    assert {item.word for item in items} == {"dog"}
    assert [item.before for item in items[:3]] == ["a", "a dog 1", "a"]
    assert len(items) == 20
