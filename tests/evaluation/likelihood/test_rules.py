"""Whose rules: the token before a sentence, the space, ties and averages of each year."""

import shutil

import pytest
import torch
from plain_likelihoods import near
from tokenizers import processors
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import context_token, describe_rules, rules_named
from babyllama.evaluation.likelihood.scorer import load_scorer, log_likelihoods

CPU = torch.device("cpu")
BOS, EOS = 1, 2


def config(bos=None, eos=None):
    return LlamaConfig(bos_token_id=bos, eos_token_id=eos)


def context(name, tokenizer, *configs):
    return context_token(rules_named(name), tokenizer, configs or [config()], known=320)


@pytest.fixture
def library(tokenizer):
    """A tokenizer that a test may change."""
    return load_tokenizer(tokenizer)


def without(library, *names):
    for name in names:
        setattr(library, f"{name}_token", None)
    return library


def adds_bos(library):
    """Make the tokenizer put <s> before and </s> behind a text by itself."""
    template = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    library.backend_tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=True), template]
    )
    return library


def test_2023_starts_from_eos(library):
    assert context("2023", library) == EOS


def test_2023_needs_an_eos(library):
    with pytest.raises(InputError, match="has no EOS token"):
        context("2023", without(library, "eos"))


def test_2024_starts_from_bos_or_eos_or_pad(library):
    assert context("2024", library) == BOS
    assert context("2024", without(library, "bos")) == EOS
    assert context("2024", without(library, "eos")) == 0
    with pytest.raises(InputError, match="has no BOS or EOS or PAD token"):
        context("2024", without(library, "pad"))


def test_2025_starts_from_what_the_tokenizer_adds(library):
    assert context("2025", library) is None
    assert context("2025", adds_bos(library)) == BOS


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([config(1, 2)], BOS),
        ([config(None, 2)], EOS),
        ([config(None, [2, 3])], EOS),
        ([config()], None),
        ([GPT2Config()], None),  # 50256, a default of the library's, beyond the vocabulary
        ([config(1, 2), config(1, 2)], BOS),
        ([config(1, 2), config()], None),  # one of the models never saw it
    ],
)
def test_honest_starts_from_what_all_models_name(library, configs, expected):
    assert context("honest", library, *configs) == expected


def test_unknown_rules_are_refused_with_the_known_ones():
    with pytest.raises(InputError, match="unknown rules '2022'") as caught:
        rules_named("2022")
    assert "honest, 2023, 2024, 2025" in caught.value.mend


SAID = {"dtype": "float32", "likelihood": "summed"}


def test_rules_are_described_as_results_repeat_them():
    assert describe_rules(rules_named("2023"), context="</s>", leading_space=True, **SAID) == {
        "name": "2023",
        "context": "</s>",
        "leading_space": True,
        "ties": "a tie counts as correct",
        "average": "mean over groups, all pairs of a group pooled",
        "dtype": "float32",
        "likelihood": "summed",
    }
    assert (
        describe_rules(rules_named("honest"), context=None, leading_space=False, **SAID)["ties"]
        == "a tie counts half"
    )


# --- what a sentence is under each rule, spelt out ----------------------------------------------


def by_hand(folder, ids, first):
    """log p(ids[first:]) by one forward pass and a whole softmax, in float64."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0], dim=-1)
    return sum(float(log_p[at - 1, ids[at]]) for at in range(first, len(ids)))


def scored(folder, name, sentence):
    return log_likelihoods(load_scorer([folder], rules_named(name), device=CPU), [sentence])[0]


SENTENCE = "A dog sees the cats."


@pytest.mark.parametrize(("name", "before"), [("honest", BOS), ("2023", EOS), ("2024", BOS)])
def test_the_context_token_stands_before_the_sentence(name, before, teachers, library):
    ids = [before, *library(SENTENCE, add_special_tokens=False).input_ids]
    expected = by_hand(teachers[0], ids, 1)
    assert scored(teachers[0], name, SENTENCE) == near(expected)


def test_without_context_the_first_token_is_not_scored(teachers, library):
    ids = library(SENTENCE, add_special_tokens=False).input_ids
    expected = by_hand(teachers[0], ids, 1)
    assert scored(teachers[0], "2025", SENTENCE) == near(expected)


def test_2025_scores_no_special_token_that_the_tokenizer_adds(teachers, library, tmp_path):
    folder = shutil.copytree(teachers[0], tmp_path / "model")
    adds_bos(library).save_pretrained(folder)
    ids = [BOS, *library(SENTENCE, add_special_tokens=False).input_ids]
    expected = by_hand(folder, ids, 1)
    assert scored(folder, "2025", SENTENCE) == near(expected)


def test_2025_does_not_score_a_prefix_space_that_stands_alone(teachers, library, tmp_path):
    folder = shutil.copytree(teachers[0], tmp_path / "model")
    adds_bos(library).save_pretrained(folder)
    space, mark = library("?!", add_special_tokens=False).input_ids[:2]
    assert library.convert_ids_to_tokens([space, mark]) == ["Ġ", "?"]
    ids = [BOS, *library("?!", add_special_tokens=False).input_ids]
    assert scored(folder, "2025", "?!") == near(by_hand(folder, ids, 2))


def test_a_leading_space_is_not_doubled_by_tokenizers_that_add_one(library):
    for text in (SENTENCE, "?!", "  two", "\nline"):
        plain = library(text.lstrip(" "), add_special_tokens=False).input_ids
        assert library(" " + text.lstrip(" "), add_special_tokens=False).input_ids == plain


def test_a_leading_space_counts_for_tokenizers_that_add_none(teachers, library, tmp_path):
    from tokenizers import pre_tokenizers

    folder = shutil.copytree(teachers[0], tmp_path / "model")
    library.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.save_pretrained(folder)
    spaced, bare = (
        by_hand(folder, [BOS, *library(text, add_special_tokens=False).input_ids], 1)
        for text in (" " + SENTENCE, SENTENCE)
    )
    assert spaced != pytest.approx(bare, abs=0.1)
    assert scored(folder, "2024", SENTENCE) == near(spaced)
    assert scored(folder, "honest", SENTENCE) == near(bare)
