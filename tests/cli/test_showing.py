"""`babyllama show`: a model, and what is none. Runs and studies: tests/end_to_end."""

import json
import shutil

from commands import babyllama, invoke, refused

from babyllama.cli.showing import print_commands
from babyllama.runs.manifests import write_manifest


def test_a_model_is_shown_with_what_its_training_recorded(teachers, tmp_path):
    model = shutil.copytree(teachers[0], tmp_path / "model")
    facts = {"parameters": 12345, "dev_cross_entropy": 3.21, "best_epoch": 2, "epochs": 4}
    made = {"stage": "pretraining", "version": 1, "recipe": {}, "inputs": {}, "seed": 7}
    write_manifest(model, {**made, "facts": facts, "wall_seconds": 61.0}, leave_out=())

    shown = babyllama("show", model)

    for text in ("kind llama", "parameters 12,345", "trained as pretraining", "best epoch 2 of 4",
                 "unseen text, nats per token 3.210", "seed 7", "babyllama generate"):  # fmt: skip
        assert text in shown
    assert json.loads(invoke("show", model, "--json").stdout)["facts"] == facts
    facts |= {"dev_windows": 256, "dev_windows_there": 269}
    write_manifest(model, {**made, "facts": facts, "wall_seconds": 61.0}, leave_out=())
    assert "per token 3.210 (256 of 269 windows)" in babyllama("show", model)
    assert "kind llama" in babyllama("show", teachers[0])  # which no run made


def test_a_folder_that_is_none_of_ours_is_refused(tmp_path):
    printed = refused("show", tmp_path)
    assert "is neither a run nor a study nor a model" in printed
    assert "babyllama ls" in printed


def test_a_command_to_type_next_is_never_broken_over_two_lines(monkeypatch, capsys):
    named = [("babyllama play runs/a", "see it"), ("babyllama show " + "x" * 60, "look at it")]
    print_commands(named)
    wide = capsys.readouterr().out.splitlines()
    assert wide[1] == f"  babyllama play runs/a{' ' * 54}  see it"
    monkeypatch.setattr("babyllama.cli.showing.output_width", lambda: 80)
    print_commands(named)
    assert capsys.readouterr().out.splitlines() == [
        "Next",
        "  see it:",
        "    babyllama play runs/a",
        "  look at it:",
        "    babyllama show " + "x" * 60,
    ]
