"""Continuations are reproducible text without the prompt's tokens lost."""

from babyllama.models.generation import continuations


def drawn(folder, **settings):
    chosen = {"n": 3, "seed": 1, "max_new_tokens": 8} | settings
    return continuations(folder, "The cat", **chosen)


def test_every_continuation_begins_with_the_prompt(teachers):
    for folder in teachers:
        texts = drawn(folder)
        assert len(texts) == 3
        assert all(text.startswith("The cat") for text in texts)
        assert any(text != "The cat" for text in texts)


def test_the_seed_decides_the_text(teachers):
    assert drawn(teachers[0]) == drawn(teachers[0])
    assert drawn(teachers[0]) != drawn(teachers[0], seed=2)
