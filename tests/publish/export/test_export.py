"""Folders are exported complete, or refused before the work."""

import json
import shutil

import pytest
from random_models import random_model, variant

from babyllama.errors import InputError
from babyllama.publish import export
from babyllama.publish.export import check_gguf, export_gguf, export_onnx, onnx_graph


@pytest.mark.parametrize(("to", "package"), [("gguf", "gguf"), ("onnx", "onnx")])
def test_a_missing_package_names_the_extra(monkeypatch, to, package):
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=f"--to {to} needs {package}") as refused:
        export.refuse_missing_packages(to)
    assert refused.value.mend == "Run: pip install 'babyllama[export]'"


def test_a_file_that_differs_is_not_kept(llama, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise InputError("llama.cpp's logits differ")

    monkeypatch.setattr(check_gguf, "check_gguf", refuse)
    with pytest.raises(InputError, match="differ"):
        export_gguf(llama, tmp_path / "a.gguf")
    assert list(tmp_path.iterdir()) == []


def test_other_text_is_exported_only_on_request(tokenizer, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check_gguf, "check_gguf", lambda *_, **__: ["compared"])
    library = variant(tokenizer)
    library.add_tokens(["babyllama"])
    folder = random_model("llama", library, tmp_path / "model")
    with pytest.raises(InputError, match="'babyllama'"):
        export_gguf(folder, tmp_path / "a.gguf")
    assert export_gguf(folder, tmp_path / "a.gguf", allow_different_text=True) == ["compared"]
    assert "llama.cpp gives other tokens: it has added tokens" in " ".join(
        capsys.readouterr().err.split()
    )


@pytest.fixture
def ready_graph(graph, monkeypatch):
    """The graph that is there already, instead of seconds of work."""
    monkeypatch.setattr(onnx_graph, "write_onnx", lambda path, *_: shutil.copy(graph, path))


@pytest.mark.usefixtures("ready_graph")
def test_an_ensemble_is_one_graph_with_the_tokenizer(llama, gpt2, tmp_path):
    said = export_onnx([llama, gpt2], tmp_path / "both")
    assert said[-1] == "opset 18; batch and sequence have any size; no cache"
    files = {str(p.relative_to(tmp_path / "both")) for p in (tmp_path / "both").rglob("*.*")}
    assert files == {"onnx/model.onnx", "tokenizer.json", "tokenizer_config.json"}


def test_a_configuration_is_copied_without_a_path(llama, tmp_path, monkeypatch):
    folder = shutil.copytree(llama, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"_name_or_path": str(tmp_path)}))
    monkeypatch.setattr(onnx_graph, "write_onnx", lambda path, *_: path.touch())
    from babyllama.publish.export import check_onnx

    monkeypatch.setattr(check_onnx, "check_onnx", lambda *_, **__: [])
    export_onnx([folder], tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == config


def test_a_graph_too_large_for_one_file_is_refused(llama, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graph, "LARGEST_FILE", 100)
    with pytest.raises(InputError, match="larger than 2 GB"):
        export_onnx([llama], tmp_path / "a.onnx")
