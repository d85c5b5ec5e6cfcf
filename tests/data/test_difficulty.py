"""Difficulties of windows, each against a plain count, and the orders that follow from them."""

import json
import math
import re
from collections import Counter

import numpy as np
import pytest

from babyllama.data.difficulty import refuse_unlike_domains, windows_in_order
from babyllama.data.documents import document_starts
from babyllama.data.statistics import corpus_statistics
from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.windows import Windows
from babyllama.errors import InputError
from babyllama.recipe import TrainingRecipe
from babyllama.runs.layout import STATISTICS

TRAINING = {"epochs": 4, "batch_size": 8, "window": 16, "learning_rate": 1e-3}
SHIFTED = {"kind": "shifted", "passes": 2}


@pytest.fixture(scope="module")
def counted(corpus, tmp_path_factory):
    """The corpus with its counts, as the corpus stage leaves it."""
    folder = tmp_path_factory.mktemp("counted")
    for split in ("train", "dev"):
        (folder / split).symlink_to(corpus / split)
    (folder / STATISTICS).write_text(json.dumps(corpus_statistics(corpus)), encoding="utf-8")
    return folder


@pytest.fixture
def ranked(tokens, tokenizer, counted):
    """The windows of an order, ranked; by the values of a plain count the same way."""

    def rank(order, windows=None):
        tree = {**TRAINING, "order": order, **({"windows": windows} if windows else {})}
        training = TrainingRecipe.model_validate(tree)
        return windows_in_order(training, tokens, tokenizer, corpus=counted, seed=1)

    return rank


def ascends(windows, values):
    """Whether the means of these values over the windows ascend in the order, at each offset."""
    for offset, ranked in zip(windows.offsets, windows.order.ranked, strict=True):
        means = [np.mean(values[at : at + 16]) for at in ranked * 16 + offset]
        assert np.diff(means).min() > -1e-5
        assert means[-1] - means[0] > 1e-3
    return True


@pytest.mark.parametrize("windows", [None, SHIFTED])
def test_rarity_is_the_mean_negative_log_frequency(ranked, windows):
    found = ranked({"by": "rarity"}, windows)
    ids = found.stream.tolist()
    counts = Counter(ids)
    assert ascends(found, [-math.log(counts[token] / len(ids)) for token in ids])


@pytest.mark.parametrize("windows", [None, SHIFTED])
def test_length_is_that_of_the_sentences_of_a_windows_tokens(ranked, tokenizer, windows):
    found = ranked({"by": "length"}, windows)
    library = load_tokenizer(tokenizer)
    text = [library.decode([token]) for token in found.stream.tolist()]
    sentence, lengths = [], []
    for at, piece in enumerate(text):
        sentence.append(piece)
        after = text[at + 1] if at + 1 < len(text) else "<s>"
        if after == "<s>" or (re.search(r"[.?]|</s>", piece) and not re.search("[.?]|</s>", after)):
            lengths += [len(sentence)] * len(sentence)
            sentence = []
    assert len({*lengths}) > 3
    assert ascends(found, lengths)


def test_domains_come_in_the_order_that_is_given(ranked, tokens, counted):
    starts = document_starts(tokens, "train")
    of_tales = (counted / "train" / "tales.txt").read_text("utf-8").strip().count("\n\n") + 1
    for domains in (["tales", "talk"], ["talk", "tales"]):
        found = ranked({"by": "domain", "domains": domains})
        is_talk = np.arange(found.stream_tokens) >= starts[of_tales]
        assert ascends(found, is_talk if domains[1] == "talk" else ~is_talk)


def test_a_file_has_a_number_for_each_window_or_each_document(ranked, tokens, tmp_path):
    path = tmp_path / "numbers.txt"
    order = {"by": "file", "file": str(path)}
    documents, count = len(document_starts(tokens, "train")), len(Windows(tokens, "train", 16))
    path.write_text("\n".join(str(-number) for number in range(count)))
    found = ranked(order)
    assert found.order.ranked.tolist() == [[*reversed(range(count))]]
    assert found.order.remark == "a number for each window"
    with pytest.raises(InputError, match="shifted, which take one number per document"):
        ranked(order, SHIFTED)
    path.write_text("\n".join(str(number) for number in range(documents)))
    sizes = np.diff([*document_starts(tokens, "train"), found.stream_tokens])
    assert ascends(ranked(order, SHIFTED), np.repeat(np.arange(documents), sizes))
    path.write_text("1\n2\n")
    with pytest.raises(InputError) as caught:
        ranked(order)
    assert f"has 2 numbers; the training text has {documents} documents and {count} windows" in str(
        caught.value
    )


def test_ages_are_those_of_the_words_that_are_listed(ranked, tokenizer, tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("word,aoa\ndog,10\nDOGS,11\nsnow,30\napples,20\nball,15\nred,25\n")
    found = ranked({"by": "age-of-acquisition", "words": str(path)})
    ages = {"dog": 10, "snow": 30, "apples": 20, "ball": 15, "red": 25}
    library = load_tokenizer(tokenizer)
    starts, ids = found.word_starts, found.stream
    begins = np.flatnonzero(starts)
    words = [
        re.sub(r"\W", "", library.decode(ids[a:b].tolist(), skip_special_tokens=True)).lower()
        for a, b in zip(begins, [*begins[1:], len(ids)], strict=True)
    ]
    means = []
    for number in found.order.ranked[0]:
        inside = (begins >= number * 16) & (begins < number * 16 + 16)
        listed = [ages[words[at]] for at in np.flatnonzero(inside) if words[at] in ages]
        means.append(np.mean(listed) if listed else math.inf)
    assert math.isinf(means[-1])
    known = [mean for mean in means if not math.isinf(mean)]
    assert means[: len(known)] == known
    assert np.diff(known).min() > -1e-5
    share = sum(word in ages for word in words) / len(words)
    assert found.order.remark == f"ages are known for {share:.0%} of the words"


def test_chance_is_decided_by_the_seed_and_no_order_is_no_order(ranked, tokens, tokenizer):
    one, other = (ranked({"by": "random"}).order.ranked.tolist() for _ in range(2))
    assert one == other
    training = TrainingRecipe.model_validate({**TRAINING, "order": {"by": "random"}})
    assert windows_in_order(training, tokens, tokenizer, seed=2).order.ranked.tolist() != one
    plain = TrainingRecipe.model_validate(TRAINING)
    assert windows_in_order(plain, tokens, tokenizer, seed=2).order is None


@pytest.mark.parametrize(
    ("named", "message", "mend"),
    [
        (["tales", "tlk"], "'tlk' is not a domain of the text", "Did you mean talk?"),
        (["tales"], "leaves out talk", r"\[tales, talk\]"),
    ],
)
def test_domains_that_are_not_those_of_the_text_are_refused(ranked, named, message, mend):
    with pytest.raises(InputError, match=message) as caught:
        ranked({"by": "domain", "domains": named})
    assert re.search(mend, caught.value.mend)
    refuse_unlike_domains(["talk", "tales"], ["tales", "talk"])


def test_a_corpus_that_does_not_say_whose_documents_are_whose_is_refused(
    tokens, tokenizer, tmp_path
):
    order = {"by": "domain", "domains": ["tales", "talk"]}
    training = TrainingRecipe.model_validate({**TRAINING, "order": order})
    with pytest.raises(InputError, match="does not say which documents"):
        windows_in_order(training, tokens, tokenizer, corpus=tmp_path, seed=0)
