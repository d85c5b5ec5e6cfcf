"""Each measured token's document, domain and frequency band, recounted from the text."""

import json
from collections import Counter

import numpy as np
from token_streams import put_stream, stream

from babyllama.data.statistics import corpus_statistics
from babyllama.data.tokens import tokenize
from babyllama.evaluation.measures import dev_text
from babyllama.evaluation.measures.dev_text import DevText
from babyllama.recipe import TokensRecipe
from babyllama.runs.layout import STATISTICS


def with_statistics(corpus, folder):
    """The corpus with its counts, as the corpus stage leaves it."""
    folder.mkdir()
    for split in ("train", "dev"):
        (folder / split).symlink_to(corpus / split)
    (folder / STATISTICS).write_text(json.dumps(corpus_statistics(corpus)), encoding="utf-8")
    return folder


def test_units_are_documents_and_domains_are_files(text, tokens, corpus, tmp_path):
    whole = DevText(tokens, text.window, with_statistics(corpus, tmp_path / "corpus"))
    names, domain_of = whole.domains
    assert names == ("tales", "talk")
    starts = np.load(tokens / "dev.documents.npy").tolist()
    of_tales = (corpus / "dev" / "tales.txt").read_text("utf-8").strip().count("\n\n") + 1
    seen = {}
    for place, unit, domain in zip(whole.places, whole.units, domain_of, strict=True):
        document = max(number for number, start in enumerate(starts) if start <= place)
        assert seen.setdefault(unit, document) == document
        assert domain == (document >= of_tales)
    assert len({*seen.values()}) == len(seen) == 16


def test_of_a_stream_the_units_are_windows_and_a_file_is_a_domain(
    text, corpus, tokenizer, tmp_path
):
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    tokenize(corpus, tokenizer, TokensRecipe(layout="stream"), tokens)
    found = DevText(tokens, text.window, with_statistics(corpus, tmp_path / "corpus"))
    size = text.window - 1
    assert found.units.tolist() == np.repeat(np.arange(len(found.places) // size), size).tolist()
    names, domain_of = found.domains
    assert names == ("tales", "talk")
    second = np.load(tokens / "dev.documents.npy")[1]
    assert domain_of.tolist() == (found.places >= second).astype(int).tolist()
    assert {*domain_of.tolist()} == {0, 1}


def test_a_corpus_without_counts_has_no_domains(text, tokens):
    assert text.domains[0] == ()
    assert DevText(tokens, text.window).domains[0] == ()


def test_bands_are_decades_of_the_count_in_the_training_text(text, tokens):
    counts = Counter(stream(tokens))
    labels = np.array([*counts, 400])  # the last does not occur
    names, band = text.bands(labels)
    for label, each in zip(labels.tolist(), band.tolist(), strict=True):
        low, high = (int(edge.replace(",", "")) for edge in names[each].split(" to "))
        assert low <= counts[label] <= high
    assert names[0] == "0 to 9"
    assert len(names) == len({*names}) == len({*band.tolist()})


def test_the_cost_is_bounded_whatever_the_size_of_the_text(tmp_path, monkeypatch):
    tokens = put_stream(tmp_path / "tokens", 5000)
    monkeypatch.setattr(dev_text, "MOST_TOKENS", 40)
    text = DevText(tokens, 10)
    assert len(text.places) == 4 * 9
    assert (text.places[0], text.places[-1]) == (1, 4999)
    # Without documents, each window is a unit.
    assert text.units.tolist() == np.repeat(np.arange(4), 9).tolist()
