"""A folder's model is read whole, or refused with the name of what is wrong."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from babyllama.errors import InputError
from babyllama.models.loading import kind_of, load_as, load_model

IDS = torch.arange(12)[None]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A LLaMA, a GPT-2, whose head is tied, and a BERT, with random weights."""
    place = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    size = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 12, "max_position_embeddings": 16}  # fmt: skip
    tokens = {"bos_token_id": 1, "eos_token_id": 2}
    LlamaForCausalLM(LlamaConfig(**size, **tokens)).save_pretrained(place / "llama")
    GPT2LMHeadModel(
        GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2, n_positions=16, **tokens)
    ).save_pretrained(place / "gpt2")
    BertForPreTraining(BertConfig(**size)).save_pretrained(place / "pretraining")
    BertForMaskedLM(BertConfig(**size)).save_pretrained(place / "bert")
    return place


@pytest.fixture
def changed(folders, tmp_path):
    """Copies a model with other weights or another configuration."""

    def change(name="llama", weights=None, **config):
        folder = shutil.copytree(folders / name, tmp_path / name, dirs_exist_ok=True)
        if weights:
            path = folder / "model.safetensors"
            made = {key: each.contiguous() for key, each in weights(load_file(path)).items()}
            save_file(made, path, metadata={"format": "pt"})
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | config))
        return folder

    return change


def without(*names):
    return lambda weights: {name: each for name, each in weights.items() if name not in names}


def renamed(change):
    return lambda weights: {change(name): each for name, each in weights.items()}


def plus(**more):
    return lambda weights: weights | {name.replace("__", "."): each for name, each in more.items()}


def refused(folder):
    with pytest.raises(InputError) as raised:
        load_model(folder)
    assert str(folder) in raised.value.what
    return str(raised.value)


def test_weights_that_are_missing_are_refused_by_name(changed):
    assert "lacks weights of its model: lm_head.weight" in refused(
        changed(weights=without("lm_head.weight"))
    )
    said = refused(changed(num_hidden_layers=3))
    assert "lacks weights of its model: model.layers.2." in said
    assert "(9 in all)" in said
    nothing = changed(weights=lambda _: {f"x{i}": torch.ones(1) for i in range(5)})
    assert "(21 in all)" in refused(nothing)


def test_weights_that_are_not_used_are_refused_by_name(changed):
    assert "holds weights that its model does not use: adapter.down" in refused(
        changed(weights=plus(adapter__down=torch.ones(2)))
    )
    assert "holds weights that its model does not use: model.layers.1" in refused(
        changed(num_hidden_layers=1)
    )


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize(
    "change",
    [
        lambda name: f"_orig_mod.{name}",
        lambda name: f"module.{name}",
        lambda name: f"model._orig_mod.{name}",
        lambda name: f"module._orig_mod.{name}",
        lambda name: f"_orig_mod.module.{name}",
        lambda name: name.replace(".0.", ".0._orig_mod."),
    ],
)
def test_well_known_prefixes_are_removed_and_said(folders, changed, capsys, name, change):
    folder = changed(name, weights=renamed(change))
    model = load_model(folder)
    assert torch.equal(model(IDS).logits, load_model(folders / name)(IDS).logits)
    assert model.config.name_or_path == str(folder)
    assert "names of weights are simplified" in capsys.readouterr().err


def test_a_weight_that_is_there_twice_is_refused(changed):
    twice = changed(weights=lambda w: w | {"_orig_mod.lm_head.weight": w["lm_head.weight"] + 1})
    assert "does not use: _orig_mod.lm_head.weight" in refused(twice)


def test_buffers_of_older_releases_and_a_tied_head_are_no_fault(folders, changed):
    mask = torch.ones(1, 1, 16, 16, dtype=torch.bool)
    old = changed(
        "gpt2",
        weights=plus(
            transformer__h__0__attn__bias=mask,
            transformer__h__0__attn__masked_bias=torch.tensor(-1e4),
        ),
    )
    bare = changed("gpt2", weights=renamed(lambda name: name.removeprefix("transformer.")))
    expected = load_model(folders / "gpt2")(IDS).logits
    for folder in (old, bare):
        assert torch.equal(load_model(folder)(IDS).logits, expected)
    load_model(changed(weights=without("lm_head.weight"), tie_word_embeddings=True))


def test_a_head_of_its_own_under_a_configuration_that_ties_it_is_refused(changed):
    assert "tie_word_embeddings is true" in refused(changed(tie_word_embeddings=True))


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.bool])
def test_weights_that_are_not_floating_point_numbers_are_refused(changed, dtype):
    folder = changed(weights=plus(model__norm__weight=torch.ones(8, dtype=dtype)))
    assert "weight model.norm.weight is stored as" in refused(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(changed, value):
    folder = changed(weights=plus(model__norm__weight=torch.full((8,), value)))
    assert "weight model.norm.weight has NaN or infinite values" in refused(folder)


def test_half_precision_is_read_as_float32(changed):
    folder = changed(weights=lambda weights: {k: v.bfloat16() for k, v in weights.items()})
    assert load_model(folder).dtype == torch.float32


def test_sizes_that_are_not_those_of_the_weights_are_refused_with_both(changed):
    said = refused(changed(vocab_size=10**8))
    assert "lm_head.weight is stored as [20, 8], config.json asks for [100000000, 8]" in said
    said = refused(changed("gpt2", n_positions=10**8))
    assert "transformer.wpe.weight is stored as [16, 8]" in said


def test_a_masked_model_is_refused_as_a_causal_one_and_loads_as_itself(folders):
    assert "bert is a masked language model, not a causal" in refused(folders / "bert")
    load_as(AutoModelForMaskedLM, folders / "bert", "a masked language model")
    # Published BERTs hold a head for next sentences and a pooler, which it does not use.
    load_as(AutoModelForMaskedLM, folders / "pretraining", "a masked language model")


def test_the_librarys_reason_is_given(changed):
    assert "Transformers does not recognize" in refused(changed(model_type="llamma"))
    assert "not a multiple" in refused(changed(num_attention_heads=3))


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "causal"),
        ({"architectures": None}, "causal"),
        ({"architectures": 5}, "causal"),
        ({"architectures": ["BertForMaskedLM"]}, "masked"),
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
         "encoder-decoder"),
    ],
)  # fmt: skip
def test_the_kind_of_a_model_is_read_from_its_configuration(tmp_path, config, kind):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert kind_of(tmp_path) == kind


def test_a_model_folder_is_an_ordinary_one(teachers):
    for folder in teachers:
        model = AutoModelForCausalLM.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        inputs = tokenizer("The cat", return_tensors="pt")
        inputs.pop("token_type_ids", None)
        made = model.generate(**inputs, max_new_tokens=5, do_sample=False, pad_token_id=0)
        assert tokenizer.decode(made[0]).strip().startswith("The cat")
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
            file.name for file in folder.iterdir()
        }
        assert json.loads((folder / "config.json").read_text())["bos_token_id"] == 1
