"""Files in, differences out: paired where items are the same, and refused where rules differ."""

import numpy as np
import pytest
from result_files import benchmark, result

from babyllama.errors import InputError
from babyllama.scores.compare import compare
from babyllama.scores.decisions import decode_decisions
from babyllama.scores.differences import (
    adjusted,
    difference_of_replicates,
    paired_difference,
    recipes_difference,
)

WEAK = {"a": "0100" * 20, "b": "1100" * 20, "c": "10=1" * 20}
STRONG = {"a": "1100" * 20, "b": "1100" * 20, "c": "1011" * 20}


def only(paths, **options):
    (found,) = compare(paths, **{"correction": "holm", **options})
    return found


def test_two_files_are_paired_item_by_item(written):
    found = only([
        written("a.json", result("weak", {"blimp": benchmark(WEAK)})),
        written("b.json", result("strong", {"blimp": benchmark(STRONG)})),
    ])  # fmt: skip
    sides = [[decode_decisions(text) for text in uids.values()] for uids in (STRONG, WEAK)]
    expected = paired_difference(*sides, [1 / 3] * 3)
    difference = found.tested.difference
    assert (found.baseline, found.model, found.why_unpaired) == ("weak", "strong", "")
    assert difference.value == pytest.approx(100 * expected.value) == pytest.approx(100 / 8)
    assert difference.interval == pytest.approx([100 * edge for edge in expected.interval])
    assert difference.interval_clustered == pytest.approx(
        [100 * edge for edge in expected.interval_clustered]
    )
    assert (difference.won, difference.lost, difference.test) == (40, 0, "exact McNemar")
    assert found.tested.is_shown
    assert [uid.uid for uid in found.uids if uid.tested.is_shown] == ["a", "c"]


def test_all_that_is_compared_is_corrected_together(written):
    """Two models, two benchmarks: four headlines in one family, the UIDs in another."""
    files = [
        written(f"{name}.json", result(name, {"x": benchmark(uids), "y": benchmark({"d": alone})}))
        for name, uids, alone in (
            ("first", WEAK, "1010"), ("second", STRONG, "1111"), ("third", WEAK, "0101"),
        )
    ]  # fmt: skip
    for correction in ("holm", "bh"):
        found = compare(files, correction=correction)
        assert [(each.model, each.benchmark) for each in found] == [
            ("second", "x"), ("second", "y"), ("third", "x"), ("third", "y"),
        ]  # fmt: skip
        headlines = [each.tested for each in found]
        uids = [uid.tested for each in found for uid in each.uids]
        assert len(uids) == 6
        for family in (headlines, uids):
            p_values = adjusted([each.difference.p for each in family], correction)
            assert [each.adjusted_p for each in family] == p_values


@pytest.mark.parametrize(
    ("groups", "weights"),
    [
        ({"a": "g", "b": "g", "c": "h"}, [4 / 10 / 2, 6 / 10 / 2, 1 / 2]),
        ({"a": "g", "b": "g", "c": "h"}, [1 / 4, 1 / 4, 1 / 2]),
        ({"a": "g", "b": "g", "c": "g"}, [4 / 12, 6 / 12, 2 / 12]),
    ],
)
def test_the_difference_is_of_the_average_that_gives_the_scores(written, groups, weights):
    """Pooled in groups, UID by UID in groups, over all items."""
    files = []
    for name, uids in (
        ("one", {"a": "1000", "b": "110010", "c": "01"}),
        ("two", {"a": "1110", "b": "111010", "c": "01"}),
    ):
        facts = benchmark(uids)
        means = [decode_decisions(text).mean() for text in uids.values()]
        facts["score"] = 100 * float(np.dot(weights, means))
        for uid, group in groups.items():
            facts["subtasks"][uid]["group"] = group
        files.append(written(f"{name}.json", result(name, {"x": facts})))
    found = only(files)
    assert not found.why_unpaired
    expected = np.dot(weights, [0.5, 1 / 6, 0])
    assert found.tested.difference.value == pytest.approx(100 * expected)


@pytest.mark.parametrize(
    ("average", "weights"),
    [
        ("mean over UIDs", [1 / 3] * 3),
        ("mean over groups, all pairs of a group pooled", [1 / 8, 3 / 8, 1 / 2]),
    ],
)
def test_where_two_averages_give_the_scores_the_rules_decide(written, average, weights):
    """Every UID has the same share, so that all averages agree on scores, not on errors."""
    one = {"a": "10" * 4, "b": "10" * 12, "c": "10" * 4}
    two = {"a": "01" * 4, "b": "01" * 12, "c": "0110" * 2}
    files = []
    for name, uids in (("one", one), ("two", two)):
        facts = benchmark(uids)
        for uid, group in {"a": "g", "b": "g", "c": "h"}.items():
            facts["subtasks"][uid]["group"] = group
        files.append(written(f"{name}.json", result(name, {"x": facts}, average=average)))
    sides = [[decode_decisions(text) for text in uids.values()] for uids in (two, one)]
    expected = paired_difference(*sides, weights)
    assert only(files).tested.difference.stderr == pytest.approx(100 * expected.stderr)


# --- not paired -------------------------------------------------------------------------------


def plain(score, stderr=1.0):
    """A result file from before decisions were written."""
    return {"score": score, "stderr": stderr, "interval": [score - 2, score + 2], "n": 500}


def test_old_files_and_other_items_are_compared_unpaired_and_that_is_said(written):
    cases = {
        "not every file has a digest of its items": (plain(60.0), plain(70.0)),
        "the items are not the same": (benchmark(WEAK), benchmark(STRONG, items="other")),
        "the score is not a mean of the decisions that the files hold": (
            benchmark(WEAK) | {"score": 12.0}, benchmark(STRONG),
        ),
        "the files hold neither decisions nor replicates": (
            plain(60.0) | {"items": "x"}, plain(70.0) | {"items": "x"},
        ),
    }  # fmt: skip
    for why, (one, two) in cases.items():
        found = only([
            written("a.json", result("one", {"x": one})),
            written("b.json", result("two", {"x": two})),
        ])  # fmt: skip
        assert found.why_unpaired == why
        assert found.tested.difference.test == "unpaired z"
        assert found.uids == ()
    assert found.tested.difference.value == 10
    assert found.tested.difference.stderr == pytest.approx(2**0.5)


def test_replicates_pair_two_scores_that_are_no_means(written):
    noise = np.random.default_rng(1).normal(size=1000)
    facts = {"score": 30.0, "stderr": 1.0, "interval": [28, 32], "n": 90,
             "unit": "spearman x 100", "items": "x"}  # fmt: skip
    one = facts | {"replicates": (30 + noise).tolist()}
    two = facts | {"score": 31.0, "replicates": (31 + 1.1 * noise).tolist()}
    found = only([
        written("a.json", result("one", {"x": one})), written("b.json", result("two", {"x": two})),
    ])  # fmt: skip
    expected = difference_of_replicates((31, two["replicates"]), (30, one["replicates"]))
    assert found.tested.difference == expected
    assert found.tested.is_shown


# --- seeds ------------------------------------------------------------------------------------

SEEDS = {
    "one": ["1000" * 10 + "0110" * 10, "1001" * 10 + "0010" * 10],
    "two": ["1101" * 10 + "0110" * 10, "1101" * 10 + "1110" * 10],
}


def uids_of(text):
    return {"a": text[:40], "b": text[40:]}


def test_a_folder_is_the_seeds_of_one_recipe(written):
    for name, texts in SEEDS.items():
        for seed, text in enumerate(texts):
            content = result(f"student-{seed}", {"x": benchmark(uids_of(text))})
            folder = written(f"{name}/{seed}.json", content).parent.parent
    found = only([folder / "one", folder / "two"])
    tables = [
        [np.stack([decode_decisions(uids_of(text)[uid]) for text in SEEDS[name]]) for uid in "ab"]
        for name in ("two", "one")
    ]
    expected = recipes_difference(*tables, [0.5, 0.5])
    assert (found.baseline, found.model, found.seeds) == ("one", "two", (2, 2))
    assert found.tested.difference.value == pytest.approx(100 * expected.value)
    assert found.tested.difference.stderr == pytest.approx(100 * expected.stderr)
    assert found.tested.difference.degrees == expected.degrees
    assert found.tested.difference.test == "t over seeds"


def test_seeds_within_a_file_are_seeds_too(written):
    """As `finetune --seeds` writes them."""
    files = []
    for name, texts in SEEDS.items():
        seeds = {str(seed): {"score": 100 * decode_decisions(text).mean(), "decisions": text}
                 for seed, text in enumerate(texts)}  # fmt: skip
        score = float(np.mean([each["score"] for each in seeds.values()]))
        facts = plain(score) | {"seeds": seeds, "metric": "accuracy", "items": "x"}
        files.append(written(f"{name}.json", result(name, {"rte": facts})))
    found = only(files)
    assert found.seeds == (2, 2)
    assert found.tested.difference.test == "t over seeds"
    assert found.why_unpaired == ""


def test_seeds_of_f1_are_compared_by_their_replicates_and_of_old_files_by_scores_alone(written):
    noise = np.random.default_rng(2).normal(size=1000)
    files, scores = [], {"one": (60.0, 62.0), "two": (70.0, 71.0)}
    for name, (first, second) in scores.items():
        seeds = {"0": {"score": first, "decisions": "10"}, "1": {"score": second, "decisions": "1"}}
        facts = plain((first + second) / 2) | {
            "seeds": seeds, "metric": "f1", "items": "x",
            "replicates": ((first + second) / 2 + (name == "one") * noise).tolist(),
        }  # fmt: skip
        files.append(written(f"{name}.json", result(name, {"mrpc": facts})))
    with_items = only(files).tested.difference
    for seed in (0, 1):
        for name, both in scores.items():
            written(f"{name}/{seed}.json", result(name, {"mrpc": plain(both[seed])}))
    alone = only([files[0].parent / name for name in scores])
    assert alone.tested.difference.value == with_items.value == pytest.approx(9.5)
    assert with_items.stderr**2 == pytest.approx(
        alone.tested.difference.stderr**2 + noise.var(ddof=1)
    )
    assert alone.why_unpaired == "not every file has a digest of its items"


# --- bad input --------------------------------------------------------------------------------


def refusal(paths):
    with pytest.raises(InputError) as raised:
        compare(paths, correction="holm")
    return str(raised.value)


def test_no_common_benchmark_says_what_each_has(written):
    one = written("a.json", result("one", {"x": benchmark(WEAK), "y": benchmark(WEAK)}))
    two = written("b.json", result("two", {"z": benchmark(WEAK)}))
    message = refusal([one, two])
    assert "one and two share no benchmark" in message
    assert "one has x, y, two has z" in message


def test_other_rules_are_refused_and_other_details_noted(written):
    one = written("a.json", result("one", {"x": benchmark(WEAK)}, dtype="float32"))
    two = written("b.json", result("two", {"x": benchmark(WEAK)}, dtype="bfloat16"))
    assert only([one, two]).notes == ("dtype is float32 for one, bfloat16 for two",)
    other = result("other", {"x": benchmark(WEAK)}) | {"rules": {"name": "2024"}}
    message = refusal([one, written("c.json", other)])
    assert "one is scored by the rules honest, other by 2024" in message


def test_other_units_are_refused(written):
    one = written("a.json", result("one", {"x": benchmark(WEAK)}))
    two = written("b.json", result("two", {"x": benchmark(WEAK, unit="months")}))
    assert "x is in percent for one, in months for two" in refusal([one, two])


def test_a_score_without_its_interval_is_refused(written):
    bare = {"score": 60.0, "n": 5}
    paths = [written(f"{name}.json", result(name, {"x": bare})) for name in "ab"]
    assert "a score of 60.0 has no interval" in refusal(paths)


def test_a_comparison_is_titled_with_the_part_of_the_benchmark_that_was_scored(written):
    part = {"part": {"uids": 3, "of_uids": 67, "items": 240, "of_items": 67_000}}
    found = only([
        written("a.json", result("weak", {"blimp": benchmark(WEAK) | part})),
        written("b.json", result("strong", {"blimp": benchmark(STRONG) | part})),
    ])  # fmt: skip
    assert found.title == "blimp (3 of 67 UIDs, 240 of 67,000 items)"
