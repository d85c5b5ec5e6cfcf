import numpy as np

from babyllama.data.leaks import index as module
from babyllama.data.leaks.index import (
    indexed,
    read_lines,
    text_of_benchmark,
    text_of_split,
)
from babyllama.data.leaks.normal import WORDS
from babyllama.data.sources import Domain

TEXT = "One two.\n\n\n... \nThree\none TWO\n\n \nfour five six\n"


def write(tmp_path, **texts):
    paths = {name: tmp_path / f"{name}.txt" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text, encoding="utf-8")
    return [Domain(name, path) for name, path in paths.items()]


def test_an_index_has_a_hash_for_each_word_and_leaves_out_lines_without_words(tmp_path):
    domains = write(tmp_path, a=TEXT, b="two\n")
    with indexed(text_of_split("train", domains), WORDS) as found:
        assert found.numbers.tolist() == [1, 5, 6, 9, 1]
        assert found.lengths.tolist() == [2, 1, 2, 3, 1]
        assert found.documents.tolist() == [0, 2, 5, 8]  # the dots begin the second one
        assert found.domains == ("a", "b")
        assert found.domain_of(np.arange(5)).tolist() == [0, 0, 0, 0, 1]
        words = found.words(0, 9)
        assert words[:2].tolist() == words[3:5].tolist()
        assert words[8] == words[1]
        assert found.hashes[0] == found.hashes[2]
        assert len(set(found.hashes.tolist())) == 4
        assert found.document_numbers(1, 8).tolist() == [0, 1, 1, 1, 2, 2, 2, 3]


def test_the_index_does_not_depend_on_how_much_is_read_at_once(tmp_path, monkeypatch):
    domains = write(tmp_path, a=TEXT)
    with indexed(text_of_split("train", domains), WORDS) as found:
        expected = found.hashes.tolist(), found.documents.tolist(), found.words(0, 9).tolist()
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    monkeypatch.setattr(module, "_KNOWN_WORDS", 2)
    with indexed(text_of_split("train", domains), WORDS) as found:
        assert (
            found.hashes.tolist(),
            found.documents.tolist(),
            found.words(0, 9).tolist(),
        ) == expected


def test_a_text_of_a_benchmark_counts_once_and_is_a_document_of_its_own():
    with indexed(text_of_benchmark("mine", ["a b", "c", "a b"]), WORDS) as found:
        assert found.numbers.tolist() == [1, 2]
        assert found.documents.tolist() == [0, 2]
        assert found.text.is_benchmark


def test_a_very_long_line_is_cut_after_sentences_or_at_spaces_and_nothing_is_lost(tmp_path):
    long = "It is so. " * 300 + "word " * 600 + "x" * 5000
    (tmp_path / "a.txt").write_text(f"short\n{long}\nend\n", encoding="utf-8")
    (lines,) = read_lines(tmp_path / "a.txt")
    of_line = [each for each in lines if each.number == 2]
    assert "".join(each.text for each in of_line) == long
    assert max(len(each.text) for each in of_line) <= 2000
    assert [each.ends_line for each in of_line] == [False] * (len(of_line) - 1) + [True]
    assert all(each.text.endswith("so. ") for each in of_line[:2])
    assert lines[-2].text == "end"
