"""What `synthesize` writes: the same bytes, right agreement, every phenomenon, a known entropy."""

import collections
import hashlib
import json
import math
import re
from pathlib import Path

import pytest

from babyllama.data.synthetic import synthesize
from babyllama.data.synthetic.lexicon import ALL_NOUNS, LOOKS, MEN, SIZES, WOMEN
from babyllama.data.synthetic.writing import draw_split
from babyllama.errors import InputError

# A change to the grammar changes this; nothing else may.
DIGEST = "d8085394a4cfdd925922e0ab92fa7a62cd2602bb18ff742089b462d6a37a649b"

NUMBER = {
    form: n
    for one in ALL_NOUNS
    if not one.is_mass
    for n, form in enumerate((one.singular, one.plural))
}
GENDER = {form: one.kind for one in ALL_NOUNS for form in (one.singular, one.plural)}
NOUN = "|".join(sorted(NUMBER, key=len, reverse=True))
START = r'(?:^|, |that |")'
THE_NOUN = rf"the (?:(?:{'|'.join(LOOKS + SIZES)}) )?({NOUN})\b"


def files(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_the_corpus_is_the_same_bytes_everywhere(tmp_path: Path) -> None:
    synthesize(tmp_path, words=2000, dev_words=400, seed=7)
    digest = hashlib.sha256()
    for name, content in files(tmp_path).items():
        digest.update(name.encode() + b"\0" + content)
    assert digest.hexdigest() == DIGEST


def test_seeds_and_splits_differ_and_a_small_corpus_begins_a_larger_one() -> None:
    drawn = draw_split("train", words=600, seed=1)
    for domain, documents in draw_split("train", words=1200, seed=1).items():
        assert documents[: len(drawn[domain])] == drawn[domain]
    for split, seed in (("train", 2), ("dev", 1)):
        for domain, documents in draw_split(split, words=600, seed=seed).items():
            assert documents[0] != drawn[domain][0]


def test_both_domains_get_half_the_words_and_end_with_the_document_that_reaches_them(
    corpus: Path,
) -> None:
    for split, words in (("train", 60_000), ("dev", 6_000)):
        for domain in ("child_talk", "stories"):
            documents = (corpus / split / f"{domain}.txt").read_text().split("\n\n")
            count = sum(len(document.split()) for document in documents)
            assert count >= words // 2
            assert count - len(documents[-1].split()) < words // 2


def test_text_is_ascii_prose_with_single_blank_lines(corpus: Path) -> None:
    for path in sorted(corpus.rglob("*.txt")):
        content = path.read_bytes()
        assert content.isascii()
        assert b"\r" not in content
        assert b"\n\n\n" not in content
        assert content.endswith((b".\n", b"!\n", b"?\n"))
        for line in filter(None, content.decode().splitlines()):
            assert re.fullmatch(r'"?[A-Z][A-Za-z ,"?!]*[.?!]', line), line
            assert "  " not in line


def test_entropy_is_positive_and_far_below_what_word_frequencies_know(corpus: Path) -> None:
    entropy = json.loads((corpus / "entropy.json").read_text())
    for split in ("train", "dev"):
        parts = entropy[split]
        assert parts["all"]["words"] == sum(parts[d]["words"] for d in ("child_talk", "stories"))
        for domain in ("child_talk", "stories"):
            words = (corpus / split / f"{domain}.txt").read_text().split()
            assert parts[domain]["words"] == len(words)
            counts = collections.Counter(words).values()
            unigram = -sum(c / len(words) * math.log(c / len(words)) for c in counts)
            assert 1.0 < parts[domain]["nats_per_word"] < unigram - 2
            assert parts[domain]["nats_per_word"] == pytest.approx(
                parts[domain]["nats"] / len(words), abs=1e-6
            )


@pytest.mark.parametrize(
    ("phenomenon", "pattern"),
    {
        "agreement": r"^The \w+s are \w+",
        "agreement across a noun": rf"^The ({NOUN}) near the ({NOUN}) (is|are|was|were) ",
        "agreement across a relative clause": rf"^The ({NOUN}) (who|that) .* (is|are|was|were) ",
        "determiners": rf"\b(this|these) ({NOUN})\b",
        "reflexives": r"\b(himself|herself|themselves)\.",
        "polarity items": r"\bnot want any\b",
        "yet and already": r"\bnot .* yet\.$",
        "nobody ever": r"^Nobody has ever ",
        "irregular past": r"\b(ate|found|took|went)\b",
        "irregular participles": r"\b(has|have|had) not (eaten|taken|seen|worn|drunk)\b",
        "irregular plurals": r"\b(mice|children|geese|women)\b",
        "two objects": r"\b(gave|gives?|shows?|showed) [A-Z]\w+ the\b",
        "a place": r"\b[Pp]ut the .* (on|in|under) the\b",
        "clauses": r"\b(thinks?|thought|says?|said|hopes?|hoped) that\b",
        "embedded questions": r"\bknows what [A-Z]\w+ \w+\.$",
        "wh-questions": r"^Who does ",
        "causatives": rf"^The ({NOUN}) (fell|falls?|rolled|rolls?|moved|fills?|filled) \w+\.$",
        "quotation": r'^".*" (said|asked) [A-Z]',
        "pronouns": r"^(He|She) ",
    }.items(),
)
def test_the_phenomenon_occurs(phenomenon: str, pattern: str, lines: list[str]) -> None:
    assert sum(bool(re.search(pattern, line)) for line in lines) >= 5, phenomenon


def test_verbs_agree_with_their_subject_and_not_with_what_stands_between(lines: list[str]) -> None:
    plain = re.compile(rf"{START}{THE_NOUN} (is|are|was|were|has|have|does|do) ", re.I)
    across = re.compile(
        rf'^"?{THE_NOUN} (?:near|behind|beside|by|with|that|who) .* (is|are|was|were) \w+\b', re.I
    )
    checked = collections.Counter()
    for line in lines:
        for pattern in (plain, across):
            for head, verb in pattern.findall(line):
                expected = verb.lower() in ("are", "were", "have", "do")
                assert NUMBER[head.lower()] == expected, line
                checked[pattern] += 1
    assert checked[plain] > 500
    assert checked[across] > 300


def test_determiners_and_quantifiers_agree_with_their_noun(lines: list[str]) -> None:
    number = {"these": 1, "those": 1, "this": 0, "all": 1, "every": 0, "many": 1, "no": 0}
    pattern = re.compile(rf"\b({'|'.join(number)}) (?:(?!the)\w+ )?({NOUN})\b", re.I)
    found = [(line, *pair) for line in lines for pair in pattern.findall(line)]
    found = [one for one in found if not re.search(r"\bno,", one[0], re.I)]
    for line, determiner, head in found:
        assert NUMBER[head] == number[determiner.lower()], line
    assert len(found) > 500


def test_reflexives_agree_in_gender_and_number(lines: list[str]) -> None:
    pattern = re.compile(
        rf"(?:({'|'.join(MEN + WOMEN)})|{THE_NOUN})"
        rf"(?: (?:near|behind|beside) {THE_NOUN})?(?: is)? \w+ (himself|herself|themselves)",
        re.I,
    )
    checked = 0
    for line in lines:
        for name, head, attractor, reflexive in pattern.findall(line):
            if attractor == "" and re.search(r"(near|behind|beside) the [\w ]+sel", line):
                continue  # the pattern began at the attractor
            gender = GENDER[head] if head else "male" if name in MEN else "female"
            is_plural = bool(head) and NUMBER[head] == 1
            expected = "himself" if gender == "male" else "herself"
            assert reflexive == ("themselves" if is_plural else expected), line
            checked += 1
    assert checked > 150


@pytest.mark.parametrize("field", ["words", "dev_words", "seed"])
def test_negative_numbers_are_refused_by_name(field: str, tmp_path: Path) -> None:
    numbers = {"words": 100, "dev_words": 100, "seed": 0} | {field: -1}
    with pytest.raises(InputError, match=rf"^{field} is -1"):
        synthesize(tmp_path / "out", **numbers)
    assert not (tmp_path / "out").exists()
