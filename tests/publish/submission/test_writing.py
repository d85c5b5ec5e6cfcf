"""A submission is written from a run, or refused with a list of what is missing."""

import json

import pytest
from submissions import STEPS, result, submit, write_lines
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.errors import InputError
from babyllama.publish.submission import write_submission
from babyllama.publish.submission.checking import PREDICTIONS


def test_each_revision_is_a_folder_that_transformers_loads(run, given, tmp_path):
    submit(run, given, tmp_path / "out")
    folders = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert {folder.name for folder in folders} == {"main", *STEPS}
    for folder in folders:
        AutoModelForCausalLM.from_pretrained(folder)
        assert not (folder / "manifest.json").exists()


def test_results_given_for_the_model_add_to_those_of_the_run(run, given, tmp_path):
    better = result("students/distilled", blimp={"score": 99.0})
    (tmp_path / "better.json").write_text(json.dumps(better), encoding="utf-8")
    results = [*given["results"], tmp_path / "better.json"]

    submit(run, given | {"results": results}, tmp_path / "out")

    card = (tmp_path / "out" / "main" / "README.md").read_text("utf-8")
    assert "| blimp | 99.0 |" in card
    assert "| boolq | 61.0 |" in card


def test_an_existing_folder_is_never_written_into(run, given, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="out already exists"):
        submit(run, given, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_missing_is_named_with_the_commands_that_make_it(run, given, tmp_path):
    folder = given["predictions"][0]
    for name in ("wug_adj", "mnli"):
        (folder / "distilled" / f"{name}.jsonl").unlink()
    (folder / "chck_2M" / "aoa_2025.jsonl").unlink()
    manifest = run / "students" / "distilled" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["files"] = {n: each for n, each in content["files"].items() if "chck_1M" not in n}
    manifest.write_text(json.dumps(content))
    with pytest.raises(InputError) as refused:
        submit(run, given | {"results": []}, tmp_path / "out")
    text = str(refused.value)
    for part in (
        "wug_adj: no predictions", "glue: no predictions of mnli", "aoa: no surprisals at chck_2M",
        "blimp at 0 checkpoints, not 2", "chck_1M: the run has no such checkpoint",
        "babyllama evaluate", "babyllama finetune", "word_checkpoints=babylm", "--partial",
    ):  # fmt: skip
        assert part in text
    assert not (tmp_path / "out").exists()

    missing, found = submit(run, given, tmp_path / "out", partial=True)
    assert len(missing) == 4
    assert found["wug_adj"] is None
    assert found["glue"].keys() == {"boolq"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "twim"}, "has no model twim"),
        ({"model": "twin"}, "twin of .* is not trained yet"),
    ],
)
def test_an_unknown_or_untrained_model_is_refused(run, given, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        submit(run, given, tmp_path / "out", **changes)


def test_a_results_file_that_is_not_json_is_refused(run, given, tmp_path):
    (tmp_path / "none.json").write_text("[", encoding="utf-8")
    with pytest.raises(InputError, match=r"none\.json is not JSON"):
        submit(run, given | {"results": [tmp_path / "none.json"]}, tmp_path / "out")


def test_the_command_writes_what_is_available(run, tmp_path):
    """The official format, which these few predictions are far from."""
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["submission", str(run), "--out", str(out), "--partial"])
    assert done.exit_code == 0, done.output
    found = json.loads((out / PREDICTIONS).read_text("utf-8"))
    assert found.keys() == {
        "blimp", "blimp_supplement", "ewok", "entity_tracking", "wug_adj", "wug_past", "comps",
        "reading", "aoa", "glue", "fast_eval_results",
    }  # fmt: skip


def test_the_runs_own_predictions_are_used_only_if_scored_by_the_pipelines_rules(run, tmp_path):
    own = run / "evaluation" / "predictions" / "distilled"
    write_lines(own / "blimp_filtered.jsonl", [])
    path = run / "evaluation" / "distilled.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rules": {"name": "honest"}}))
    with pytest.raises(
        InputError, match="missing for a submission"
    ):  # an empty file would be wrong
        write_submission(run, tmp_path / "out")


@pytest.mark.parametrize("content", ["[1]", '{"model": "m"}', "3"])
def test_json_without_results_is_refused(run, tmp_path, content):
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(InputError, match=r"odd\.json has no results"):
        write_submission(run, tmp_path / "out", results=[tmp_path / "odd.json"])
