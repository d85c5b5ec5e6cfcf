"""Checkpoints' scores are those of the pipelines' fast subsets, part by part."""

import dataclasses

import pytest
from submissions import ENTITIES, part, result, write_lines

from babyllama.errors import InputError
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.choices import digest
from babyllama.publish.submission.fast import checkpoint_results, fast_results
from babyllama.publish.submission.official import FORMATS
from babyllama.scores.results import model_result

STEPS = ["chck_1M"]
REGULAR = {f"regular_{number}_ops": size for number, size in enumerate((3, 2))}
FILTERED = {f"regular_{number}_ops": size for number, size in enumerate((2, 1))}
OPTIONS = [["nothing.", "the cat.", "snow."], ["the cat.", "nothing.", "snow."],
           ["the dog.", "the cat.", "snow."]]  # fmt: skip


def only(year, key, **changes):
    """A year's format with one benchmark of it."""
    (benchmark,) = [each for each in FORMATS[year].zero_shot if each.key == key]
    return dataclasses.replace(
        FORMATS[year], zero_shot=(dataclasses.replace(benchmark, **changes),)
    )


def scored(**benchmarks):
    found = model_result(result("chck_1M", **benchmarks), "here", name="chck_1M")
    return checkpoint_results([found], "distilled")


@pytest.fixture
def entities(tmp_path):
    """Two numbers of operations in `regular`, one file more, and how they were decided."""
    lines = [
        {"input_prefix": f"Box {row} has ", "options": options, "numops": operations}
        for row, (options, operations) in enumerate(
            [(OPTIONS[0], 0), (OPTIONS[2], 0), (OPTIONS[2], 0), (OPTIONS[1], 1), (OPTIONS[2], 1)]
        )
    ]
    write_lines(tmp_path / "data" / "regular.jsonl", lines)
    write_lines(tmp_path / "data" / "ambiref.jsonl", ENTITIES)
    choices = suite_for("entity_tracking").read(tmp_path / "data")
    decisions = {
        "regular_0_ops": part("101"), "regular_1_ops": part("10"), "ambiref_0_ops": part("11")
    }  # fmt: skip
    return tmp_path / "data", choices, {"score": 50.0, "subtasks": decisions}


def test_the_fast_entity_set_of_2025_is_regular_alone(entities):
    _, _, scores = entities
    form = only("2025", "entity_tracking", fast_sizes=REGULAR)
    found = fast_results(STEPS, form, scored(entity_tracking=scores), {})
    assert found["entity_tracking"] == [
        {"regular_0_ops": pytest.approx(2 / 3), "regular_1_ops": 0.5}
    ]


@pytest.mark.parametrize("is_fast", [False, True], ids=["the full data", "regular alone"])
def test_2026_counts_no_item_with_nothing(entities, is_fast):
    folder, choices, scores = entities
    kept = [choice for choice in choices if choice.group == "regular"] if is_fast else choices
    form = only("2026", "entity_tracking_filtered", fast_sizes=FILTERED)
    by_step = scored(entity_tracking=scores | {"items": digest(kept)})
    found = fast_results(STEPS, form, by_step, {"entity_tracking": folder})
    # Of 101 the first item is dropped, of 10 too.
    assert found["entity_tracking_filtered"] == [{"regular_0_ops": 0.5, "regular_1_ops": 0.0}]


def test_2026_needs_the_data_that_were_scored(entities):
    folder, _, scores = entities
    form = only("2026", "entity_tracking_filtered", fast_sizes=FILTERED)
    by_step = scored(entity_tracking=scores | {"items": "other"})
    with pytest.raises(InputError, match="--benchmark entity_tracking=PATH"):
        fast_results(STEPS, form, by_step, {})
    with pytest.raises(InputError, match=r"are not of .*data"):
        fast_results(STEPS, form, by_step, {"entity_tracking": folder})


@pytest.mark.parametrize(
    ("subtasks", "message"),
    [
        ({"one": part("1100"), "two": part("101")}, "chck_1M: blimp: two has 3 items, not 4"),
        ({"one": part("1100")}, "chck_1M: blimp: no two"),
        ({"one": part("1100"), "two": part("1100"), "six": part("1")}, "unknown part six"),
    ],
)
def test_parts_and_sizes_of_a_fast_subset_are_checked(subtasks, message):
    form = only("2025", "blimp", fast_sizes={"one": 4, "two": 4})
    with pytest.raises(InputError, match=message):
        fast_results(STEPS, form, scored(blimp_fast={"score": 50.0, "subtasks": subtasks}), {})


def test_the_full_benchmark_is_no_fast_subset():
    form = only("2025", "wug_adj")
    with pytest.raises(InputError, match="wug_adj: wug_adj has 20 items, not 200"):
        fast_results(STEPS, form, scored(wug_adj={"score": 1.0, "n": 20}), {})


def test_scores_by_other_rules_are_refused():
    other = model_result(
        result("chck_1M", ewok={"score": 50.0}) | {"rules": {"name": "honest"}}, "x", name="y"
    )
    with pytest.raises(InputError, match="chck_1M was scored by the rules honest"):
        checkpoint_results([other], "distilled")


def test_checkpoints_of_another_model_do_not_count():
    ours, twin = (
        model_result(result(f"{name}/chck_1M", ewok={"score": score}), "x", name="y")
        for name, score in (("distilled", 60.0), ("twin", 50.0))
    )
    found = checkpoint_results([ours, twin], "distilled")
    assert found["chck_1M"]["ewok"].score == 60.0

    unnamed = model_result(result("chck_1M", ewok={"score": 50.0}), "x", name="y")
    with pytest.raises(InputError, match=r"two scores on ewok: 60\.00 and 50\.00"):
        checkpoint_results([ours, unnamed], "distilled")
