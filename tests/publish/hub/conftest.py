"""A stand-in hub, and a small run of which every file is written here."""

import pytest
from huggingface_hub import constants
from local_server import be_the_hub
from small_folders import finished, small_run
from stand_in_hub import running

STEPS = ("chck_1M", "chck_2M")


@pytest.fixture
def hub(monkeypatch):
    """A hub that the library asks, with a token that may write."""
    with running() as hub:
        be_the_hub(hub.endpoint, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_good")
        yield hub


@pytest.fixture
def small(tiny_recipe, tmp_path):
    """A run with two checkpoints of every model and a report; no model in it can be loaded."""
    files = {"config.json": "{}", "tokenizer.json": "{}", "training.jsonl": "{}"}
    files |= {f"{step}/model.safetensors": f"weights at {step}" for step in STEPS}
    layout = small_run(tmp_path / "run", tiny_recipe, files)
    pages = {"index.html": "<p>tiny</p>", "report.md": "# tiny\n", "figures/loss.svg": "<svg/>"}
    finished(layout.report, "report", weights="", **pages)
    return layout.folder
