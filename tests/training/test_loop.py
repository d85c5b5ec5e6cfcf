"""The loop: it learns, and goes on to the same bits from wherever it was killed."""

import os
import signal as signals
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from small_trainings import SPEED, Cut, cut_at, dev_of, lines, run, same, text_loss, with_training

from babyllama.console import Interrupted
from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.models.build import flops_per_token
from babyllama.training.compilation import can_compile
from babyllama.training.folder import start_model
from babyllama.training.gradient import Gradients
from babyllama.training.pretraining import pretrain

MUON = {"kind": "muon", "weight_decay": 0.1}
SAM = {"kind": "sam", "rho": 0.05}
SHIFTED = {"windows": {"kind": "shifted", "passes": 2}, "schedule": {"kind": "linear"}}
JITTERED = {"windows": {"kind": "jittered"}, "schedule": {"kind": "wsd", "decay": 0.3}}
EMA = {"average": {"kind": "ema", "decay": 0.9}}
LAST = {"average": {"kind": "last", "epochs": 2}}
ACCUMULATED = {"micro_batch_size": 8}
RECOMPUTED = {"activation_checkpointing": True}
# Whatever a choice is, both models meet it, and each optimiser most others.
KINDS = {
    "adamw": {},
    "adamw, shifted, last epochs": SHIFTED | LAST | ACCUMULATED,
    "muon, jittered, ema": {"optimizer": MUON} | JITTERED | EMA | RECOMPUTED,
    "sam, bfloat16, ema": {"optimizer": SAM, "precision": "bfloat16"} | SHIFTED | EMA,
    "sam around muon, accumulation": (
        {"optimizer": SAM | {"around": MUON}} | JITTERED | LAST | ACCUMULATED
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["llama", "gpt2"])  # the GPT-2 has dropout
def test_a_killed_run_goes_on_to_the_same_bits(
    kind, name, tiny_recipe, tokens, tokenizer, tmp_path
):
    changes = {"batch_size": 32, "checkpoint_every": 5, **KINDS[kind]}
    part = with_training(tiny_recipe.pretraining(name), **changes)
    a_step = 4 if "micro_batch_size" in changes else 1  # calls of the loss
    a_step *= 2 if "sam" in kind else 1
    facts, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    for steps in (1, 8, 18):  # before a checkpoint, after one, in a later epoch
        with pytest.raises(Cut):
            run(part, tokens, tokenizer, tmp_path / "cut", cut_at(steps * a_step + 1))
    facts_again, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    assert same(whole, resumed)
    assert same(*(load_file(tmp_path / f / "model.safetensors") for f in ("whole", "cut")))
    decided = ("dev_cross_entropy", "best_epoch", "best_is_averaged", "words_seen")
    assert [facts[each] for each in decided] == [facts_again[each] for each in decided]
    logged = [
        [{k: v for k, v in line.items() if k not in SPEED} for line in lines(tmp_path / folder)]
        for folder in ("whole", "cut")
    ]
    assert logged[0] == logged[1]


def test_a_run_cut_at_every_step_goes_on_to_the_same_bits(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("gpt2"), batch_size=64, checkpoint_every=1)
    _, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    cuts = 0
    while True:
        try:
            _, resumed = run(part, tokens, tokenizer, tmp_path / "cut", cut_at(1))
            break
        except Cut:
            cuts += 1
    steps = [line for line in lines(tmp_path / "whole") if "loss" in line]
    assert cuts == len(steps) - 1  # a step a life
    assert same(whole, resumed)


def test_a_process_killed_by_sigkill_goes_on_to_the_same_bits(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining("gpt2"), batch_size=32, checkpoint_every=3)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    pretrain(part, tokens, tokenizer, tmp_path / "whole", seed=1)
    script = (
        "import os, signal, sys, pathlib\n"
        "from babyllama.training.checkpoints import Checkpoints\n"
        "from babyllama.training.pretraining import pretrain\n"
        "from babyllama.recipe import PretrainingRecipe\n"
        "save = Checkpoints.save\n"
        "def save_and_die(checkpoints, progress):\n"
        "    save(checkpoints, progress)\n"
        "    if progress.step >= 9: os.kill(os.getpid(), signal.SIGKILL)\n"
        "Checkpoints.save = save_and_die\n"
        "part = PretrainingRecipe.model_validate_json(sys.argv[1])\n"
        "pretrain(part, *map(pathlib.Path, sys.argv[2:]), seed=1)\n"
    )
    arguments = [part.model_dump_json(), tokens, tokenizer, tmp_path / "killed"]
    died = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], env=os.environ, check=False
    )
    assert died.returncode == -signals.SIGKILL
    pretrain(part, tokens, tokenizer, tmp_path / "killed", seed=1)
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed")]
    assert same(*weights)


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    tiny_recipe, tokens, tokenizer, tmp_path, capsys
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, checkpoint_every=3)
    _, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(8))
    kept = sorted((tmp_path / "cut" / "checkpoints").iterdir())
    assert len(kept) == 2
    kept[-1].write_bytes(kept[-1].read_bytes()[:-10])
    _, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    assert kept[-1].name in capsys.readouterr().err.replace("\n", "")
    assert same(whole, resumed)


def test_micro_batches_add_up_to_the_batch(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32)
    _, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    _, parts = run(with_training(part, micro_batch_size=8), tokens, tokenizer, tmp_path / "parts")
    for name in whole:
        torch.testing.assert_close(whole[name], parts[name], rtol=1e-2, atol=2e-4)


def test_the_text_is_learnt_and_the_best_epoch_kept(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), epochs=6)
    (tmp_path / "m").mkdir()
    facts = pretrain(part, tokens, tokenizer, tmp_path / "m", seed=0)
    logged = lines(tmp_path / "m")
    dev = [line["dev_cross_entropy"] for line in logged if "dev_cross_entropy" in line]
    assert dev[-1] < 0.6 * logged[0]["loss"]
    assert facts["dev_cross_entropy"] == min(dev)
    assert facts["best_epoch"] == dev.index(min(dev)) + 1

    from babyllama.models.build import load_model

    model = load_model(tmp_path / "m")
    windows = Windows(tokens, "dev", 16)
    again = dev_of(model, windows, part.training)
    assert again == pytest.approx(min(dev), rel=1e-4)


def test_dev_cross_entropy_is_the_mean_over_predicted_tokens(tiny_recipe, tokens, tokenizer):
    part = tiny_recipe.pretraining("llama")
    model = start_model(part, tokens, tokenizer, seed=0)
    windows = Windows(tokens, "dev", 16)
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in windows.evenly_spaced(10**6, 1):
            logits = model(input_ids=batch.input_ids).logits[0, :-1].double()
            picked = torch.log_softmax(logits, -1).gather(1, batch.input_ids[0, 1:, None])
            total, count = total - float(picked.sum()), count + 15
    ours = dev_of(model, windows, part.training)
    assert ours == pytest.approx(total / count, rel=1e-5)


def test_ctrl_c_saves_and_goes_on_where_it_was(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, checkpoint_every=10_000)
    _, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    calls = []

    def interrupting(hidden, head, batch):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signals.SIGINT)
        return text_loss(hidden, head, batch)

    with pytest.raises(Interrupted):
        run(part, tokens, tokenizer, tmp_path / "cut", interrupting)
    assert [file.name for file in (tmp_path / "cut" / "checkpoints").iterdir()] == [
        "step-00000004.safetensors"  # the request is seen one step late, by all processes alike
    ]
    _, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    assert same(whole, resumed)


def test_the_log_says_speed_and_its_share_of_plain_products(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    facts, _ = run(tiny_recipe.pretraining("llama"), tokens, tokenizer, tmp_path)
    steps = [line for line in lines(tmp_path) if "loss" in line]
    timed = [line for line in steps if "products_share" in line]
    assert timed
    for line in timed:
        assert line["tokens_per_second"] > 0
        assert line["products_share"] > 0
        assert line["flops_per_second"] > 0
    assert facts["peak_memory_bytes"] > 10**7
    assert facts["flops"] == facts["tokens"] * 3 * flops_per_token(
        start_model(tiny_recipe.pretraining("llama"), tokens, tokenizer, seed=0)
    )


def test_killed_between_the_last_step_and_the_manifest_nothing_is_trained_again(
    tiny_recipe, tokens, tokenizer, tmp_path, monkeypatch
):
    from babyllama.pipeline import stages
    from babyllama.runs import artefact

    part = tiny_recipe.pretraining("llama")
    whole = stages.pretraining_stage(part, tokens, tokenizer, tmp_path / "whole", 1)
    stage = stages.pretraining_stage(part, tokens, tokenizer, tmp_path / "killed", 1)
    artefact.complete(whole)

    def die(*_arguments, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(artefact, "_write_manifest", die)
        with pytest.raises(KeyboardInterrupt):
            artefact.complete(stage)
    with monkeypatch.context() as patched:
        patched.setattr(Gradients, "compute", die)  # a step would be one too many
        artefact.complete(stage)
    one, other = (load_file(s.out / "model.safetensors") for s in (whole, stage))
    assert same(one, other)
    assert not (stage.out / artefact.SCRATCH).exists()


def test_models_are_kept_by_words_seen(tiny_recipe, tokens, tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    marks = (1_000, 2_500, 10**9)
    part = with_training(tiny_recipe.pretraining("llama"), word_checkpoints=marks)
    _, last = run(part, tokens, tokenizer, tmp_path / "whole")
    kept = sorted(path.name for path in (tmp_path / "whole").glob("chck_*"))
    assert kept == ["chck_1K", "chck_2500"]
    models = [AutoModelForCausalLM.from_pretrained(tmp_path / "whole" / name) for name in kept]
    assert len(AutoTokenizer.from_pretrained(tmp_path / "whole" / "chck_1K")) == 320
    heads = [model.get_output_embeddings().weight for model in models]
    assert not torch.equal(*heads)
    assert not torch.equal(heads[1], last["lm_head.weight"])

    windows = Windows(tokens, "train", 16)
    words = list(windows.words_of_steps(0, batch_size=16, seed=1))
    due = next(step for step in range(len(words)) if sum(words[: step + 1]) >= 1_000)
    with pytest.raises(Cut):  # killed in the step after the one that reached the mark
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(due + 1))
    one, other = (load_file(tmp_path / name / "chck_1K" / "model.safetensors")
                  for name in ("whole", "cut"))  # fmt: skip
    assert same(one, other)


def test_words_are_counted_and_a_budget_ends_the_training(tiny_recipe, tokens, tokenizer, tmp_path):
    plain = with_training(tiny_recipe.pretraining("llama"), batch_size=16)
    facts, _ = run(plain, tokens, tokenizer, tmp_path / "plain")
    steps = [line for line in lines(tmp_path / "plain") if "loss" in line]
    words = Windows(tokens, "train", 16).words_of_steps(0, batch_size=16, seed=1)
    assert [line["words"] for line in steps[: len(words)]] == list(words.cumsum())
    assert steps[-1]["words"] == facts["words_seen"]
    assert facts["max_words_seen"] is None
    most = facts["words_seen"] * 2 // 3
    part = with_training(plain, budget={"words": most, "beyond": "stop"})
    facts, _ = run(part, tokens, tokenizer, tmp_path / "stopped")
    assert most - max(words) < facts["words_seen"] <= most
    assert facts["max_words_seen"] == most
    logged = lines(tmp_path / "stopped")
    assert logged[-1]["step"] == facts["steps"]  # scored where it ends, within an epoch
    assert "dev_cross_entropy" in logged[-1]
    rates = [line["learning_rate"] for line in logged if "loss" in line]
    assert rates[-1] < 0.01 * max(rates)  # the schedule ends there too


@pytest.mark.skipif(not can_compile(), reason="no C++ compiler for torch.compile")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_blocks_agree_with_plain_ones(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=64)
    _, plain = run(part, tokens, tokenizer, tmp_path / "plain")
    _, compiled = run(with_training(part, compile=True), tokens, tokenizer, tmp_path / "compiled")
    for key, value in plain.items():
        torch.testing.assert_close(value, compiled[key], rtol=1e-2, atol=2e-4)


def test_recomputed_activations_change_nothing(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("gpt2"), batch_size=64)  # with dropout
    _, kept = run(part, tokens, tokenizer, tmp_path / "kept")
    part = with_training(part, activation_checkpointing=True)
    _, recomputed = run(part, tokens, tokenizer, tmp_path / "recomputed")
    assert same(kept, recomputed)


def test_at_most_so_many_checkpoints_stay(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, keep=4)
    run(part, tokens, tokenizer, tmp_path / "m")
    assert len(list((tmp_path / "m" / "checkpoints").glob("step-*"))) == 4


def test_a_checkpoint_of_another_training_is_refused(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32)
    run(part, tokens, tokenizer, tmp_path / "m")
    for changed, named in [
        (with_training(part, learning_rate=0.01), "recipe.learning_rate was 0.003, now 0.01"),
        (with_training(part, optimizer={"kind": "sam"}), "recipe.optimizer.kind was adamw"),
        (
            part.model_copy(
                update={"model": part.model.model_copy(update={"num_hidden_layers": 1})}
            ),
            "model.shapes",
        ),
    ]:
        with pytest.raises(InputError, match=named) as raised:
            run(changed, tokens, tokenizer, tmp_path / "m")
        assert f"rm -r {tmp_path / 'm' / 'checkpoints'}" in str(raised.value)
    with pytest.raises(InputError, match="seed was 1, now 2"):
        run(part, tokens, tokenizer, tmp_path / "m", seed=2)
    run(with_training(part, log_every=7, keep=1), tokens, tokenizer, tmp_path / "m")  # may change


def test_a_tracker_gets_what_is_logged(tiny_recipe, tokens, tokenizer, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, trackers=["tensorboard"])
    run(part, tokens, tokenizer, tmp_path / "m")
    events = next((tmp_path / "m" / "trackers").rglob("events.*")).parent
    accumulator = EventAccumulator(str(events))
    accumulator.Reload()
    steps = [line for line in lines(tmp_path / "m") if "loss" in line]
    tracked = accumulator.Scalars("cross_entropy")
    assert [each.step for each in tracked] == [line["step"] for line in steps]
    assert [each.value for each in tracked] == pytest.approx(
        [line["cross_entropy"] for line in steps]
    )
    assert accumulator.Scalars("dev_cross_entropy")


def test_a_tracker_that_is_not_installed_is_refused(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), trackers=["clearml"])
    with pytest.raises(InputError, match="trackers names clearml, which is not installed"):
        run(part, tokens, tokenizer, tmp_path / "m")


def test_two_damaged_checkpoints_cost_two_epochs_and_no_bit(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(
        tiny_recipe.pretraining("llama"), batch_size=64, epochs=5, checkpoint_every=1_000,
        keep=3, average={"kind": "last", "epochs": 2},
    )  # fmt: skip
    _, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(30))  # in the fifth epoch
    kept = sorted((tmp_path / "cut" / "checkpoints").glob("step-*"))
    for path in kept[1:]:
        path.write_bytes(path.read_bytes()[:-10])
    _, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    assert same(whole, resumed)
    one, other = (load_file(tmp_path / f / "model.safetensors") for f in ("whole", "cut"))
    assert same(one, other)


def test_damaged_checkpoints_do_not_push_out_what_is_saved_after_them(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=16, checkpoint_every=5)
    checkpoints = tmp_path / "cut" / "checkpoints"
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(27))
    for path in checkpoints.glob("step-*"):
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(18))
    kept = sorted(path.name for path in checkpoints.glob("step-*.safetensors"))
    assert kept == ["step-00000010.safetensors", "step-00000015.safetensors"]
    assert len(list(checkpoints.glob("*.damaged"))) == 2


def test_a_single_flipped_bit_is_noticed(tiny_recipe, tokens, tokenizer, tmp_path, capsys):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=16, checkpoint_every=5)
    _, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(27))
    newest = max((tmp_path / "cut" / "checkpoints").glob("step-*"))
    content = bytearray(newest.read_bytes())
    content[-5000] ^= 64
    newest.write_bytes(content)
    _, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    said = capsys.readouterr().err.replace("\n", "")
    assert newest.name in said
    assert "checksum mismatch" in said
    assert same(whole, resumed)


def test_a_scheduler_that_repeats_itself_changes_nothing(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=16, checkpoint_every=500)
    calls = []

    def preempted(hidden, head, batch):
        calls.append(1)
        if len(calls) == 5:
            os.kill(os.getpid(), signals.SIGTERM)
            os.kill(os.getpid(), signals.SIGTERM)
        return text_loss(hidden, head, batch)

    with pytest.raises(Interrupted):
        run(part, tokens, tokenizer, tmp_path / "m", preempted)
    assert list((tmp_path / "m" / "checkpoints").glob("step-*"))


def test_a_request_to_stop_is_no_damage(tiny_recipe, tokens, tokenizer, tmp_path, monkeypatch):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=16, checkpoint_every=5)
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "m", cut_at(27))

    def stop(_tree):
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr("babyllama.training.checkpoints._progress", stop)
        with pytest.raises(Interrupted):
            run(part, tokens, tokenizer, tmp_path / "m")
    assert not list((tmp_path / "m" / "checkpoints").glob("*.damaged"))
