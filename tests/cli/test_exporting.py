"""`babyllama export` refuses what it cannot do before any work, and prints what was compared."""

import pytest
from commands import babyllama, refused
from random_models import random_model, variant

from babyllama.publish import export
from babyllama.recipe import load_recipe, to_yaml


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    return random_model("llama", variant(tokenizer), tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def no_work(monkeypatch):
    """Exports that must not begin."""
    monkeypatch.delattr(export, "export_gguf")
    monkeypatch.delattr(export, "export_onnx")


@pytest.fixture
def calls(monkeypatch):
    """What is exported, without doing it."""
    made = []
    for name in ("export_gguf", "export_onnx"):
        monkeypatch.setattr(export, name, lambda *a, **k: made.append((a, k)) or ["compared"])
    return made


def test_a_model_is_exported_and_the_comparison_printed(calls, model, tmp_path):
    printed = babyllama("export", model, tmp_path / "a.gguf", "--to", "gguf", "--type", "q8_0")
    assert "compared" in printed
    assert printed.endswith("a.gguf")
    assert calls == [
        (
            (model, tmp_path / "a.gguf"),
            {"kind": "q8_0", "allow_different_text": False, "text": None},
        )
    ]


def test_a_folder_without_a_manifest_is_exported_with_a_warning(calls, model, tmp_path):
    printed = babyllama("export", model, tmp_path / "a.onnx", "--to", "onnx")
    assert "has no manifest" in printed
    assert len(calls) == 1


@pytest.mark.usefixtures("no_work")
def test_an_existing_place_is_refused(model, tmp_path):
    (tmp_path / "a.gguf").touch()
    assert "a.gguf exists" in refused("export", model, tmp_path / "a.gguf", "--to", "gguf")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("a", "--to", "gguf"), "a does not end in .gguf"),
        (("a.gguf", "--to", "onnx"), "a.gguf ends in .gguf, and --to onnx writes ONNX"),
        (("a.gguf", "--to", "gguf", "--ensemble"), "an ensemble cannot be exported to GGUF"),
        (("a", "--to", "onnx", "--type", "f16"), "--type is for --to gguf only"),
        (("a", "--to", "onnx", "--allow-different-text"), "is for --to gguf only"),
        (("a", "--to", "onnx", "--mean-of", "logits"), "--mean-of needs --ensemble"),
        (("a", "--to", "onnx", "--ensemble"), "--ensemble needs two models or more"),
        (("a", "--to", "onnx", "--text", "nowhere.txt"), "nowhere.txt"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_what_cannot_be_done_is_refused_first(model, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused("export", model, *options)


@pytest.mark.usefixtures("no_work")
def test_two_models_without_ensemble_are_refused(model, tmp_path):
    said = refused("export", model, model, tmp_path / "a", "--to", "onnx")
    assert "2 models are given, and one can be exported" in said


@pytest.mark.usefixtures("no_work")
def test_a_model_that_is_not_there_is_refused(tmp_path):
    assert "nowhere" in refused("export", tmp_path / "nowhere", tmp_path / "a", "--to", "onnx")


@pytest.mark.usefixtures("no_work")
def test_a_run_is_refused_as_a_model(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text(to_yaml(load_recipe("mini")))
    said = refused("export", tmp_path / "run", tmp_path / "a.gguf", "--to", "gguf")
    assert "is a run, not a model" in said
    assert f"Its models: {tmp_path / 'run' / 'teachers' / 'llama'}, " in said


def test_several_models_are_averaged_as_told(calls, model, tmp_path):
    options = ("--to", "onnx", "--ensemble", "--mean-of", "probabilities")
    babyllama("export", model, model, tmp_path / "a.onnx", *options)
    ((folders, _), named) = calls[0]
    assert folders == [model, model]
    assert named["mixing"].mean_of == "probabilities"
