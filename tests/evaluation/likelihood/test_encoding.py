"""Texts as a model's tokens, and which of them are scored."""

import numpy as np
import pytest
from random_models import variant

from babyllama.evaluation.likelihood.encoding import (
    EncodedText,
    encode_causal,
    encode_masked,
    encode_with_source,
)
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text

BOS, EOS = 1, 2
YEARS = ["honest", "2023", "2024", "2025"]
MIXED = [
    Text("The cat sees a dog."), Text("Where?"), Text(" a dog.", context="The cat sees"),
    Text("a", context="The cat sees with", is_separate=True), Text("It."), Text("It is.", "Snow"),
]  # fmt: skip


@pytest.fixture(scope="module")
def library(tokenizer):
    return variant(tokenizer)


@pytest.fixture(scope="module")
def framed(tokenizer):
    """A tokenizer that puts <s> before a text and </s> after it."""
    return variant(tokenizer, masks=True)


def plain(library, text):
    return library(text, add_special_tokens=False).input_ids


def causal(library, texts, name="honest", context=BOS, **more):
    return list(encode_causal(texts, library, rules_named(name), context, **more))


def masked(library, texts, name="honest", **more):
    return list(encode_masked(texts, library, rules_named(name), **more))


def sourced(library, texts, name="honest", **more):
    return list(encode_with_source(texts, library, rules_named(name), start=0, **more))


def scored(encoded):
    return encoded.ids[encoded.first : encoded.stop].tolist()


@pytest.mark.parametrize("name", YEARS)
@pytest.mark.parametrize("encode", [causal, masked, sourced])
def test_texts_are_encoded_the_same_however_many_at_once(encode, name, framed):
    together = encode(framed, MIXED * 3, name)
    assert len(together) == len(MIXED) * 3
    for texts_at_once in (1, 2, 3):
        parts = encode(framed, MIXED * 3, name, texts_at_once=texts_at_once)
        assert [each.key for each in parts] == [each.key for each in together]
        for one, other in zip(parts, together, strict=True):
            np.testing.assert_array_equal(one.words, other.words)


def test_a_decoder_scores_a_text_after_the_context_token(library):
    (found,) = causal(library, [Text("The cat.")])
    assert found.ids.tolist() == [BOS, *plain(library, "The cat.")]
    assert scored(found) == plain(library, "The cat.")


def test_without_context_token_the_first_token_is_not_scored(library):
    (found,) = causal(library, [Text("The cat.")], context=None)
    assert found.ids.tolist() == plain(library, "The cat.")
    assert scored(found) == plain(library, "The cat.")[1:]


@pytest.mark.parametrize("name", ["2023", "2024"])
def test_spaces_that_end_a_context_belong_to_the_target(name, library):
    one, other = causal(
        library, [Text("a dog.", context="The cat sees "), Text(" a dog.", "The cat sees")], name
    )
    assert one.key == other.key
    assert one.ids.tolist() == plain(library, "The cat sees a dog.")  # no context token before it
    assert scored(one) == plain(library, "a dog.")


def test_a_context_is_read_but_not_scored(library):
    for name, before in (("honest", [BOS]), ("2025", [])):
        (found,) = causal(library, [Text(" a dog.", context="The cat sees")], name)
        assert found.ids.tolist() == [*before, *plain(library, "The cat sees a dog.")]
        assert scored(found) == plain(library, "a dog.")


SPACED = [("The cat sees", " qjx dog"), ("The cat sees ", "qjx"), ("The", "  qjx"), ("A q", " q ")]


@pytest.mark.parametrize("trims", [False, True])
@pytest.mark.parametrize("adds_space", [False, True])
def test_a_token_that_is_a_lone_space_is_scored_with_the_part_that_has_it(
    tokenizer, trims, adds_space
):
    # The source of truth: the context's tokens begin the whole text's.
    library = variant(tokenizer, trims=trims, adds_space=adds_space)
    framed = variant(tokenizer, trims=trims, adds_space=adds_space, masks=True)
    for before, target in SPACED:
        text, ids = Text(target, before), plain(library, before + target)
        context = plain(library, before)
        assert ids[: len(context)] == context
        for name in ("honest", "2025"):
            assert scored(causal(library, [text], name)[0]) == ids[len(context) :]
        for name in YEARS:
            assert scored(masked(framed, [text], name)[0]) == ids[len(context) :]


@pytest.mark.parametrize("trims", [False, True])
def test_a_masked_model_scores_the_lone_space_before_a_text_but_not_under_2025(tokenizer, trims):
    framed = variant(tokenizer, trims=trims, masks=True)
    ids = plain(framed, "qjx")
    assert framed.convert_ids_to_tokens(ids)[0] == "Ġ"
    for name in YEARS:
        # The pipeline of 2025 scores tokens whose characters end after 0: a trimmed span does not.
        expected = ids[1:] if name == "2025" and trims else ids
        assert scored(masked(framed, [Text("qjx")], name)[0]) == expected


def test_a_separate_target_is_not_merged_with_its_context(library):
    (found,) = causal(library, [Text("a", context="The cat sees with", is_separate=True)], "2025")
    context = plain(library, "The cat sees with")
    assert found.ids.tolist() == [*context, *plain(library, "a")]
    assert (found.first, found.stop) == (len(context), len(found.ids))


def test_a_separate_target_stands_before_the_masked_models_last_special_token(framed):
    (found,) = masked(framed, [Text("a", context="The cat sees with", is_separate=True)], "2025")
    context, word = plain(framed, "The cat sees with"), plain(framed, "a")
    assert found.ids.tolist() == [BOS, *context, *word, EOS]
    assert (found.first, found.stop) == (1 + len(context), 1 + len(context) + len(word))
    assert found.words[found.first] == found.words[found.first - 1] + 1


def test_a_masked_model_scores_no_special_token(framed):
    (found,) = masked(framed, [Text("The cat.")])
    assert found.ids.tolist() == [BOS, *plain(framed, "The cat."), EOS]
    assert scored(found) == plain(framed, "The cat.")
    assert (found.words[0], found.words[-1]) == (-1, -1)
    (averaged,) = masked(framed, [Text("The cat.")], "2024")
    assert averaged.ids[1] == EOS  # the text before every sentence under 2024
    assert scored(averaged) == plain(framed, " The cat.")


def test_an_encoder_decoder_scores_its_eos_under_2023_alone(framed):
    (found,) = sourced(framed, [Text(" a dog.", context="The cat sees")])
    assert found.source.tolist() == [BOS, *plain(framed, "The cat sees"), EOS]
    assert found.ids.tolist() == [0, *plain(framed, " a dog.")]
    assert (found.first, found.stop) == (1, len(found.ids))
    (old,) = sourced(framed, [Text("It.")], "2023")
    assert old.source.tolist() == [BOS, EOS, EOS]  # the text </s> where there is no context
    assert scored(old)[-1] == EOS


def test_only_the_last_tokens_are_kept():
    words = np.array([-1, 0, 1, 2, 3, -1])
    text = EncodedText(np.array([1, 3, 4, 5, 6, 2], dtype=np.int32), 3, 5)
    cut = text.keep_last(3)
    assert cut.input_length == 3
    assert (cut.ids.tolist(), scored(cut)) == ([4, 5, 6, 2], [5, 6])
    framed = EncodedText(text.ids, 3, 5, words=words.astype(np.int32))
    cut = framed.keep_last(4)
    assert (cut.ids.tolist(), scored(cut)) == ([1, 5, 6, 2], [5, 6])
    assert cut.words.tolist() == [-1, 2, 3, -1]
    source = np.array([7, 8, 9], dtype=np.int32)
    assert EncodedText(text.ids[:2], 1, 2, source=source).keep_last(2).source.tolist() == [8, 9]
    assert text.keep_last(5).key == text.key


def test_keys_sort_like_tokens():
    texts = [EncodedText(np.array(ids, dtype=np.int32), 1, len(ids)) for ids in
             ([1, 300], [1, 2, 5], [1, 2], [1, 256], [1, 255, 9])]  # fmt: skip
    ordered = sorted(texts, key=lambda text: text.key)
    assert [t.ids.tolist() for t in ordered] == sorted(t.ids.tolist() for t in texts)
