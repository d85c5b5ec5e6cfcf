"""Damage in what a run's readers read is named, with commands that mend it."""

import json

import pytest

from babyllama.errors import InputError
from babyllama.recipe import load_recipe, to_yaml
from babyllama.runs.manifests import MANIFEST, write_manifest
from babyllama.runs.undamaged import refuse_damaged

KEY = {"stage": "x", "version": 1, "recipe": {}, "inputs": {}, "seed": 0, "facts": {}}
FILES = ("tokens/tokens.json", "evaluation/twin.json", "evaluation/predictions/twin/x.jsonl",
         "teachers/llama/training.jsonl", "corpus/stats.json", "signal/fidelity.json",
         "signal/frontier.json")  # fmt: skip


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "my run"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps({"of": name}))
    (folder / "recipe.yaml").write_text(to_yaml(load_recipe("mini")), encoding="utf-8")
    for stage in ("tokens", "evaluation", "teachers/llama", "corpus", "signal"):
        write_manifest(folder / stage, KEY, leave_out=())
    return folder


def refusal(run):
    with pytest.raises(InputError) as refused:
        refuse_damaged(run, "babyllama report RUN")
    return str(refused.value)


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def flip(path):
    path.write_bytes(path.read_bytes().replace(b"of", b"ox"))


def remove(path):
    path.unlink()


def restructure(path):
    path.write_text("[]")


# Without a readable manifest a folder is unfinished, which is no damage; one that is cut is.
DAMAGES = [(file, damage) for file in FILES for damage in (cut, flip, remove, restructure)]
DAMAGES += [(f"{folder}/{MANIFEST}", cut) for folder in ("evaluation", "teachers/llama")]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_damage_is_named_before_anything_is_shown(run, name, damage):
    refuse_damaged(run, "babyllama report RUN")
    damage(run / name)
    text = refusal(run)
    assert name in text
    assert f"babyllama verify '{run}'" in text
    assert f"babyllama run '{run}'" in text


def test_weights_and_the_report_are_not_read(run):
    (run / "teachers/llama/model.safetensors").write_text("weights")
    write_manifest(run / "teachers/llama", KEY, leave_out=())
    (run / "teachers/llama/model.safetensors").write_text("other")
    refuse_damaged(run, "babyllama report RUN")
