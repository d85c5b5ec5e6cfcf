"""The loop: it resumes to the same bits from wherever it was killed, and counts words."""

import os
import signal as signals

import pytest
import torch
from safetensors.torch import load_file
from small_runs import in_a_process
from small_trainings import (
    SPEED,
    Cut,
    cut_at,
    lines,
    pretrain_and_die,
    run,
    same,
    text_loss,
    with_training,
)

from babyllama.console import Interrupted
from babyllama.data.windows import Windows
from babyllama.training import loop
from babyllama.training.gradient import Gradients
from babyllama.training.pretraining import pretrain

MUON = {"kind": "muon", "weight_decay": 0.1}
SAM = {"kind": "sam", "rho": 0.05}
SHIFTED = {"windows": {"kind": "shifted", "passes": 2}, "schedule": {"kind": "linear"}}
JITTERED = {"windows": {"kind": "jittered"}, "schedule": {"kind": "wsd", "decay": 0.3}}
EMA = {"average": {"kind": "ema", "decay": 0.9}}
LAST = {"average": {"kind": "last", "epochs": 2}}
ACCUMULATED = {"micro_batch_size": 16}
RECOMPUTED = {"activation_checkpointing": True}
# Both models are trained with each of these, and each optimiser with most other choices.
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
def test_a_killed_run_resumes_to_the_same_bits(
    kind, name, tiny_recipe, tokens, tokenizer, tmp_path
):
    changes = {"batch_size": 32, "checkpoint_every": 5, **KINDS[kind]}
    part = with_training(tiny_recipe.pretraining(name), **changes)
    a_step = 2 if "micro_batch_size" in changes else 1  # calls of the loss
    a_step *= 2 if "sam" in kind else 1
    facts, uninterrupted = run(part, tokens, tokenizer, tmp_path / "uninterrupted")
    for steps in (1, 8, 18):  # before a checkpoint, after one, in a later epoch
        with pytest.raises(Cut):
            run(part, tokens, tokenizer, tmp_path / "cut", cut_at(steps * a_step + 1))
    facts_again, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    assert same(uninterrupted, resumed)
    assert same(*(load_file(tmp_path / f / "model.safetensors") for f in ("uninterrupted", "cut")))
    decided = ("dev_cross_entropy", "best_epoch", "best_is_averaged", "words_seen")
    assert [facts[each] for each in decided] == [facts_again[each] for each in decided]
    logged = [
        [{k: v for k, v in line.items() if k not in SPEED} for line in lines(tmp_path / folder)]
        for folder in ("uninterrupted", "cut")
    ]
    assert logged[0] == logged[1]


def test_a_run_cut_at_every_step_resumes_to_the_same_bits(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("gpt2"), batch_size=64, checkpoint_every=1)
    _, uninterrupted = run(part, tokens, tokenizer, tmp_path / "uninterrupted")
    cuts = 0
    while True:
        try:
            _, resumed = run(part, tokens, tokenizer, tmp_path / "cut", cut_at(1))
            break
        except Cut:
            cuts += 1
    steps = [line for line in lines(tmp_path / "uninterrupted") if "loss" in line]
    assert cuts == len(steps) - 1  # one step in each attempt
    assert same(uninterrupted, resumed)


def test_a_process_killed_by_sigkill_resumes_to_the_same_bits(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining("gpt2"), batch_size=32, checkpoint_every=3)
    for name in ("uninterrupted", "killed"):
        (tmp_path / name).mkdir()
    pretrain(part, tokens, tokenizer, tmp_path / "uninterrupted", seed=1)
    died = in_a_process(pretrain_and_die, part, tokens, tokenizer, tmp_path / "killed")
    assert died.returncode == -signals.SIGKILL, died.stderr
    pretrain(part, tokens, tokenizer, tmp_path / "killed", seed=1)
    weights = [
        load_file(tmp_path / name / "model.safetensors") for name in ("uninterrupted", "killed")
    ]
    assert same(*weights)


def test_ctrl_c_saves_and_the_next_start_resumes(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, checkpoint_every=10_000)
    _, uninterrupted = run(part, tokens, tokenizer, tmp_path / "uninterrupted")
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
    assert same(uninterrupted, resumed)


def test_killed_between_the_last_step_and_the_manifest_nothing_is_trained_again(
    tiny_recipe, tokens, tokenizer, tmp_path, monkeypatch
):
    from babyllama.pipeline import stages
    from babyllama.runs import artefact
    from babyllama.runs.unfinished import SCRATCH

    part = tiny_recipe.pretraining("llama")
    uninterrupted = stages.pretraining_stage(part, tokens, tokenizer, tmp_path / "uninterrupted", 1)
    stage = stages.pretraining_stage(part, tokens, tokenizer, tmp_path / "killed", 1)
    artefact.complete(uninterrupted)

    def die(*_arguments, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(artefact, "write_manifest", die)
        with pytest.raises(KeyboardInterrupt):
            artefact.complete(stage)
    with monkeypatch.context() as patched:
        patched.setattr(Gradients, "compute", die)  # no step may be repeated
        artefact.complete(stage)
    one, other = (load_file(s.out / "model.safetensors") for s in (uninterrupted, stage))
    assert same(one, other)
    assert not (stage.out / SCRATCH).exists()


def test_models_are_kept_by_words_seen(tiny_recipe, tokens, tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    marks = (1_000, 2_500, 10**9)
    part = with_training(tiny_recipe.pretraining("llama"), word_checkpoints=marks)
    _, last = run(part, tokens, tokenizer, tmp_path / "uninterrupted")
    kept = sorted(path.name for path in (tmp_path / "uninterrupted").glob("chck_*"))
    assert kept == ["chck_1K", "chck_2500"]
    models = [
        AutoModelForCausalLM.from_pretrained(tmp_path / "uninterrupted" / name) for name in kept
    ]
    assert len(AutoTokenizer.from_pretrained(tmp_path / "uninterrupted" / "chck_1K")) == 320
    heads = [model.get_output_embeddings().weight for model in models]
    assert not torch.equal(*heads)
    assert not torch.equal(heads[1], last["lm_head.weight"])

    windows = Windows(tokens, "train", 16)
    words = list(windows.words_of_steps(0, batch_size=16, seed=1))
    due = next(step for step in range(len(words)) if sum(words[: step + 1]) >= 1_000)
    with pytest.raises(Cut):  # killed in the step after the one that reached the mark
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(due + 1))
    one, other = (load_file(tmp_path / name / "chck_1K" / "model.safetensors")
                  for name in ("uninterrupted", "cut"))  # fmt: skip
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


def test_a_second_sigterm_does_not_end_the_training_early(tiny_recipe, tokens, tokenizer, tmp_path):
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


@pytest.mark.parametrize("is_stopped", [True, False])
def test_a_stop_that_ends_torch_s_compiler_is_a_stop_and_no_mistake(
    is_stopped, tiny_recipe, tokens, tokenizer, tmp_path
):
    from torch._inductor.exc import CppCompileError

    def compiling(*_):
        if is_stopped:
            os.kill(os.getpid(), signals.SIGTERM)
        try:
            raise CppCompileError(["g++"], "g++: fatal error: Terminated signal")
        except RuntimeError as error:
            raise ValueError("what a library makes of it") from error

    part = with_training(tiny_recipe.pretraining("llama"), batch_size=64)
    with pytest.raises(Interrupted if is_stopped else ValueError):
        run(part, tokens, tokenizer, tmp_path / "m", compiling)


@pytest.mark.parametrize("number", [signals.SIGINT, signals.SIGTERM])
def test_a_stop_requested_after_the_last_step_is_not_forgotten(
    number, tiny_recipe, tokens, tokenizer, tmp_path, monkeypatch
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=64)
    run(part, tokens, tokenizer, tmp_path / "uninterrupted")
    score = loop.dev_cross_entropy
    calls = []

    def stop_at_the_end(*given):
        calls.append(1)
        if len(calls) == part.training.epochs:
            os.kill(os.getpid(), number)
        return score(*given)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "dev_cross_entropy", stop_at_the_end)
        with pytest.raises(Interrupted):
            run(part, tokens, tokenizer, tmp_path / "cut")
    run(part, tokens, tokenizer, tmp_path / "cut", cut_at(0))  # no step is left
    assert same(*(load_file(tmp_path / f / "model.safetensors") for f in ("uninterrupted", "cut")))
