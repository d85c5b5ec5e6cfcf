"""A submission is written from a run, or refused with a list of what is missing."""

import json

import pytest
from submissions import CHILDREN, STEPS, format_2026, result, submit, write_lines
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
    assert "| blimp     |  99.0 |" in card
    assert "| boolq     |  61.0 |" in card


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


def test_a_submission_to_2026_is_complete_with_everything_that_it_asks(run, given, tmp_path):
    """Field by field, what collate_preds.py of 2026 writes (babylm-org/babylm-eval, 6f825c29)."""
    table = tmp_path / "children.csv"
    table.write_text(CHILDREN, encoding="utf-8")
    missing, found = submit(run, given, tmp_path / "out", year_format=format_2026(), children=table)
    assert missing == []
    assert found.keys() == {
        "blimp", "ewok", "entity_tracking_filtered", "comps", "global_piqa_parallel", "reading",
        "aoa_surprisals", "aoa", "glue", "fast_eval_results",
    }  # fmt: skip
    assert found["aoa"] == {"aoa": 0.0}  # of two words: too few for a correlation
    assert found["aoa_surprisals"]["metadata"] == {
        "model_name": "distilled", "use_bos_only": False, "total_steps": 2, "completed_steps": 2
    }  # fmt: skip
    assert found["fast_eval_results"] == {
        "blimp": [{"one": 0.75, "two": 0.25}] * 2,
        "ewok": [{"social": 1.0}] * 2,
        "global_piqa_parallel": [{"global_piqa_parallel": 0.5}] * 2,
        "reading": [{"spr": 0.01, "rt": 0.02}] * 2,
    }


def test_children_are_only_for_2026(run, given, tmp_path):
    with pytest.raises(InputError, match=r"--children .* is only used by BabyLM 2026"):
        submit(run, given, tmp_path / "out", children=tmp_path / "children.csv")


def test_an_incomplete_submission_says_that_what_is_missing_counts_as_0(run, tmp_path):
    out = tmp_path / "out"
    arguments = ["submission", str(run), "--year", "2026", "--out", str(out), "--partial"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "The leaderboard counts a missing score as 0." in said
    assert "global_piqa_parallel: no predictions" in said
    assert "leaderboard.json: fill in hf_repo" in said
    assert (out / "leaderboard.json").is_file()
