"""Scores in other units, over training, and choice by choice."""

import json

from babyllama.report import write_report
from babyllama.runs import points as curves
from babyllama.runs.artefact import read_manifest

SURPRISED = [["The", 1.2], ["cat", 4.5], ["sees", 2.5], ["<b>", 9.8]]


def change(path, **more):
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))


def reported(run):
    out = run.parent / "report"
    facts = write_report([run], out)
    return facts, (out / "report.md").read_text("utf-8"), (out / "index.html").read_text("utf-8")


def test_a_benchmark_in_another_unit_is_shown_in_it(make_run):
    run = make_run()
    for name, score in (("distilled", 41.3), ("twin", 30.1), ("llama", 35.0), ("gpt2", 20.0)):
        path = run / "evaluation" / f"{name}.json"
        wugs = {"score": score, "stderr": 5.0, "interval": [score - 9, score + 9], "n": 200,
                "unit": "spearman x 100", "higher_is_better": True, "chance": 0.0}  # fmt: skip
        benchmarks = json.loads(path.read_text())["benchmarks"]
        change(path, benchmarks={**benchmarks, "wug_adj": wugs})
    (run / "evaluation" / "predictions" / "distilled" / "wug_adj.jsonl").write_text(
        '{"share": 1}\n'
    )
    _, markdown, page = reported(run)
    assert "wug_adj, spearman x 100" in markdown
    assert "41.3 (32.3 to 50.3)" in markdown
    (guessing,) = [line for line in markdown.splitlines() if "guessing at random" in line]
    assert "50.0" in guessing
    assert "0.0" in guessing
    assert "spearman x 100" in page


def test_points_of_training_are_drawn_and_listed(make_run):
    run = make_run()
    for name in ("distilled", "twin"):
        home = run / "students" / name
        manifest = json.loads((home / "manifest.json").read_text())
        manifest["facts"]["words_seen"] = 20_000_000
        for mark in ("chck_1M", "chck_4M"):
            manifest["files"][f"{mark}/model.safetensors"] = {"sha256": mark, "size": 1}
        (home / "manifest.json").write_text(json.dumps(manifest))
        ends = curves.epoch_ends(home / "training.jsonl")
        for number, place in enumerate(curves.places(name, read_manifest(home), ends)):
            score = 50.0 + 5 * number + (name == "distilled")
            scores = {"score": score, "interval": [score - 1, score + 1], "unit": "percent"}
            curves.write_point(run, curves.Point(place, "blimp", {}, scores))
    _, markdown, page = reported(run)
    rows = [line.split("|")[1:4] for line in markdown.splitlines() if "(50.0 to 52.0)" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["1.0M", "51.0 (50.0 to 52.0)", "50.0 (49.0 to 51.0)"]]  # fmt: skip
    assert "10.0M" in markdown  # the best epoch is the fifth of ten
    assert (run.parent / "report" / "figures" / "curves.svg").is_file()
    assert "Scores over training" in page


def test_a_point_of_a_model_that_was_trained_again_is_left_out(make_run):
    run = make_run()
    place = curves.Place("distilled", "final", 9, "another digest")
    curves.write_point(run, curves.Point(place, "blimp", {}, {"score": 1.0, "interval": [0, 2]}))
    assert "Scores over training" not in reported(run)[1]


def test_what_the_student_gets_most_wrong_is_shown_word_by_word(make_run):
    run = make_run()
    lost = {"benchmark": "grammar", "UID": "order", "pairID": "3", "group": "word_order",
            "margin": 7.25, "right": SURPRISED, "preferred": SURPRISED[:2]}  # fmt: skip
    change(run / "evaluation" / "distilled.json", worst=[lost])
    _, markdown, page = reported(run)
    assert "What distilled gets most wrong" in page
    assert "grammar, order: 7.2 nats" in page
    for shade, word in (("s0", "The"), ("s2", "cat"), ("s1", "sees"), ("s3", "&lt;b&gt;")):
        assert f'<span class="{shade}">{word}<sub>' in page
    assert "right: The (1.2) cat (4.5)" in markdown


def test_points_of_training_make_a_run_redo_its_report(make_run):
    from babyllama.pipeline.stages import report_stage
    from babyllama.recipe import load_recipe

    run = make_run()
    recipe = load_recipe(str(run / "recipe.yaml"))
    assert "curves" not in report_stage(recipe, run).inputs
    (run / "curves").mkdir()
    assert report_stage(recipe, run).inputs["curves"] == run / "curves"
