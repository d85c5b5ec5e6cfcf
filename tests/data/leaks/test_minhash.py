import itertools
import random

import numpy as np
import pytest
from plain_leaks import similarity

from babyllama.data.leaks.index import indexed, text_of_benchmark
from babyllama.data.leaks.minhash import BANDS, bands, missed, near_duplicates, rows_for
from babyllama.data.leaks.normal import WORDS
from babyllama.errors import InputError


def varied(seed, lines=100):
    """Lines, each followed by copies with some words changed."""
    draw = random.Random(seed)
    for number in range(lines):
        line = [f"w{draw.randrange(3000)}" for _ in range(draw.randrange(8, 30))]
        yield line
        for changes in range(draw.randrange(4)):
            copy = list(line)
            for _ in range(changes):
                copy[draw.randrange(len(copy))] = f"x{number}"
            yield copy


def pairs_of(lines, threshold):
    """Every pair of different lines that is similar enough, by brute force."""
    numbered = enumerate(lines)
    return {
        (j, i)
        for (i, one), (j, other) in itertools.combinations(numbered, 2)
        if one != other and similarity(one, other) >= threshold
    }


def test_near_duplicates_are_those_of_brute_force():
    lines = list(dict.fromkeys(map(tuple, varied(0))))
    texts = [" ".join(line) for line in lines]
    expected = pairs_of(lines, 0.7)
    with indexed(text_of_benchmark("a", texts), WORDS) as index:
        (between,), found = near_duplicates(index, [index], threshold=0.7, within=True)
    assert len(expected) > 30
    assert set(zip(between.lines.tolist(), between.others.tolist(), strict=True)) == {
        *expected, *((i, j) for j, i in expected)
    }  # fmt: skip
    assert set(zip(found.lines.tolist(), found.others.tolist(), strict=True)) <= expected
    left = set(range(len(lines))) - set(found.lines.tolist())
    assert not any(i in left and j in left for j, i in expected)  # one of each pair goes
    assert set(found.others.tolist()) <= left  # and what it is a copy of stays


def test_datasketch_finds_the_same_pairs():
    datasketch = pytest.importorskip("datasketch")
    lines = list(dict.fromkeys(map(tuple, varied(1))))
    index = datasketch.MinHashLSH(num_perm=160, params=(BANDS, rows_for(0.7)))
    sketches = []
    for number, line in enumerate(lines):
        sketch = datasketch.MinHash(num_perm=160, seed=1)
        for pair in itertools.pairwise(line):
            sketch.update(" ".join(pair).encode())
        index.insert(number, sketch)
        sketches.append(sketch)
    theirs = {
        (max(number, other), min(number, other))
        for number, sketch in enumerate(sketches)
        for other in index.query(sketch)
        if other != number and similarity(lines[number], lines[other]) >= 0.7
    }
    with indexed(text_of_benchmark("a", [" ".join(line) for line in lines]), WORDS) as own:
        (ours,), _ = near_duplicates(own, [own], threshold=0.7, within=False)
    found = set(zip(ours.lines.tolist(), ours.others.tolist(), strict=True))
    assert {(j, i) for j, i in found if j > i} == theirs


def test_bands_agree_as_often_as_similarity_says():
    draw = random.Random(2)
    texts = []
    for number in range(400):  # pairs with 3 of 4 shingles in common: s = 0.6
        words = [f"{number}w{i}" for i in range(9)]
        texts += [" ".join(words), " ".join([*words[:7], *(f"{number}x{i}" for i in range(2))])]
    draw.shuffle(texts)
    assert similarity(texts[0].split(), texts[0].split()) == 1
    rows = rows_for(0.7)
    pairs = {}
    for number, text in enumerate(texts):
        pairs.setdefault(text.split("w")[0], []).append(number)
    left, right = np.array(list(pairs.values())).T
    with indexed(text_of_benchmark("a", texts), WORDS) as index:
        agree = [keys[left] == keys[right] for keys in bands(index, np.arange(800), rows)]
    assert np.mean(agree) == pytest.approx(0.6**rows, abs=0.01)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.95])
def test_few_pairs_at_the_threshold_are_missed(threshold):
    assert 0 <= missed(threshold) <= 0.01


@pytest.mark.parametrize("threshold", [0, -1, 1.1, float("nan")])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(InputError, match="above 0 and at most 1"):
        rows_for(threshold)


def test_lines_that_are_too_short_have_no_near_duplicates():
    with indexed(text_of_benchmark("a", ["a b c d e f g", "a b c d e f"]), WORDS) as index:
        assert not len(near_duplicates(index, [], threshold=0.5, within=True).within.lines)


def test_of_a_form_that_many_lines_fill_in_all_but_the_first_are_near_duplicates():
    texts = [f"{n} was a member of the house of lords from the year it began" for n in range(60)]
    with indexed(text_of_benchmark("a", texts), WORDS) as index:
        found = near_duplicates(index, [], threshold=0.7, within=True).within
    assert found.lines.tolist() == list(range(1, 60))
    assert set(found.others.tolist()) == {0}
