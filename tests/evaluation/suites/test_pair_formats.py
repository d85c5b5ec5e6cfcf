"""Minimal pairs in the formats in which people publish them."""

import json

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.suites.minimal_pairs import read_pairs

EXPECTED = [("The cat sees.", "The cat see."), ('She said "no".', 'She say "no".')]
WIDE = [
    ("sentence_good", "sentence_bad"), ("good_sentence", "bad_sentence"), ("good", "bad"),
    ("Grammatical", "Ungrammatical"), ("acceptable", "unacceptable"), ("correct", "incorrect"),
    ("sen", "wrong_sen"), ("Acceptable Sentence", "Unacceptable Sentence"),
]  # fmt: skip


def pairs_of(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return [tuple(option.target for option in pair.options) for pair in read_pairs(file)]


def in_quotes(text):
    return '"' + text.replace('"', '""') + '"'


@pytest.mark.parametrize("names", WIDE)
@pytest.mark.parametrize("is_swapped", [False, True])
def test_two_columns_under_common_names_in_either_order(tmp_path, names, is_swapped):
    def line(cells):
        return list(reversed(cells)) if is_swapped else list(cells)

    rows = [line(each) for each in EXPECTED]
    objects = [json.dumps(dict(zip(line(names), row, strict=True))) for row in rows]
    assert pairs_of(tmp_path, "a.jsonl", "\n".join(objects)) == EXPECTED
    for suffix, delimiter in ((".csv", ","), (".csv", ";"), (".tsv", "\t")):
        table = [line(names), *[[in_quotes(cell) for cell in row] for row in rows]]
        text = "\n".join(delimiter.join(row) for row in table)
        assert pairs_of(tmp_path, f"b{suffix}", text) == EXPECTED
    plain = "\n".join("\t".join(row) for row in [line(names), *rows])
    assert pairs_of(tmp_path, "c.tsv", plain) == EXPECTED
    assert pairs_of(tmp_path, "d.txt", plain) == EXPECTED


LABELS = [("1", "0"), ("good", "bad"), ("grammatical", "ungrammatical"), ("True", "False"),
          ("acceptable", "unacceptable")]  # fmt: skip


@pytest.mark.parametrize(("yes", "no"), LABELS)
def test_one_sentence_a_line_with_a_label_in_either_order(tmp_path, yes, no):
    (good, bad), (other_good, other_bad) = EXPECTED
    rows = [(yes, good), (no, bad), (no, other_bad), (yes, other_good)]
    assert pairs_of(tmp_path, "a.tsv", "\n".join(map("\t".join, rows))) == EXPECTED
    swapped = "\n\n".join(f"{sentence}\t{label}" for label, sentence in rows)
    assert pairs_of(tmp_path, "a.txt", swapped) == EXPECTED
    named = [("label", "sentence"), *rows]
    assert pairs_of(tmp_path, "b.tsv", "\n".join(map("\t".join, named))) == EXPECTED
    lines = [json.dumps({"sentence": sentence, "acceptability": label}) for label, sentence in rows]
    assert pairs_of(tmp_path, "c.jsonl", "\n".join(lines)) == EXPECTED


def test_rows_of_one_pair_number_are_a_pair_wherever_they_are(tmp_path):
    (good, bad), (other_good, other_bad) = EXPECTED
    rows = [("4", 1, good), ("5", 1, other_good), ("4", 0, bad), ("5", 0, other_bad)]
    lines = [json.dumps({"pair_id": n, "label": label, "text": text}) for n, label, text in rows]
    file = tmp_path / "x.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    found = read_pairs(file)
    assert [tuple(o.target for o in pair.options) for pair in found] == EXPECTED
    assert [pair.item_id for pair in found] == ["4", "5"]


def test_an_asterisk_marks_the_bad_sentence(tmp_path):
    (good, bad), (other_good, other_bad) = EXPECTED
    lines = f"{good}\n*{bad}\n* {other_bad}\n{other_good}\n"
    assert pairs_of(tmp_path, "a.txt", lines) == EXPECTED
    assert pairs_of(tmp_path, "b.tsv", f"{good}\t*{bad}\n*{other_bad}\t{other_good}\n") == EXPECTED


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.tsv", "a b\tb a\nc d\td c\n", r"x\.tsv:1: has no sentence_good\n.*Found: a b, b a\."),
        ("x.txt", "a b\nb a\n", r"x\.txt:1: has no sentence_good\n.*Expected: .* Found: a b\."),
        ("x.csv", "first,second\na,b\n", r"x\.csv:1: has no .*Found: first, second\."),
        ("x.csv", "good,bad,sen,wrong_sen\na,b,c,d\n", r"Found: good, bad, sen, wrong_sen\."),
        ("x.jsonl", '{"text": "a"}', r"x\.jsonl:1: has no sentence_good\n.*Found: text\."),
        ("x.csv", "sentence,label\na,1\nb,maybe\n", r"x\.csv:3: label is 'maybe', which is not a"),
        ("x.csv", "sentence,label\na,1\nb,1\n", r"x\.csv:2: its pair is not a good and a bad sen"),
        ("x.csv", "sentence,label\na,1\nb,0\nc,1\n", r"x\.csv:4: its pair is not a good and a bad"),
        ("x.csv", "good,bad\na\n", r"x\.csv:2: does not have the 2 fields of the header"),
        ("x.csv", "good,bad\n", r"x\.csv has no line after its header"),
        ("x.csv", "good,bad\na, \n", r"x\.csv:2: sentence_bad is empty"),
        ("x.txt", " \n", r"x\.txt is empty"),
        ("x.csv", 'good,bad\na,"' + "b\n" * 70_000, r"x\.csv:\d+: is not a line of a table"),
    ],
)
def test_a_file_that_does_not_say_which_is_good_is_refused(tmp_path, name, text, message):
    with pytest.raises(InputError, match=rf"(?s){message}"):
        pairs_of(tmp_path, name, text)


def test_tables_are_read_only_where_there_are_no_json_lines(tmp_path):
    good, bad = EXPECTED[0]
    (tmp_path / "notes.txt").write_text("whatever", encoding="utf-8")
    (tmp_path / "b.csv").write_text(f"good,bad\n{good},{bad}\n", encoding="utf-8")
    assert [pair.uid for pair in read_pairs(tmp_path)] == ["b"]
    row = json.dumps({"sentence_good": good, "sentence_bad": bad})
    (tmp_path / "a.jsonl").write_text(row, encoding="utf-8")
    assert [pair.uid for pair in read_pairs(tmp_path)] == ["a"]


def test_quotation_marks_in_tab_separated_lines_are_letters(tmp_path):
    text = 'good\tbad\n"The cat\u2028sees.\t"The cat see.\n'
    assert pairs_of(tmp_path, "x.tsv", text) == [('"The cat\u2028sees.', '"The cat see.')]
