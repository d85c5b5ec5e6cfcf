"""The loop: it learns, it goes on to the same bits, it stops before a spoilt update."""

import json
import os
import signal as signals
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from babyllama.console import Interrupted
from babyllama.losses import LossTerms, cross_entropy_loss
from babyllama.pretraining import pretrain
from babyllama.recipe import PretrainingRecipe
from babyllama.tokens import Windows
from babyllama.training import loop
from babyllama.training.folder import start_model
from babyllama.training.loop import Diverged, dev_cross_entropy, train

CPU = torch.device("cpu")


def text_loss(hidden, head, batch):
    return cross_entropy_loss(hidden, head, batch.labels)


def with_training(part, **changes):
    training = part.training.model_copy(update=changes)
    return PretrainingRecipe(model=part.model, training=training)


def run(part, tokens, tokenizer, out, loss=text_loss, seed=1):
    """Train, and return (facts, weights of the last step)."""
    out.mkdir(exist_ok=True)
    model = start_model(part, tokens, tokenizer, seed=seed)
    facts = train(
        model, loss, Windows(tokens, "train", 16), Windows(tokens, "dev", 16), part.training, out,
        seed=seed,
    )  # fmt: skip
    return facts, {name: p.detach().clone() for name, p in model.named_parameters()}


def lines(folder):
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Cut(Exception):
    """A kill at a step of our choice."""


def cut_at(calls):
    left = iter(range(calls))

    def loss(hidden, head, batch):
        if torch.is_grad_enabled() and next(left, None) is None:
            raise Cut
        return text_loss(hidden, head, batch)

    return loss


@pytest.mark.parametrize("name", ["llama", "gpt2"])  # the GPT-2 has dropout
@pytest.mark.parametrize("changes", [{}, {"micro_batch_size": 2}, {"precision": "bfloat16"}])
@pytest.mark.parametrize("killed_after", [1, 17])
def test_a_killed_run_goes_on_to_the_same_bits(
    name, changes, killed_after, tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining(name), **changes)
    facts, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    with pytest.raises(Cut):
        run(part, tokens, tokenizer, tmp_path / "cut", cut_at(killed_after))
    facts_again, resumed = run(part, tokens, tokenizer, tmp_path / "cut")
    assert same(whole, resumed)
    assert facts["dev_cross_entropy"] == facts_again["dev_cross_entropy"]
    losses = [
        {line["step"]: line["loss"] for line in lines(tmp_path / folder) if "loss" in line}
        for folder in ("whole", "cut")
    ]
    assert losses[0] == losses[1]
    assert len(lines(tmp_path / "cut")) == len(lines(tmp_path / "whole"))


def test_a_process_killed_by_sigkill_goes_on_to_the_same_bits(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = tiny_recipe.pretraining("gpt2")
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    pretrain(part, tokens, tokenizer, tmp_path / "whole", seed=1)
    script = (
        "import os, signal, sys, pathlib; from babyllama.training import loop, checkpoints\n"
        "from babyllama.pretraining import pretrain\n"
        "from babyllama.recipe import PretrainingRecipe\n"
        "save = checkpoints.save_checkpoint\n"
        "def save_and_die(folder, model, optimizer, progress):\n"
        "    save(folder, model, optimizer, progress)\n"
        "    if progress.step >= 9: os.kill(os.getpid(), signal.SIGKILL)\n"
        "loop.save_checkpoint = save_and_die\n"
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
    part = tiny_recipe.pretraining("llama")
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
    part = tiny_recipe.pretraining("llama")
    _, whole = run(part, tokens, tokenizer, tmp_path / "whole")
    _, parts = run(with_training(part, micro_batch_size=1), tokens, tokenizer, tmp_path / "parts")
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

    from babyllama.models import load_model

    model = load_model(tmp_path / "m")
    windows = Windows(tokens, "dev", 16)
    again = dev_cross_entropy(model, windows, part.training, CPU, torch.float32)
    assert again == pytest.approx(min(dev), rel=1e-4)


def test_dev_cross_entropy_is_the_mean_over_predicted_tokens(tiny_recipe, tokens, tokenizer):
    part = tiny_recipe.pretraining("llama")
    model = start_model(part, tokens, tokenizer, seed=0)
    windows = Windows(tokens, "dev", 16)
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in windows.spread(10**6, 1):
            logits = model(input_ids=batch.input_ids).logits[0, :-1].double()
            picked = torch.log_softmax(logits, -1).gather(1, batch.input_ids[0, 1:, None])
            total, count = total - float(picked.sum()), count + 15
    ours = dev_cross_entropy(model, windows, part.training, CPU, torch.float32)
    assert ours == pytest.approx(total / count, rel=1e-5)


def test_a_loss_that_is_no_number_stops_before_the_update(tiny_recipe, tokens, tokenizer, tmp_path):
    part = tiny_recipe.pretraining("llama")
    seen = []

    def spoilt(hidden, head, batch):
        terms = text_loss(hidden, head, batch)
        if torch.is_grad_enabled():
            seen.append(head.detach().clone())
            if len(seen) == 5:
                return LossTerms(terms.total * float("nan"), terms.cross_entropy, terms.kl)
        return terms

    model = start_model(part, tokens, tokenizer, seed=1)
    with pytest.raises(Diverged, match=r"at step 4.*loss is nan"):
        train(model, spoilt, Windows(tokens, "train", 16), Windows(tokens, "dev", 16),
              part.training, tmp_path, seed=1)  # fmt: skip
    assert torch.equal(model.get_output_embeddings().weight, seen[-1])


def test_ctrl_c_saves_and_goes_on_where_it_was(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), checkpoint_every=10_000)
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
        "step-00000003.safetensors"
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
    assert facts["flops"] == facts["tokens"] * 3 * loop.flops_per_token(
        start_model(tiny_recipe.pretraining("llama"), tokens, tokenizer, seed=0)
    )


def test_killed_between_the_last_step_and_the_manifest_nothing_is_trained_again(
    tiny_recipe, tokens, tokenizer, tmp_path, monkeypatch
):
    from babyllama import artefact, pipeline

    part = tiny_recipe.pretraining("llama")
    whole = pipeline.pretraining_stage(part, tokens, tokenizer, tmp_path / "whole", 1)
    stage = pipeline.pretraining_stage(part, tokens, tokenizer, tmp_path / "killed", 1)
    artefact.complete(whole)

    def die(*_arguments, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(artefact, "_write_manifest", die)
        with pytest.raises(KeyboardInterrupt):
            artefact.complete(stage)
    with monkeypatch.context() as patched:
        patched.setattr(loop, "_accumulate", die)  # a step would be one too many
        artefact.complete(stage)
    one, other = (load_file(s.out / "model.safetensors") for s in (whole, stage))
    assert same(one, other)
    assert not (stage.out / artefact.SCRATCH).exists()
