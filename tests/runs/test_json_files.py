"""A damaged file is named with its line."""

import pytest

from babyllama.errors import InputError
from babyllama.runs.json_files import decode, read_json, read_json_lines


def test_values_and_lines_are_read(written):
    assert read_json(written("a.json", {"a": [1]})) == {"a": [1]}
    assert list(read_json_lines(written("a.jsonl", '{"a": 1}\n[2]\n'))) == [{"a": 1}, [2]]
    assert list(read_json_lines(written("empty.jsonl", ""))) == []


def test_what_is_not_json_is_named_by_line_with_the_command_that_finds_more(written):
    with pytest.raises(InputError, match=r"a\.json is not JSON at line 2") as refused:
        read_json(written("a.json", '{\n"a": '))
    assert "babyllama verify" in refused.value.mend
    with pytest.raises(InputError, match=r"a\.jsonl is not JSON at line 2"):
        list(read_json_lines(written("a.jsonl", '{"a": 1}\n{"b"\n')))


def test_what_is_not_utf_8_is_named(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    for read in (read_json, lambda path: list(read_json_lines(path))):
        with pytest.raises(InputError, match=r"a\.json is not UTF-8"):
            read(tmp_path / "a.json")


def test_json_of_others_is_read_unless_a_key_occurs_twice_in_one_object():
    assert decode("a.json:1", '[{"a": 1, "b": {"a": 2}}, {"a": 3}]') == [
        {"a": 1, "b": {"a": 2}},
        {"a": 3},
    ]
    with pytest.raises(InputError, match=r"a\.json:1: the key 'a' occurs twice"):
        decode("a.json:1", '{"b": [{"a": 1, "a": 1}]}')
    with pytest.raises(ValueError, match="delimiter"):
        decode("a.json:1", '{"a"')
