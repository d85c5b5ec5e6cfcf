"""A corpus as a linguist counts it, against counts by hand and by brute force."""

from itertools import combinations

import numpy as np
import pytest

from babyllama.data.linguistics import (
    expected_growth,
    frequencies_by_rank,
    linguistic_statistics,
    words_of,
)


def corpus(folder, **texts):
    for split in ("train", "dev"):
        (folder / split).mkdir(parents=True)
        for name, text in texts.items():
            (folder / split / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The dog's well-known -- tail!", ["the", "dog's", "well-known", "tail"]),
        ("Ein Füchslein (12).", ["ein", "füchslein", "12"]),
        ("狐狸跳过 the dog", ["狐", "狸", "跳", "过", "the", "dog"]),
        ("…", []),
        ("हिन्दी भाषा, ก็ดี", ["हिन्दी", "भाषा", "ก็", "ดี"]),
        ("用iPhone的人-❤️", ["用", "iphone", "的", "人"]),
    ],
)
def test_words_are_letters_in_scripts_without_spaces(text, words):
    assert words_of(text) == words


def test_domains_and_the_whole_are_counted(tmp_path):
    found = linguistic_statistics(
        corpus(tmp_path, tales="The dog ran. The dog sat!\n\nA 狐\n", talks="the cat\nthe cat\n")
    )

    tales, talks = found["domains"]["tales"], found["domains"]["talks"]
    assert (tales["words"], tales["types"], tales["hapaxes"]) == (8, 6, 4)
    assert tales["sentences"] == 3
    assert tales["sentence_length"] == {"mean": 8 / 3, "p10": 2, "p50": 3, "p90": 3}
    assert tales["scripts"] == {"LATIN": 19, "CJK": 1}
    assert (talks["words"], talks["types"], talks["sentences"]) == (4, 2, 2)
    assert (found["total"]["words"], found["total"]["types"]) == (12, 7)
    assert found["unknown"] == {"tales": {"talks": 6 / 8}, "talks": {"tales": 2 / 4}}
    assert tales["growth"][-1] == (8, 6.0)
    assert tales["heaps"] is None


def test_growth_is_the_mean_over_all_samples():
    words = "aaabbcd"
    counts = np.array([3, 2, 1, 1])
    for size, types in expected_growth(counts):
        samples = list(combinations(words, size))
        exact = sum(len(set(sample)) for sample in samples) / len(samples)
        assert types == pytest.approx(exact, rel=1e-9)
    assert [size for size, _ in expected_growth(counts)] == [1, 2, 5, 7]
    assert expected_growth(np.zeros(0, np.int64)) == []


def test_a_text_made_by_zipfs_law_has_its_exponent(tmp_path):
    counts = [round(3000 / rank**1.1) for rank in range(1, 300)]
    text = "\n".join(f"word{rank} " * count for rank, count in enumerate(counts, 1))
    fit = linguistic_statistics(corpus(tmp_path, tales=text))["total"]["zipf"]
    assert fit["exponent"] == pytest.approx(-1.1, abs=0.02)
    assert fit["factor"] == pytest.approx(3000, rel=0.05)
    assert fit["r_squared"] > 0.999


def test_ranks_go_from_the_first_to_the_last_word():
    assert frequencies_by_rank(np.array([7, 3, 1])) == [(1, 7.0), (2, 3.0), (3, 1.0)]
    assert frequencies_by_rank(np.zeros(0, np.int64)) == []


def test_typical_lines_have_frequent_words_and_repeated_lines_are_shown_once(tmp_path):
    frequent = "the dog and the cat saw a man"
    rare = "seven quixotic zebras boldly vexed my xylophone today"
    text = "\n".join([frequent] * 20 + [rare, "the the the the the the the the"])
    found = linguistic_statistics(corpus(tmp_path, tales=text))["domains"]["tales"]
    assert [line for _, line in found["typical"]] == [frequent, rare]
    assert found["untypical"][0][1] == rare
    assert found["untypical"][0][0] > found["typical"][0][0]


def test_of_a_large_corpus_every_so_many_lines_are_read(tmp_path):
    text = "".join(f"word{number}\n" for number in range(100))
    found = linguistic_statistics(corpus(tmp_path, tales=text), most_bytes=len(text) // 3)
    assert found["every"] == 3
    assert found["total"]["words"] == 34
