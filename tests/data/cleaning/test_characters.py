import unicodedata

import pytest

from babyllama.data.cleaning.characters import (
    collapse_blanks,
    plain_characters,
    remove_lost_words,
    resolve_entities,
    undo_mojibake,
)

# The upper control characters are text of Windows-1252 that was read as another encoding.
FORMAT = [
    chr(code)
    for code in (*range(0x80), 0x85, *range(0xA0, 0x11000))
    if unicodedata.category(chr(code)) in ("Cc", "Cf")
]
# Stays: what a reader sees, or what a script needs.
KEPT = "\u180e"
SIGNS = ("ARABIC", "SYRIAC", "KAITHI")


def stays(character: str) -> bool:
    is_sign = unicodedata.name(character, "").startswith(SIGNS) and character != "\u061c"
    return character in KEPT or is_sign


def shown(character: str) -> str:
    if stays(character):
        return f"nine{character}ten"
    if character == "\t":
        return "nine ten"
    return "nine\nten" if len(f"a{character}b".splitlines()) > 1 else "nineten"


def test_control_and_direction_characters_are_removed_or_end_a_line():
    for character in FORMAT:
        assert plain_characters(f"nine{character}ten") == shown(character), ascii(character)


def test_quotation_marks_of_windows_1252_that_were_read_as_controls_are_written():
    assert plain_characters("don\x92t \x93go\x94 \x81\x85now") == "don’t “go”\nnow"


@pytest.mark.parametrize(
    "text",
    [
        "ไทย\u200bไทย",
        "ไทย\u200bten",
        "nine\u200bไทย",
        "می\u200cخواهم",
        "👩\u200d👧",
        "កម្ពុជា\u200bខ្មែរ",
    ],
)
def test_a_joiner_or_a_space_without_width_stays_where_a_script_needs_it(text):
    assert plain_characters(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AT&T; &noentity; &copyright; &notable;", "AT&T; &noentity; &copyright; &notable;"),
        ("&amp;quot; &#38;lt; &#8217; &#x27; &#146;", "\" < ’ ' ’"),
        ("a&#10;b &nbsp; c", "a b   c"),
        ("&#55296; &#1114112; &#0;", "  \0"),
    ],
)
def test_an_entity_is_one_character_and_never_a_line_end(text, expected):
    assert resolve_entities(text) == expected


def test_an_ideographic_space_stays_but_not_at_the_ends_of_lines():
    assert collapse_blanks("\u3000one\u3000\ntwo\u3000three\u3000") == "one\ntwo\u3000three"


@pytest.mark.parametrize(
    "text", ["Größe: ä”, ö“ – ñ’", "SÃO PAULO", "naïve “café”", "Âge d’or", "à » é « Ã"]
)
def test_accents_before_quotation_marks_are_no_mojibake(text):
    assert undo_mojibake(text) == text


def test_mojibake_in_one_line_leaves_the_others_alone():
    assert undo_mojibake("Ã¼ber\nÂge\nâ€œOhâ€\x9d") == "über\nÂge\n“Oh”"


def test_a_letter_that_was_lost_inside_a_word_keeps_its_sign():
    assert remove_lost_words("Ug\ufffdpa, \ufffdat, caf\ufffd") == "Ug\ufffdpa, \ufffdat, caf\ufffd"
