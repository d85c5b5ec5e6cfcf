"""Masked models and encoder-decoders of random weights around a tokenizer with special tokens."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

_SPECIAL = ["<pad>", "<s>", "</s>", "<mask>", "<unk>"]
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "vocab_size": 300}


def special_tokenizer(lines):
    """<s> in front and </s> behind every text; words cut into several tokens."""
    found = Tokenizer(models.BPE(unk_token="<unk>"))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    found.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    found.train_from_iterator(
        lines,
        trainers.BpeTrainer(vocab_size=300, special_tokens=_SPECIAL, initial_alphabet=alphabet),
    )
    found.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "mask_token": "<mask>",
             "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=found, **names)


def save_small(kind, folder, tokenizer, *, seed=0):
    """Write a model folder of one kind; weights are spread out, so that wrong ones would show."""
    torch.manual_seed(seed)
    model = _made(kind)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=0.3)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _made(kind):
    if kind == "bert":
        sizes = {**_SIZES, "intermediate_size": 64, "max_position_embeddings": 40}
        return BertForMaskedLM(BertConfig(**sizes, **_TOKENS))
    if kind == "roberta":
        sizes = {**_SIZES, "intermediate_size": 64, "max_position_embeddings": 41}
        return RobertaForMaskedLM(RobertaConfig(**sizes, **_TOKENS))
    if kind == "modernbert":
        sizes = {**_SIZES, "intermediate_size": 64, "max_position_embeddings": 40}
        tokens = {**_TOKENS, "cls_token_id": 1, "sep_token_id": 2}
        return ModernBertForMaskedLM(ModernBertConfig(**sizes, **tokens))
    if kind == "t5":
        config = T5Config(d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2,
                          decoder_start_token_id=0, **_TOKENS)  # fmt: skip
        return T5ForConditionalGeneration(config)
    config = BartConfig(
        d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
        max_position_embeddings=40, decoder_start_token_id=2, **_TOKENS,
    )  # fmt: skip
    return BartForConditionalGeneration(config)
