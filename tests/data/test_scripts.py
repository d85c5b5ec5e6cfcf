from babyllama.data.scripts import script_of, share_without_spaces


def test_a_letters_script_is_the_first_word_of_its_name():
    assert [script_of(letter) for letter in "aж字ไ\ue000"] == [
        "LATIN", "CYRILLIC", "CJK", "THAI", "OTHER",
    ]  # fmt: skip


def test_chinese_and_thai_put_no_spaces_between_words():
    assert share_without_spaces({"CJK": 0.5, "THAI": 0.2, "LATIN": 0.3}) == 0.7
    assert share_without_spaces({"HANGUL": 1.0}) == 0
