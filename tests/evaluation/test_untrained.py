"""An untrained model has another's shape and tokenizer, and the weights that its seed gives."""

import torch

from babyllama.evaluation.untrained import write_untrained
from babyllama.models.build import new_model
from babyllama.models.loading import load_model
from babyllama.recipe import load_recipe


def test_the_weights_are_those_that_the_student_started_with(tokenizer, tmp_path):
    shape = load_recipe("mini").students["distilled"].model
    started = new_model(shape, 300, seed=5, separators=True)
    trained = new_model(shape, 300, seed=6, separators=True)
    trained.save_pretrained(tmp_path / "student")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "student" / name).write_bytes((tokenizer / name).read_bytes())

    write_untrained(tmp_path / "student", tmp_path / "untrained", seed=5)

    found = load_model(tmp_path / "untrained")
    expected = started.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found.state_dict().items())
    assert (tmp_path / "untrained" / "tokenizer.json").is_file()
