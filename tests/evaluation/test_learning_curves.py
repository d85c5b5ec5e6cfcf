"""A point is scored once and kept; it is scored again if it is damaged or its model changes."""

import json
import shutil

import pytest

from babyllama.cli import app
from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation import learning_curves
from babyllama.evaluation.evaluate import evaluate
from babyllama.evaluation.suites.aoa_2025 import acquisition
from babyllama.recipe import to_json, to_yaml
from babyllama.runs.files import hash_file
from tests.random_models import random_model

PAIRS = [("The cat sees a dog.", "The cat see a dog."), ("Where is the ball?", "Where the ball?")]
POINTS = ("chck_1K", "chck_2500", "chck_1M", "")


def finish(home, **facts):
    """The manifest of a model folder, as training writes it."""
    files = {
        path.relative_to(home).as_posix(): {"sha256": hash_file(path), "size": path.stat().st_size}
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    key = {"stage": "pretraining", "version": 1, "recipe": {}, "inputs": {}, "seed": 0}
    (home / "manifest.json").write_text(json.dumps({**key, "files": files, "facts": facts}))


@pytest.fixture(scope="module")
def made_run(tokenizer, tiny_recipe, tmp_path_factory):
    """A run of random models: two that kept checkpoints, one that did not."""
    run = tmp_path_factory.mktemp("curves") / "run"
    loaded = load_tokenizer(tokenizer)
    for seed, name in enumerate(("students/distilled", "students/twin", "teachers/llama")):
        for number, point in enumerate(POINTS if seed < 2 else [""]):
            random_model("llama", loaded, run / name / point, seed=10 * seed + number)
        (run / name / "training.jsonl").write_text(
            "".join(
                json.dumps({"step": step, "epoch": epoch, "dev_cross_entropy": 1.0}) + "\n"
                for epoch, step in ((1, 50), (2, 100))
            )
        )
        finish(run / name, words_seen=3_000_000, steps=100, epochs=2, best_epoch=1)
    (run / "recipe.yaml").write_text(to_yaml(tiny_recipe))
    lines = [{"sentence_good": good, "sentence_bad": bad} for good, bad in PAIRS]
    (run.parent / "pairs.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    return run


@pytest.fixture
def run(made_run, tmp_path):
    shutil.copytree(made_run.parent, tmp_path / "all")
    return tmp_path / "all" / "run"


@pytest.fixture
def scored(monkeypatch):
    """The folders that are scored from now on."""
    folders = []

    def counting(models, *arguments, **more):
        folders.extend("/".join(model.parts[-2:]) for model in models)
        return evaluate(models, *arguments, **more)

    monkeypatch.setattr(learning_curves, "evaluate", counting)
    return folders


def curve(run, **more):
    benchmarks = {"pairs": run.parent / "pairs.jsonl"}
    return learning_curves.learning_curves(run, benchmarks, rules="honest", **more)


def test_every_checkpoint_is_scored_once_and_as_evaluate_scores_it(run, scored):
    points = curve(run)
    assert [(p.place.model, p.place.point, p.place.words) for p in points[:4]] == [
        ("distilled", "chck_1K", 1_000), ("distilled", "chck_2500", 2_500),
        ("distilled", "chck_1M", 1_000_000), ("distilled", "final", 1_500_000),
    ]  # fmt: skip
    assert len(points) == len(scored) == 9
    alone = evaluate([run / "students/distilled/chck_1M"], {"pairs": run.parent / "pairs.jsonl"},
                     name="x", rules="honest")  # fmt: skip
    assert points[2].scores["score"] == alone.benchmarks["pairs"].score
    assert curve(run) == points
    assert len(scored) == 9


def test_damaged_points_other_models_and_other_data_are_scored_again(run, scored):
    first = curve(run, models=["distilled"])
    scored.clear()
    file = run / "curves/distilled/chck_1K/pairs.json"
    file.write_text(file.read_text().replace('"n": 2', '"n": 3'))
    (run / "curves/distilled/chck_2500/pairs.json").write_text("{")
    shutil.copy(run / "students/twin/model.safetensors", run / "students/distilled/chck_1M")
    (run / "students/distilled/manifest.json").unlink()
    finish(run / "students/distilled", words_seen=3_000_000, steps=100, epochs=2, best_epoch=1)
    again = curve(run, models=["distilled"])
    assert scored == ["distilled/chck_1K", "distilled/chck_2500", "distilled/chck_1M"]
    assert again[:2] == first[:2]
    scored.clear()
    with (run.parent / "pairs.jsonl").open("a") as pairs:
        pairs.write('{"sentence_good": "A dog sees.", "sentence_bad": "A dogs sees."}\n')
    assert [point.scores["n"] for point in curve(run, models=["distilled"])] == [3] * 4
    assert len(scored) == 4


def test_ages_of_acquisition_come_from_the_predictions_at_checkpoints(run, scored):
    contexts = {word: [{"context": "A dog sees"}] for word in ("cats", "snow", "apples")}
    (run.parent / "contexts.json").write_text(json.dumps(contexts))
    benchmarks = {"aoa_2025": run.parent / "contexts.json"}
    points = learning_curves.learning_curves(
        run, benchmarks, rules="2025", models=["distilled", "twin"]
    )
    found = learning_curves.acquisitions(run, points, {}, rules="2025")
    assert found["twin"].words_asked == 3
    lines = (run / "curves/twin/chck_1K/aoa_2025.jsonl").read_text().splitlines()
    assert [json.loads(line)["word"] for line in lines] == list(contexts)
    assert json.loads((run / "curves/twin/acquisition.json").read_text())["n"] == 0
    (run / "curves/twin/chck_1K/aoa_2025.jsonl").write_text("")
    scored.clear()
    learning_curves.learning_curves(run, benchmarks, rules="2025", models=["twin"])
    assert scored == ["twin/chck_1K"]
    assert acquisition({}, {}, learning_curves.rules_named("2025")).n == 0


def test_what_cannot_be_drawn_is_refused_before_anything_is_scored(run, scored, tiny_recipe):
    with pytest.raises(InputError, match="no model llana"):
        curve(run, models=["llana"])
    with pytest.raises(InputError, match="has no checkpoints") as refused:
        curve(run, models=["llama"])
    assert "--set teachers.llama.training.word_checkpoints=babylm" in str(refused.value)
    with pytest.raises(InputError, match="gpt2 is trained yet"):
        curve(run, models=["gpt2"])
    recipe = json.loads(to_json(tiny_recipe))
    recipe["teachers"]["gpt2"] = {"path": "elsewhere/gpt2"}  # has no training log
    (run / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    with pytest.raises(InputError, match="no model gpt2") as refused:
        curve(run, models=["gpt2"])
    assert refused.value.mend == "Choose from distilled, twin, llama."
    with pytest.raises(InputError, match="is not a run"):
        curve(run / "students")
    (run.parent / "pairs.jsonl").write_text('{"sentence_good": "A dog."}\n')
    with pytest.raises(InputError, match="sentence_bad"):
        curve(run)
    assert scored == []


def test_the_command_prints_a_table_and_says_where(run, capsys):
    pairs = f"pairs={run.parent / 'pairs.jsonl'}"
    arguments = ["curves", str(run), "--benchmark", pairs, "--model", "twin"]
    app(arguments, standalone_mode=False)
    printed = capsys.readouterr().out
    assert "words seen" in printed
    assert "1,500,000" in printed
    assert f"Points: {run / 'curves'}" in printed


def test_the_command_prints_the_points_as_json(run, capsys):
    arguments = ["curves", str(run), "--benchmark", f"pairs={run.parent / 'pairs.jsonl'}"]
    app([*arguments, "--model", "twin", "--json"], standalone_mode=False)
    printed = json.loads(capsys.readouterr().out)
    assert {point["place"]["model"] for point in printed["points"]} == {"twin"}
    words = [point["place"]["words"] for point in printed["points"]]
    assert words == sorted(words)
    assert 1_500_000 in words
    assert all("score" in point["scores"] for point in printed["points"])
