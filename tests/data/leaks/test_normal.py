import pytest

from babyllama.data.leaks.normal import CHARACTERS, WORDS, unit_of, words_of


def test_case_punctuation_layout_and_forms_of_characters_do_not_count():
    one, other = "“Don't  STOP!”, said\tＡnn.", "dont stop said ann"
    assert words_of(one, WORDS) == words_of(other, WORDS) == ["dont", "stop", "said", "ann"]


def test_a_line_without_letters_has_no_words():
    assert words_of("... !? _ —", WORDS) == []


def test_a_character_is_a_word_where_words_have_no_spaces():
    assert words_of("我愛Python。", CHARACTERS) == ["我", "愛", "python"]
    assert words_of("我愛Python。", WORDS) == ["我愛python"]


def test_the_script_of_the_text_decides_what_is_counted(tmp_path):
    (tmp_path / "zh.txt").write_text("今天天氣很好。\n", encoding="utf-8")
    (tmp_path / "en.txt").write_text("The weather is fine today.\n", encoding="utf-8")
    assert unit_of([tmp_path / "zh.txt"]) is CHARACTERS
    assert unit_of([tmp_path / "zh.txt", tmp_path / "en.txt"]) is WORDS


@pytest.mark.parametrize("unit", [WORDS, CHARACTERS])
def test_classes_of_length_begin_at_one_and_end_open(unit):
    assert unit.classes[0].startswith("1-")
    assert unit.classes[-1] == f"{unit.sequence}+"
