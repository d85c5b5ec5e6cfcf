"""Continuations are reproducible text, within the model's positions and vocabulary."""

import json
import shutil

import pytest
import torch
from random_models import random_model
from transformers import PreTrainedTokenizerFast

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.models.generation import Sampling, load_generator


@pytest.fixture(scope="module")
def folders(tokenizer, tmp_path_factory):
    """A LLaMA and a GPT-2 with random weights and 24 positions."""
    place = tmp_path_factory.mktemp("models")
    library = load_tokenizer(tokenizer)
    random_model("llama", library, place / "llama", max_position_embeddings=24)
    random_model("gpt2", library, place / "gpt2", n_positions=24)
    return [place / "llama", place / "gpt2"]


@pytest.fixture
def changed(folders, tmp_path):
    """Copies the LLaMA with another configuration."""

    def change(name="config.json", **fields):
        folder = shutil.copytree(folders[0], tmp_path / "changed", dirs_exist_ok=True)
        text = (folder / name).read_text() if (folder / name).exists() else "{}"
        (folder / name).write_text(json.dumps(json.loads(text) | fields))
        return folder

    return change


def drawn(folder, prompt="The cat", **settings):
    chosen = {"n": 3, "seed": 1, "max_new_tokens": 8} | settings
    return load_generator(folder).continuations(prompt, Sampling(**chosen))


def test_every_continuation_begins_with_the_prompt(folders):
    for folder in folders:
        texts = drawn(folder)
        assert len(texts) == 3
        assert all(text.startswith("The cat") for text in texts)
        assert any(text != "The cat" for text in texts)


def test_tokens_that_pad_the_vocabulary_are_never_drawn(tokenizer, tmp_path, monkeypatch):
    library = load_tokenizer(tokenizer)
    size = len(library)
    library.add_special_tokens(
        {"additional_special_tokens": [f"<|reserved_{number}|>" for number in range(2_000)]}
    )
    folder = random_model("llama", library, tmp_path / "padded", max_position_embeddings=24)
    seen = []
    decode = PreTrainedTokenizerFast.decode

    def record(self, ids, **options):
        seen.extend(torch.as_tensor(ids).tolist())
        return decode(self, ids, **options)

    monkeypatch.setattr(PreTrainedTokenizerFast, "decode", record)
    drawn(folder)
    assert max(seen) < size


def test_the_seed_decides_the_text(folders):
    assert drawn(folders[0]) == drawn(folders[0])
    assert drawn(folders[0]) != drawn(folders[0], seed=2)


def test_the_likeliest_tokens_do_not_depend_on_the_seed(folders):
    greedy = drawn(folders[0], temperature=0.0)
    assert greedy == drawn(folders[0], temperature=0.0, seed=2)
    assert len(greedy) == 1
    # So close to 0 that nothing else is drawn, and so few tokens that nothing else can be.
    assert set(drawn(folders[0], temperature=1e-4)) == set(greedy)
    assert set(drawn(folders[0], top_p=1e-6)) == set(greedy)


def test_it_stops_at_the_last_position_and_says_so(folders, capsys, monkeypatch):
    seen = []
    for folder in folders:
        drawn(folder, n=1, max_new_tokens=600)
        said = capsys.readouterr().err
        library = load_tokenizer(folder)
        given = 1 + len(library.encode("The cat"))
        assert f"has 24 positions: {25 - given} new tokens at most" in said
        monkeypatch.setattr(type(library), "decode", lambda _, row, **__: seen.append(row) or "")
        drawn(folder, n=2, max_new_tokens=600)
        monkeypatch.undo()
    assert max(len(row) for row in seen) <= 25


def test_a_prompt_beyond_the_positions_is_refused(folders):
    for folder in folders:
        with pytest.raises(InputError, match=r"the prompt needs 41 positions, .* has 24"):
            drawn(folder, " ".join(["the"] * 40))


@pytest.mark.parametrize("prompt", ["\udcff", "The \ud800 cat"])
def test_a_prompt_that_is_not_utf8_is_refused(folders, prompt):
    with pytest.raises(InputError, match="the prompt is not UTF-8 text"):
        drawn(folders[0], prompt)


def test_a_prompt_without_a_token_is_refused_where_no_token_starts_a_text(folders, changed):
    assert drawn(folders[0], "")
    with pytest.raises(InputError, match="the prompt has no token"):
        drawn(changed(bos_token_id=None, eos_token_id=None), "")


def test_a_bos_beyond_the_vocabulary_is_refused(changed):
    with pytest.raises(InputError, match=r"config\.json: bos_token_id is 9999"):
        drawn(changed(bos_token_id=9999))


def test_settings_of_a_folder_change_nothing(folders, changed):
    greedy = {"do_sample": False, "top_k": 1, "temperature": 0.01, "max_length": 3}
    assert drawn(changed("generation_config.json", **greedy)) == drawn(folders[0])


def test_tokens_are_drawn_from_the_whole_distribution(folders):
    """A library's default keeps only the 50 most probable tokens."""
    from transformers import AutoModelForCausalLM

    library = load_tokenizer(folders[0])
    ids = [1, *library.encode("The cat", add_special_tokens=False)]
    model = AutoModelForCausalLM.from_pretrained(folders[0])
    with torch.no_grad():
        top = model(torch.tensor([ids])).logits[0, -1].topk(50).indices.tolist()
    texts = drawn(folders[0], n=200, max_new_tokens=1)
    likely = {library.decode([*ids, token], skip_special_tokens=True).strip() for token in top}
    assert set(texts) - likely
