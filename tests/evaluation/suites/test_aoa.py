"""Age of acquisition by both pipelines' rules, with words and children made up here."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.aoa import loo_errors

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
    for text, message in (("{", "is not JSON"), ('{"a": 1}', "is not a list of objects")):
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
    with pytest.raises(InputError, match=r"has no word_list\.csv"):
        SUITE.read(tmp_path)
