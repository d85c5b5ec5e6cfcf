from babyllama.data.scripts import (
    is_unspaced,
    not_in_words,
    script_of,
    share_without_spaces,
)


def test_a_letters_script_is_the_first_word_of_its_name():
    assert [script_of(letter) for letter in "aж字ไ\ue000"] == [
        "LATIN", "CYRILLIC", "CJK", "THAI", "OTHER",
    ]  # fmt: skip


def test_chinese_and_thai_put_no_spaces_between_words():
    assert share_without_spaces({"CJK": 0.5, "THAI": 0.2, "LATIN": 0.3}) == 0.7
    assert share_without_spaces({"CJK": 3, "LATIN": 1}) == 0.75
    assert share_without_spaces({"HANGUL": 1.0}) == share_without_spaces({}) == 0


def test_a_text_is_unspaced_if_most_of_its_letters_are():
    assert is_unspaced("我喜歡貓和狗 (cats)")
    assert not is_unspaced("The word 貓 means cat.")
    assert not is_unspaced("123 !")


def test_marks_of_other_scripts_are_parts_of_words_and_punctuation_is_not():
    pattern = not_in_words()
    assert pattern.sub("|", "हिन्दी! ไม่_don't «да».") == "हिन्दी|ไม่|don|t|да|"
