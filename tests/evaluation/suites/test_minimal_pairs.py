"""Reading BLiMP's format in all its packings, and from log-likelihoods to scores."""

import gzip
import json
import zipfile

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.suites.minimal_pairs import pair, read_pairs

LINES = {
    "island.jsonl": [
        {"sentence_good": "a b", "sentence_bad": "b a", "UID": "island", "pairID": "7",
         "linguistics_term": "island_effects"},
        {"sentence_good": "c d", "sentence_bad": "d c", "UID": "island", "pair_id": 8,
         "linguistics_term": "island_effects", "novel": True},
    ],
    "animate_subject_trans.jsonl": [
        {"sentence_good": "e\u2028f", "sentence_bad": "f\ne", "UID": "animate_subject_trans",
         "linguistics_term": "s-selection"},
    ],
    "turn_taking.jsonl": [{"sentence_good": "ä b", "sentence_bad": "b ä", "row": 0}],
}  # fmt: skip
EXPECTED = [
    pair("animate_subject_trans", "0", "argument_structure", "s-selection", "e\u2028f", "f\ne"),
    pair("island", "7", "island_effects", "island_effects", "a b", "b a"),
    pair("island", "8", "island_effects", "island_effects", "c d", "d c", True),
    pair("turn_taking", "0", "turn_taking", "turn_taking", "ä b", "b ä"),
]
NOISE = {"README.md": b"words", "SHA256SUMS": b"\xff\xfe", "data.csv": b"a,b"}


def packed(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_folder(path, files):
    path.mkdir(exist_ok=True)
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def as_zip(path, files, prefix=""):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(prefix + name, data)
    return path


@pytest.fixture
def files():
    return {name: packed(rows) for name, rows in LINES.items()}


def test_a_folder_gives_its_pairs_by_file_and_line(files, tmp_path):
    assert read_pairs(as_folder(tmp_path / "b", files | NOISE)) == EXPECTED


def test_a_gz_a_zip_and_a_folder_give_equal_pairs(files, tmp_path):
    gz = {f"{name}.gz": gzip.compress(data) for name, data in files.items()}
    mac = {"__MACOSX/blimp/island.jsonl": b"\x00\x05", "blimp/.hidden.jsonl": b"\x00"}
    nested = {f"blimp/data/{name}": data for name, data in (files | NOISE).items()} | mac
    assert read_pairs(as_folder(tmp_path / "gz", gz)) == EXPECTED
    assert read_pairs(as_zip(tmp_path / "flat.zip", files)) == EXPECTED
    assert read_pairs(as_zip(tmp_path / "deep.zip", nested)) == EXPECTED
    assert read_pairs(as_zip(tmp_path / "gz.zip", gz)) == EXPECTED
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "deep.zip", "flat.zip", "gz", "gz.zip",
    ]  # fmt: skip


def test_one_file_gives_its_pairs(files, tmp_path):
    folder = as_folder(tmp_path / "b", files)
    assert read_pairs(folder / "island.jsonl") == EXPECTED[1:3]


def test_windows_line_ends_blank_lines_and_a_byte_order_mark_do_no_harm(files, tmp_path):
    data = b"\xef\xbb\xbf" + files["island.jsonl"].replace(b"\n", b"\r\n\r\n")
    file = as_folder(tmp_path / "b", {"x.jsonl": data}) / "x.jsonl"
    assert read_pairs(file) == EXPECTED[1:3]


@pytest.mark.parametrize("pack", [as_folder, as_zip])
def test_groups_csv_says_the_group(files, tmp_path, pack):
    table = b"UID,field,linguistics_term,group\nisland,syntax,island_effects,islands\n"
    pairs = read_pairs(pack(tmp_path / "b.zip", files | {"groups.csv": table}))
    assert [pair.group for pair in pairs] == [
        "argument_structure", "islands", "islands", "turn_taking",
    ]  # fmt: skip


def test_equal_pairs_count_each(files, tmp_path):
    file = as_folder(tmp_path / "b", {"x.jsonl": files["island.jsonl"] * 2}) / "x.jsonl"
    assert read_pairs(file) == EXPECTED[1:3] * 2


GOOD = b'{"sentence_good": "a", "sentence_bad": "b"}\n'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (GOOD + b'{"sentence_good": "a"', r"x\.jsonl:2: is not JSON"),
        (GOOD + b"[" * 200_000, r"x\.jsonl:2: is not JSON"),
        (GOOD + b'["a", "b"]', r"x\.jsonl:2: is a list, not an object"),
        (GOOD + b'{"sentence_good": "a"}', r"x\.jsonl:2: has no sentence_bad"),
        (b'{"sentence_bad": "a"}', r"x\.jsonl:1: has no sentence_good"),
        (b'{"sentence_good": 3, "sentence_bad": "a"}', r":1: sentence_good is 3, not a text"),
        (b'{"sentence_good": " ", "sentence_bad": "a"}', r":1: sentence_good is empty"),
        (b'{"sentence_good": "\\ud800", "sentence_bad": "a"}', r":1: .* half a character"),
        (b'{"sentence_good": "a", "sentence_bad": "b", "UID": 5}', r":1: UID is 5, not a text"),
        (b'{"sentence_good": "a", "sentence_bad": "b", "novel": "no"}', r":1: novel is 'no'"),
        (GOOD + b'{"sentence_good": "\xe4"}', r"x\.jsonl:2: is not UTF-8"),
        (b"", r"x\.jsonl is empty"),
        (b"\n \n", r"x\.jsonl is empty"),
    ],
)
@pytest.mark.parametrize("pack", [as_folder, as_zip])
def test_a_broken_line_is_named_by_file_and_number(tmp_path, data, message, pack):
    path = pack(tmp_path / "b.zip", {"x.jsonl": data})
    with pytest.raises(InputError, match=message):
        read_pairs(path)


def test_a_folder_without_pairs_is_refused(tmp_path):
    noise = {name: data for name, data in NOISE.items() if name != "data.csv"}
    for path in (as_folder(tmp_path / "b", noise), as_zip(tmp_path / "b.zip", noise)):
        with pytest.raises(InputError, match=r"contains no \.jsonl or \.jsonl\.gz or .* file"):
            read_pairs(path)


def test_a_path_to_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing does not exist"):
        read_pairs(tmp_path / "nothing")


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"README\.md is not a folder"):
        read_pairs(as_folder(tmp_path / "b", NOISE) / "README.md")


def test_broken_archives_are_refused(files, tmp_path):
    whole = gzip.compress(files["island.jsonl"])
    for name, data in (("cut", whole[:-12]), ("no", b"no gzip at all"), ("bad", whole[:12])):
        folder = as_folder(tmp_path / name, {"x.jsonl.gz": data})
        with pytest.raises(InputError, match=r"x\.jsonl\.gz is not a complete gzip file"):
            read_pairs(folder)
    (tmp_path / "no.zip").write_bytes(b"no zip at all")
    with pytest.raises(InputError, match=r"no\.zip cannot be unpacked"):
        read_pairs(tmp_path / "no.zip")


def test_a_file_packed_and_unpacked_is_refused(files, tmp_path):
    twice = {"x.jsonl": files["island.jsonl"], "x.jsonl.gz": gzip.compress(files["island.jsonl"])}
    with pytest.raises(InputError, match="are the same file, packed and unpacked"):
        read_pairs(as_folder(tmp_path / "b", twice))


def test_groups_without_their_columns_are_refused(files, tmp_path):
    folder = as_folder(tmp_path / "b", files | {"groups.csv": b"UID,phenomenon\na,b\n"})
    with pytest.raises(InputError, match=r"groups\.csv:1: has no column group"):
        read_pairs(folder)


PAIR = {"sentence_good": "a b", "sentence_bad": "b a"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PAIR, PAIR | {"idx": 7}),
        (PAIR | {"UID": "u"}, PAIR | {"UID": "u"}),
        (
            PAIR | {"UID": "u", "pairID": "3"},
            {**PAIR, "sentence_bad": "b", "UID": "u", "pairID": 3},
        ),
    ],
)
@pytest.mark.parametrize("pack", [as_folder, as_zip])
def test_an_item_in_two_files_is_refused_naming_both(tmp_path, one, other, pack):
    new = {"sentence_good": "c", "sentence_bad": "d"}
    contents = {"p (1).jsonl": packed([new, one]), "p.jsonl": packed([other])}
    with pytest.raises(InputError, match=r"p \(1\)\.jsonl:2 and .*p\.jsonl:1 are the same item"):
        read_pairs(pack(tmp_path / "b.zip", contents))


def test_pairs_that_a_file_repeats_are_counted_and_said(tmp_path, capsys):
    new = {"sentence_good": "c", "sentence_bad": "d"}
    folder = as_folder(tmp_path / "b", {"p.jsonl": packed([PAIR, new, PAIR, PAIR])})
    assert len(read_pairs(folder)) == 4
    printed = " ".join(capsys.readouterr().err.split())
    assert "p.jsonl: 2 pairs repeat an earlier pair of the file." in printed


def test_one_sentence_may_test_two_uids_and_a_pair_number_may_belong_to_both(tmp_path):
    rows = [PAIR | {"UID": uid, "pairID": "3"} for uid in ("u", "v")]
    contents = {f"{number}.jsonl": packed([row]) for number, row in enumerate(rows)}
    assert len(read_pairs(as_folder(tmp_path / "b", contents))) == 2
