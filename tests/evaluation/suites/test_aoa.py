"""Age of acquisition by both pipelines' rules, with words and children made up here."""

import gzip
import json
import math

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.aoa import loo_errors
from babyllama.evaluation.suites.aoa_2025 import (
    acquisition,
    child_age,
    model_age,
    read_children,
    sigmoid,
)

SUITE = suite_for("aoa")
NAMES = ("nouns", "function_words", "predicates")
HEADER = "language,lexical_category,category,definition,word_clean,aoa,concreteness,frequency\n"


def write_words(folder, words, utterances):
    lines = [
        f"English,{category},x,{word},{word},{months},{concreteness},{frequency}\n"
        for word, category, months, concreteness, frequency in words
    ]
    (folder / "word_list.csv").write_text(HEADER + "".join(lines), encoding="utf-8")
    rows = [json.dumps({"sent": sent, "words": listed}) + "\n" for sent, listed in utterances]
    (folder / "childes.jsonl").write_text("".join(rows), encoding="utf-8")
    return folder


FEW = [("dog", "nouns", 18, 4.9, 90), ("see", "predicates", 22, 3.1, 300),
       ("a", "function_words", 27, 1.4, 5000), ("moon", "nouns", 20, 4.8, 40),
       ("see", "nouns", 25, 3.1, 300)]  # fmt: skip


def test_a_word_is_asked_for_where_it_stands_and_once_more_behind_itself(tmp_path):
    utterances = [("a dog's dog sees a.", ["a", "dog", "see"]), ("see a dog", ["see"])]
    items = SUITE.read(write_words(tmp_path, FEW, utterances))
    assert [(item.word, item.category) for item in items] == [
        ("dog", "nouns"), ("see", "predicates"), ("a", "function_words"), ("see", "nouns"),
    ]  # fmt: skip
    texts = SUITE.texts(items, rules_named("honest"))
    assert texts[:4] == [
        Text(" dog", "a"), Text(" dog", "a dog"),
        Text(" dog", "a dog's"), Text(" dog", "a dog's dog"),
    ]  # fmt: skip
    assert texts[4:6] == [Text("see", ""), Text(" see", "see")]
    assert texts[6:10] == [
        Text("a", ""), Text(" a", "a"),
        Text(" a", "a dog's dog sees"), Text(" a", "a dog's dog sees a"),
    ]  # fmt: skip


def many(seed=0, count=60):
    generator = np.random.default_rng(seed)
    return [
        (f"w{i}w", NAMES[i % 3], round(float(generator.normal(22, 3)), 2),
         round(float(generator.uniform(1, 5)), 2), int(generator.integers(5, 9000)))
        for i in range(count)
    ]  # fmt: skip


def left_out_one_by_one(words, surprisal):
    """The pipeline's eleven predictors and a regression without each word, as plain as can be."""
    frequency = np.array([word[4] for word in words])
    unigram = -np.log(frequency / frequency.sum())[:, None]
    rest = surprisal - LinearRegression().fit(unigram, surprisal).predict(unigram)
    scaled = np.column_stack([[word[3] for word in words], rest, unigram])
    scaled = (scaled - scaled.mean(axis=0)) / scaled.std(axis=0)
    dummies = np.array([[word[1] == name for name in NAMES[1:]] for word in words], float)
    crossed = [dummies[:, [i]] * scaled for i in range(2)]
    X, y = np.hstack([dummies, scaled, *crossed]), np.array([word[2] for word in words])
    assert X.shape[1] == 11
    errors = []
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        errors.append(y[i] - LinearRegression().fit(X[others], y[others]).predict(X[[i]])[0])
    return np.array(errors)


def test_scores_are_those_of_leaving_out_one_word_after_another(tmp_path, score):
    words = many()
    utterances = [(f"x {word[0]} y {word[0]}", [word[0]]) for word in words]
    items = SUITE.read(write_words(tmp_path, words, utterances))
    nats = np.random.default_rng(1).gamma(3, 2, size=(60, 2, 2))  # words, uses, meant and coded
    meant, coded = nats.mean(axis=1).T
    expected = {
        "as_meant": np.abs(left_out_one_by_one(words, meant)),
        "as_coded": np.abs(left_out_one_by_one(words, coded)),
    }
    for name, which in (("honest", "as_meant"), ("2023", "as_coded"), ("2025", "as_meant")):
        facts, lines = score(SUITE, items, (-nats).reshape(-1).tolist(), name)
        assert facts["score"] == pytest.approx(expected[which].mean())
        assert facts["aggregates"] == pytest.approx({k: v.mean() for k, v in expected.items()})
        assert facts["subtasks"]["predicates"]["score"] == pytest.approx(
            expected[which][2::3].mean()
        )
        assert [line["error_in_months"] for line in lines] == pytest.approx(expected[which])
    assert facts["n"] == 60
    assert (facts["unit"], facts["higher_is_better"]) == ("months", False)
    assert facts["chance"] == pytest.approx(np.abs(loo_errors(items, None)).mean())
    assert len(facts["replicates"]) == 1000


def test_surprisal_that_tells_the_age_lowers_the_error(tmp_path, score):
    words = many()
    items = SUITE.read(write_words(tmp_path, words, [(f"x {w[0]}", [w[0]]) for w in words]))
    knows = [-word[2] for word in words for _ in range(2)]
    facts, _ = score(SUITE, items, knows)
    assert facts["score"] < 0.2 * facts["chance"]


def test_the_published_list_of_utterances_is_read_too(tmp_path):
    utterances = [("a dog", ["a", "dog"]), ("see it", ["see"])]
    folder = write_words(tmp_path, FEW, utterances)
    expected = SUITE.read(folder)
    (folder / "childes.jsonl").unlink()
    whole = [{"sent": sent, "words": words} for sent, words in utterances]
    (folder / "sent_words.json").write_text(json.dumps(whole), encoding="utf-8")
    assert SUITE.read(folder) == expected
    (folder / "sent_words.json").write_text('[{"sent": "x"}]', encoding="utf-8")
    with pytest.raises(InputError, match=r"sent_words\.json\[0\]: has no words"):
        SUITE.read(folder)
    for text, message in (("{", "is not JSON"), ('{"a": 1}', "is no list of objects")):
        (folder / "sent_words.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            SUITE.read(folder)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (("dog", "verbs", 18, 4.9, 90), r"word_list\.csv:2: lexical_category is 'verbs'"),
        (("dog", "nouns", "soon", 4.9, 90), r":2: aoa is 'soon', not a number"),
        (("dog", "nouns", 18, 4.9, 0), r":2: frequency is 0"),
        (("dog", "nouns", 18, 4.9, 90), "the utterances hold no words of some category"),
    ],
)
def test_a_broken_word_list_is_refused(tmp_path, word, message):
    with pytest.raises(InputError, match=message):
        SUITE.read(write_words(tmp_path, [word], [("a dog", ["a", "dog"])]))


def test_utterances_without_a_word_list_are_refused(tmp_path):
    (write_words(tmp_path, FEW, [("a dog", ["dog"])]) / "word_list.csv").unlink()
    with pytest.raises(InputError, match=r"holds no word_list\.csv"):
        SUITE.read(tmp_path)


# --- 2025 ---------------------------------------------------------------------------------------

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


def test_utterances_give_contexts_too_at_most_twenty_a_word(tmp_path):
    utterances = [(f"a dog {i} dog", ["a", "dog"]) for i in range(30)]
    write_words(tmp_path, FEW, utterances)
    items = LATE.read(tmp_path)
    assert {item.word for item in items} == {"dog"}
    assert [item.before for item in items[:3]] == ["a", "a dog 1", "a"]
    assert len(items) == 20


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
