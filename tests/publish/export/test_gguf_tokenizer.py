"""What llama.cpp can and cannot reproduce of a tokenizer."""

import pytest
from random_models import random_model, variant
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from babyllama.errors import InputError
from babyllama.publish.export.gguf_tokenizer import read_gguf_tokenizer, refuse_differences


def test_our_tokenizer_can_be_reproduced(llama):
    read = read_gguf_tokenizer(llama, 320)
    assert read.is_bpe
    assert read.differences == ()
    assert (read.normalizer, read.adds_space, read.adds_bos) == ("NFKC", True, False)
    assert (read.pad, read.bos, read.eos) == (0, 1, 2)
    assert {0, 1, 2} <= read.control
    assert len(read.tokens) == 320


def test_a_bos_that_the_tokenizer_adds_is_kept(tokenizer, tmp_path):
    folder = random_model("llama", variant(tokenizer, adds_bos=True), tmp_path)
    read = read_gguf_tokenizer(folder, 320)
    assert read.adds_bos
    assert read.differences == ()


def _splits_digits(library):
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(), pre_tokenizers.ByteLevel()]
    )


def _lowers(library):
    library.normalizer = normalizers.Lowercase()


def _adds_a_word(library):
    library.add_tokens(["babyllama"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_splits_digits, "its pre-tokenizer is Digits then ByteLevel, not GPT-2's"),
        (_lowers, "its normaliser is Lowercase"),
        (_adds_a_word, "added tokens that texts may hold, such as 'babyllama'"),
    ],
)
def test_a_tokenizer_that_llama_cpp_does_not_reproduce_is_named(tokenizer, tmp_path, change, named):
    library = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    change(library)
    changed = PreTrainedTokenizerFast(
        tokenizer_object=library, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    folder = random_model("llama", changed, tmp_path)
    with pytest.raises(InputError) as refused:
        refuse_differences(folder, read_gguf_tokenizer(folder, len(changed)))
    assert named in str(refused.value)
    assert "--allow-different-text" in str(refused.value)


def test_a_vocabulary_that_is_no_bpe_is_named(tmp_path):
    library = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "a": 2}, unk_token="a"))
    words = PreTrainedTokenizerFast(tokenizer_object=library, bos_token="<s>", eos_token="</s>")
    folder = random_model("llama", words, tmp_path)
    read = read_gguf_tokenizer(folder, 3)
    assert not read.is_bpe
    assert read.differences == ("its model is WordLevel, not byte-level BPE",)
