"""The files that an order reads: what they say, and what is wrong with them."""

import pytest

from babyllama.data.order_files import check_order_file, read_ages, read_numbers
from babyllama.errors import InputError
from babyllama.recipe import AgeOrder, FileOrder, LossOrder, MeasuredOrder


def put(folder, text):
    path = folder / "words.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_number_is_read_from_each_line(tmp_path):
    path = put(tmp_path, "1\n-2.5\n 3e2 \n")
    assert read_numbers(path).tolist() == [1, -2.5, 300]
    check_order_file(FileOrder(by="file", file=path))


@pytest.mark.parametrize("column", ["word", "word_clean"])
def test_words_are_read_with_their_ages_and_those_without_are_left_out(tmp_path, column):
    path = put(tmp_path, f"language,{column},aoa\nEnglish,Dog,20.5\nEnglish,cat,NA\nEnglish,a,7\n")
    assert read_ages(path) == {"dog": 20.5, "a": 7}
    check_order_file(AgeOrder(by="age-of-acquisition", words=path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("word,months\ndog,3\n", "has no column aoa"),
        ("token,aoa\ndog,3\n", "has no column word"),
        ("word,aoa\ndog,young\n", "aoa is 'young', not a number"),
        ("word,aoa\ndog,NA\n", "has no word with an age"),
    ],
)
def test_a_list_of_words_that_cannot_be_used_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_ages(put(tmp_path, text))


@pytest.mark.parametrize(("text", "line"), [("1\nx\n", 2), ("nan\n", 1), ("1\n\n2\n", 2)])
def test_a_line_that_is_no_number_is_named(tmp_path, text, line):
    with pytest.raises(InputError, match=rf"words.csv:{line}: is .*, not a number"):
        read_numbers(put(tmp_path, text))


def test_a_file_that_is_missing_is_named_before_any_work(tmp_path):
    check_order_file(None)
    check_order_file(MeasuredOrder(by="length"))
    for order in (
        FileOrder(by="file", file=tmp_path / "no.txt"),
        AgeOrder(by="age-of-acquisition", words=tmp_path / "no.csv"),
    ):
        with pytest.raises(InputError, match=r"no\.(txt|csv) (is not a file|does not exist)"):
            check_order_file(order)
    check_order_file(LossOrder(by="model-loss", model=tmp_path))
    with pytest.raises(InputError, match=r"training.order.model: .*/model is not a folder"):
        check_order_file(LossOrder(by="model-loss", model=tmp_path / "model"))
