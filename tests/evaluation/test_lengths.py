"""The texts of a benchmark are measured as the scorer measures them."""

import json

import pytest

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation.lengths import refuse_long_texts
from babyllama.models.build import configuration


def test_a_text_that_just_fits_is_not_refused_and_one_token_more_is(
    tiny_recipe, tokenizer, tmp_path
):
    library = load_tokenizer(tokenizer)
    shape = tiny_recipe.pretraining("llama").model
    text = "a dog sees a cat " * 10
    # With the context token before it and the space that the rules put there; the last token is
    # scored, but no input.
    needed = len(library(" " + text.strip(), add_special_tokens=False)["input_ids"])
    pairs = {"sentence_good": text.strip(), "sentence_bad": "a"}
    (tmp_path / "own.jsonl").write_text(json.dumps(pairs))
    benchmarks = {"own": tmp_path / "own.jsonl"}
    for positions, fits in ((needed + 1, True), (needed - 1, False)):
        changed = shape.model_copy(update={"max_position_embeddings": positions})
        config = {"llama": configuration(changed, len(library), separators=True)}
        if fits:
            refuse_long_texts(benchmarks, tokenizer, config, rules="honest")
        else:
            with pytest.raises(InputError, match=f"llama has {positions}: "):
                refuse_long_texts(benchmarks, tokenizer, config, rules="honest")


def test_models_without_a_limit_take_any_text(tokenizer, tmp_path):
    refuse_long_texts({"own": tmp_path / "nowhere"}, tokenizer, {}, rules="honest")
