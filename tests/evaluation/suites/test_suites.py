"""Which suite a name means, and files that are not what their name says."""

import gzip
import json
import subprocess
import sys

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.suites import SUITES, suite_for

PAIR = {"sentence_good": "a b", "sentence_bad": "b a"}
# Items; of choices also UIDs, groups, terms and items whose options are all the same.
PUBLISHED = {
    "blimp": ("blimp", 67_000, 67, 12, 13, 7),
    "blimp_filtered": ("blimp_filtered", 59_875, 67, 12, 13, 7),
    "blimp_fast": ("fast/blimp", 13_400, 67, 12, 13, 3),
    "blimp_supplement": ("blimp_supplement", 5_218, 5, 5, 5, 0),
    "blimp_supplement_fast": ("fast/blimp_supplement", 250, 5, 5, 5, 0),
    "entity_tracking": ("entity_tracking/entity_tracking.zip", 9_483, 18, 3, 3, 0),
    "wug_adj": ("wug_adj", 200),
    "reading": ("reading", 1_726),
    "aoa": ("aoa", 577),
    "lambada": ("lambada", 5_153),
    "blimp_nl": ("multilingual/blimp_nl.jsonl.gz", 8_400, 22, 22, 22, 11),
    "zhoblimp": ("multilingual/zhoblimp.jsonl.gz", 35_400, 118, 15, 15, 0),
    "turblimp": ("multilingual/turblimp", 16_000, 16, 16, 16, 20),
}
# In a process of its own: with shapes and types checked at every call it takes two minutes.
COUNT = """
import json, sys
from pathlib import Path
from babyllama.evaluation.suites import suite_for
for name, (path, *_) in json.loads(sys.argv[2]).items():
    items = suite_for(name).read(Path(sys.argv[1]) / path)
    counts = [len(items)]
    if hasattr(items[0], "uid"):
        counts += [len({getattr(item, key) for item in items}) for key in ("uid", "group", "term")]
        counts.append(sum(len(set(item.options)) == 1 for item in items))
    print(json.dumps([name, *counts]))
"""


def test_every_suite_is_found_by_its_own_name():
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    assert all(suite_for(suite.name) is suite for suite in SUITES)


@pytest.mark.parametrize("name", ["grammar", "mine", "blimp2", "my_blimp", "blimp-dutch", "pairs"])
def test_any_other_name_is_the_users_own_pairs(write, name):
    suite = suite_for(name)
    assert suite.name == name
    (item,) = suite.read(write({"x.jsonl": [PAIR]}))
    assert (item.uid, [option.target for option in item.options]) == ("x", ["a b", "b a"])


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("blmip", "blimp"),
        ("entity_trakcing", "entity_tracking"),
        ("blimp_filtred", "blimp_filtered"),
        ("lambda", "lambada"),
    ],
)
def test_a_near_miss_is_refused_with_the_nearest_name(name, nearest):
    with pytest.raises(
        InputError, match=rf"benchmark {name} not found\n.*nearest name is {nearest}\."
    ):
        suite_for(name)


@pytest.mark.parametrize("name", [suite.name for suite in SUITES if suite.name != "aoa_2025"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name):
    table = "good_sentence,bad_sentence\nx,y\n"
    for file, data in (
        ("pairs.jsonl", '{"other": "x"}\n'), ("table.csv", table), ("word_list.csv", table),
        ("bad.txt", " \n"),
    ):  # fmt: skip
        (tmp_path / file).write_text(data, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        suite_for(name).read(tmp_path)
    said = str(caught.value)
    if name == "perplexity":
        assert "bad.txt has no words" in said
        return
    assert ":1: has no " in said
    assert "Expected: " in said
    assert "Found: " in said


def test_the_wrong_benchmark_is_named_with_keys_found_and_wanted(write):
    folder = write({"lambada_test.jsonl": [{"text": "all but the last"}]})
    with pytest.raises(
        InputError,
        match=r"test\.jsonl:1: has no sentence_good\n  Expected: sentence_good, .*\. Found: text\.",
    ):
        suite_for("blimp").read(folder)
    folder = write({"lambada_test.jsonl": [PAIR | {"UID": "u", "phenomenon": "x"}]})
    with pytest.raises(InputError, match="has no linguistics_term"):
        suite_for("blimp").read(folder)
    with pytest.raises(InputError, match="lambada_test is not a set of BLiMP's supplement"):
        suite_for("blimp_supplement").read(write({"lambada_test.jsonl": [PAIR]}))


def test_the_published_files_have_their_items(data):
    command = [sys.executable, "-c", COUNT, str(data / "benchmarks"), json.dumps(PUBLISHED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {name: counts for name, *counts in map(json.loads, done.stdout.splitlines())}
    assert found == {name: counts for name, (_, *counts) in PUBLISHED.items()}


def test_a_gzipped_file_alone_is_read(tmp_path):
    path = tmp_path / "w.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "here is it"}\n'))
    (item,) = suite_for("lambada").read(path)
    assert (item.context, item.word) == ("here is", "it")
