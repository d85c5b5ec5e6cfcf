import pytest

from babyllama.data.cleaning.changes import Changes, changes_of
from babyllama.data.cleaning.characters import remove_invisible
from babyllama.data.cleaning.english import join_stops
from babyllama.report.cleaning import write_cleaning_report


@pytest.fixture
def changes():
    made = Changes(7)
    made.watch("talk")(join_stops, "<b>kee</b> .", "<b>kee</b>.")
    made.watch("wiki")(remove_invisible, "Wolfe\xadstein\u200e", "Wolfestein")
    made.add_size("talk", 100, 90)
    made.add_size("wiki", 300, 290)
    return made


def written(changes, path):
    write_cleaning_report(
        changes, path, source="raw & old", settings={"rules": "thorough", "language": "en"}
    )
    return path.read_text("utf-8")


def test_the_page_says_how_much_is_gone_and_shows_each_rule_with_its_samples(changes, tmp_path):
    page = written(changes, tmp_path / "page.html")

    assert "5.00% of its bytes are gone" in page
    assert "rules thorough, language en" in page
    assert "drawn by seed 7" in page
    assert "<h3>join stops</h3>" in page
    assert "&lt;b&gt;kee&lt;/b&gt;<del> </del>." in page
    assert "raw &amp; old" in page
    assert "http" not in page


def test_characters_that_nobody_sees_are_shown(changes, tmp_path):
    page = written(changes, tmp_path / "page.html")

    assert r"Wolfe<del>\xad</del>stein<del>\u200e</del>" in page
    assert "\xad" not in page


def test_markdown_has_a_diff_for_each_sample(changes, tmp_path):
    page = written(changes, tmp_path / "page.md")

    assert "```diff\n- <b>kee</b> .\n+ <b>kee</b>.\n```" in page
    assert "| join stops" in page


def test_the_same_changes_give_the_same_bytes(changes, tmp_path):
    assert written(changes, tmp_path / "a.html") == written(changes, tmp_path / "b.html")


def test_a_text_that_no_rule_changed_has_no_table_of_rules(tmp_path):
    (tmp_path / "a.txt").write_text("One line.\n" * 40)
    changes = changes_of(tmp_path / "a.txt", rules="thorough", language="en", domain=None, seed=0)
    write_cleaning_report(changes, tmp_path / "page.md", source="text", settings={})
    assert "Lines that each rule changed" not in (tmp_path / "page.md").read_text("utf-8")
