import json
import shutil

import pytest
from random_models import random_model

from babyllama.data.tokenizer import load_tokenizer, train_tokenizer
from babyllama.errors import InputError
from babyllama.models.given import (
    check_model,
    check_tokenizer,
    folder_of,
    link_model,
    link_tokenizer,
    planned_teacher,
)
from babyllama.recipe import Given, TokenizerRecipe, TokensRecipe
from babyllama.runs.manifests import read_manifest, write_manifest

COMMIT = "0123456789" * 4


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("given") / "model"
    return random_model("llama", load_tokenizer(tokenizer), folder)


def given(path, revision=None):
    return Given(path=str(path), revision=revision)


def hub_folder(cache, source):
    """A commit of a hub's model, as the hub's library keeps it on disk."""
    folder = cache / "models--org--name" / "snapshots" / COMMIT
    shutil.copytree(source, folder)
    return folder


def test_a_models_files_are_linked_and_nothing_else_of_its_folder(model, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / "training.jsonl").write_text("")
    (folder / "chck_1M").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    facts = link_model(given(folder), out, "teachers.old")
    assert facts["given"] == str(folder)
    assert {path.name for path in out.iterdir()} >= {"config.json", "model.safetensors"}
    assert not {"training.jsonl", "chck_1M"} & {path.name for path in out.iterdir()}
    assert all(path.is_symlink() for path in out.iterdir())
    weights = planned_teacher(given(folder), "teachers.old").parameters()
    assert facts["parameters"] == sum(weight.numel() for weight in weights)


def test_a_folder_that_does_not_exist_is_named_with_its_field():
    with pytest.raises(InputError, match=r"teachers.old.path is '/nope'") as caught:
        folder_of(given("/nope"), "teachers.old")
    assert "teachers.old.revision" in caught.value.mend


def test_a_commit_in_the_hubs_cache_needs_no_network(model, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = hub_folder(tmp_path, model)
    assert folder_of(given("org/name", COMMIT), "teachers.old") == folder


def test_a_commit_that_cannot_be_fetched_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (hub_folder(tmp_path, model) / "model.safetensors").unlink()  # fetched in part
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download",
        lambda *_, local_files_only, **__: _offline() if not local_files_only else str(tmp_path),
    )
    with pytest.raises(InputError, match=r"teachers.old.path is 'org/name', which cannot be"):
        folder_of(given("org/name", COMMIT), "teachers.old")


def test_a_hub_that_does_not_answer_is_one_plain_message_without_retries(monkeypatch, caplog):
    def fetched(*_, local_files_only, **__):
        assert local_files_only, "the hub was asked for files although it did not answer"
        raise FileNotFoundError

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: _offline())
    with pytest.raises(InputError, match=rf"^org/name@{COMMIT} cannot be fetched") as caught:
        folder_of(given("org/name", COMMIT), "")
    assert "no network" in caught.value.why
    assert not caplog.records


def _offline():
    raise ConnectionError("no network")


def test_a_teacher_that_cannot_read_the_windows_is_refused(model, tokenizer):
    check_model(given(model), "teachers.old", window=64, tokenizer=tokenizer)
    with pytest.raises(InputError, match=r"teachers.old has \d+ positions, a window has 9999"):
        check_model(given(model), "teachers.old", window=9999, tokenizer=tokenizer)


def test_a_teacher_of_an_unknown_architecture_is_refused_with_its_file(model, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "none"}))
    with pytest.raises(InputError, match=r"config\.json cannot be used") as caught:
        check_model(given(folder), "teachers.old", window=8, tokenizer=None)
    assert "none" in caught.value.why


def test_a_teacher_that_is_no_language_model_is_refused(model, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(InputError, match=r"teachers.old .*model cannot be used"):
        planned_teacher(given(folder), "teachers.old")


def test_a_teacher_with_another_vocabulary_is_refused_and_its_tokenizer_offered(
    model, corpus, tmp_path
):
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=310), tmp_path)
    with pytest.raises(InputError, match="another vocabulary than the run's: token 310") as caught:
        check_model(given(model), "teachers.old", window=8, tokenizer=tmp_path)
    assert f"--set 'tokenizer={{path: {model}}}'" in caught.value.mend


def test_a_tokenizer_without_the_tokens_of_the_layout_is_refused(tokenizer, tmp_path):
    lines, stream = TokensRecipe(), TokensRecipe(layout="stream")
    assert check_tokenizer(given(tokenizer), lines) == 320
    library = load_tokenizer(tokenizer)
    library.bos_token = None
    library.save_pretrained(tmp_path)
    assert check_tokenizer(given(tmp_path), stream) == 320
    with pytest.raises(InputError, match="no token for the start or the end"):
        check_tokenizer(given(tmp_path), lines)


def test_a_change_of_a_linked_file_is_noticed(tokenizer, tmp_path):
    folder, out = shutil.copytree(tokenizer, tmp_path / "tokenizer"), tmp_path / "out"
    out.mkdir()
    facts = link_tokenizer(given(folder), out, "tokenizer")
    assert facts["vocab_size"] == 320
    content = {"stage": "given", "version": 1, "recipe": {}, "inputs": {}, "seed": 0}
    write_manifest(out, content, leave_out=())
    from babyllama.runs.manifests import damaged

    manifest = read_manifest(out)
    assert list(damaged(out, manifest, changed_only=True)) == []
    with (folder / "tokenizer.json").open("a") as file:
        file.write(" ")
    (line,) = damaged(out, manifest, changed_only=True)
    assert line.startswith(f"{out / 'tokenizer.json'} has")
