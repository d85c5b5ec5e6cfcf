"""Reading BLiMP's format in all its packings, and from log-likelihoods to scores."""

import gzip
import json
import math
import zipfile
from collections import Counter

import numpy as np
import pytest

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.suites.choices import score_choices
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


def scored(pairs, values, chosen):
    result, lines = score_choices(pairs, values.reshape(-1), chosen)
    return result.written(), lines


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
        (GOOD + b'["a", "b"]', r"x\.jsonl:2: is list, not an object"),
        (GOOD + b'{"sentence_good": "a"}', r"x\.jsonl:2: has no sentence_bad"),
        (b'{"sentence_bad": "a"}', r"x\.jsonl:1: has no sentence_good"),
        (b'{"sentence_good": 3, "sentence_bad": "a"}', r":1: sentence_good is 3, not of type str"),
        (b'{"sentence_good": " ", "sentence_bad": "a"}', r":1: sentence_good is empty"),
        (b'{"sentence_good": "\\ud800", "sentence_bad": "a"}', r":1: .* half a character"),
        (b'{"sentence_good": "a", "sentence_bad": "b", "UID": 5}', r":1: UID is 5, not of type"),
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
    for path in (as_folder(tmp_path / "b", NOISE), as_zip(tmp_path / "b.zip", NOISE)):
        with pytest.raises(InputError, match=r"contains no \.jsonl or \.jsonl\.gz file"):
            read_pairs(path)


def test_a_path_to_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing does not exist"):
        read_pairs(tmp_path / "nothing")


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"data\.csv is not a folder"):
        read_pairs(as_folder(tmp_path / "b", NOISE) / "data.csv")


def test_broken_archives_are_refused(files, tmp_path):
    whole = gzip.compress(files["island.jsonl"])
    for name, data in (("cut", whole[:-12]), ("no", b"no gzip at all"), ("bad", whole[:12])):
        folder = as_folder(tmp_path / name, {"x.jsonl.gz": data})
        with pytest.raises(InputError, match=r"x\.jsonl\.gz cannot be unpacked"):
            read_pairs(folder)
    (tmp_path / "no.zip").write_bytes(b"no zip at all")
    with pytest.raises(InputError, match=r"no\.zip cannot be unpacked"):
        read_pairs(tmp_path / "no.zip")


def test_a_locked_zip_is_refused(files, tmp_path):
    path = as_zip(tmp_path / "locked.zip", files)
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag that says: encrypted
        start = data.find(mark)
        while start >= 0:
            data[start + at] |= 1
            start = data.find(mark, start + 1)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"locked\.zip cannot be unpacked: .*password"):
        read_pairs(path)


def test_a_file_packed_and_unpacked_is_refused(files, tmp_path):
    twice = {"x.jsonl": files["island.jsonl"], "x.jsonl.gz": gzip.compress(files["island.jsonl"])}
    with pytest.raises(InputError, match="are the same file, packed and unpacked"):
        read_pairs(as_folder(tmp_path / "b", twice))


def test_groups_without_their_columns_are_refused(files, tmp_path):
    folder = as_folder(tmp_path / "b", files | {"groups.csv": b"UID,phenomenon\na,b\n"})
    with pytest.raises(InputError, match=r"groups\.csv:1: has no column group"):
        read_pairs(folder)


# --- from log-likelihoods to scores -------------------------------------------------------------

OUTCOMES = {"u1": "11101", "u2": "0=", "u3": "1110000000"}  # right, wrong, tie
GROUPS = {"u1": "one", "u2": "one", "u3": "two"}


def decided():
    pairs, values = [], []
    for uid, outcomes in OUTCOMES.items():
        for number, outcome in enumerate(outcomes):
            term = "odd" if uid == "u2" else GROUPS[uid]
            pairs.append(pair(uid, str(number), GROUPS[uid], term, f"good {number}", "bad"))
            values.append((-5.0, {"1": -6.0, "0": -4.0, "=": -5.0}[outcome]))
    return pairs, np.array(values)


def percents(tie):
    p1, p2, p3 = 4 / 5, tie / 2, 3 / 10
    return {
        "uids": 100 * (p1 + p2 + p3) / 3,
        "groups": 100 * ((4 + tie) / 7 + p3) / 2,
        "terms": 100 * (p1 + p2 + p3) / 3,
        "pairs": 100 * (4 + tie + 3) / 17,
    }


@pytest.mark.parametrize(
    ("name", "tie", "headline"),
    [("honest", 0.5, "uids"), ("2023", 1, "groups"), ("2024", 1, "uids"), ("2025", 1, "uids")],
)
def test_ties_and_averages_are_the_rules(name, tie, headline):
    scores, predictions = scored(*decided(), rules_named(name))
    assert scores["aggregates"] == pytest.approx(percents(tie))
    assert scores["score"] == pytest.approx(percents(tie)[headline])
    assert [line["correct"] for line in predictions[:7]] == [1, 1, 1, 0, 1, 0, tie]
    pooled = 100 * (4 + tie) / 7
    of_uids = 100 * (4 / 5 + tie / 2) / 2
    expected = pooled if name == "2023" else of_uids
    assert scores["groups"]["one"]["score"] == pytest.approx(expected)


def test_the_result_has_every_key_and_no_other():
    scores, _ = scored(*decided(), rules_named("honest"))
    estimate = {"score", "stderr", "interval", "n"}
    about = {"unit", "higher_is_better", "chance", "interval_clustered", "items"}
    assert scores.keys() == estimate | about | {"subtasks", "groups", "aggregates"}
    assert (scores["n"], scores["chance"], scores["unit"]) == (17, 50.0, "percent")
    assert [*scores["subtasks"]] == ["u1", "u2", "u3"]
    of_uid = estimate | {"group", "decisions"}
    assert all(each.keys() == of_uid for each in scores["subtasks"].values())
    assert {uid: each["n"] for uid, each in scores["subtasks"].items()} == {
        "u1": 5, "u2": 2, "u3": 10,
    }  # fmt: skip
    assert {uid: each["group"] for uid, each in scores["subtasks"].items()} == GROUPS
    assert {uid: each["decisions"] for uid, each in scores["subtasks"].items()} == OUTCOMES
    assert all(each.keys() == estimate for each in scores["groups"].values())
    assert {group: each["n"] for group, each in scores["groups"].items()} == {"one": 7, "two": 10}
    json.dumps(scores, allow_nan=False)


def test_a_result_names_its_items_by_their_contents_and_order():
    pairs, values = decided()
    items = scored(pairs, values, rules_named("honest"))[0]["items"]
    assert scored(list(pairs), -values, rules_named("2025"))[0]["items"] == items
    assert scored(pairs[::-1], values, rules_named("honest"))[0]["items"] != items


def test_only_a_mean_over_uids_has_an_interval_over_uids():
    pairs, values = decided()
    assert "interval_clustered" not in scored(pairs, values, rules_named("2023"))[0]
    lone = scored(pairs[:5], values[:5], rules_named("honest"))[0]
    assert "interval_clustered" not in lone


def test_the_headlines_error_is_that_of_uids_drawn_apart():
    scores, _ = scored(*decided(), rules_named("honest"))
    variances = [0.8 * 0.2 / 4, 0.25**2 * 2 / 2, 0.3 * 0.7 / 9]  # unbiased: over n - 1
    stderr = 100 * math.sqrt(sum(variances)) / 3
    assert scores["stderr"] == pytest.approx(stderr)
    low, high = scores["interval"]
    assert (high - low) / 2 == pytest.approx(1.959964 * stderr, rel=1e-6)


def test_a_prediction_repeats_its_pair_and_both_log_likelihoods():
    pairs = [EXPECTED[1], EXPECTED[2]]
    _, lines = scored(pairs, np.array([[-1.5, -2.0], [-3.0, -2.5]]), rules_named("honest"))
    assert lines == [
        {"UID": "island", "pairID": "7", "group": "island_effects", "sentence_good": "a b",
         "sentence_bad": "b a", "log_likelihood_good": -1.5, "log_likelihood_bad": -2.0,
         "correct": 1.0},
        {"UID": "island", "pairID": "8", "group": "island_effects", "sentence_good": "c d",
         "sentence_bad": "d c", "log_likelihood_good": -3.0, "log_likelihood_bad": -2.5,
         "correct": 0.0, "novel": True},
    ]  # fmt: skip


def test_the_group_of_a_lone_published_file_is_that_of_the_table(data):
    folder = data / "benchmarks" / "blimp"
    (group,) = {pair.group for pair in read_pairs(folder / "animate_subject_trans.jsonl.gz")}
    assert (
        f"animate_subject_trans,syntax,s-selection,{group}," in (folder / "groups.csv").read_text()
    )


def test_the_supplement_has_five_sets_named_by_their_files(data):
    pairs = read_pairs(data / "benchmarks" / "blimp_supplement")
    sizes = Counter(pair.uid for pair in pairs)
    assert sorted(sizes.values()) == [64, 165, 280, 842, 3867]
    assert all(pair.group == pair.uid for pair in pairs)
    assert any("\n" in pair.options[0].target for pair in pairs)
