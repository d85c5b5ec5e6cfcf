"""A run's scores are kept while what decides them is the same, and never when damaged."""

import json
from pathlib import Path

import pytest

from babyllama.evaluation.of_run import evaluate_models, print_seen
from babyllama.evaluation.training_text import seen_shares
from babyllama.runs import artefact, manifests

PAIRS = '{"sentence_good": "The cat sees a dog.", "sentence_bad": "The cat see a dog."}\n'


@pytest.fixture
def line(teachers, tokens, tmp_path):
    """A function that makes or renews the evaluation of two teachers, and its folder."""
    (tmp_path / "pairs.jsonl").write_text(PAIRS)
    models = {path.name: [path] for path in teachers}
    out = tmp_path / "evaluation"

    def run(version=1, window=16):
        from babyllama.recipe import EvaluationRecipe

        def build(folder: Path):
            return evaluate_models(
                models, {"pairs": tmp_path / "pairs.jsonl"}, rules="honest", tokens=tokens,
                window=window, before=[out], out=folder,
            )  # fmt: skip

        stage = artefact.Stage("e", out, "evaluation", version, EvaluationRecipe(), {}, build)
        artefact.complete(stage)
        return stage

    return run, out


def scored(monkeypatch, *, kill_after=None):
    """The names of the models that are scored from now on; a kill comes once, before the next."""
    from babyllama.evaluation import of_run
    from babyllama.evaluation.evaluate import evaluate

    names = []

    kills = [KeyboardInterrupt()] if kill_after is not None else []

    def counting(*arguments, name, **more):
        if len(names) == kill_after and kills:
            raise kills.pop()
        names.append(name)
        return evaluate(*arguments, name=name, **more)

    monkeypatch.setattr(of_run, "evaluate", counting)
    return names


def test_what_has_not_changed_is_not_scored_again(line, monkeypatch):
    run, out = line
    run()
    before = (out / "llama.json").read_text()
    names = scored(monkeypatch)
    run(version=2)
    assert names == []
    assert (out / "llama.json").read_text() == before
    facts = manifests.read_manifest(out)["facts"]
    assert set(facts) == {"llama", "gpt2"}


def test_another_window_scores_all_again(line, monkeypatch):
    run, _ = line
    run()
    names = scored(monkeypatch)
    run(version=2, window=8)
    assert names == ["llama", "gpt2"]


def test_damaged_scores_are_made_again(line, monkeypatch):
    run, out = line
    run()
    result = json.loads((out / "llama.json").read_text())
    result["benchmarks"]["pairs"]["score"] = 99.0
    (out / "llama.json").write_text(json.dumps(result))
    names = scored(monkeypatch)
    run()
    assert names == ["llama"]
    assert json.loads((out / "llama.json").read_text())["benchmarks"]["pairs"]["score"] != 99.0


def test_damaged_predictions_are_made_again(line, monkeypatch):
    run, out = line
    run()
    before = (out / "predictions" / "gpt2" / "pairs.jsonl").read_bytes()
    (out / "predictions" / "gpt2" / "pairs.jsonl").write_bytes(before[:-9])
    names = scored(monkeypatch)
    run()
    assert names == ["gpt2"]
    assert (out / "predictions" / "gpt2" / "pairs.jsonl").read_bytes() == before


def test_a_kill_after_the_first_model_costs_only_the_second(line, monkeypatch):
    run, _ = line
    names = scored(monkeypatch, kill_after=1)
    with pytest.raises(KeyboardInterrupt):
        run()
    run()
    assert names == ["llama", "gpt2"]


def test_an_untrained_model_is_scored_once_beside_the_others(
    teachers, tokens, tmp_path, monkeypatch
):
    (tmp_path / "pairs.jsonl").write_text(PAIRS * 40)
    names = scored(monkeypatch)
    for folder in (tmp_path / "one", tmp_path / "two"):
        facts = evaluate_models(
            {"llama": [teachers[0]]}, {"pairs": tmp_path / "pairs.jsonl"}, rules="honest",
            tokens=tokens, window=16, before=[tmp_path / "one"], out=folder, untrained=teachers[0],
            seed=3,
        )  # fmt: skip
        assert [*facts] == ["llama", "untrained"]
        assert not [*(folder / "checkpoints").glob("*")]
    assert names == ["llama", "untrained"]
    llama, untrained = (
        json.loads((tmp_path / "two" / f"{name}.json").read_text())
        for name in ("llama", "untrained")
    )
    assert untrained["model"] == "untrained"
    assert untrained["dev"]["cross_entropy"] != llama["dev"]["cross_entropy"]


def test_a_result_says_how_much_of_a_benchmark_was_in_the_training_text(
    teachers, tokens, corpus, tmp_path, capsys
):
    pair = '{"sentence_good": "The cat sees Ж.", "sentence_bad": "The cat see Ж."}\n'
    (tmp_path / "pairs.jsonl").write_text(pair, encoding="utf-8")
    (tmp_path / "out").mkdir()
    evaluate_models(
        {"llama": [teachers[0]]}, {"pairs": tmp_path / "pairs.jsonl"}, rules="honest",
        tokens=tokens, window=16, before=[tmp_path / "before"], out=tmp_path / "out", corpus=corpus,
    )  # fmt: skip
    found = json.loads((tmp_path / "out" / "llama.json").read_text("utf-8"))
    seen = found["benchmarks"]["pairs"]["seen"]
    assert seen["characters"] == pytest.approx(100 * (1 - 2 / 23))
    assert 0 < seen["words"] <= 75
    assert "occur in" not in capsys.readouterr().err  # several processes may score the models
    print_seen(tmp_path / "out", "llama")
    said = " ".join(capsys.readouterr().err.split())
    assert "pairs: 91.3% of the characters and" in said
    assert "of the words occur in the training text" in said


def test_processes_that_score_models_read_the_training_text_once(
    teachers, tokens, corpus, tmp_path, monkeypatch
):
    from babyllama.evaluation import of_run

    reads = []

    def counting(texts, train):
        reads.append(train)
        return seen_shares(texts, train)

    monkeypatch.setattr(of_run, "seen_shares", counting)
    (tmp_path / "out").mkdir()

    def score(pairs):
        (tmp_path / "pairs.jsonl").write_text(pairs)
        shares = []
        for path in teachers:  # each in a process of its own
            evaluate_models(
                {path.name: [path]}, {"pairs": tmp_path / "pairs.jsonl"}, rules="honest",
                tokens=tokens, window=16, before=[tmp_path / "before"], out=tmp_path / "out",
                corpus=corpus,
            )  # fmt: skip
            found = json.loads((tmp_path / "out" / f"{path.name}.json").read_text("utf-8"))
            shares.append(found["benchmarks"]["pairs"]["seen"])
        return shares

    first, second = score(PAIRS)
    assert first == second
    assert reads == [corpus / "train"]
    assert score(PAIRS.replace("cat", "zzyzx"))[1]["words"] < first["words"]
    assert len(reads) == 2
