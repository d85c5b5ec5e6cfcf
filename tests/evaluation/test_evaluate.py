"""The stage: folders of models and files of pairs in, one JSON and a line a pair out."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from plain_likelihoods import assert_near, near

from babyllama.errors import InputError
from babyllama.evaluation import evaluate as evaluation
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import load_scorer, log_likelihoods

PAIRS = [
    ("The cat sees a dog.", "The cat see a dog."),
    ("A dog sees the cats.", "A dog the sees cats."),
    ("Where is the ball?", "Where is the ball?"),
]


@pytest.fixture
def pairs(tmp_path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    for uid, chosen in (("agreement", PAIRS[:1]), ("order", PAIRS[1:])):
        lines = [{"sentence_good": good, "sentence_bad": bad} for good, bad in chosen]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{uid}.jsonl").write_text(text, encoding="utf-8")
    return folder


def evaluate(*arguments, **options):
    """The result as its file holds it."""
    return evaluation.evaluate(*arguments, **options).written()


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_model_is_scored_and_every_item_written(teachers, pairs, tokens, tmp_path):
    result = evaluate(
        teachers[:1], {"pairs": pairs}, name="llama", rules="honest", tokens=tokens, window=16,
        predictions=tmp_path / "deep" / "predictions",
    )  # fmt: skip
    assert [*result] == ["model", "rules", "dev", "benchmarks"]
    assert result["model"] == "llama"
    assert result["rules"] == {
        "name": "honest", "context": "<s>", "leading_space": False, "ties": "a tie counts half",
        "average": "mean over UIDs", "dtype": "float32",
        "likelihood": "log-likelihood, summed over tokens",
    }  # fmt: skip
    lines = read_lines(tmp_path / "deep" / "predictions" / "pairs.jsonl")
    assert [(line["sentence_good"], line["sentence_bad"]) for line in lines] == PAIRS
    assert lines[2]["correct"] == 0.5
    scorer = load_scorer(teachers[:1], rules_named("honest"), device=torch.device("cpu"))
    ours = [[line["log_likelihood_good"], line["log_likelihood_bad"]] for line in lines]
    alone = np.reshape([log_likelihoods(scorer, [s])[0] for pair in PAIRS for s in pair], (-1, 2))
    assert_near(ours, alone)
    assert result["benchmarks"]["pairs"]["n"] == 3


def test_two_benchmarks_get_what_each_gets_alone(teachers, pairs, tmp_path):
    whole = {"all": pairs, "one": pairs / "order.jsonl"}
    together = evaluate(teachers, whole, name="e", rules="2025", predictions=tmp_path / "p")
    for name, path in whole.items():
        alone = evaluate(
            teachers, {name: path}, name="e", rules="2025", predictions=tmp_path / "alone"
        )
        assert alone["benchmarks"][name] == together["benchmarks"][name]
        own, shared = (read_lines(tmp_path / into / f"{name}.jsonl") for into in ("alone", "p"))
        assert len(own) == len(shared)
        for one, other in zip(own, shared, strict=True):
            close = {k: near(v) for k, v in other.items() if type(v) is float}
            assert one == {**other, **close}
    assert "dev" not in together
    assert together["rules"]["context"] is None


def test_benchmarks_are_read_before_any_model(tmp_path, pairs):
    benchmarks = {"good": pairs, "missing": tmp_path / "nothing"}
    with pytest.raises(InputError, match=r"nothing.* does not exist"):
        evaluate([tmp_path / "no model"], benchmarks, name="x", rules="honest")


def test_unknown_rules_come_first(tmp_path):
    with pytest.raises(InputError, match="unknown rules 'fair'"):
        evaluate([tmp_path], {"b": tmp_path}, name="x", rules="fair")


def test_a_benchmark_name_with_a_slash_is_refused(teachers, pairs):
    with pytest.raises(InputError, match="'a/b' cannot be a file's name"):
        evaluate(teachers, {"a/b": pairs}, name="x", rules="honest")


def test_dev_windows_longer_than_the_positions_are_refused(teachers, tokens):
    with pytest.raises(InputError, match="64 positions, the dev windows have 128 tokens"):
        evaluate(teachers[1:], {}, name="gpt2", rules="honest", tokens=tokens)


def test_tokens_of_another_tokenizer_are_refused(teachers, tokens, tmp_path):
    foreign = shutil.copytree(tokens, tmp_path / "foreign")
    stream = np.fromfile(foreign / "dev.bin", dtype=np.uint16)
    stream[3] = 9999
    stream.tofile(foreign / "dev.bin")
    with pytest.raises(InputError, match="holds token 9999, but llama knows only 0 to"):
        evaluate(teachers[:1], {}, name="llama", rules="honest", tokens=foreign, window=16)


def test_suites_of_other_kinds_are_scored_beside_pairs(teachers, pairs, tmp_path):
    wugs = [{"sentences": f"The cat is {w}ity.\tThe cat is {w}ness.", "ratio": r}
            for w, r in (("dax", 0.2), ("wug", 0.9), ("blick", 0.5), ("fep", 0.4))]  # fmt: skip
    (tmp_path / "wug.jsonl").write_text("".join(json.dumps(line) + "\n" for line in wugs))
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "tales.txt").write_text("The cat sees a dog.\n\nA dog sees the cats.\n")
    benchmarks = {"wug_adj": tmp_path / "wug.jsonl", "own": pairs, "perplexity": tmp_path / "dev"}
    result = evaluate(
        teachers[:1], benchmarks, name="m", rules="honest", predictions=tmp_path / "p"
    )
    found = result["benchmarks"]
    assert [*found] == [*benchmarks]
    assert [each["unit"] for each in found.values()] == [
        "spearman x 100", "percent", "bits a byte"]  # fmt: skip
    for each in found.values():
        assert each["interval"][0] <= each["score"] <= each["interval"][1]
        assert {"chance", "higher_is_better", "items", "n", "stderr"} <= each.keys()
    scorer = load_scorer(teachers[:1], rules_named("honest"), device=torch.device("cpu"))
    nats = -log_likelihoods(scorer, ["The cat sees a dog.", "A dog sees the cats."]).sum()
    assert found["perplexity"]["score"] == near(nats / (19 + 20) / math.log(2))


def test_a_misspelt_benchmark_is_refused_before_any_model_is_loaded(pairs, tmp_path):
    with pytest.raises(InputError, match=r"benchmark blmip not found(.|\n)*blimp"):
        evaluate([tmp_path / "none"], {"blmip": pairs}, name="m", rules="honest")


def test_what_limits_a_score_is_in_the_result(teachers, tmp_path):
    row = {"UID": "u", "linguistics_term": "t", "sentence_good": "the cat", "sentence_bad": "cat a"}
    rows = [row, row | {"sentence_bad": "the cat"}, row | {"sentence_good": "the cat " * 40}]
    text = "".join(json.dumps(each) + "\n" for each in rows)
    (tmp_path / "u.jsonl").write_text(text, encoding="utf-8")
    found = evaluate(
        teachers[:1], {"blimp": tmp_path}, name="m", rules="honest", truncate=True
    )["benchmarks"]["blimp"]  # fmt: skip
    assert found["part"] == {"uids": 1, "of_uids": 67, "items": 3, "of_items": 67_000}
    assert (found["ties"], found["unknown"]) == (1, 0)
    cut = found["cut"]
    assert (cut["texts"], cut["of_texts"], cut["of_tokens"] - cut["tokens"] > 64) == (1, 6, True)
    own = evaluate(teachers[:1], {"own": tmp_path}, name="m", rules="honest", truncate=True)
    assert "part" not in own["benchmarks"]["own"]
