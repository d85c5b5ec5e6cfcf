"""Everything wrong with a submission is listed; damaged files cause no traceback."""

import json

import pytest
from submissions import OURS, SMALL, WORDS_SEEN, submit, write_lines

from babyllama.errors import InputError
from babyllama.publish.submission import check_submission
from babyllama.publish.submission.checking import PREDICTIONS, missing_predictions, refuse


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("wug_adj", OURS["wug_adj"][:1], "wug_adj: wug_adj has 1 items, not 2"),
        ("comps", [OURS["blimp_filtered"][0]], "comps: unknown part one"),
        ("comps", [OURS["mnli"][0]], "comps.jsonl: a line has no 'UID'"),
        ("boolq", OURS["boolq"][::-1], "glue: boolq: item 0 has id boolq_1, not boolq_0"),
        ("mnli", [{"id": "mnli_0", "pred": 3}], "glue: mnli: mnli_0 has pred 3"),
        ("entity_tracking", OURS["entity_tracking"][::-1], "was not scored on .*entities"),
    ],
)
def test_wrong_predictions_are_refused(run, given, tmp_path, name, lines, message):
    write_lines(given["predictions"][0] / "distilled" / f"{name}.jsonl", lines)
    with pytest.raises(InputError, match=message):
        submit(run, given, tmp_path / "out")


def test_a_damaged_submission_folder_is_refused_with_each_fault(run, given, tmp_path):
    out = tmp_path / "out"
    submit(run, given, out)
    check_submission(out, track="strict-small", words_seen=WORDS_SEEN, year_format=SMALL)
    (out / "chck_1M" / "tokenizer.json").unlink()
    (out / "chck_2M" / "model.safetensors").unlink()
    (out / "main" / "README.md").write_text("no head", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        check_submission(out, track="strict-small", words_seen=WORDS_SEEN, year_format=SMALL)
    for part in ("chck_1M: no tokenizer.json", "chck_2M: no weights", "main: no README.md"):
        assert part in str(refused.value)
    with pytest.raises(InputError, match="already exists"):
        submit(run, given, out)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _all: [], "is not a JSON object of benchmarks"),
        (lambda all_: {**all_, "blimp": [1]}, "blimp is not an object of parts"),
        (lambda all_: {**all_, "blimp": {"one": {}, "two": {}}}, "one has no list of predictions"),
        (lambda all_: {**all_, "glue": {**all_["glue"], "boolq": 3}}, "boolq has no list"),
        (lambda all_: {**all_, "glue": {**all_["glue"], "boolq": {"predictions": [
            {"id": "boolq_0", "pred": True}, {"id": "boolq_1", "pred": 0}]}}}, "has pred True"),
        (lambda all_: {**all_, "aoa": {"results": [{}]}}, "None has 1 contexts"),
        (lambda all_: {**all_, "aoa": [1]}, "aoa is not an object"),
        (lambda all_: {**all_, "glue": 3}, "glue is not an object"),
        (lambda all_: {**all_, "glue": {"mnlli": {}}}, "glue: unknown task mnlli"),
        (lambda all_: {**all_, "fast_eval_results": []}, "fast_eval_results is not an object"),
        (lambda all_: {**all_, "comps": None}, "comps: no predictions"),
        (lambda all_: {**all_, "fast_eval_results": {"blimq": []}}, "unknown benchmark blimq"),
        (lambda all_: {**all_, "fast_eval_results": {"blimp": [{"one": 1.0}]}},
         "blimp: entry 0 does not have the subset's parts"),
    ],
)  # fmt: skip
def test_each_fault_of_a_damaged_file_of_predictions_is_named(
    run, given, tmp_path, damage, message
):
    _, found = submit(run, given, tmp_path / "out")
    (tmp_path / "out" / PREDICTIONS).write_text(json.dumps(damage(found)))
    with pytest.raises(InputError, match=message):
        check_submission(
            tmp_path / "out", track="strict-small", words_seen=WORDS_SEEN, year_format=SMALL
        )


def test_metadata_of_the_card_that_are_not_yaml_are_named(run, given, tmp_path):
    out = tmp_path / "out"
    submit(run, given, out)
    (out / "main" / "README.md").write_text("---\ntags: [\n---\ntext", encoding="utf-8")

    with pytest.raises(InputError, match=r"main: the metadata of README\.md cannot be read"):
        check_submission(out, track="strict-small", words_seen=WORDS_SEEN, year_format=SMALL)


def test_a_partial_submission_may_lack_benchmarks_but_not_parts(run, given, tmp_path):
    _, found = submit(run, given, tmp_path / "out")
    file = tmp_path / "out" / PREDICTIONS
    known = {"track": "strict-small", "words_seen": WORDS_SEEN, "year_format": SMALL}

    file.write_text(json.dumps({**found, "comps": None}), encoding="utf-8")
    check_submission(tmp_path / "out", partial=True, **known)

    del found["blimp"]["two"]
    file.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(InputError, match="blimp: no two"):
        check_submission(tmp_path / "out", partial=True, **known)


def test_missing_checkpoints_are_counted():
    steps = [f"chck_{number}M" for number in range(1, 4)]
    content = {
        "aoa": {"results": [{"step": "chck_2M"}]},
        "fast_eval_results": {"blimp": [None, {"one": 1.0}, None]},
    }

    missing = list(missing_predictions(content, steps, SMALL))

    assert "aoa: no surprisals at chck_1M to chck_3M (2 checkpoints)" in missing
    assert "fast_eval_results: blimp at 1 checkpoints, not 3" in missing
    assert "fast_eval_results: reading at 0 checkpoints, not 3" in missing
    assert "glue: no predictions of boolq" in missing


def test_a_long_list_of_problems_is_cut_short():
    refuse([], "nothing")
    with pytest.raises(InputError) as refused:
        refuse([f"problem {number}." for number in range(14)], "much")
    assert "problem 11." in refused.value.why
    assert "problem 12." not in refused.value.why
    assert refused.value.why.endswith("and 2 more")
