"""What is known of a trained student, without a run on disk."""

import pytest
from small_folders import results, small_run

from babyllama.report.model_card import CardFacts


def trained(stage="distillation", **facts):
    return {"stage": stage, "seed": 3, "recipe": {"model": {"model_type": "llama"}},
            "facts": facts, "wall_seconds": 100.0, "versions": {"babyllama": "0.1.0"},
            "files": {"chck_2M/config.json": {}, "chck_1M/config.json": {}}}  # fmt: skip


@pytest.fixture
def student(tiny_recipe):
    manifest = trained(
        parameters=12345, words_seen=2_000_000, epochs=2, best_epoch=1, dev_cross_entropy=3.25,
        flops=1e12, device="processor, 2 threads", precision="float32", processes=1,
    )  # fmt: skip
    return CardFacts(
        name="distilled",
        role="student",
        manifest=manifest,
        recipe=tiny_recipe,
        corpus={"train": {"total": {"words": 2000}}},
        teachers={
            "llama": trained("pretraining", words_seen=1_000_000, flops=2e12),
            "gpt2": trained("pretraining", words_seen=500_000, flops=3e12),
        },
        results=results(blimp={"score": 66.7}),
        rules={"name": "2025"},
    )


@pytest.fixture
def model_run(tiny_recipe, tmp_path):
    return small_run(tmp_path / "run", tiny_recipe)
