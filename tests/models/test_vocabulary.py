"""A model and its tokenizer share tokens, and a start token is one that both name."""

import pytest
from tokenizers import AddedToken
from transformers import GPT2Config, LlamaConfig

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.models.vocabulary import control_token, first_token, shared_vocabulary

KNOWN = 320


@pytest.fixture
def library(tokenizer):
    """A tokenizer that a test may change: <pad>, <s> and </s> are 0, 1 and 2."""
    return load_tokenizer(tokenizer)


def config(bos=None, eos=None, kind=LlamaConfig, **fields):
    return kind(bos_token_id=bos, eos_token_id=eos, **fields)


def test_a_token_that_the_tokenizer_calls_special_is_believed(library, capsys):
    assert first_token([config(1, 2)], library, known=KNOWN) == 1
    assert first_token([config(None, [2, 3])], library, known=KNOWN) == 2
    library.bos_token = library.eos_token = None  # special all the same
    assert first_token([config(1, 2)], library, known=KNOWN) == 1
    assert not capsys.readouterr().err


def test_an_ordinary_token_is_not_put_before_texts_unless_the_tokenizer_names_it(library, capsys):
    assert first_token([config(5, 6)], library, known=KNOWN) is None
    text = library.convert_ids_to_tokens(5)
    said = capsys.readouterr().err
    assert f"config.json has bos_token_id 5, the ordinary token {text!r}; it is not used" in said
    assert "eos_token_id 6" in said
    library.bos_token = text
    assert first_token([config(5, 6)], library, known=KNOWN) == 5


def test_padding_is_no_start_although_it_is_special(library):
    assert first_token([config(0, None)], library, known=KNOWN) is None


def test_an_eos_is_taken_where_the_bos_is_not_believed(library):
    assert first_token([config(5, 2)], library, known=KNOWN) == 2


def test_a_default_beyond_the_vocabulary_is_ignored_aloud_and_any_other_refused(library, capsys):
    default = config(50256, 50256, GPT2Config, name_or_path="folder")
    assert first_token([default], library, known=KNOWN) is None
    assert "folder: config.json has bos_token_id 50256, the library's" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"folder/config\.json: bos_token_id is 320, .* 0 to 319"):
        first_token([config(320, 2, name_or_path="folder")], library, known=KNOWN)
    with pytest.raises(InputError, match="eos_token_id is 400"):
        control_token(config(1, [400]), library, "eos", known=KNOWN)


def test_models_that_name_different_tokens_have_none_in_common(library):
    assert first_token([config(1, 2), config()], library, known=KNOWN) is None
    assert first_token([config(1, 2), config(1, 2)], library, known=KNOWN) == 1


def test_added_tokens_beyond_a_model_are_said_and_ordinary_ones_refused(library, capsys):
    assert shared_vocabulary(LlamaConfig(vocab_size=384), library) == KNOWN
    assert not capsys.readouterr().err
    with pytest.raises(InputError, match="llama has 319 tokens, the tokenizer has 320"):
        shared_vocabulary(LlamaConfig(vocab_size=319), library)
    library.add_tokens([AddedToken("<|endoftext|>", special=True)])
    assert shared_vocabulary(LlamaConfig(vocab_size=320), library) == KNOWN
    assert "does not know the added tokens '<|endoftext|>'" in capsys.readouterr().err
