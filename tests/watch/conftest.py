"""A run that is watched: made of small files, held by this process."""

import pytest
from watched import finish, step, write

from babyllama.recipe import to_yaml
from babyllama.runs.layout import Layout
from babyllama.runs.lock import locked


@pytest.fixture
def run(tmp_path, tiny_recipe):
    """A run whose second teacher trains."""
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    layout.recipe.write_text(to_yaml(tiny_recipe))
    part = tiny_recipe.pretraining("llama")
    for folder in (layout.source, layout.corpus, layout.tokenizer, layout.tokens):
        finish(folder, part)
    finish(layout.teacher("llama"), part, facts={"dev_cross_entropy": 3.5})
    lines = [step(number) for number in range(10, 130, 10)]
    lines.insert(10, {"step": 100, "epoch": 1, "dev_cross_entropy": 4.25})
    write(layout.teacher("gpt2.partial"), lines)
    with locked(layout.folder):
        yield layout.folder
