import os
from pathlib import Path

import pytest

from babyllama.data.languages import doubts, look_at_text, looks_at, size_in_words
from babyllama.data.sources import read_source

DATA = os.environ.get("BABYLLAMA_DATA")
ENGLISH = "It is the end of the world, and you know that to us it is a pity. " * 30
GERMAN = "Als Gregor eines Morgens aus unruhigen Träumen erwachte, war es schon spät. " * 30
CHINESE = "鸌科是鳥綱鸌形目的一科，是一類大型海鳥，廣泛分布於世界各地海域。" * 30


@pytest.mark.parametrize(
    ("language", "text"), [("en", GERMAN), ("en", CHINESE), ("zh", ENGLISH), ("de", ENGLISH)]
)
def test_text_that_is_obviously_of_another_language_is_named(language, text):
    [line] = doubts(language, {"letters": look_at_text(text)})

    assert line.startswith("letters: this does not look")


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", ENGLISH), ("de", GERMAN), ("zh", CHINESE), ("en", "Guten Morgen."), ("qu", GERMAN)],
)
def test_nothing_is_said_of_text_that_fits_or_is_too_short(language, text):
    assert list(doubts(language, {"letters": look_at_text(text)})) == []


@pytest.mark.skipif(not DATA, reason="BABYLLAMA_DATA names no folder with text/")
@pytest.mark.parametrize(
    ("release", "language"),
    [("essay", "en"), ("babylm-2024", "en"), ("german", "de"), ("chinese", "zh")],
)
def test_real_domains_fit_their_language_and_no_other(release, language):
    looks = looks_at(read_source(Path(DATA) / "text" / release))

    assert list(doubts(language, looks)) == []
    for other in {"en", "de", "zh"} - {language} - ({"de"} if language == "zh" else set()):
        assert list(doubts(other, looks)) != []


def test_the_size_of_chinese_is_in_characters_and_in_english():
    total = {"words": 22, "characters": 561_000, "bytes": 1_373_052}

    lines = list(size_in_words("zh", {"CJK": 9, "LATIN": 1}, total))

    assert lines == [
        "the training text's 22 words are what lies between white space, and its script puts none "
        "between words; it has 561,000 characters, 2.45 bytes each",
        "the byte premium of zh is 0.936: these 1.3 MiB say as much as 1.4 MiB of English, or "
        "266,716 English words",
    ]


def test_nothing_is_said_of_the_size_of_english():
    total = {"words": 100, "characters": 500, "bytes": 500}

    assert list(size_in_words("en", {"LATIN": 100}, total)) == []


@pytest.mark.parametrize(("text", "code"), [("這是一隻鳥。", "zh"), ("Это птица. ", "ru")])
def test_the_example_of_a_code_fits_the_script(text, code):
    (line,) = doubts("en", {"a": look_at_text(text * 300)})
    assert f"--language {code}," in line
