import pytest

from babyllama.data.glance import look_at


@pytest.fixture
def folder(tmp_path):
    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_words_domains_and_scripts_are_counted(folder):
    found = look_at(folder(talk="Ben sees Anna.\n", tales="Привет всем\n"))
    assert (found.words, found.domains) == (5, ("tales", "talk"))
    assert found.scripts == {"LATIN": 11 / 21, "CYRILLIC": 10 / 21}
    assert found.has_spaces
    assert found.size == found.words
    assert found.language == "en"


@pytest.mark.parametrize(
    ("text", "language", "has_spaces"),
    [
        ("Привет всем\n", "ru", True),
        ("我们今天去公园玩\n", "zh", False),
        ("今日は公園で遊びます\n", "ja", False),
        ("Guten Tag\n", "en", True),
    ],
)
def test_the_script_suggests_a_language(folder, text, language, has_spaces):
    found = look_at(folder(text=text))
    assert (found.language, found.has_spaces) == (language, has_spaces)
    assert found.size == (found.words if has_spaces else len(text) // 2)
