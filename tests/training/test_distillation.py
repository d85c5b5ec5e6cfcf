"""Students: online and stored teachers teach the same, and alpha 1 is the twin."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from babyllama.data.tokenizer import train_tokenizer
from babyllama.data.tokens import tokenize
from babyllama.errors import InputError
from babyllama.recipe import TokenizerRecipe, TokensRecipe
from babyllama.training.distillation import distill
from babyllama.training.pretraining import pretrain


def student(folder, tiny_recipe, tokens, tokenizer, changes=None, **source):
    folder.mkdir()
    chosen = {"alpha": 0.5, "temperature": 2.0, "reduction": "window_sum", "weights": None}
    part = tiny_recipe.students["distilled"].model_copy(update=chosen | (changes or {}))
    facts = distill(part, tokens, tokenizer, folder, seed=5, **source)
    return facts, load_file(folder / "model.safetensors")


def test_online_and_stored_teachers_make_nearly_the_same_student(
    tiny_recipe, tokens, tokenizer, teachers, signal, tmp_path
):
    online, live = student(tmp_path / "a", tiny_recipe, tokens, tokenizer, teachers=teachers)
    stored, kept = student(tmp_path / "b", tiny_recipe, tokens, tokenizer, signal=signal)
    assert online["dev_cross_entropy"] == pytest.approx(stored["dev_cross_entropy"], abs=0.01)
    for name in live:
        torch.testing.assert_close(live[name], kept[name], rtol=0, atol=0.02)


def test_alpha_one_is_the_twin_bit_for_bit(tiny_recipe, tokens, tokenizer, signal, tmp_path):
    facts, weights = student(
        tmp_path / "a", tiny_recipe, tokens, tokenizer, {"alpha": 1.0}, signal=signal
    )
    (tmp_path / "twin").mkdir()
    twin_facts = pretrain(
        tiny_recipe.pretraining("twin"), tokens, tokenizer, tmp_path / "twin", seed=5
    )
    twin = load_file(tmp_path / "twin" / "model.safetensors")
    assert weights.keys() == twin.keys()
    assert all(torch.equal(weights[name], twin[name]) for name in twin)
    assert facts["flops"] == twin_facts["flops"]


def test_teachers_pull_the_student_towards_them(tiny_recipe, tokens, tokenizer, teachers, tmp_path):
    changes = {"alpha": 0.0, "temperature": 1.0, "reduction": "token_mean"}
    student(tmp_path / "a", tiny_recipe, tokens, tokenizer, changes, teachers=teachers)
    steps = [
        json.loads(line) for line in (tmp_path / "a" / "training.jsonl").read_text().splitlines()
    ]
    kl = [line["kl"] for line in steps if "kl" in line]
    assert kl[-1] < kl[0] / 3


def test_a_teacher_of_another_vocabulary_is_refused(tiny_recipe, corpus, teachers, tmp_path):
    other = tmp_path / "other"
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=400), other)
    (tmp_path / "tokens").mkdir()
    tokenize(corpus, other, TokensRecipe(), tmp_path / "tokens")
    with pytest.raises(InputError, match="different vocabularies"):
        student(tmp_path / "a", tiny_recipe, tmp_path / "tokens", other, teachers=teachers)


def test_tokens_that_the_tokenizer_does_not_have_are_refused(
    tiny_recipe, corpus, tokens, signal, tmp_path
):
    small = tmp_path / "small"
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=300), small)
    with pytest.raises(InputError, match="was not made by the tokenizer in"):
        student(tmp_path / "a", tiny_recipe, tokens, small, signal=signal)


@pytest.mark.parametrize("kind", ["teachers", "signal"])
def test_a_tokenizer_with_a_token_more_than_the_teachers_is_refused(
    tiny_recipe, tokens, tokenizer, teachers, signal, tmp_path, kind
):
    more = shutil.copytree(tokenizer, tmp_path / "more")
    config = json.loads((more / "tokenizer_config.json").read_text())
    (more / "tokenizer_config.json").write_text(json.dumps(config | {"unk_token": "<unk>"}))
    source = {"teachers": teachers} if kind == "teachers" else {"signal": signal}
    with pytest.raises(InputError, match=r"knows 320 tokens, .*more has 321; .* lacks is '<unk>'"):
        student(tmp_path / "a", tiny_recipe, tokens, more, **source)
