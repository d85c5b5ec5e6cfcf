"""Minimal pairs as people publish them, turned into rows with `sentence_good` and `sentence_bad`.

Three layouts, as JSON lines, as tables with commas, semicolons or tabs, or as plain lines:

- two columns, one for each sentence, under one of the pairs of names below;
- one sentence a row, with a label that says whether it is good. Rows with the same pair number, or
  else every two rows, are a pair, in either order;
- without names for the columns: a label and a sentence a line, or two sentences of which the bad
  one begins with an asterisk, as linguists mark it, side by side or on two lines.

Whatever does not say which sentence is the good one is refused.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from babyllama.errors import InputError
from babyllama.runs.rows import JSON_LINES, Row, read_json_lines, stem_of, text_of

GOOD, BAD = "sentence_good", "sentence_bad"
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
LINES = (".txt", ".txt.gz")
_PAIRS = (
    ("good_sentence", "bad_sentence"), ("good", "bad"), ("sent_good", "sent_bad"),
    ("grammatical", "ungrammatical"), ("sentence_grammatical", "sentence_ungrammatical"),
    ("grammatical_sentence", "ungrammatical_sentence"),
    ("acceptable", "unacceptable"), ("sentence_acceptable", "sentence_unacceptable"),
    ("acceptable_sentence", "unacceptable_sentence"),
    ("correct", "incorrect"), ("correct_sentence", "incorrect_sentence"),
    ("sentence_correct", "sentence_incorrect"), ("correct", "wrong"), ("right", "wrong"),
    ("right_sentence", "wrong_sentence"), ("sen", "wrong_sen"), ("plausible", "implausible"),
)  # fmt: skip
_SENTENCE = ("sentence", "text", "sent", "sen")
_LABEL = (
    "label", "acceptability", "grammaticality", "acceptable", "grammatical", "is_acceptable",
    "is_grammatical", "correct", "is_correct", "judgment", "judgement", "gold",
)  # fmt: skip
_NUMBER = ("pairid", "pair_id", "pair", "pair_number", "item", "item_id")
_IS_GOOD = {
    **dict.fromkeys(
        ("1", "1.0", "true", "yes", "good", "grammatical", "acceptable", "correct", "right", "ok"),
        True,
    ),
    **dict.fromkeys(
        ("0", "0.0", "-1", "false", "no", "bad", "ungrammatical", "unacceptable", "incorrect",
         "wrong", "*"),
        False,
    ),
}  # fmt: skip


def read_pair_rows(name: str, data: bytes, wanted: Sequence[str]) -> Iterator[Row]:
    """A row for each pair of a file, with both sentences under BLiMP's names.

    Args:
        wanted: the keys that every row must have; if there are more than the two sentences', the
            file must have BLiMP's own names.

    Raises:
        InputError: names of columns that do not say which sentence is good, a label that is none, a
            pair without a good or a bad sentence; what reading the file raises.
    """
    if name.endswith(JSON_LINES):
        rows = list(read_json_lines(name, data, wanted))
    else:
        rows = _table(name, data, wanted)
    names = {_plain(key): key for key in rows[0].values}
    if len(wanted) > 2 or {GOOD, BAD} & names.keys():
        return iter(_renamed(rows, {names[key]: key for key in (GOOD, BAD) if key in names}))
    found = [pair for pair in _PAIRS if pair[0] in names and pair[1] in names]
    if len(found) == 1:
        ((good, bad),) = found
        return iter(_renamed(rows, {names[good]: GOOD, names[bad]: BAD}))
    sentences, labels, numbers = (
        [names[key] for key in known if key in names] for known in (_SENTENCE, _LABEL, _NUMBER)
    )
    if found or len(sentences) != 1 or len(labels) != 1:
        _refuse(rows[0])
    return _labelled(rows, sentences[0], labels[0], numbers[0] if numbers else None)


def _refuse(row: Row) -> None:
    raise InputError(
        f"{row.where}: has no {GOOD}" if GOOD not in row else f"{row.where}: has no {BAD}",
        why=f"Expected: {GOOD}, {BAD}, or one such pair of names as good and bad, grammatical and "
        "ungrammatical, acceptable and unacceptable, correct and incorrect; or sentence and label. "
        f"Found: {', '.join(map(_short, row.values)) or 'nothing'}.",
        mend="Name the columns, so that it is clear which sentence is the good one.",
    )


def _short(column: str) -> str:
    return column if len(column) <= 40 else f"{column[:37]}..."


def _renamed(rows: Sequence[Row], names: dict[str, str]) -> Iterator[Row]:
    if all(old == new for old, new in names.items()):
        yield from rows
        return
    for row in rows:
        yield replace(row, values={names.get(key, key): each for key, each in row.values.items()})


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


# --- one sentence a row -----------------------------------------------------------------------


def _labelled(rows: Sequence[Row], sentence: str, label: str, number: str | None) -> Iterator[Row]:
    pairs: dict[Any, list[Row]] = {}
    for at, row in enumerate(rows):
        key = (row.values.get("UID"), row.values.get(number)) if number else at // 2
        pairs.setdefault(key, []).append(row)
    for members in pairs.values():
        of_label = {_is_good(row, label): row for row in members}
        if len(members) != 2 or len(of_label) != 2:
            raise InputError(
                f"{members[0].where}: its pair is not a good and a bad sentence",
                why=f"{'Rows with the same ' + number if number else 'Every two rows'} are a pair; "
                f"here {len(members)} have the labels "
                f"{', '.join(str(row.values.get(label)) for row in members)}.",
                mend="Correct the labels, or number the pairs in a column pair_id.",
            )
        first = members[0]
        rest = {key: each for key, each in first.values.items() if key not in (sentence, label)}
        both = {
            name: of_label[value].values.get(sentence)
            for name, value in ((GOOD, True), (BAD, False))
        }
        yield replace(first, values={**rest, **both})


def _is_good(row: Row, label: str) -> bool:
    value = _is_label(row.values.get(label))
    if value is None:
        raise InputError(
            f"{row.where}: {label} is {row.values.get(label)!r}, which is not a label",
            why=f"Labels are {', '.join(_IS_GOOD)}.",
            mend="Correct the label, or rename the column if it does not hold labels.",
        )
    return value


def _is_label(value: Any) -> bool | None:
    return _IS_GOOD.get(str(value).strip().lower())


# --- tables and lines -------------------------------------------------------------------------


def _table(name: str, data: bytes, wanted: Sequence[str]) -> list[Row]:
    """Rows by the names in the first line, or by what the columns hold if it has no names."""
    text = text_of(name, data)
    if not text.strip():
        raise InputError(f"{name} is empty", mend="Download it again, or remove it.")
    parsed = _records(name, text, tabs=not name.endswith((".csv", ".csv.gz")))
    columns = parsed[0][1]
    if _are_names({_plain(column) for column in columns}):
        if len(parsed) == 1:
            raise InputError(f"{name} has no line after its header", mend="Download it again.")
        for line, fields in parsed[1:]:
            if len(fields) != len(columns):
                raise InputError(
                    f"{name}:{line}: does not have the {len(columns)} fields of the header",
                    mend="Put a field that contains the separator in quotation marks.",
                )
        return [
            _row(name, line, number, dict(zip(columns, fields, strict=True)), wanted)
            for number, (line, fields) in enumerate(parsed[1:])
        ]
    return _nameless(name, parsed, wanted)


def _are_names(names: set[str]) -> bool:
    """Whether a table's first line names its columns."""
    has_pair = any({good, bad} <= names for good, bad in _PAIRS)
    has_label = names & {*_SENTENCE} and names & {*_LABEL}
    return bool(names & {GOOD, BAD} or has_pair or has_label)


def _records(name: str, text: str, *, tabs: bool) -> list[tuple[int, list[str]]]:
    """Line number and fields of each line that is not blank."""
    # Not splitlines(): sentences may hold U+2028 and the like, which do not end a line.
    lines = [(at, line.rstrip("\r")) for at, line in enumerate(text.split("\n"), start=1)]
    lines = [(at, line) for at, line in lines if line.strip()]
    delimiter = "\t" if tabs else max(",;\t", key=lines[0][1].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        found = [(reader.line_num, row) for row in reader if any(each.strip() for each in row)]
    except csv.Error as error:
        if not tabs:
            raise InputError(
                f"{name}:{reader.line_num + 1}: is not a line of a table: {error}",
                why="A quotation mark that is not closed takes in all lines below it.",
                mend="Check the quotation marks of that line.",
            ) from None
        found = []
    plain = [(at, line.split("\t")) for at, line in lines]
    if tabs and [len(row) for _, row in found] != [len(row) for _, row in plain]:
        return plain  # quotation marks are just letters here
    return found


def _nameless(
    name: str, parsed: Sequence[tuple[int, list[str]]], wanted: Sequence[str]
) -> list[Row]:
    widths = {len(fields) for _, fields in parsed}
    if widths == {2}:
        columns = list(zip(*(fields for _, fields in parsed), strict=True))
        of_labels = [all(_is_label(each) is not None for each in column) for column in columns]
        if of_labels.count(True) == 1:
            keys = ("label", "sentence") if of_labels[0] else ("sentence", "label")
            return [
                _row(name, line, at, dict(zip(keys, fields, strict=True)), wanted)
                for at, (line, fields) in enumerate(parsed)
            ]
        starred = [(line, fields) for line, fields in parsed]
    elif widths == {1} and len(parsed) % 2 == 0:
        two = zip(parsed[::2], parsed[1::2], strict=True)
        starred = [(line, [*one, *other]) for (line, one), (_, other) in two]
    else:
        starred = [(parsed[0][0], [])]
    rows = []
    for number, (line, fields) in enumerate(starred):
        marked = {each.lstrip().startswith("*"): each.lstrip(" *") for each in fields}
        if len(fields) != 2 or len(marked) != 2:
            _refuse(_row(name, line, number, dict.fromkeys(parsed[0][1], ""), wanted))
        rows.append(_row(name, line, number, {GOOD: marked[False], BAD: marked[True]}, wanted))
    return rows


def _row(name: str, line: int, number: int, values: dict[str, str], wanted: Sequence[str]) -> Row:
    return Row(f"{name}:{line}", stem_of(name), number, values, wanted)
