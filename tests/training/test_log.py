"""The log: what a line of training.jsonl says, and which lines a resumed training keeps."""

import json
from itertools import pairwise

import pytest
import torch
from small_trainings import lines, run, with_training

from babyllama.data.windows import Windows
from babyllama.models.build import flops_per_token
from babyllama.training.folder import start_model
from babyllama.training.log import LogWriter
from babyllama.training.schedule import plan_training
from babyllama.training.speed import StepCost


def test_lines_have_speed_from_the_second_on_and_memory(tiny_recipe, tokens, tokenizer, tmp_path):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32)
    facts, _ = run(part, tokens, tokenizer, tmp_path)
    first, *others = [line for line in lines(tmp_path) if "loss" in line]
    flops = 3 * flops_per_token(start_model(part, tokens, tokenizer, seed=0))
    assert "tokens_per_second" not in first  # warm-up and compilation
    for line in others:
        assert line["flops_per_second"] / line["tokens_per_second"] == pytest.approx(flops)
        assert "products_share" in line
    memory = [line["memory_bytes"] for line in (first, *others)]
    peaks = [*memory, facts["peak_memory_bytes"]]
    # A peak never falls, but Linux adds it up from counters that are off by some pages.
    assert all(later > earlier - 2**20 for earlier, later in pairwise(peaks))
    assert memory[0] > 10**7
    assert facts["flops"] == facts["tokens"] * flops


def test_a_line_is_written_every_few_steps_and_for_the_last(
    tiny_recipe, tokens, tokenizer, tmp_path
):
    part = with_training(tiny_recipe.pretraining("llama"), batch_size=32, log_every=5)
    facts, _ = run(part, tokens, tokenizer, tmp_path)
    steps = [line["step"] for line in lines(tmp_path) if "loss" in line]
    every_fifth = list(range(1, facts["steps"], 5))
    assert steps == [*every_fifth, *({facts["steps"]} - set(every_fifth))]


def test_lines_of_steps_that_will_be_repeated_are_removed(tiny_recipe, tokens, tokenizer, tmp_path):
    part = tiny_recipe.pretraining("llama")
    plan = plan_training(Windows(tokens, "train", 16), part.training, seed=1)
    cost = StepCost(start_model(part, tokens, tokenizer, seed=0), part.training, torch.float32, (),
                    1)  # fmt: skip
    path = tmp_path / "training.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(5)) + '{"step": 2')
    with LogWriter(path, plan, cost, writes=True) as log:
        log.resume_at(2)
        log.epoch(3, 1, {"dev_cross_entropy": 4.0})
    assert [line["step"] for line in lines(tmp_path)] == [0, 1, 2, 3]
