import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_cleaning import clean_text

from babyllama.data.cleaning.domains import CLEANERS
from babyllama.data.cleaning.pieces import clean_pieces
from babyllama.data.raw_text import read_blocks
from babyllama.data.sources import read_split

DATA = os.environ.get("BABYLLAMA_DATA")
DOMAINS = [*CLEANERS, "letters_to_the_editor"]

# What the rules look for, above all at the ends and starts of lines. Separated by "|".
PIECES = (
    "word|Word|A:|*CHI:|*MOT:\t|-|- |♪|#|xxx| |.|,|'|''|` |``|-LRB-|(|)|[|]|<a|<br|</i|&lt;a"
    "|>| href>|;|&#10;|&#13;|&#60;br|&#97;|\0|\x1f|\x85|\u2028|\ufeff|e\u0301|\u0301|=|= = =|= = = "
    "|= = = T = = =| = = =|= = = 7 = = = =|= = = a/b = = =|Translator: Ann|Subtitles by Ann"
    "|[Music]|(Laughter)|WE DlD lT.|\n|\n|\n|\n\n|\n\n\n| \n"
)
TEXTS = st.lists(st.sampled_from(PIECES.split("|")), max_size=40).map("".join)


def in_pieces(text: str, domain: str, rules: str, size: int) -> str:
    def read():
        return (text[start : start + size] for start in range(0, len(text), size))

    return "".join(clean_pieces(read, domain=domain, rules=rules))


@pytest.mark.parametrize("rules", ["paper", "thorough"])
@pytest.mark.parametrize("domain", DOMAINS)
@settings(deadline=None, max_examples=12)
@given(text=TEXTS, size=st.integers(1, 30))
def test_pieces_joined_are_the_clean_text(domain, rules, text, size):
    assert in_pieces(text, domain, rules, size) == clean_text(text, domain=domain, rules=rules)


@pytest.mark.skipif(not DATA, reason="BABYLLAMA_DATA names no folder with text/")
@pytest.mark.parametrize("release", ["essay", "chinese"])
def test_pieces_of_real_text_joined_are_the_clean_text(release):
    for each in read_split(Path(DATA) / "text" / release, "dev"):
        text = "".join(read_blocks(each.path))
        whole = clean_text(text, domain=each.name, rules="thorough")

        assert in_pieces(text, each.name, "thorough", 300) == whole


@pytest.mark.parametrize("rules", ["paper", "thorough"])
@pytest.mark.parametrize("text", ["A line.\n" * 1000, "A line.\n\n" * 1000])
def test_a_piece_is_as_long_as_a_block(rules, text):
    def read():
        return (text[start : start + 100] for start in range(0, len(text), 100))

    pieces = list(clean_pieces(read, domain="letters", rules=rules))
    assert max(map(len, pieces)) < 200


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_code_keeps_its_indents_tags_and_entities_and_loses_only_spaces_at_line_ends(size):
    text = "\ndef f(): \n\treturn '&lt;b>'  # <b>\n \n\n\nx = 1\n"
    expected = "def f():\n\treturn '&lt;b>'  # <b>\n\nx = 1\n"
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    for domain in ("code_py", "code_c"):
        pieces = clean_pieces(lambda: iter(blocks), domain=domain, rules="thorough")
        assert "".join(pieces) == expected == clean_text(text, domain=domain, rules="thorough")
