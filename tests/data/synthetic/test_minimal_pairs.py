"""Minimal pairs: one word apart, unseen, balanced, and with words new to their construction."""

import collections
import itertools
import json
import math
import re
from pathlib import Path

import pytest

from babyllama.data.synthetic.lexicon import (
    ALL_NOUNS,
    COLORS,
    CONDITIONS,
    DOUBLE_OBJECT,
    INTRANSITIVE,
    MEN,
    MOODS,
    PLACING,
    SOCIAL,
    TRANSITIVE,
    UNACCUSATIVE,
    WOMEN,
    Verb,
    is_held_out,
)
from babyllama.data.synthetic.minimal_pairs import PAIRS_PER_UID, PHENOMENA

Row = dict[str, str]


@pytest.fixture(scope="session")
def pairs(corpus: Path) -> dict[str, list[Row]]:
    files = sorted((corpus / "minimal_pairs").glob("*.jsonl"))
    return {f.stem: [json.loads(line) for line in f.read_text().splitlines()] for f in files}


def test_each_phenomenon_has_its_file_with_the_keys_of_blimp(pairs: dict[str, list[Row]]) -> None:
    assert list(pairs) == sorted(PHENOMENA)
    for uid, rows in pairs.items():
        assert PAIRS_PER_UID * 0.85 <= len(rows) <= PAIRS_PER_UID + 2, uid
        assert [row["pairID"] for row in rows] == [str(n) for n in range(len(rows))]
        for row in rows:
            assert row["UID"] == uid
            assert row["linguistics_term"] == PHENOMENA[uid].term
            assert row["field"] == PHENOMENA[uid].field
    assert len({phenomenon.term for phenomenon in PHENOMENA.values()}) == 8


def test_good_and_bad_differ_in_one_word(pairs: dict[str, list[Row]]) -> None:
    for rows in pairs.values():
        for row in rows:
            good, bad = row["sentence_good"].split(), row["sentence_bad"].split()
            assert len(good) == len(bad)
            assert sum(g != b for g, b in zip(good, bad, strict=True)) == 1


def test_no_sentence_of_a_pair_occurs_in_the_corpus_or_twice(
    pairs: dict[str, list[Row]], lines: list[str]
) -> None:
    corpus = set(lines)
    for rows in pairs.values():
        sentences = [row[key] for row in rows for key in ("sentence_good", "sentence_bad")]
        assert not corpus & set(sentences)
        assert len(sentences) == len(set(sentences))


def test_half_of_the_pairs_have_a_word_new_to_the_construction(pairs: dict[str, list[Row]]) -> None:
    for uid, rows in pairs.items():
        assert 0.4 < sum(bool(row["novel"]) for row in rows) / len(rows) < 0.6, uid


def swapped(row: Row) -> tuple[str, str]:
    words = zip(row["sentence_good"].split(), row["sentence_bad"].split(), strict=True)
    return next((g.strip("?!."), b.strip("?!.")) for g, b in words if g != b)


def test_every_swap_occurs_as_often_in_the_opposite_direction(pairs: dict[str, list[Row]]) -> None:
    for uid, rows in pairs.items():
        swaps = collections.Counter(swapped(row) for row in rows)
        assert all(swaps[right, wrong] == swaps[wrong, right] for right, wrong in swaps), uid


def unigram_log_probability(counts: collections.Counter[str], sentence: str) -> float:
    return math.fsum(math.log(counts[word] + 1) for word in sentence.split())


def bigram_log_probability(counts: collections.Counter[tuple[str, str]], sentence: str) -> float:
    words = ["", *sentence.split()]
    seen = math.fsum(math.log(counts[word, ""] + 100) for word in words[:-1])
    return math.fsum(math.log(counts[pair] + 0.1) for pair in itertools.pairwise(words)) - seen


def accuracy(rows: list[Row], score: object) -> float:
    wins = 0.0
    for row in rows:
        difference = score(row["sentence_good"]) - score(row["sentence_bad"])  # type: ignore[operator]
        wins += 0.5 if abs(difference) < 1e-9 else float(difference > 0)
    return wins / len(rows)


def test_word_frequencies_decide_no_better_than_a_coin(
    pairs: dict[str, list[Row]], lines: list[str]
) -> None:
    counts = collections.Counter(word for line in lines for word in line.split())
    for uid, rows in pairs.items():
        score = accuracy(rows, lambda sentence: unigram_log_probability(counts, sentence))
        assert 0.35 < score < 0.65, uid


def test_always_preferring_one_form_is_right_half_the_time(pairs: dict[str, list[Row]]) -> None:
    for uid, rows in pairs.items():
        firsts = sum(right < wrong for right, wrong in map(swapped, rows))
        assert firsts == len(rows) - firsts, uid


ATTRACTORS = [uid for uid, phenomenon in PHENOMENA.items() if phenomenon.has_attractor]


def test_adjacent_words_do_not_decide_agreement_across_an_attractor(
    pairs: dict[str, list[Row]], lines: list[str]
) -> None:
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for line in lines:
        words = ["", *line.split()]
        counts.update(itertools.pairwise(words))
        counts.update((word, "") for word in words)
    for uid in ATTRACTORS:
        score = accuracy(pairs[uid], lambda sentence: bigram_log_probability(counts, sentence))
        assert 0.4 < score < 0.6, uid
    local = accuracy(pairs["copula_agreement"], lambda s: bigram_log_probability(counts, s))
    assert local > 0.65  # nothing stands between these


@pytest.mark.parametrize("uid", ATTRACTORS)
def test_agreement_with_the_nearest_noun_is_right_half_of_the_time(
    uid: str, pairs: dict[str, list[Row]]
) -> None:
    plurals = {one.plural for one in ALL_NOUNS} | {"are", "were", "themselves"}
    agrees = []
    for row in pairs[uid]:
        good, bad = (row[key].lower().split() for key in ("sentence_good", "sentence_bad"))
        place = next(n for n, (g, b) in enumerate(zip(good, bad, strict=True)) if g != b)
        nearest = next(word for word in reversed(good[:place]) if word in NOUNS or word in NAMES)
        agrees.append((good[place].strip(".") in plurals) == (nearest in plurals))
    assert len(ATTRACTORS) == 4
    assert sum(agrees) / len(agrees) == pytest.approx(0.5, abs=0.03)


NOUNS = {form: one.singular for one in ALL_NOUNS for form in (one.singular, one.plural)}
NAMES = {name.lower(): name for name in MEN + WOMEN}
NOUN = "|".join(sorted(NOUNS, key=len, reverse=True))
NAME = "|".join(NAMES)
THE = r"the (?:\w+ )?"
START = r'(?:^|^[\w ]+, |^")'


def forms(verbs: object, *which: str) -> str:
    return "|".join(sorted({getattr(verb, w) for verb in verbs for w in which}))  # type: ignore[attr-defined]


FINITE = ("base", "third", "past")
ACTING: list[Verb] = [*INTRANSITIVE, *TRANSITIVE, *SOCIAL, *UNACCUSATIVE]
PARTICIPLES = {verb.participle: verb.base for verb in [*SOCIAL, *TRANSITIVE]}
# In lower case; the group is the word that was held out of the construction.
CONSTRUCTIONS = {
    "plain_state": rf"(?:{START}|that ){THE}({NOUN}) (?:is|are|was|were) "
    rf"(?:{'|'.join(MOODS + CONDITIONS + COLORS)})\b",
    "agent": rf"{START}{THE}({NOUN}) (?:{forms(ACTING, *FINITE)}|has not|have not|had not)\b",
    "question": rf"(?:do|does|did|is|are) {THE}({NOUN}) \w+\?",
    "modified_subject": rf"{START}{THE}({NOUN}) (?:near|behind|beside|by|with|that|who) ",
    "demonstrative": rf"\b(?:this|these|those|look at that) (?!is|are)(?:\w+ )?({NOUN})\b",
    "reflexive": rf"({NAME}) (?:is )?\w+ (?:himself|herself)\b",
    "any": rf"\b(?:some|any) ({NOUN})\b",
    "yet": rf"\b(?:has|have|had) (?:not )?({'|'.join(PARTICIPLES)}) .*(?:yet|already)\b",
    "ever": rf"\b(?:ever|has already|had already) ({'|'.join(PARTICIPLES)})\b",
    "transferred": rf"\b(?:{forms((*DOUBLE_OBJECT, *PLACING), *FINITE)}) (?:(?:{NAME}) )?"
    rf"{THE}({NOUN})\b",
    "embedded": rf"\b(?:knows?|knew|remembers?|remembered|learns?|learned) (?:that|what) ({NAME}) "
    rf"(?:{forms(TRANSITIVE, 'past')})\b",
    "quantified": rf"\b(?:every|all) ({NOUN})\b",
    "too_much": rf"\b(?:many|much) ({NOUN})\b",
}


def test_every_construction_that_holds_words_out_is_checked() -> None:
    assert set(CONSTRUCTIONS) == {phenomenon.construction for phenomenon in PHENOMENA.values()}


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_the_corpus_never_uses_a_held_out_word_in_the_construction(
    construction: str, lines: list[str]
) -> None:
    pattern = re.compile(CONSTRUCTIONS[construction])
    used = collections.Counter(found for line in lines for found in pattern.findall(line.lower()))
    words = {NOUNS.get(w) or NAMES.get(w) or PARTICIPLES[w] for w in used}
    assert sum(used.values()) > 60
    assert not [word for word in words if is_held_out(word, construction)]


@pytest.mark.parametrize("uid", PHENOMENA)
def test_novel_pairs_have_a_word_that_the_corpus_holds_out_of_the_construction(
    uid: str, pairs: dict[str, list[Row]]
) -> None:
    construction = PHENOMENA[uid].construction
    known = PARTICIPLES if construction in ("yet", "ever") else NOUNS | NAMES
    for row in pairs[uid]:
        words = re.findall(r"\w+", row["sentence_good"].lower())
        held_out = any(is_held_out(known[word], construction) for word in words if word in known)
        assert held_out or not row["novel"], row
