"""`babyllama show`: a model, and what is none. Runs and studies: tests/end_to_end."""

import json

from commands import babyllama, invoke, refused


def test_a_model_is_shown_with_what_its_training_recorded(teachers):
    shown = babyllama("show", teachers[0])
    facts = json.loads(invoke("show", teachers[0], "--json").stdout)["facts"]
    for text in (
        "kind llama", f"parameters {facts['parameters']:,}", "trained as pretraining",
        f"dev, nats per token {facts['dev_cross_entropy']:.3f}", "babyllama generate",
    ):  # fmt: skip
        assert text in shown


def test_a_folder_that_is_none_of_ours_is_refused(tmp_path):
    printed = refused("show", tmp_path)
    assert "is neither a run nor a study nor a model" in printed
    assert "babyllama ls" in printed
