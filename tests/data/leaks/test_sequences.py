import numpy as np
import pytest

from babyllama.data.leaks import index as index_module
from babyllama.data.leaks import sequences as module
from babyllama.data.leaks.index import indexed, text_of_benchmark
from babyllama.data.leaks.normal import WORDS
from babyllama.data.leaks.sequences import Found, HashSet, rolling, sequences_of_target


def test_rolling_hashes_are_equal_where_the_words_are():
    words = np.array([5, 9, 7, 5, 9, 7, 2], np.uint64) * np.uint64(2**59 + 12345)
    for length, hashes in rolling(words, [1, 3]):
        for i, one in enumerate(hashes.tolist()):
            for j, other in enumerate(hashes.tolist()):
                same = words[i : i + length].tolist() == words[j : j + length].tolist()
                assert (one == other) == same


def test_a_set_of_hashes_knows_its_members_and_where_each_stands_first():
    draw = np.random.default_rng(0)
    hashes = draw.integers(0, 2**63, 500, np.uint64) * np.uint64(2)
    known = HashSet([Found(np.arange(400), hashes[:400]), Found(np.arange(400, 500), hashes[:100])])
    assert known.has(hashes).tolist() == [True] * 400 + [False] * 100
    assert known.place(hashes[:400]).tolist() == list(range(400))
    assert not HashSet([]).has(hashes).any()


def test_short_texts_are_searched_for_as_a_whole_from_eight_words_on():
    texts = [" ".join(f"t{n}w{i}" for i in range(n)) for n in (3, 7, 8, 12, 13, 15)]
    with indexed(text_of_benchmark("mine", texts), WORDS) as found:
        wanted = sequences_of_target(found)
    assert {length: len(each.places) for length, each in wanted.items()} == {8: 1, 12: 1, 13: 4}


@pytest.mark.parametrize("block", [1, 5, 2**18])
def test_sequences_do_not_depend_on_the_size_of_a_block(block, monkeypatch):
    texts = [" ".join(f"w{(i * i) % 5}" for i in range(n)) for n in (40, 3, 25)]
    with indexed(text_of_benchmark("mine", texts), WORDS) as found:
        expected = sequences_of_target(found)[13]
        ((again, firsts),) = module.repeated(found)
        for where in (index_module, module):
            monkeypatch.setattr(where, "BLOCK", block)
        monkeypatch.setattr(module, "_AT_ONCE", 16)  # and sorted in parts
        assert sequences_of_target(found)[13].places.tolist() == expected.places.tolist()
        parts = [np.stack(part) for part in module.repeated(found)]
        assert len(parts) == 5
        in_parts = np.concatenate(parts, axis=1)
        assert sorted(in_parts.T.tolist()) == np.stack([again, firsts], axis=1).tolist()
    assert len(expected.places) == 28 + 13
    assert 0 < len(again) < 41
