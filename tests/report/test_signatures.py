"""The paper's failures are seen where they are, and only there."""

import json

import numpy as np
import pytest

from babyllama.report.scored_run import scored_run
from babyllama.report.signatures import signatures, smoothed
from babyllama.runs.run import read_run


def rows(folder):
    return signatures(scored_run(read_run(folder)))


def test_a_students_loss_to_its_teacher_and_a_wrong_order_are_seen(make_run, score_model):
    folder = make_run()
    kept = (folder / "evaluation/predictions/distilled/grammar.jsonl").read_text().splitlines()
    lines = [{**json.loads(line), "correct": 0.0} for line in kept]
    score_model(folder / "evaluation", "distilled", "grammar", lines)  # its dev loss stays lowest
    divergence, below, order = rows(folder)
    assert divergence[1] == "not seen"
    assert below[1] == "seen"
    assert "llama: " in below[2]
    assert order[1] == "seen"
    assert order[2].startswith("4 of 10 pairs")


def test_a_student_above_its_teachers_in_the_order_of_dev_losses_shows_no_failure(make_run):
    assert [row[1] for row in rows(make_run())] == ["not seen"] * 3


@pytest.mark.parametrize("end", ["9.5", "NaN"])
def test_a_loss_that_ends_far_above_its_lowest_is_a_divergence(make_run, end):
    folder = make_run(items=20)
    with (folder / "students/twin/training.jsonl").open("a") as log:
        for step in range(101, 110):
            log.write(f'{{"step": {step}, "epoch": 10.1, "cross_entropy": {end}}}\n')
    assert rows(folder)[0][1] == "seen"


@pytest.mark.parametrize("dev", ["9.5", "NaN"])
def test_a_dev_loss_that_jumps_within_an_epoch_is_a_divergence(make_run, dev):
    folder = make_run(items=20)
    with (folder / "students/twin/training.jsonl").open("a") as log:
        log.write(f'{{"step": 110, "epoch": 11, "dev_cross_entropy": {dev}}}\n')
    divergence = rows(folder)[0]
    assert divergence[1] == "seen"
    assert "twin, dev" in divergence[2]


def test_updates_that_were_left_out_are_a_divergence(make_run):
    folder = make_run(items=20)
    path = folder / "students/twin/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["facts"]["skipped_steps"] = [7, 9]
    path.write_text(json.dumps(manifest))
    divergence = rows(folder)[0]
    assert divergence[1] == "seen"
    assert "twin rewound and skipped 2 updates" in divergence[2]


def test_smoothing_is_a_mean_over_the_last_values():
    values = np.array([4.0, 2.0, 3.0, 1.0])
    assert smoothed(values, lines=2).tolist() == [4.0, 3.0, 2.5, 2.0]
    assert smoothed(values, lines=9).tolist() == [4.0, 3.0, 3.0, 2.5]
