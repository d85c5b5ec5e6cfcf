"""What is compared: models of files, seeds of folders, results in memory; else a refusal."""

import json

import numpy as np
import pytest
from result_files import benchmark, result

from babyllama.errors import InputError
from babyllama.scores.entrants import answers_of, read_entrants
from babyllama.scores.results import BenchmarkResult, read_results

WEAK = {"a": "0100" * 20, "b": "1100" * 20, "c": "10=1" * 20}
STRONG = {"a": "1100" * 20, "b": "1100" * 20, "c": "1011" * 20}


def refusal(paths):
    with pytest.raises(InputError) as raised:
        read_entrants(paths)
    return str(raised.value)


def test_one_file_may_hold_several_models(written):
    both = {
        "one": result("one", {"x": benchmark(WEAK)}),
        "two": result("two", {"x": benchmark(STRONG)}),
    }
    assert [each.name for each in read_entrants([written("both.json", both)])] == ["one", "two"]


def test_models_of_one_name_go_by_their_paths(written):
    paths = [
        written(f"{run}/distilled.json", result("distilled", {"x": benchmark(uids)}))
        for run, uids in (("small", WEAK), ("large", STRONG))
    ]
    assert [each.name for each in read_entrants(paths)] == [str(path) for path in paths]


def test_results_in_memory_are_entrants_as_those_of_files_are(written):
    path = written("a.json", result("one", {"x": benchmark(WEAK)}))
    other = written("b.json", result("two", {"x": benchmark(STRONG)}))
    from_file, from_memory = read_entrants([path, *read_results(other)])
    assert (from_file.name, from_memory.name) == ("one", "two")
    assert from_memory.rules == {"name": "honest"}
    assert [*from_memory.answers["x"].parts[0]] == ["a", "b", "c"]


def test_seeds_of_a_fine_tuning_have_a_score_each():
    seeds = {"1": {"score": 40.0, "decisions": "10"}, "2": {"score": 60.0, "decisions": "11"}}
    answers = answers_of(BenchmarkResult(score=50.0, seeds=seeds, metric="accuracy"), "rte")
    assert (answers.scores.tolist(), answers.score) == ([40.0, 60.0], 50.0)
    assert len(answers.parts) == 2


def test_a_folders_seeds_share_items_only_if_all_have_the_same(written):
    folder = written("seeds/0.json", result("s0", {"x": benchmark(WEAK)})).parent
    written("seeds/1.json", result("s1", {"x": benchmark(STRONG, items="other")}))
    alone = written("alone.json", result("alone", {"x": benchmark(WEAK)}))
    recipe, _ = read_entrants([folder, alone])
    assert (recipe.name, recipe.answers["x"].items) == ("seeds", None)
    np.testing.assert_allclose(recipe.answers["x"].scores, [
        benchmark(uids)["score"] for uids in (WEAK, STRONG)
    ])  # fmt: skip


def test_nothing_to_compare_with_and_a_model_with_itself_are_refused(written):
    one = written("a.json", result("one", {"x": benchmark(WEAK)}))
    assert "holds one model, one: nothing to compare it with" in refusal([one])
    assert "is given twice" in refusal([one, one])


def test_a_model_without_scores_is_called_so(written):
    good = written("good.json", result("good", {"x": benchmark(WEAK)}))
    model = written("student/config.json", "{}").parent
    assert "student is a model, and it has no scores" in refusal([model, good])


def test_a_folder_of_different_models_is_not_a_recipe(written, tmp_path):
    good = written("good.json", result("good", {"x": benchmark(WEAK)}))
    manifest = {key: {} for key in ("stage", "version", "recipe", "inputs", "seed", "files")}
    stage = written("evaluation/manifest.json", json.dumps(manifest)).parent
    assert "evaluation is a stage of a run" in refusal([stage, good])
    several = written(
        "several/both.json",
        {"one": result("one", {"x": benchmark(WEAK)}), "two": result("two", {})},
    ).parent
    assert "both.json holds 2 models, but its folder" in refusal([several, good])
    (tmp_path / "empty").mkdir()
    assert "empty has no *.json file" in refusal([tmp_path / "empty", good])
    other = result("two", {"x": benchmark(WEAK)}) | {"rules": {"name": "2024"}}
    mixed = written("mixed/1.json", result("one", {"x": benchmark(WEAK)})).parent
    written("mixed/2.json", other)
    assert "2.json is scored by the rules 2024" in refusal([mixed, good])
