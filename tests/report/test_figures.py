"""Figures draw what a run holds: checkpoints, groups, what signals lose."""

import json
import re

from babyllama.report.figures import (
    inline,
    kl_curves,
    learning_curves,
    loss_curves,
    overfitting,
    scores_by_group,
)
from babyllama.report.scored_run import scored_run
from babyllama.report.tables import curves_table
from babyllama.runs import points
from babyllama.runs.manifests import read_manifest
from babyllama.runs.run import read_run
from babyllama.runs.training_log import read_training_log


def read(folder):
    return scored_run(read_run(folder))


def keep(run, place, score):
    scores = {"score": score, "interval": [score - 1, score + 1], "unit": "percent"}
    points.keep_point(run, place, "blimp", {}, lambda: scores)


def test_points_of_training_are_drawn_and_listed(make_run):
    run = make_run(items=20)
    for name in ("distilled", "twin"):
        home = run / "students" / name
        manifest = json.loads((home / "manifest.json").read_text())
        manifest["facts"]["words_seen"] = 20_000_000
        for mark in ("chck_1M", "chck_4M"):
            manifest["files"][f"{mark}/model.safetensors"] = {"sha256": mark, "size": 1}
        (home / "manifest.json").write_text(json.dumps(manifest))
        ends = read_training_log(home / "training.jsonl").epoch_ends
        for number, place in enumerate(points.places(name, read_manifest(home), ends)):
            keep(run, place, 50.0 + 5 * number + (name == "distilled"))
    scored = read(run)
    table = curves_table(scored, "blimp")
    assert table.rows[0] == ("1.0M", "51.0 (50.0 to 52.0)", "50.0 (49.0 to 51.0)")
    assert table.rows[-1][0] == "10.0M"  # the best epoch is the fifth of ten
    drawn = learning_curves(scored)
    for words in ("distilled (student)", "twin", "blimp", "words seen", "1.0M", "3.0M", "10.0M"):
        assert f">{words}</text>" in drawn


def test_curves_have_words_seen_beside_epochs_where_the_logs_count_words(make_run):
    run = make_run(items=20)
    model = read_run(run).model("distilled")
    assert "words seen" not in overfitting(read_run(run))  # logs of an earlier version
    for log in run.rglob("training.jsonl"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        for line in lines:
            if "cross_entropy" in line:
                line["words"] = round(2000 * line["epoch"])
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read_run(run)
    assert found.model("distilled").curve.words_per_epoch == 2000
    assert model.curve.words_per_epoch is None
    for drawn in (overfitting(found), kl_curves(found)):
        assert ">words seen</text>" in drawn
        assert re.search(r">\d+\.0k</text>", drawn)
    assert ">epoch of 2.0k words</text>" in loss_curves(found)

    log = run / "students/twin/training.jsonl"  # a pass of another length has no axis with others
    log.write_text(log.read_text().replace('"words": 20000', '"words": 30000'))
    assert "words seen" not in overfitting(read_run(run))


def test_a_point_of_a_model_that_was_trained_again_is_left_out(make_run):
    run = make_run(items=20)
    keep(run, points.Place("distilled", "final", 9, "another digest"), 1.0)
    assert learning_curves(read(run)) is None


def test_groups_are_drawn_with_the_score_of_chance(make_run):
    scored = read(make_run(items=20))
    drawn = scores_by_group(scored, "grammar")
    for words in ("npi", "agreement", "islands", "distilled (student)", "ensemble"):
        assert f">{words}</text>" in drawn
    assert "score in percent, dotted: guessing" in drawn
    assert scores_by_group(scored, "blimp") is None


def test_a_figure_within_a_page_is_named_and_its_ids_are_its_own():
    svg = '<?xml version="1.0"?>\n<svg width="3" xmlns="x"><g id="a"/><use href="#a"/></svg>\n'
    found = inline(svg, "what <it> is", ids="loss")
    assert found.startswith('<svg role="img" aria-label="what &lt;it&gt; is">')
    assert '<g id="loss-a"/><use href="#loss-a"/>' in found
