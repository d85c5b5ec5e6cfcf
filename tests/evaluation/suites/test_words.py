"""Wug tests, LAMBADA and perplexity, with rows made up here and values worked out by hand."""

import math
import re

import numpy as np
import pytest
from scipy.stats import spearmanr

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for

# --- wugs ---------------------------------------------------------------------------------------


def wugs(*ratios):
    return [{"sentences": f"a {i}ity\ta {i}ness", "ratio": r} for i, r in enumerate(ratios)]


@pytest.mark.parametrize("name", ["wug_adj", "wug_past"])
def test_wugs_are_ranked_as_people_rank_them(write, score, name):
    suite = suite_for(name)
    items = suite.read(write({"w.jsonl": wugs(0.1, 0.4, 0.6, 0.9)}))
    assert suite.texts(items, rules_named("2025"))[:2] == [Text("a 0ity"), Text("a 0ness")]
    # Shares 1/4, 1/2, 1/3, 3/4: ranks 1, 3, 2, 4 beside 1, 2, 3, 4; rho = 1 - 6 * 2 / 60.
    odds = [math.log(1 / 3), 0.0, math.log(1 / 2), math.log(3)]
    facts, lines = score(suite, items, [v for each in odds for v in (each - 5, -5)])
    assert facts["score"] == pytest.approx(80)
    assert [line["share"] for line in lines] == pytest.approx([1 / 4, 1 / 2, 1 / 3, 3 / 4])
    assert (facts["unit"], facts["chance"], facts["n"]) == ("spearman x 100", 0, 4)
    assert len(facts["replicates"]) == 1000


def test_wug_scores_are_scipys_and_their_interval_holds_them(write, score):
    generator = np.random.default_rng(5)
    ratios = generator.random(60).round(1)
    suite = suite_for("wug_adj")
    items = suite.read(write({"w.jsonl": wugs(*ratios.tolist())}))
    values = -generator.gamma(2, 2, 120) + np.repeat(ratios, 2) * np.tile([3, 0], 60)
    facts, lines = score(suite, items, values.tolist())
    shares = [line["share"] for line in lines]
    assert facts["score"] == pytest.approx(100 * spearmanr(shares, ratios)[0])
    assert facts["interval"][0] < facts["score"] < facts["interval"][1]
    # Large differences keep their order although their shares round to 1.
    far = [v for i in range(60) for v in (-1.0, -100.0 - i)]
    assert score(suite, items, far)[0]["score"] == pytest.approx(
        100 * spearmanr(np.arange(60), ratios)[0]
    )


def test_a_model_that_prefers_nothing_orders_nothing(write, score):
    items = suite_for("wug_adj").read(write({"w.jsonl": wugs(0.1, 0.5, 0.9)}))
    assert score(suite_for("wug_adj"), items, [-1.0] * 6)[0]["score"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sentences": "only one"}, r"w\.jsonl:1: sentences holds 1, not 2 parted by a tab"),
        ({"sentences": "a\tb\tc"}, "sentences holds 3"),
        ({"ratio": 1.5}, r"ratio is 1\.5, not a share"),
        ({"ratio": None}, "ratio is None, not a number"),
    ],
)
def test_a_broken_wug_is_named_by_file_and_line(write, change, message):
    with pytest.raises(InputError, match=message):
        suite_for("wug_adj").read(write({"w.jsonl": [wugs(0.5)[0] | change]}))


# --- LAMBADA ------------------------------------------------------------------------------------


def test_lambada_counts_words_all_of_whose_tokens_are_the_likeliest(write, said):
    suite = suite_for("lambada")
    items = suite.read(write({"l.jsonl": [{"text": "he said\nto her"}, {"text": "as it was"}]}))
    assert suite.texts(items, rules_named("honest")) == [
        Text(" her", "he said\nto"), Text(" was", "as it"),
    ]  # fmt: skip
    answers = said([[-1.0, -2.0], [-0.5]], is_top=[[True, False], [True]])
    result, lines = suite.scores(items, answers, rules_named("honest"))
    facts = result.written()
    assert facts["score"] == 50
    assert facts["perplexity"] == pytest.approx(math.exp((3 + 0.5) / 2))
    assert facts["subtasks"]["lambada"]["decisions"] == "01"
    assert [line["log_likelihood"] for line in lines] == [-3, -0.5]


@pytest.mark.parametrize("text", ["one", "ends with a space ", " x"])
def test_a_passage_without_a_last_word_is_refused(write, text):
    with pytest.raises(InputError, match=r"l\.jsonl:1: text has no last word after a space"):
        suite_for("lambada").read(write({"l.jsonl": [{"text": text}]}))


# --- perplexity ---------------------------------------------------------------------------------


def test_bits_a_byte_and_nats_a_token_by_domain(tmp_path, said):
    (tmp_path / "talk.dev").write_text("yes\n\nno no\n", encoding="utf-8")
    (tmp_path / "tales.txt").write_text("Bär", encoding="utf-8")
    suite = suite_for("perplexity")
    items = suite.read(tmp_path)
    assert [(item.domain, item.text) for item in items] == [
        ("tales", "Bär"), ("talk", "yes"), ("talk", "no no"),
    ]  # fmt: skip
    result, _ = suite.scores(items, said([[-1, -1], [-3], [-2, -3]]), rules_named("honest"))
    facts = result.written()
    tales, talk = facts["subtasks"]["tales"], facts["subtasks"]["talk"]
    assert (tales["bytes"], talk["bytes"]) == (4, 8)
    assert tales["score"] == pytest.approx(2 / 4 / math.log(2))
    assert talk["score"] == pytest.approx(8 / 8 / math.log(2))
    assert talk["nats_per_token"] == pytest.approx(8 / 3)
    assert talk["perplexity"] == pytest.approx(math.exp(8 / 3))
    assert facts["score"] == pytest.approx(10 / 12 / math.log(2))
    assert facts["aggregates"]["domains"] == pytest.approx((tales["score"] + talk["score"]) / 2)
    assert (facts["higher_is_better"], facts["chance"], facts["tokens"]) == (False, 8, 5)


def test_stretches_are_cut_between_words_and_lose_nothing_but_white_space(tmp_path):
    generator = np.random.default_rng(2)
    words = ["ü" * int(n) for n in generator.integers(1, 40, 400)] + ["x" * 700, "y"]
    spaces = generator.choice([" ", "\n", "  ", "\n\n"], len(words), p=[0.8, 0.1, 0.05, 0.05])
    text = "".join(w + s for w, s in zip(words, spaces, strict=True))
    (tmp_path / "d.txt").write_text("\n\n \n" + text, encoding="utf-8")
    items = suite_for("perplexity").read(tmp_path)
    assert [word for item in items for word in item.text.split()] == words
    sizes = [len(item.text.encode()) for item in items]
    assert sorted(sizes)[-2] <= 256
    assert max(sizes) == 700
    assert all(item.text == item.text.strip() and "\n\n" not in item.text for item in items)
    # Within a document each is as long as it can be: the next word would not fit.
    texts = iter([item.text for item in items])
    for document in filter(str.strip, re.split(r"\n\s*\n", text)):
        rest = document.strip()
        while rest:
            stretch = next(texts)
            assert rest.startswith(stretch)
            following = re.match(r"\s+\S+", rest[len(stretch) :])
            rest = rest[len(stretch) :].strip()
            assert not following or len((stretch + following[0]).encode()) > 256
    assert next(texts, None) is None


def test_a_long_domain_is_read_in_a_thousand_stretches_evenly_spread(tmp_path):
    (tmp_path / "d.txt").write_text("\n\n".join(map(str, range(2500))), encoding="utf-8")
    found = [int(item.text) for item in suite_for("perplexity").read(tmp_path)]
    assert len(found) == 1000
    assert set(np.diff(found)) == {2, 3}
