"""Text that teachers write: it is what they would say, token by token, in the tokens' layout."""

import json
import shutil

import numpy as np
import pytest
import torch

from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Windows, read_header
from babyllama.errors import InputError
from babyllama.models.ensemble import combine
from babyllama.models.loading import load_model
from babyllama.recipe import EQUAL_WEIGHTS, Sampling
from babyllama.signals import sampled_text
from babyllama.signals.sampled_text import Rounds, Texts, TextSource, marks_of, sample_text

WINDOW = 16
BEGIN, END = 1, 2  # <s>, </s>


@pytest.fixture(autouse=True)
def _short_texts(monkeypatch):
    monkeypatch.setattr(sampled_text, "LONGEST", 3)


@pytest.fixture
def source(teachers, few_tokens):
    def make(tokens=few_tokens, window=WINDOW, at_once=16, **sampling):
        part = Sampling.model_validate(sampling)
        return TextSource(tuple(teachers), tokens, part, EQUAL_WEIGHTS, window, 5, at_once)

    return make


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def stream(folder):
    return np.fromfile(folder / "train.bin", read_header(folder)["dtype"])


def documents(folder):
    starts = np.load(folder / "train.documents.npy")
    return [part.tolist() for part in np.split(stream(folder), starts[1:])]


def slow_text(models, number, *, seed, window, temperature, forbidden, longest):
    """A text by its definition: all tokens are read again for each new one, in float64."""
    half, tokens = window // 2, [BEGIN]
    while tokens[-1] != END:
        added = len(tokens) - 1
        context = tokens[max(0, (added // half - 1) * half + 1) if added >= half else 0 :]
        ids = torch.tensor([context])
        with torch.no_grad():
            logits = sum(model(input_ids=ids).logits[0, -1] for model in models) / len(models)
        p = torch.softmax(logits / temperature, -1).numpy()
        p[forbidden] = 0
        chance = np.random.default_rng((seed, number, 1 + added // half)).random(half)[added % half]
        tokens.append(int(np.flatnonzero(np.cumsum(p / p.sum()) > chance)[0]))
        if len(tokens) > longest:
            return [*tokens[: longest - 1], END]
    return tokens


def test_cached_batches_give_the_text_that_token_by_token_sampling_without_a_cache_gives(
    source, teachers
):
    made = source(temperature=0.8, at_once=4)
    models = [load_model(folder).double() for folder in teachers]
    tokens = stream(made.tokens)
    marks = marks_of(made, len(tokens), np.load(made.tokens / "train.documents.npy"))
    rounds, texts = Rounds(made, combine(models, 320), marks, tokens), Texts(wanted=6)
    while chosen := rounds.next(texts, target=1):
        rounds.apply(texts, chosen, rounds.draw(texts, chosen))

    forbidden = list(rounds.drawing.forbidden)
    assert forbidden == [0]  # <pad>
    for number, text in enumerate(texts.all):
        assert text.tokens == slow_text(
            models, number, seed=5, window=WINDOW, temperature=0.8, forbidden=forbidden,
            longest=3 * WINDOW,
        )  # fmt: skip
    assert {text.was_cut for text in texts.all} == {True, False}


def test_a_folder_of_sampled_text_is_one_of_tokens_with_the_same_dev_text(source, out):
    made = source(amount=0.3)
    facts = sample_text(made, out)

    found, real = documents(out), stream(made.tokens)
    assert all(text[0] == BEGIN and text.index(END) == len(text) - 1 for text in found)
    total = sum(map(len, found))
    assert total - len(found[-1]) < 0.3 * len(real) <= total == facts["sampled_tokens"]
    assert (facts["texts"], facts["real_tokens"]) == (len(found), 0)
    header = read_header(out)
    assert header == read_header(made.tokens) | {
        "train_tokens": total, "train_words": facts["train_words"],
    }  # fmt: skip
    assert len(Windows(out, "train", WINDOW)) == total // WINDOW
    assert (out / "dev.bin").read_bytes() == (made.tokens / "dev.bin").read_bytes()
    shown = (out / "sample.txt").read_text().split("\n\n")[0]
    assert shown == load_tokenizer(made.teachers[0]).decode(found[0]).strip()


def test_killed_between_two_rounds_it_resumes_with_the_same_bits(source, out, monkeypatch):
    whole = out.with_name("whole")
    whole.mkdir()
    sample_text(source(amount=0.2, at_once=4), whole)

    continued, calls = sampled_text.continued, []

    def dying(*given, **more):
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError
        return continued(*given, **more)

    monkeypatch.setattr(sampled_text, "continued", dying)
    with pytest.raises(MemoryError):
        sample_text(source(amount=0.2, at_once=4), out)
    sample_text(source(amount=0.2, at_once=4), out)
    assert len(calls) == len(list((out / "checkpoints").glob("round-*"))) + 1
    assert (out / "train.bin").read_bytes() == (whole / "train.bin").read_bytes()


def test_all_of_it_real_is_the_training_text_and_half_of_it_is_whole_documents(source, out):
    made = source(real_share=1)
    sample_text(made, out)
    for name in ("train.bin", "train.words.bin", "train.documents.npy"):
        assert (out / name).read_bytes() == (made.tokens / name).read_bytes(), name

    facts = sample_text(source(amount=0.4, real_share=0.5), out)
    found, real = documents(out), documents(made.tokens)
    kept = found[facts["texts"] :]
    assert facts["real_tokens"] == sum(map(len, kept)) >= 0.2 * len(stream(made.tokens))
    assert all(text in real for text in kept)


def test_without_marks_a_text_begins_somewhere_in_the_training_text_and_fills_its_length(
    source, out
):
    made = source()
    tokens = shutil.copytree(made.tokens, out.with_name("stream"))
    header = read_header(tokens) | {"layout": "stream"}
    (tokens / "tokens.json").write_text(json.dumps(header))
    facts = sample_text(source(tokens, amount=0.1), out)
    assert {len(text) for text in documents(out)} == {3 * WINDOW}
    assert not {BEGIN, END} & {token for text in documents(out) for token in text[1:]}
    assert facts["cut_texts"] == 0


def test_teachers_with_fewer_positions_than_a_window_are_refused(source, out):
    with pytest.raises(InputError, match="64 positions, a window has 128"):
        sample_text(source(window=128), out)
