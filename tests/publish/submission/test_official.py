"""What the pipelines expect agrees with the challenge's rules and data."""

import gzip

from babyllama.evaluation.suites import suite_for
from babyllama.publish.submission.official import CLASSES, FORMATS, GLUE, revisions


def test_a_track_has_the_checkpoints_of_the_rules():
    assert len(revisions("strict-small", 100_000_000)) == 19
    assert len(revisions("strict", 1_000_000_000)) == 28
    assert revisions("strict-small", 25_000_000)[-2:] == ["chck_10M", "chck_20M"]


def test_official_counts_agree_with_the_data(data):
    sizes = {task.key: task.sizes for task in FORMATS["2025"].zero_shot}
    benchmarks = data / "benchmarks"
    for key, folder in (("blimp", "blimp_filtered"), ("blimp_supplement", "blimp_supplement")):
        counted = {}
        for file in (benchmarks / folder).glob("*.jsonl.gz"):
            with gzip.open(file, "rb") as lines:
                counted[file.name.removesuffix(".jsonl.gz").lower()] = sum(1 for _ in lines)
        assert counted == {part.lower(): size for part, size in sizes[key].items()}
    choices = suite_for("entity_tracking").read(
        benchmarks / "entity_tracking" / "entity_tracking.zip"
    )
    for year, kept in (("2025", choices), ("2026", [c for c in choices if not _nothing(c)])):
        task = next(t for t in FORMATS[year].zero_shot if t.key.startswith("entity"))
        counted = {part: sum(c.uid == part for c in kept) for part in task.sizes}
        assert counted == task.sizes


def _nothing(choice):
    return any("nothing" in option.target for option in choice.options)


def test_a_track_ends_at_its_words_and_at_those_that_the_model_saw():
    assert revisions("strict-small", 10**9)[-1] == "chck_100M"
    assert revisions("strict", 10**9)[-1] == "chck_1000M"
    assert revisions("strict", 999_999) == []


def test_every_fine_tuning_task_has_its_number_of_classes():
    assert CLASSES.keys() == GLUE.keys()
    assert {name for name, classes in CLASSES.items() if classes == 3} == {"mnli"}


def test_formats_differ_where_the_pipelines_do():
    keys = {year: {each.key for each in form.zero_shot} for year, form in FORMATS.items()}
    assert keys["2025"] - keys["2026"] == {"entity_tracking", "wug_adj", "wug_past"}
    assert keys["2026"] - keys["2025"] == {
        "entity_tracking_filtered", "global_piqa_parallel", "global_piqa_nonparallel"
    }  # fmt: skip
    ewok = {year: _benchmark(year, "ewok").our_names for year in FORMATS}
    assert ewok == {"2025": ("ewok",), "2026": ("ewok_2026",)}
    assert not FORMATS["2025"].has_aoa_score
    assert FORMATS["2026"].has_aoa_score


def test_global_piqa_is_keyed_by_example_and_not_subsampled():
    for key, size in (("global_piqa_parallel", 103), ("global_piqa_nonparallel", 100)):
        piqa = _benchmark("2026", key)
        assert piqa.is_by_example
        assert piqa.sizes == piqa.fast_sizes == {key: size}


def _benchmark(year, key):
    return next(each for each in FORMATS[year].zero_shot if each.key == key)


def test_each_checkpoint_has_8005_contexts_as_in_both_pipelines():
    assert {form.aoa_contexts for form in FORMATS.values()} == {8005}


def test_parts_of_wug_tests_are_named_as_the_scorer_looks_them_up():
    """calculate_results_from_pred.py reads the past tense's file for any part but `wug_adj`."""
    sizes = {each.key: each.sizes for each in FORMATS["2025"].zero_shot}
    assert sizes["wug_adj"] == {"wug_adj": 200}
    assert sizes["wug_past"] == {"wug_past": 50}


def test_fast_subsets_have_the_pipelines_sizes(data):
    found = {each.key: each.fast_sizes for each in FORMATS["2025"].zero_shot}
    for key, folder in (("blimp", "blimp"), ("blimp_supplement", "blimp_supplement")):
        counted = {}
        for file in (data / "benchmarks" / "fast" / folder).glob("*.jsonl.gz"):
            with gzip.open(file, "rb") as lines:
                counted[file.name.removesuffix(".jsonl.gz").lower()] = sum(1 for _ in lines)
        assert counted == {part.lower(): size for part, size in found[key].items()}
    assert set(found["ewok"].values()) == {100}
    assert found["entity_tracking"] == {
        "regular_0_ops": 606, "regular_1_ops": 607, "regular_2_ops": 606,
        "regular_3_ops": 606, "regular_4_ops": 568, "regular_5_ops": 159,
    }  # fmt: skip
    (filtered,) = [e for e in FORMATS["2026"].zero_shot if e.key == "entity_tracking_filtered"]
    assert list(filtered.fast_sizes.values()) == [517, 409, 405, 425, 388, 94]
