"""What every scorer promises: ties, order, positions, and errors that name the text."""

import gc
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_likelihoods import SENTENCES, SHORT, assert_near, near, plain_sum, scorer_of
from random_models import random_model
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoModelForCausalLM
from transformers import AutoModelForMaskedLM as _MASKED  # noqa: N814
from transformers.convert_slow_tokenizer import bytes_to_unicode

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation.likelihood import scorer as scorer_module
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import (
    likelihoods,
    load_scorer,
    log_likelihoods,
    scored_bytes,
)
from babyllama.evaluation.likelihood.texts import Text


def test_order_changes_no_bit(teachers):
    scorer = scorer_of(teachers)
    forwards = log_likelihoods(scorer, SENTENCES)
    backwards = log_likelihoods(scorer, SENTENCES[::-1])
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_neither_padding_side_nor_threads_matter(teachers):
    threads = torch.get_num_threads()
    scorer = scorer_of(teachers)
    expected = log_likelihoods(scorer, SENTENCES)
    scorer.tokenizer.padding_side = "left"
    try:
        torch.set_num_threads(3 - min(threads, 2))
        found = log_likelihoods(scorer, SENTENCES)
    finally:
        torch.set_num_threads(threads)
    assert_near(found, expected)


def test_sentences_of_the_same_tokens_tie_exactly(teachers):
    one, other = log_likelihoods(scorer_of(teachers), ["ﬁne snow", "fine snow"])  # NFKC
    assert one == other


def test_a_token_alone_without_context_has_nothing_to_score(teachers):
    scorer = scorer_of(teachers, "2025")
    (token,) = scorer.tokenizer("the", add_special_tokens=False).input_ids
    assert token
    assert log_likelihoods(scorer, ["the"])[0] == 0.0
    both = log_likelihoods(scorer, ["the", "the cat"])
    assert both[0] == 0.0 > both[1]


def test_no_sentences_have_no_log_likelihoods(teachers):
    assert log_likelihoods(scorer_of(teachers), []).shape == (0,)


def test_a_sentence_longer_than_the_positions_is_refused_by_name(teachers):
    scorer = scorer_of(teachers)
    assert scorer.positions == 64
    fits, too_long = ["the"] * 64, ["the"] * 65
    assert log_likelihoods(scorer, [" ".join(fits)])[0] < 0
    with pytest.raises(InputError, match=r"needs 65 positions, the model has 64: 'the the"):
        log_likelihoods(scorer, ["the cat", " ".join(too_long)])


def test_a_model_that_answers_nan_is_refused_with_the_sentence(teachers):
    scorer = scorer_of(teachers[:1])
    spoilt = scorer.tokenizer("!", add_special_tokens=False).input_ids[-1]
    scorer.model.ensemble.models[0].get_input_embeddings().weight[spoilt] = float("nan")
    with pytest.raises(InputError, match="no finite log-likelihood to 'the cat! the dog'"):
        log_likelihoods(scorer, ["the cat", "a dog sees", "the cat! the dog", "the"])


@pytest.mark.parametrize("unknown", [None, "<unk>"])
def test_a_text_that_the_tokenizer_cannot_encode_is_refused_by_name(teachers, tmp_path, unknown):
    folder = shutil.copytree(teachers[0], tmp_path / "words")
    words = Tokenizer(WordLevel({"<pad>": 0, "<s>": 1, "</s>": 2, "cat": 3}, unk_token=unknown))
    words.pre_tokenizer = Whitespace()
    words.save(str(folder / "tokenizer.json"))
    scorer = scorer_of([folder])
    assert log_likelihoods(scorer, ["cat cat"])[0] < 0
    for odd in ["dog", "\u200b \n"]:
        with pytest.raises(InputError, match=rf"cannot encode {re.escape(repr(odd))}"):
            log_likelihoods(scorer, ["cat", odd])


def test_a_token_beyond_the_model_is_refused(teachers, tmp_path):
    folder = shutil.copytree(teachers[0], tmp_path / "gap")
    scorer = scorer_of([folder])
    # A tokenizer whose numbers have a gap: its size fits, its largest number does not.
    file = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    vocabulary = file["model"]["vocab"]
    word = max((each for each in vocabulary if each[0] == "Ġ"), key=vocabulary.__getitem__)
    known = scorer.model.vocab_size
    vocabulary[word] = known + 5
    (folder / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    with pytest.raises(InputError, match=rf"token {known + 5}.* 0 to {known - 1}"):
        log_likelihoods(scorer_of([folder]), [word[1:]])


def test_masking_is_refused_where_nothing_is_masked(teachers):
    with pytest.raises(InputError, match=r"is causal, and masking is within_word"):
        scorer_of(teachers[:1], masking="within_word")


def test_kinds_of_models_are_not_mixed(folder_of):
    with pytest.raises(InputError, match=r"bert.* is masked, .*t5.* is encoder-decoder"):
        scorer_of([folder_of("bert"), folder_of("t5")])


@pytest.mark.parametrize("kind", ["bert", "roberta", "bart"])
def test_a_text_that_is_too_long_is_refused_or_loses_its_beginning(folder_of, kind):
    scorer = scorer_of([folder_of(kind)])
    assert scorer.positions == SHORT
    long = Text(" a dog", context="cat " * 60)
    with pytest.raises(InputError, match=rf"(?s)the model has {SHORT}: 'cat cat .*--truncate"):
        likelihoods(scorer, [long])
    shorter, fits = Text(" a dog", context="cat " * 59), Text(" a dog", context="cat " * 3)
    cut = likelihoods(scorer_of([folder_of(kind)], truncate=True), [long, shorter, fits])
    assert len(set(cut.counts().tolist())) == 1  # the target is kept
    assert cut.sums()[0] == cut.sums()[1] != cut.sums()[2]  # the last tokens are the same
    assert cut.sums()[2] == near(likelihoods(scorer, [fits]).sums()[0])


@pytest.mark.parametrize(
    ("kind", "name", "context", "space", "likelihood"),
    [
        ("bert", "2024", "</s>", True, "pseudo-log-likelihood (one mask a position), averaged"),
        ("bert", "honest", None, False, "pseudo-log-likelihood (one mask a position), summed"),
        ("t5", "2023", "</s>", False, "log-likelihood of the decoder, summed over tokens, EOS too"),
        ("t5", "2024", None, False, "log-likelihood of the decoder, summed over tokens"),
    ],
)
def test_scorers_describe_how_each_kind_is_scored(
    folder_of, kind, name, context, space, likelihood
):
    scorer = scorer_of([folder_of(kind)], name)
    assert (scorer.context, scorer.leading_space) == (context, space)
    assert scorer.likelihood.startswith(likelihood)
    assert scorer.is_averaged == ("averaged" in likelihood)


LONG = ["The cat sees a dog. " * 20, "雪は白い。" * 30, "ä cat 雪" * 9, "Where?"]


def bytes_scored(scorer, text, scored):
    """Bytes of the characters whose tokens are all among the last `scored` tokens, one by one."""
    byte_of = {letter: byte for byte, letter in bytes_to_unicode().items()}
    tokens = scorer.tokenizer.convert_ids_to_tokens(
        scorer.tokenizer(text, add_special_tokens=False).input_ids
    )
    raw = [bytes(byte_of[letter] for letter in token) for token in tokens]
    assert b"".join(raw) == b" " + text.encode()
    unscored = sum(map(len, raw[: len(raw) - scored])) - 1  # without the space before the text
    place = counted = 0
    for character in text:
        size = len(character.encode())
        counted += size if place >= unscored else 0
        place += size
    return counted


@pytest.mark.parametrize(("name", "context"), [("honest", [1]), ("2025", [])])
def test_a_cut_text_has_the_bytes_and_the_sum_of_its_last_tokens(teachers, name, context):
    scorer = scorer_of(teachers[:1], name, truncate=True)
    texts = [text.strip() for text in LONG]
    found = likelihoods(scorer, [Text(text) for text in texts])
    own = [scorer.tokenizer(text, add_special_tokens=False).input_ids for text in texts]
    whole = [[*context, *ids] for ids in own]
    kept = [ids[-65:] for ids in whole]
    assert found.counts().tolist() == [len(ids) - 1 for ids in kept]
    sums = [plain_sum(teachers[0], ids) for ids in kept]
    assert_near(found.sums(), sums)
    assert found.inputs.tokens.tolist() == [len(ids) - 1 for ids in whole]
    cut = [len(ids) - len(part) for ids, part in zip(whole, kept, strict=True)]
    assert found.inputs.cut.tolist() == cut
    assert cut[0] > 0 == cut[3]
    counts = found.counts()
    expected = [bytes_scored(scorer, *each) for each in zip(texts, counts.tolist(), strict=True)]
    measured = scored_bytes(scorer, [Text(text) for text in texts], counts)
    assert measured.tolist() == expected
    assert (expected[3] == len(texts[3])) == bool(context)


def test_texts_with_tokens_for_the_unknown_are_counted(teachers, tmp_path):
    folder = shutil.copytree(teachers[0], tmp_path / "words")
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, "cat": 3, "<unk>": 4}
    words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    words.save(str(folder / "tokenizer.json"))
    texts = [Text("cat cat"), Text("cat Ⅷ"), Text("cat", "Ⅷ"), Text("Ⅷ Ⅸ")]
    assert likelihoods(scorer_of([folder]), texts).inputs.has_unknown.tolist() == [
        False, True, True, True,
    ]  # fmt: skip
    # A byte-level tokenizer knows every text, whatever its configuration calls unknown.
    assert not likelihoods(scorer_of(teachers[:1]), texts).inputs.has_unknown.any()


def test_a_target_tokenized_anew_is_scored_piece_by_piece(teachers, folder_of):
    text = Text("qjxä", "The cat sees", is_separate=True, scored="anew")
    others = [Text("dog", "A", is_separate=True, scored="anew"), Text("The cat.")]
    for folder, auto in ((teachers[0], AutoModelForCausalLM), (folder_of("bert"), _MASKED)):
        scorer = scorer_of([folder], "2025")
        model = auto.from_pretrained(folder, dtype=torch.float64).eval()
        tokenizer = scorer.tokenizer
        sentence, expected = text.context, []
        for number, token in enumerate(tokenizer(text.target, add_special_tokens=False).input_ids):
            piece = tokenizer.decode([token])
            label = tokenizer(piece, add_special_tokens=False).input_ids[0] if number else token
            masks = tokenizer.mask_token * 3 if auto is _MASKED else ""
            ids = tokenizer(sentence + masks, split_special_tokens=False).input_ids
            at = ids.index(tokenizer.mask_token_id) if masks else len(ids) - 1
            with torch.no_grad():
                log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0, at], dim=-1)
            expected.append(float(log_p[label]))
            sentence += piece
        assert len(expected) > 3
        found = likelihoods(scorer, [others[0], text, others[1]])
        assert_near(found[1:2].values, expected)
        alone = log_likelihoods(scorer, others)
        assert_near(found.sums()[[0, 2]], alone)
        assert len(found.inputs.tokens) == 3


def test_the_folder_that_the_papers_scripts_leave_is_scored_as_it_was_trained(
    tokenizer, tmp_path, capsys
):
    """A GPT2TokenizerFast's unknown token and a GPT2Config's BOS are defaults beyond the model."""
    library = load_tokenizer(tokenizer)
    plain = random_model("gpt2", library, tmp_path / "plain")
    left = shutil.copytree(plain, tmp_path / "left")
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    (left / "tokenizer_config.json").write_text(
        json.dumps(names | {"tokenizer_class": "GPT2Tokenizer", "unk_token": "<|endoftext|>"})
    )
    for folder, token in ((plain, None), (left, 50256)):
        config = json.loads((folder / "config.json").read_text())
        config |= {"bos_token_id": token, "eos_token_id": token}
        (folder / "config.json").write_text(json.dumps(config))
    texts = ["The cat sees ½ dog.", "a <|endoftext|> b"]
    expected = log_likelihoods(scorer_of([plain]), texts)
    capsys.readouterr()
    assert log_likelihoods(scorer_of([left]), texts).tolist() == expected.tolist()
    said = capsys.readouterr().err
    assert "does not know the added tokens '<|endoftext|>'" in said
    assert "bos_token_id 50256" in said


def test_a_text_that_spells_a_control_token_has_no_control_token(teachers):
    scorer = scorer_of(teachers[:1])
    (text,) = scorer.encode([Text("a </s> <pad> b")])
    assert text.ids[0] == 1
    assert not {0, 1, 2} & set(text.ids[1:].tolist())


def test_many_texts_are_scored_without_collecting_what_exists(teachers, monkeypatch):
    monkeypatch.setattr(scorer_module, "_MANY_TEXTS", 2)
    scorer, frozen = scorer_of(teachers), []
    score = scorer.model.score_tokens

    def watched(sequences):
        frozen.append(gc.get_freeze_count() > 0)
        return score(sequences)

    monkeypatch.setattr(scorer.model, "score_tokens", watched)
    likelihoods(scorer, [Text("The cat sees a dog.")])
    likelihoods(scorer, [Text("The cat sees a dog."), Text("Where?")])
    assert frozen == [False, True]
    assert gc.get_freeze_count() == 0
    with pytest.raises(InputError):
        likelihoods(scorer, [Text("Where?"), Text("")])
    assert gc.get_freeze_count() == 0


def test_what_a_program_has_frozen_stays_frozen(teachers, monkeypatch):
    monkeypatch.setattr(scorer_module, "_MANY_TEXTS", 1)
    gc.freeze()
    try:
        likelihoods(scorer_of(teachers), [Text("The cat sees a dog.")])
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_a_scorer_in_bfloat16_has_one_in_float32(folder_of, kind):
    rounded, exact = (
        load_scorer(
            [folder_of(kind)], rules_named("honest"), device=torch.device("cpu"), dtype=dtype
        )
        for dtype in (torch.bfloat16, torch.float32)
    )
    again = replace(rounded, model=rounded.model.in_float32())
    assert (rounded.model.dtype, again.model.dtype) == (torch.bfloat16, torch.float32)
    lines = ["The cat sees a dog.", "Where is the cat?"]
    assert_near(log_likelihoods(again, lines), log_likelihoods(exact, lines))
