"""What a run will take, and how `signal: auto` is decided."""

import shutil

import numpy as np
import pytest
import torch

from babyllama.pipeline import planning
from babyllama.pipeline.planning import plan, resolve_signal
from babyllama.pipeline.stages import stages
from babyllama.recipe import OnlineSignal, Recipe, SampledSignal, load_recipe, to_yaml
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import write_manifest


def changed(recipe, students=None, **signal):
    tree = recipe.model_dump(mode="json")
    tree["signal"] = {"kind": "auto", **signal}
    for name, value in (students or {}).items():
        tree["students"]["distilled"][name] = value
    return Recipe.model_validate(tree)


HEADS = 4 * 320 * (16 + 24)  # both heads in float32


@pytest.fixture
def disk(monkeypatch):
    """Sets how many bytes are free."""

    def free(number):
        monkeypatch.setattr(
            planning.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(number, 0, number)
        )

    return free


@pytest.mark.parametrize(
    ("free", "kind", "form"),
    [
        (10**9, "hidden", {"precision": "bfloat16", "bytes_per_token": None}),
        (400_000, "hidden", {"precision": "int8"}),
        (300, "online", {}),
    ],
)
def test_auto_takes_the_most_exact_form_that_half_of_the_disk_holds(
    tiny_recipe, tmp_path, disk, free, kind, form
):
    disk(free)  # about 3,000 tokens of 40 numbers: 240 kB in bfloat16, 120 in 8 bits
    recipe, why = resolve_signal(changed(tiny_recipe), tmp_path)
    assert recipe.signal.kind == kind
    assert all(getattr(recipe.signal, name) == value for name, value in form.items())
    assert why.startswith(f"signal {kind}: ")


def test_auto_codes_states_where_eight_bits_do_not_fit(disk, tmp_path):
    recipe = load_recipe("strict-small", ("signal={kind: auto}",))
    disk(10**10)  # 15M tokens: 77 GB in bfloat16, 38 in 8 bits, 1 coded
    recipe, why = resolve_signal(recipe, tmp_path)
    assert recipe.signal.bytes_per_token == 64
    assert "the students read the text 6 times; stored once (64 bytes per token), the" in why


def test_auto_stores_nothing_that_is_read_once(tiny_recipe, tmp_path):
    training = tiny_recipe.students["distilled"].training.model_dump(mode="json")
    recipe, why = resolve_signal(
        changed(tiny_recipe, {"training": {**training, "epochs": 1}}), tmp_path
    )
    assert recipe.signal.kind == "online"
    assert why == "signal online: the students read the text once, storing takes 1"


def test_auto_runs_the_teachers_for_jittered_windows(tiny_recipe, tmp_path):
    training = tiny_recipe.students["distilled"].training.model_dump(mode="json")
    recipe, why = resolve_signal(
        changed(tiny_recipe, {"training": {**training, "windows": {"kind": "jittered"}}}), tmp_path
    )
    assert recipe.signal.kind == "online"
    assert "jittered" in why


def test_a_run_keeps_what_was_decided_although_its_disk_has_filled(tiny_recipe, tmp_path, disk):
    disk(10**9)
    first, _ = resolve_signal(changed(tiny_recipe), tmp_path)
    (tmp_path / "recipe.yaml").write_text(to_yaml(first))
    disk(300)
    again, why = resolve_signal(changed(tiny_recipe), tmp_path)
    assert again == first
    assert why == f"signal hidden: as in {tmp_path / 'recipe.yaml'}"
    other, _ = resolve_signal(changed(tiny_recipe, mean_of="probabilities"), tmp_path)
    assert other.signal.kind == "online"  # another ensemble: decided anew


def test_a_kept_decision_gives_way_to_windows_that_it_cannot_serve(tiny_recipe, tmp_path):
    first, _ = resolve_signal(changed(tiny_recipe), tmp_path)
    (tmp_path / "recipe.yaml").write_text(to_yaml(first))
    training = tiny_recipe.students["distilled"].training.model_dump(mode="json")
    recipe, _ = resolve_signal(
        changed(tiny_recipe, {"training": {**training, "windows": {"kind": "jittered"}}}), tmp_path
    )
    assert recipe.signal.kind == "online"


def test_auto_keeps_how_the_teachers_are_mixed(tiny_recipe, tmp_path):
    recipe, _ = resolve_signal(changed(tiny_recipe, weights=[0.3, 0.7]), tmp_path)
    assert recipe.signal.weights == (0.3, 0.7)


@pytest.mark.parametrize(
    "signal",
    [
        {"kind": "hidden"},
        {"kind": "hidden", "precision": "int8"},
        {"kind": "hidden", "bytes_per_token": 8},
        {"kind": "topk", "k": 3, "temperatures": [1.0, 2.0, 4.0]},
        {"kind": "sampled", "k": 3, "temperatures": [2.0]},
    ],
)
def test_a_plan_knows_what_a_token_will_take(tiny_recipe, teachers, tokens, signal):
    from babyllama.data.windows import Windows
    from babyllama.models.ensemble import load_ensemble
    from babyllama.recipe import parse_stored_signal
    from babyllama.signals.kinds import kind_of, sizes_of

    ensemble = load_ensemble(teachers, device=torch.device("cpu"))
    batch = Windows(tokens, "train", 16).read(np.arange(40))
    recipe = parse_stored_signal(signal, "here")
    states = ensemble.states(batch.input_ids).flatten(0, 1)
    made = kind_of(recipe).fit(recipe, ensemble.mixture, states)
    planned = sizes_of(recipe, planning.teacher_shapes(tiny_recipe))
    stored = made.encode(states, torch.arange(len(states)))
    assert sum(tensor.nbytes for tensor in stored.values()) == len(states) * planned.bytes_per_token
    assert made.sizes.bytes_per_token == planned.bytes_per_token


def test_auto_asks_students_that_learn_from_text_alone_as_well(tiny_recipe, tmp_path):
    tree = changed(tiny_recipe).model_dump(mode="json")
    other = {**tree["students"]["distilled"], "alpha": 1.0}
    other["training"] = {**other["training"], "windows": {"kind": "jittered"}}
    tree["students"]["other"] = other
    assert resolve_signal(Recipe.model_validate(tree), tmp_path)[0].signal.kind == "online"


def test_a_plan_counts_the_passes_of_shifted_windows_and_the_form_of_the_signal(
    tiny_recipe, tmp_path
):
    tree = tiny_recipe.model_dump(mode="json")
    sizes = {}
    for form in ({}, {"precision": "int8"}, {"bytes_per_token": 8}):
        tree["signal"] = {"kind": "hidden", **form}
        one = plan(Recipe.model_validate(tree), tmp_path)
        sizes[(one.signal_bytes - HEADS) / one.train_tokens] = form
    assert sorted(sizes) == [8, 44, 80]
    tree["students"]["distilled"]["training"]["windows"] = {"kind": "shifted", "passes": 4}
    four = plan(Recipe.model_validate(tree), tmp_path)
    assert four.signal_bytes == 4 * 8 * four.train_tokens + HEADS


def test_a_plan_counts_teachers_for_the_students_that_need_them(tiny_recipe, tmp_path):
    stored = plan(tiny_recipe, tmp_path)
    memory = {each.name: each.memory for each in stored.models}
    assert memory["distilled"].teachers > 0
    assert memory["twin"].teachers == memory["llama"].teachers == 0
    online = changed(tiny_recipe).model_copy(update={"signal": OnlineSignal(kind="online")})
    beside = {each.name: each.memory for each in plan(online, tmp_path).models}["distilled"]
    weights = sum(4 * each.parameters for each in stored.models[:2])
    assert beside.teachers == memory["distilled"].teachers + weights
    sampled = SampledSignal(kind="sampled", k=3, temperatures=(2.0,))
    few = plan(tiny_recipe.model_copy(update={"signal": sampled}), tmp_path).models[2].memory
    assert few.teachers == 0
    assert few.loss == memory["twin"].loss  # no logits of teachers


@pytest.mark.parametrize("damage", ["", None, "{"])
def test_a_plan_does_not_need_the_tokens_that_are_made_again(tiny_recipe, tmp_path, damage):
    folder = Layout(tmp_path).tokens
    folder.mkdir()
    made = next(stage for stage in stages(tiny_recipe, tmp_path) if stage.out == folder).key()
    (folder / "tokens.json").write_text("{}")
    write_manifest(folder, made | {"facts": {"train_tokens": 1234}}, leave_out=())
    (folder / "tokens.json").unlink()
    if damage is not None:
        (folder / "tokens.json").write_text(damage)
    assert plan(tiny_recipe, tmp_path).train_tokens == 1234


def test_tokens_of_another_text_are_not_counted(tiny_recipe, tmp_path):
    folder = Layout(tmp_path).tokens
    folder.mkdir()
    made = next(stage for stage in stages(tiny_recipe, tmp_path) if stage.out == folder).key()
    changed_key = {**made, "inputs": {**made["inputs"], "corpus": "another"}}
    write_manifest(folder, changed_key | {"facts": {"train_tokens": 1234}}, leave_out=())
    assert plan(tiny_recipe, tmp_path).train_tokens != 1234


def test_sam_takes_two_passes(tiny_recipe, tmp_path):
    setting = {"training": {"optimizer": {"kind": "sam"}}}
    tree = tiny_recipe.model_dump(mode="json")
    tree["teachers"]["llama"]["training"] |= setting["training"]
    plain, sam = plan(tiny_recipe, tmp_path), plan(Recipe.model_validate(tree), tmp_path)
    assert sam.models[0].flops == 2 * plain.models[0].flops


def test_a_run_whose_recipe_is_damaged_keeps_its_signal(tmp_path):
    auto = load_recipe("mini", ("signal={kind: auto}",))
    folder = Layout(tmp_path).signal
    folder.mkdir()
    signal = {"kind": "hidden", "precision": "int8"}
    made = {"stage": "signal", "version": 2, "recipe": {"signal": signal}, "inputs": {}, "seed": 0}
    write_manifest(folder, made, leave_out=())
    Layout(tmp_path).recipe.write_text("seed: [")
    assert resolve_signal(auto, tmp_path)[0].signal.precision == "int8"


@pytest.mark.parametrize(
    ("kind", "tokens"), [("bpe", 250), ("unigram", 250), ("characters", 400), ("bytes", 1000)]
)
def test_tokens_of_text_without_spaces_are_estimated_from_its_size(
    tiny_recipe, tmp_path, kind, tokens
):
    for split in ("train", "dev"):
        (tmp_path / "text" / split).mkdir(parents=True)
        (tmp_path / "text" / split / "a.txt").write_text("狐狸跳a" * 100, encoding="utf-8")
    tree = tiny_recipe.model_dump(mode="json")
    tree["corpus"] = {"source": {"kind": "folder", "path": str(tmp_path / "text")}}
    tree["tokenizer"] = {"kind": kind, "vocab_size": 259 if kind == "bytes" else 320}
    recipe = type(tiny_recipe).model_validate(tree)
    assert plan(recipe, tmp_path / "run").train_tokens == tokens
