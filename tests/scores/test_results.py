"""A result file is read whatever its age, written as it was read, and refused by field."""

import json

import pytest
from result_files import benchmark, result

from babyllama.errors import InputError
from babyllama.scores.results import (
    BenchmarkResult,
    ModelResult,
    Score,
    Subtask,
    model_result,
    read_results,
    write_results,
)


def plain(score):
    """A benchmark's result from before decisions were written."""
    return {"score": score, "stderr": 1.0, "interval": [score - 2, score + 2], "n": 500}


def test_a_file_is_written_as_it_was_read(written, tmp_path):
    """Keys in an odd order, keys of a benchmark's own and keys that nobody knows included."""
    odd = {"unit": "months", "chance": 3.5, **plain(1.5), "own": {"b": [1, 2.5], "a": None}}
    odd["subtasks"] = {
        "decisions alone": {"decisions": "1"},
        "z": {"n": 3, "score": 1.0, "extra": "x"},
        "a": {"score": 2.0},
    }
    found = result("m", {"x": benchmark({"b": "10=", "a": "1"}), "odd": odd}, dtype="float32")
    found["worst"] = [
        {"benchmark": "x", "UID": "b", "pairID": "0", "group": "g", "margin": 1.5,
         "right": [["a", 1.0]], "preferred": [["b", 0.5], ["c", 2.0]]}
    ]  # fmt: skip
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    path = written("a.json", text)
    write_results(read_results(path), tmp_path / "deep" / "again.json")
    assert (tmp_path / "deep" / "again.json").read_text("utf-8") == text


def test_several_models_are_written_by_their_names(tmp_path):
    models = [ModelResult(model=name, benchmarks={}) for name in ("one", "two")]
    write_results(models, tmp_path / "both.json")
    assert json.loads((tmp_path / "both.json").read_text()) == {
        "one": {"model": "one", "benchmarks": {}}, "two": {"model": "two", "benchmarks": {}},
    }  # fmt: skip
    assert read_results(tmp_path / "both.json") == models


def test_keys_stay_in_the_order_in_which_code_gives_them():
    score = Score(n=2, score=50.0)
    made = BenchmarkResult(**score.written(), unit="percent", subtasks={"u": Subtask(score=1.0)})
    assert [*made.written()] == ["n", "score", "unit", "subtasks"]
    assert made.written()["subtasks"] == {"u": {"score": 1.0}}


def test_an_old_file_has_the_defaults_of_what_it_lacks(written):
    (found,) = read_results(written("old.json", {"benchmarks": {"x": {"score": 61.0}}}))
    assert (found.model, found.rules, found.worst) == ("old", {}, ())
    of_x = found.benchmarks["x"]
    assert (of_x.unit, of_x.higher_is_better) == ("percent", True)
    assert (of_x.interval, of_x.items, of_x.subtasks) == (None, None, {})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"score": float("nan")}, "bad, x: score is nan"),
        ({"score": True}, "bad, x: score is True"),
        ({"score": "61"}, "bad, x: score is '61'"),
        ({"n": 5}, "bad, x: score is missing"),
        ({"interval": [1.0, None]}, "bad, x: interval.1 is None"),
        ({"n": -1}, "bad, x: n is -1"),
        ({"higher_is_better": "perhaps"}, "bad, x: higher_is_better is 'perhaps'"),
        ({"subtasks": 7}, "bad, x: subtasks is 7"),
        ({"subtasks": {"a": {"score": None, "n": 1.5}}}, "bad, x: subtasks.a.n is 1.5"),
        (
            {"subtasks": {"a": {"score": 1.0, "decisions": "012"}}},
            "bad, x: subtasks.a.decisions is '012'\n  Decisions are written with 1, 0 and =",
        ),
        (
            {"subtasks": {"a": {"score": 1.0, "decisions": ""}}},
            "bad, x: subtasks.a.decisions is ''",
        ),
        ({"replicates": [1.0] * 999}, "\n  Replicates are 1000 finite numbers"),
        ({"replicates": [1.0] * 999 + [None]}, "bad, x: replicates.999 is None"),
    ],
)
def test_a_wrong_field_is_named_with_its_file_model_benchmark_and_value(written, wrong, words):
    right = {} if wrong == {"n": 5} else plain(61.0)
    path = written("bad.json", result("bad", {"x": right | wrong}))
    with pytest.raises(InputError) as raised:
        read_results(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: bad, x")
    assert words in message
    assert "Evaluate this model again" in message


def test_what_is_not_a_result_file_is_named(written, tmp_path):
    cases = {
        "missing.json not found\n  Check the path.": tmp_path / "missing.json",
        "folder cannot be read": written("folder/a.json", "{}").parent,
        "broken.json is not JSON": written("broken.json", "{"),
        "list.json has no results": written("list.json", []),
        "other.json has no results": written("other.json", {"loss": 3.0}),
        "mixed.json has entries that are not results": written(
            "mixed.json", {"one": result("one", {}), "loss": 3.0}
        ),
        "odd.json: bad, x is 3": written("odd.json", result("bad", {"x": 3})),
        "rules.json: bad: rules is 'honest'": written(
            "rules.json", result("bad", {}) | {"rules": "honest"}
        ),
    }
    for words, path in cases.items():
        with pytest.raises(InputError) as raised:
            read_results(path)
        assert words in str(raised.value)


def test_plain_data_are_refused_by_the_file_that_they_came_from():
    with pytest.raises(InputError, match=r"^run/evaluation/m\.json: m, x: score is None"):
        model_result({"benchmarks": {"x": {"score": None}}}, "run/evaluation/m.json", name="m")
