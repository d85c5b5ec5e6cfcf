"""What a head reads, whatever stands around the text, and what a model must be to get one."""

import json
import shutil

import pytest
import torch
from random_models import random_model, variant
from transformers import AutoConfig, AutoModelForSequenceClassification

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation.finetuning.classifier import is_decoder, load_classifier
from babyllama.evaluation.finetuning.encoding import collator_for, encode
from babyllama.evaluation.finetuning.settings import FinetuningSettings
from babyllama.evaluation.finetuning.tasks import Example

TEXTS = ["Anna sees Ben.", "the cat", "a dog knows the old house and the children."]
EXAMPLES = [Example(text, None, n % 2) for n, text in enumerate(TEXTS)]


def settings(**changes):
    plain = {"learning_rate": 1e-3, "batch_size": 4, "epochs": 1, "max_length": 64, "seed": 1}
    return FinetuningSettings(**{**plain, **changes})


def classified(folder, examples=EXAMPLES, **changes):
    """The logits of examples in one batch, the model, and the rows."""
    tokenizer = load_tokenizer(folder)
    config = AutoConfig.from_pretrained(folder)
    rows = encode(examples, tokenizer, config, max_length=64, path=folder).features
    model = load_classifier(folder, labels=2, settings=settings(**changes), seed=1).eval()
    size = model.get_input_embeddings().weight.shape[0]
    collator = collator_for(rows, tokenizer, config, is_decoder=is_decoder(model), vocab_size=size)
    model.config.pad_token_id = collator.tokenizer.pad_token_id
    with torch.no_grad():
        return model(**collator(rows)).logits, model, rows


def logits_at_the_last_token(model, rows):
    """A decoder's logits as defined: a row alone, its last hidden state, the head."""
    with torch.no_grad():
        return torch.stack(
            [
                model.score(model.base_model(torch.tensor([r["input_ids"]])).last_hidden_state[0])[
                    -1
                ]
                for r in rows
            ]
        )


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_decoder_is_read_at_its_last_real_token(kind, head, models):
    logits, model, rows = classified(models[kind], head=head)
    torch.testing.assert_close(logits, logits_at_the_last_token(model, rows), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("named", [{"padding_side": "left"}, {"pad_token": "</s>"},
                                   {"pad_token": "e"}, {"pad_token": None}])  # fmt: skip
def test_the_tokenizers_own_padding_does_not_matter(kind, named, tokenizer, tmp_path):
    # "e" stands inside texts: transformers would take the last token before it for the last.
    folder = random_model(kind, variant(tokenizer, **named), tmp_path / "model")
    logits, model, rows = classified(folder)
    torch.testing.assert_close(logits, logits_at_the_last_token(model, rows), atol=1e-5, rtol=1e-5)


def test_a_text_that_spells_the_padding_is_text_and_is_read_to_its_end(models):
    examples = [Example("the cat<pad>", None, 0), Example("the cat", None, 1)]
    logits, model, rows = classified(models["llama"], examples)
    assert 0 not in rows[0]["input_ids"], "0 is the padding"
    torch.testing.assert_close(logits, logits_at_the_last_token(model, rows), atol=1e-5, rtol=1e-5)


def test_a_masked_encoder_is_read_as_its_architecture_has_it(models):
    logits, model, rows = classified(models["roberta"])
    alone = AutoModelForSequenceClassification.from_pretrained(models["roberta"], num_labels=2)
    alone.load_state_dict(model.state_dict())
    with torch.no_grad():
        one = torch.cat([alone.eval()(torch.tensor([r["input_ids"]])).logits for r in rows])
    torch.testing.assert_close(logits, one, atol=1e-5, rtol=1e-5)
    logits, model, rows = classified(models["roberta"], head="mlp")
    states = [model.base_model(torch.tensor([r["input_ids"]])).last_hidden_state for r in rows]
    first = torch.cat([model.classifier.layers(state[:, 0]) for state in states])
    torch.testing.assert_close(logits, first, atol=1e-5, rtol=1e-5)


def test_the_seed_decides_the_head(models):
    one, same, other = (
        load_classifier(models["llama"], labels=2, settings=settings(), seed=seed).score.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_body_that_is_not_in_the_file_is_refused(models, tmp_path):
    folder = shutil.copytree(models["llama"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(InputError, match=r"lacks weights of its model: model\.lay"):
        load_classifier(folder, labels=2, settings=settings(), seed=1)


def test_a_folder_without_a_model_is_refused(models, tmp_path):
    with pytest.raises(InputError, match=r"has no config.json"):
        load_classifier(tmp_path, labels=2, settings=settings(), seed=1)
    folder = shutil.copytree(models["llama"], tmp_path / "model")
    (folder / "config.json").write_text('{"model_type": "dino"}')
    with pytest.raises(InputError, match=r"config\.json cannot be used"):
        load_classifier(folder, labels=2, settings=settings(), seed=1)


def made(kind, tokenizer, folder, **shape):
    """Write a model of another architecture, and the tokenizer."""
    config = AutoConfig.for_model(kind, vocab_size=400, **shape)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    load_tokenizer(tokenizer).save_pretrained(folder)
    return folder


def test_lora_trains_only_its_updates_and_the_head(models, tokenizer, tmp_path):
    # peft has a list of architectures, and DistilBERT is not in it.
    shape = {"dim": 32, "hidden_dim": 32, "n_layers": 1, "n_heads": 2}
    distilbert = made("distilbert", tokenizer, tmp_path / "distilbert", **shape)
    for folder in (models["llama"], distilbert):
        model = load_classifier(folder, labels=2, settings=settings(lora={}), seed=1)
        trained = {name for name, value in model.named_parameters() if value.requires_grad}
        assert any("lora" in name for name in trained)
        assert all("lora" in n or "score" in n or "classifier" in n for n in trained)


def test_a_head_that_cannot_be_replaced_is_refused(tokenizer, tmp_path):
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    folder = made("t5", tokenizer, tmp_path / "t5", **shape)
    with pytest.raises(InputError, match=r"but t5 has no module classifier[\s\S]*linear"):
        load_classifier(folder, labels=2, settings=settings(head="mlp"), seed=1)
