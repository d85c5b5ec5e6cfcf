"""Examples as a model's tokens: truncated, padded and checked."""

import pytest
import torch
from random_models import variant
from transformers import AutoConfig

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation.finetuning.data import find_files, read_tasks
from babyllama.evaluation.finetuning.encoding import (
    collator_for,
    encode,
    encode_tasks,
    refuse_unknown_tokens,
)
from babyllama.evaluation.finetuning.tasks import Example
from babyllama.models.build import positions_of

ROWS = [{"input_ids": [3, 4, 5], "labels": 1}, {"input_ids": [6], "labels": 0}]


def encoded(folder, examples, *, max_length=64):
    tokenizer, config = load_tokenizer(folder), AutoConfig.from_pretrained(folder)
    return encode(examples, tokenizer, config, max_length=max_length, path=folder)


def collated(tokenizer, rows=ROWS, *, is_decoder=True, vocab_size=None, pad_token_id=None):
    """A batch of the rows, and the padding token."""
    collator = collator_for(
        rows, tokenizer, AutoConfig.for_model("llama", pad_token_id=pad_token_id),
        is_decoder=is_decoder, vocab_size=vocab_size or len(tokenizer),
    )  # fmt: skip
    return collator(rows), collator.tokenizer.pad_token_id


def test_only_models_with_embeddings_for_them_get_token_types(models):
    pair = [Example("the cat", "a dog", 0)]
    for kind in ("llama", "gpt2"):
        assert "token_type_ids" not in encoded(models[kind], pair).features[0]
    tokenizer, config = load_tokenizer(models["roberta"]), AutoConfig.for_model("roberta")
    both = ["input_ids", "token_type_ids"]
    for config.type_vocab_size, names, has_types in ((2, both, True), (1, both, False),
                                                     (2, both[:1], False)):  # fmt: skip
        tokenizer.model_input_names = names
        (row,) = encode(pair, tokenizer, config, max_length=64, path=models["roberta"]).features
        assert ("token_type_ids" in row) == has_types


def test_the_longer_text_is_truncated_and_truncated_rows_are_counted(models):
    examples = [Example("the cat", "a dog knows " * 20, 0), Example("a", "b", 1)]
    found = encoded(models["llama"], examples, max_length=16)
    assert found.truncated == 1
    first = load_tokenizer(models["llama"])("the cat")["input_ids"]
    assert found.features[0]["input_ids"][: len(first)] == first
    assert len(found.features[0]["input_ids"]) == 16


def test_a_row_without_a_token_is_refused(models):
    with pytest.raises(InputError, match="row 1 has no token"):
        encoded(models["llama"], [Example("a", None, 0), Example("", None, 1)])


def test_rows_are_truncated_at_the_models_positions_if_these_are_fewer(models, glue):
    files = find_files("cola", str(glue))
    for length, limit in ((512, 256), (100, 100)):
        tasks = read_tasks(files, settings="2025", changes=(f"max_length={length}",))
        (task,) = encode_tasks(models["gpt2"], tasks)
        assert (task.name, task.max_length) == ("cola", limit)
        assert [row["labels"] for row in task.train.features] == [
            example.label for example in task.data.train
        ]


@pytest.mark.parametrize("named", [{}, {"padding_side": "left"}])
def test_batches_are_padded_on_the_right_and_masked(named, tokenizer):
    batch, _ = collated(variant(tokenizer, **named))
    assert batch["input_ids"].tolist() == [[3, 4, 5], [6, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [1, 0]
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_token_types_are_padded_as_well(tokenizer):
    rows = [row | {"token_type_ids": [1] * len(row["input_ids"])} for row in ROWS]
    batch, _ = collated(variant(tokenizer), rows, is_decoder=False)
    assert batch["token_type_ids"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_the_padding_of_a_decoder_occurs_in_no_row(tokenizer):
    plain, nameless = variant(tokenizer), variant(tokenizer, pad_token=None)
    assert collated(plain)[1] == 0
    with_padding = [{"input_ids": [0, 3], "labels": 0}]
    assert collated(plain, with_padding)[1] == plain.eos_token_id == 2
    assert collated(plain, with_padding, is_decoder=False)[1] == 0
    assert collated(nameless)[1] == 2
    assert collated(nameless, pad_token_id=7)[1] == 7
    special = [{"input_ids": [0, 1, 2], "labels": 0}]
    assert collated(nameless, special)[1] == len(nameless) - 1
    assert plain.pad_token_id == 0  # the model's own tokenizer is not changed
    assert nameless.pad_token is None


def test_where_all_tokens_occur_a_new_one_is_the_padding_if_the_model_has_room(tokenizer):
    library = variant(tokenizer)
    size = len(library)
    rows = [{"input_ids": list(range(size)), "labels": 0}, {"input_ids": [1], "labels": 0}]
    batch, padding = collated(library, rows, vocab_size=size + 1)
    assert padding == batch["input_ids"][1, -1] == size
    with pytest.raises(InputError, match=f"all {size} occur in the rows"):
        collated(library, rows)


def test_a_token_that_the_model_does_not_know_is_refused(tmp_path):
    with pytest.raises(InputError, match="gives token 7, but the model knows only 0 to 6"):
        refuse_unknown_tokens([{"input_ids": [1, 7]}], vocab_size=7, folder=tmp_path)


def test_positions_are_those_that_a_model_can_see(models):
    found = {
        kind: positions_of(AutoConfig.from_pretrained(folder)) for kind, folder in models.items()
    }
    assert found["llama"] == found["gpt2"] == 256
    assert found["roberta"] == 257  # its padding is token 0: positions are counted from 1
    assert positions_of(AutoConfig.for_model("t5")) is None
