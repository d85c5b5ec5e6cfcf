"""Tiny models with random weights and variants of a tokenizer, for tests of what reads them.

Random weights are drawn wide, so that a model has opinions: no two sentences are likely to tie.
"""

import shutil

import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

from babyllama.recipe import to_yaml
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import write_manifest

POSITIONS = 256
_WIDE = {"initializer_range": 0.25}


def random_model(kind, tokenizer, out, *, seed=0, **settings):
    """Write a model of a kind for a tokenizer, both into the folder `out`."""
    tokens = {name: getattr(tokenizer, name) for name in
              ("bos_token_id", "eos_token_id", "pad_token_id")}  # fmt: skip
    torch.manual_seed(seed)
    model = _MAKE[kind](vocab_size=len(tokenizer), **tokens, **_WIDE, **settings)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def variant(folder, *, adds_space=True, adds_bos=False, masks=False, trims=False, **named):
    """A tokenizer like that of a folder, other in what it puts around a text.

    Args:
        adds_space: whether it puts a space before texts that begin with none.
        adds_bos: whether it puts <s> before a text by itself.
        masks: whether it has <mask>, and puts <s> before and </s> behind a text by itself.
        trims: whether the spans of its tokens leave out spaces, as those of our tokenizers do.
        named: special tokens by their roles, where they are not <pad>, <s> and </s>.
    """
    library = Tokenizer.from_file(str(folder / "tokenizer.json"))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=adds_space)
    if masks:
        library.add_special_tokens(["<mask>"])
        named = {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"} | named
    steps = []
    if trims:
        steps.append(processors.ByteLevel(trim_offsets=True, add_prefix_space=adds_space))
    if adds_bos or masks:
        single = "<s> $A </s>" if masks else "<s> $A"
        special = [("<s>", 1), ("</s>", 2)]
        steps.append(processors.TemplateProcessing(single=single, special_tokens=special))
    if steps:
        library.post_processor = processors.Sequence(steps)
    roles = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"} | named
    return PreTrainedTokenizerFast(tokenizer_object=library, **roles)


def _llama(**settings):
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "max_position_embeddings": POSITIONS}  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**shape | settings))


def _mistral(**settings):
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 4}  # fmt: skip
    return MistralForCausalLM(MistralConfig(**shape | settings))


def _qwen2(**settings):
    return Qwen2ForCausalLM(Qwen2Config(**_ENCODER | {"num_key_value_heads": 2} | settings))


def _qwen3(**settings):
    shape = {"num_key_value_heads": 2, "head_dim": 8}
    return Qwen3ForCausalLM(Qwen3Config(**_ENCODER | shape | settings))


def _gpt2(**settings):
    shape = {"n_embd": 24, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS}
    return GPT2LMHeadModel(GPT2Config(**shape | settings))


_ENCODER = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": POSITIONS}  # fmt: skip


def _bert(**settings):
    return BertForMaskedLM(BertConfig(**_ENCODER | settings))


def _roberta(**settings):
    shape = _ENCODER | {"max_position_embeddings": POSITIONS + 2}
    return RobertaForMaskedLM(RobertaConfig(**shape | settings))


def _modernbert(**settings):
    tokens = {"cls_token_id": 1, "sep_token_id": 2}
    return ModernBertForMaskedLM(ModernBertConfig(**_ENCODER | tokens | settings))


def _t5(**settings):
    shape = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    config = T5Config(**shape | settings, decoder_start_token_id=0)
    return T5ForConditionalGeneration(config)


def _bart(**settings):
    shape = {"d_model": 32, "max_position_embeddings": POSITIONS, "init_std": 0.25}
    for half in ("encoder", "decoder"):
        shape |= {f"{half}_layers": 2, f"{half}_attention_heads": 2, f"{half}_ffn_dim": 64}
    config = BartConfig(**shape | settings, decoder_start_token_id=2)
    return BartForConditionalGeneration(config)


_MAKE = {
    "llama": _llama, "mistral": _mistral, "gpt2": _gpt2, "bert": _bert, "roberta": _roberta,
    "modernbert": _modernbert, "t5": _t5, "bart": _bart, "qwen2": _qwen2, "qwen3": _qwen3,
}  # fmt: skip


def random_run(folder, recipe, tokens, tokenizer):
    """A run with tokens and models of random weights, all finished, and nothing else."""
    layout = Layout(folder)
    folder.mkdir(parents=True)
    layout.recipe.write_text(to_yaml(recipe), encoding="utf-8")
    shutil.copytree(tokens, layout.tokens)
    library = variant(tokenizer)
    for seed, path in enumerate(layout.models(recipe).values()):
        random_model("gpt2" if path.name == "gpt2" else "llama", library, path, seed=seed)
    for made in (layout.tokens, *layout.models(recipe).values()):
        key = {"stage": made.name, "version": 1, "recipe": {}, "inputs": {}, "seed": 0}
        write_manifest(made, {**key, "facts": {}, "wall_seconds": 1.0}, leave_out=set())
    return layout
