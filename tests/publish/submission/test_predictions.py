"""Our predictions become the texts that each item's model chose, numbered by part."""

import math

import pytest
from submissions import OURS, format_2026, submit, write_lines

from babyllama.errors import InputError
from babyllama.publish.submission.predictions import PredictionFiles


def test_predictions_are_the_chosen_texts_by_part_in_file_order(run, given, tmp_path):
    missing, found = submit(run, given, tmp_path / "out")
    assert missing == []
    assert found["blimp"] == {
        "one": {
            "predictions": [{"id": "one_0", "pred": "It is."}, {"id": "one_1", "pred": "Snow."}]
        },
        "two": {"predictions": [{"id": "two_0", "pred": "A dogs."}]},
    }
    assert found["ewok"]["social"]["predictions"] == [{"id": "social_0", "pred": " Ben fears Ann."}]
    assert [each["pred"] for each in found["entity_tracking"]["regular_0_ops"]["predictions"]] == [
        "nothing.", "snow."
    ]  # fmt: skip
    assert found["wug_adj"] == {
        "wug_adj": {
            "predictions": [
                {"id": "wug_adj_0", "pred": "a wugness", "prob": 0.27},
                {"id": "wug_adj_1", "pred": "b", "prob": 0.73},
            ]
        }
    }
    assert found["comps"]["base"]["predictions"][0]["pred"] == "A cat can purr"
    first, second = found["reading"]["reading"]["predictions"]
    assert (first["id"], first["pred"]) == (0, 3.5)
    assert math.isnan(first["prev_pred"])
    assert second == {"id": 1, "pred": 2.5, "prev_pred": 3.5}
    assert found["glue"]["boolq"] == {
        "predictions": [{"id": "boolq_0", "pred": 1}, {"id": "boolq_1", "pred": 0}]
    }


def test_checkpoints_have_surprisals_and_scores_between_0_and_1(run, given, tmp_path):
    _, found = submit(run, given, tmp_path / "out")
    assert [each["step"] for each in found["aoa"]["results"]] == [
        *["chck_1M"] * 3,
        *["chck_2M"] * 3,
    ]
    assert found["aoa"]["results"][1] == {
        "step": "chck_1M", "word_count": 1_000_000, "target_word": "cat", "context_id": 1,
        "context": "a", "surprisal": 5.0,
    }  # fmt: skip
    fast = found["fast_eval_results"]
    assert fast["blimp"] == [{"one": 0.75, "two": 0.25}] * 2
    assert fast["wug_adj"] == [{"wug_adj": 0.12}] * 2
    assert fast["reading"] == [{"spr": 0.01, "rt": 0.02}] * 2


def test_2026_drops_items_with_nothing_and_gives_context_and_target(run, given, tmp_path):
    missing, found = submit(run, given, tmp_path / "out", year_format=format_2026(), partial=True)
    assert missing == ["aoa: no score, which needs the surprisals and --children TABLE"]
    # Of two contexts the second makes the one target likelier.
    assert found["ewok"]["social"]["predictions"][0]["pred"] == "Ann hits Ben. Ben likes Ann."
    assert found["entity_tracking_filtered"]["regular_0_ops"]["predictions"] == [
        {"id": "regular_0_ops_0", "pred": "snow."}
    ]
    assert found["aoa"] is None
    assert found["fast_eval_results"]["ewok"] == [{"social": 1.0}] * 2
    assert found["fast_eval_results"]["global_piqa_parallel"] == [{"global_piqa_parallel": 0.5}] * 2


def test_global_piqa_has_one_chosen_solution_for_each_example(run, given, tmp_path):
    _, found = submit(run, given, tmp_path / "out", year_format=format_2026(), partial=True)
    assert found["global_piqa_parallel"] == {
        "ex_7": {"predictions": [{"id": "ex_7_0", "pred": " Rinse it."}]},
        "ex_2": {"predictions": [{"id": "ex_2_0", "pred": " Chill it."}]},
    }

    file = given["predictions"][0] / "distilled" / "global_piqa_parallel.jsonl"
    dutch = [line | {"UID": "nld_latn"} for line in OURS["global_piqa_parallel"]]
    write_lines(file, dutch)
    with pytest.raises(InputError, match="has items of nld_latn"):
        submit(run, given, tmp_path / "more", year_format=format_2026(), partial=True)


def test_a_broken_line_is_named(run, given, tmp_path):
    file = given["predictions"][0] / "distilled" / "comps.jsonl"
    file.write_text('{"UID": 1}\n{"UI', encoding="utf-8")
    with pytest.raises(InputError, match=r"comps.jsonl:2: is not JSON"):
        submit(run, given, tmp_path / "out")


def test_predictions_without_texts_need_the_data(run, given, tmp_path):
    with pytest.raises(InputError, match=r"ewok.jsonl holds no texts(.|\n)*--benchmark ewok=PATH"):
        submit(run, given | {"data": {}}, tmp_path / "out")


def test_surprisals_of_another_benchmark_are_named(run, given, tmp_path):
    (file,) = [f for f in given["predictions"][0].rglob("aoa_2025.jsonl") if "chck_1M" in str(f)]
    write_lines(file, [{"other": 1}])
    with pytest.raises(InputError, match=r"aoa_2025.jsonl: a line has no 'word'"):
        submit(run, given, tmp_path / "out")


def test_the_first_folder_and_the_first_name_take_precedence(tmp_path):
    files = PredictionFiles([tmp_path / "one", tmp_path / "two"])
    names = ("blimp_filtered", "blimp")
    assert files.first(names) is None

    write_lines(tmp_path / "two" / "blimp_filtered.jsonl", [])
    write_lines(tmp_path / "two" / "chck_1M" / "blimp.jsonl", [])
    assert files.first(names) == tmp_path / "two" / "blimp_filtered.jsonl"
    assert files.of_checkpoint("chck_1M").first(names) == (
        tmp_path / "two" / "chck_1M" / "blimp.jsonl"
    )

    write_lines(tmp_path / "one" / "blimp.jsonl", [])
    assert files.first(names) == tmp_path / "one" / "blimp.jsonl"


def test_data_of_another_size_than_the_predictions_are_refused_with_both_sizes(
    run, given, tmp_path
):
    file = given["predictions"][0] / "distilled" / "entity_tracking.jsonl"
    write_lines(file, OURS["entity_tracking"][:1])
    with pytest.raises(InputError, match=r"It has 2 items, the predictions have 1\."):
        submit(run, given, tmp_path / "out")
