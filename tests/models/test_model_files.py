"""A model folder's files run no code, name nothing elsewhere, and hold possible values."""

import json

import pytest
import torch
from safetensors.torch import save_file

from babyllama.errors import InputError
from babyllama.models.model_files import (
    StoredTensor,
    read_config,
    read_tensors,
    refuse_unusable,
    stored_tensors,
)

CONFIG = {"model_type": "llama", "vocab_size": 20, "num_hidden_layers": 2}


def write(folder, config=CONFIG, *, weights="model.safetensors", index=None, generation=None):
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "config.json").write_text(text)
    if weights:
        save_file({"a": torch.ones(2, 3), "b": torch.ones(1, dtype=torch.int64)}, folder / weights)
    if index is not None:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    return folder


def refused(folder):
    with pytest.raises(InputError) as raised:
        refuse_unusable(folder)
    assert len(str(raised.value)) < 600
    return str(raised.value)


def test_a_usable_folder_is_read_by_its_headers(tmp_path):
    refuse_unusable(write(tmp_path, generation={"temperature": 0.7, "transformers_version": "4.2"}))
    assert stored_tensors(tmp_path) == {
        "a": StoredTensor("F32", [2, 3]), "b": StoredTensor("I64", [1])
    }  # fmt: skip
    assert read_tensors(tmp_path).keys() == {"a", "b"}


def test_files_that_are_missing_are_named(tmp_path):
    assert "has no config.json" in refused(tmp_path)
    write(tmp_path, weights="")
    assert "has no weights" in refused(tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    assert "pickle only: pytorch_model.bin" in refused(tmp_path)


def test_damaged_weights_are_named(tmp_path):
    weights = write(tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:50])
    assert "model.safetensors is cut short or damaged" in refused(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "generation_config.json"])
def test_git_lfs_pointers_are_named_with_the_command_that_downloads_them(tmp_path, name):
    write(tmp_path, generation={})
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    said = refused(tmp_path)
    assert f"{name} is a git-lfs pointer" in said
    assert "git lfs pull" in said


@pytest.mark.parametrize(
    "name",
    ["weights.bin", "../good/model.safetensors", "/tmp/model.safetensors", "deep/a.safetensors", 5],
)
def test_an_index_names_safetensors_of_its_own_folder_alone(tmp_path, name):
    write(tmp_path, weights="part.safetensors", index={"a": "part.safetensors", "b": name})
    assert f"index.json: b is in {json.dumps(name)}" in refused(tmp_path)


def test_a_good_index_is_followed_and_a_missing_file_named(tmp_path):
    write(tmp_path, weights="part.safetensors", index={"a": "part.safetensors"})
    refuse_unusable(tmp_path)
    write(tmp_path, weights="", index={"a": "other.safetensors"})
    assert "names other.safetensors, which is missing" in refused(tmp_path)
    write(tmp_path, weights="", index={})
    assert "has no weight_map" in refused(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "holds a list, not an object"),
        ("3", "holds 3, not an object"),
        ("{", "Expecting property name"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"vocab_size": ' + "1" * 5_000 + "}", "cannot be read"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(tmp_path, text, said):
    write(tmp_path, text)
    message = refused(tmp_path)
    assert "config.json cannot be read" in message
    assert said in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bos_token_id", -1), ("eos_token_id", [2, -3]), ("bos_token_id", "1"),
        ("pad_token_id", 0.0), ("bos_token_id", True), ("eos_token_id", {}),
        ("num_hidden_layers", 1e7), ("vocab_size", 0), ("hidden_size", "128"), ("n_layer", -2),
        ("max_position_embeddings", [4]), ("transformers_weights", "other.safetensors"),
        ("attn_implementation", "someone/kernel"),
    ],
)  # fmt: skip
def test_a_value_that_no_model_has_is_named_with_its_field(tmp_path, name, value):
    write(tmp_path, CONFIG | {name: value})
    assert f"config.json: {name} is " in refused(tmp_path)


def test_more_layers_than_weights_are_refused_before_they_are_built(tmp_path):
    write(tmp_path, CONFIG | {"num_hidden_layers": 10**7})
    assert "num_hidden_layers is 10000000, but the weights are 2 tensors" in refused(tmp_path)


@pytest.mark.parametrize(
    ("generation", "said"),
    [
        ({"temperature": "0.7"}, 'temperature is "0.7"'),
        ({"max_new_tokens": "20"}, 'max_new_tokens is "20"'),
        ({"bos_token_id": "one"}, 'bos_token_id is "one"'),
        ({"eos_token_id": -1}, "eos_token_id is -1"),
        ([1], "cannot be read"),
    ],
)
def test_settings_of_generation_are_checked_as_well(tmp_path, generation, said):
    write(tmp_path, generation=generation)
    message = refused(tmp_path)
    assert "generation_config.json" in message
    assert said in message


def test_code_of_a_model_is_refused_even_if_the_library_has_a_class_of_its_own(tmp_path):
    write(tmp_path, CONFIG | {"auto_map": {"AutoModelForCausalLM": "modeling.Mine"}})
    said = refused(tmp_path)
    assert 'auto_map is {"AutoModelForCausalLM": "modeling.Mine"}' in said
    assert "babyllama never runs" in said


def test_an_adapter_is_refused(tmp_path):
    write(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "../other"}')
    assert "adapter of peft" in refused(tmp_path)


def test_values_in_messages_have_bounded_length(tmp_path):
    write(tmp_path, CONFIG | {"vocab_size": "x" * 100_000})
    refused(tmp_path)
    assert read_config(write(tmp_path)) == CONFIG
