"""Wug tests, ranked as people rank them."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for


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
        ({"sentences": "only one"}, r"w\.jsonl:1: sentences holds 1, not 2 separated by a tab"),
        ({"sentences": "a\tb\tc"}, "sentences holds 3"),
        ({"ratio": 1.5}, r"ratio is 1\.5, not a share"),
        ({"ratio": None}, "ratio is None, not a number"),
    ],
)
def test_a_broken_wug_is_named_by_file_and_line(write, change, message):
    with pytest.raises(InputError, match=message):
        suite_for("wug_adj").read(write({"w.jsonl": [wugs(0.5)[0] | change]}))
