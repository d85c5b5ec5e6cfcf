"""Alt texts have the main numbers of a figure."""

import numpy as np

from babyllama.report.alt_texts import (
    of_kl,
    of_losses,
    of_overfitting,
    of_runs,
    of_tokens,
    of_unknown,
    of_words,
)
from babyllama.runs.run import read_run


def test_losses_are_those_of_the_best_epoch(make_run):
    run = read_run(make_run(items=10))
    curves = {name: run.model(name).curve.dev_cross_entropy for name in ("distilled", "twin")}
    lowest = {name: (f"{own.min():.3f}", own.argmin() + 1) for name, own in curves.items()}
    loss, epoch = lowest["twin"]
    assert f"twin {loss} after epoch {epoch} of 10" in of_losses(run)
    assert "llama" in of_losses(run)
    assert f"twin {loss} after epoch {epoch} of 10, {curves['twin'][-1]:.3f} after the last" in (
        of_overfitting(run)
    )
    assert "llama" not in of_overfitting(run)
    twin = run.model("twin")
    assert of_runs([("twin, one", twin)]).endswith(f": twin, one {loss} after epoch {epoch} of 10")
    kl = run.model("distilled").curve.kl
    assert of_kl(run) == (
        f"KL from the teachers during training, in nats per token: distilled {kl[0]:.3f} at first "
        f"and {kl[-1]:.3f} at last"
    )


def test_words_and_tokens_are_counted():
    counted = {"words": 1200, "types": 40, "ranks": [[1, 90.0], [2, 50.0]]}
    assert of_words({"domains": {"talk": counted}, "total": counted, "every": 1}) == (
        "How words are spread: talk 1,200 words of 40 types, the most frequent 90 times; all 1,200 "
        "words of 40 types, the most frequent 90 times"
    )
    assert of_words({}) == "How words are spread"
    assert of_tokens(np.array([5, 0, 1000, 7])) == (
        "How often the token of each rank occurs: the first 1,000 times; the one in the middle, "
        "rank 2, 7; the last, rank 3, 5"
    )


def test_of_many_domains_some_are_read_aloud():
    shares = {one: dict.fromkeys("abcdef", 0.25) for one in "abcdef"}
    found = of_unknown(shares)
    assert found.startswith("Running words that a domain lacks: 25% of a in b; ")
    assert found.endswith("; and others")
    assert "of a in a" not in found
