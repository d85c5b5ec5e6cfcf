"""A run's folder as plain data, finished or not."""

import json

import numpy as np
import pytest

from babyllama.errors import InputError
from babyllama.recipe import to_yaml
from babyllama.runs.artefact import Stage, complete
from babyllama.runs.layout import Layout
from babyllama.runs.run import main_student, read_run, twin_of

LOG = [
    {"step": 5, "epoch": 0.5, "loss": 5.0, "cross_entropy": 4.0},
    {"step": 10, "epoch": 1.0, "loss": 4.0, "cross_entropy": 3.0},
    {"step": 10, "epoch": 1, "dev_cross_entropy": 3.5},
]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture
def layout(tiny_recipe, tmp_path):
    found = Layout(tmp_path / "run")
    found.folder.mkdir()
    found.recipe.write_text(to_yaml(tiny_recipe))
    return found


@pytest.fixture
def finish(tiny_recipe):
    """Makes a finished stage of some JSON files; .jsonl files get a line an entry."""

    def make(out, **files):
        def build(folder):
            for name, value in files.items():
                name = name.replace("_", "/").replace("0", ".")
                lines = "".join(json.dumps(line) + "\n" for line in value)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(lines if ".jsonl" in name else json.dumps(value))
            return {"words_seen": 1000}

        complete(Stage(out.name, out, out.name, 1, tiny_recipe.tokenizer, {}, build))

    return make


def result(score):
    return {"benchmarks": {"pairs": {"score": score}, "blimp": {"score": score}}}


def test_a_folder_that_is_not_a_run_or_has_nothing_finished_is_refused(layout, tmp_path):
    with pytest.raises(InputError, match="is not a run"):
        read_run(tmp_path)
    with pytest.raises(InputError, match="nothing to report") as refused:
        read_run(layout.folder)
    assert refused.value.mend.endswith(f"babyllama run {layout.folder}")


def test_a_run_that_was_stopped_lists_what_is_missing(layout, finish):
    finish(layout.corpus, stats0json={"train": {}})
    finish(layout.teacher("llama"), training0jsonl=LOG)
    run = read_run(layout.folder)
    assert run.missing == (
        "source", "tokenizer", "tokens", "teacher gpt2", "signal", "student distilled",
        "student twin", "evaluation",
    )  # fmt: skip
    assert (run.corpus, run.entropy, run.frontier) == ({"train": {}}, {}, ())
    assert list(run.stages) == ["corpus"]


def test_models_have_roles_training_and_scores(layout, finish):
    finish(layout.teacher("llama"), training0jsonl=LOG)
    finish(layout.student("distilled"))
    for name in ("llama", "ensemble", "distilled"):
        write(layout.scores(name), result(61.25))
    run = read_run(layout.folder)
    assert {model.name: model.role for model in run.models} == {
        "llama": "teacher", "gpt2": "teacher", "ensemble": "ensemble", "distilled": "student",
        "twin": "twin",
    }  # fmt: skip
    llama, twin = run.model("llama"), run.model("twin")
    assert llama.facts == {"words_seen": 1000}
    assert llama.benchmarks["pairs"] == {"score": 61.25}
    np.testing.assert_array_equal(llama.curve.cross_entropy, [4.0, 3.0])
    np.testing.assert_array_equal(llama.curve.dev_epochs, [1.0])
    assert (twin.manifest, twin.evaluation, twin.curve) == ({}, {}, None)
    assert main_student(run) is run.model("distilled")
    assert twin_of(run, "distilled") is twin
    assert run.model("llana") is twin_of(run, "llana") is None
    assert run.benchmarks == ["blimp", "pairs"]
    assert "evaluation of twin" in run.missing


def test_a_damaged_manifest_makes_a_stage_missing(layout, finish):
    finish(layout.corpus)
    finish(layout.tokens)
    (layout.tokens / "manifest.json").write_text("{")
    run = read_run(layout.folder)
    assert list(run.stages) == ["corpus"]
    assert "tokens" in run.missing
