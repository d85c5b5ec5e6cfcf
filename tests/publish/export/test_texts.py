"""Lines for the check come from a file, the run, or the built-in corpus."""

import pytest

from babyllama.errors import InputError
from babyllama.publish.export.texts import Texts, texts_to_check, windows_of


def test_lines_of_a_file_are_taken_evenly(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join(map(str, range(6000))), encoding="utf-8")
    texts = texts_to_check(tmp_path, path)
    assert texts == Texts([str(i) for i in range(0, 6000, 3)], str(path))
    path.write_text("\n".join(map(str, range(3999))), encoding="utf-8")
    lines = texts_to_check(tmp_path, path).lines
    assert (len(lines), lines[0], lines[1000], lines[-1]) == (2000, "0", "1999", "3997")


def test_a_model_without_a_run_is_checked_on_the_built_in_corpus(tmp_path):
    texts = texts_to_check(tmp_path / "model", None)
    assert len(texts.lines) == 2000
    assert texts.source.startswith("the built-in corpus")


def test_the_dev_text_of_the_run_is_used(corpus, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "corpus").symlink_to(corpus)
    (tmp_path / "run" / "recipe.yaml").touch()
    texts = texts_to_check(tmp_path / "run" / "students" / "distilled", None)
    assert texts.source == "the run's dev text"
    assert "The cat sees a dog." in texts.lines


def test_windows_hold_known_tokens_and_fit_the_positions():
    windows = windows_of(
        Texts(["abcdefghij"], ""), lambda line: [ord(c) - 97 for c in line], known=9, positions=4
    )
    assert windows == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "is not a file"), (b" \n", "has no text"), (b"\xff", "not UTF-8")]
)
def test_a_text_without_lines_is_refused(tmp_path, content, said):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        texts_to_check(tmp_path, path)
