"""The tables of measures, and the sentences that intervals support."""

import json
import shutil

import numpy as np
import pytest

from babyllama.report.measures import RunMeasures, cross_entropy_table, measures_table, sentences
from babyllama.report.scored_run import scored_run
from babyllama.runs.layout import measure_sums_file, measures_file
from babyllama.runs.run import read_run
from babyllama.scores.measures import Sums, measured, read_sums, write_sums, written_measures


@pytest.fixture
def run(make_run):
    return make_run()


def read(folder):
    return RunMeasures(scored_run(read_run(folder)))


def change(folder, model, name, change_totals):
    """Give a model other sums of a measure, and the value that follows."""
    file = measure_sums_file(folder / "evaluation", model)
    sums = read_sums(file)
    each = sums[name]
    sums[name] = Sums(name, change_totals(each.totals), each.counts)
    write_sums([*sums.values()], file)
    values = written_measures(map(measured, sums.values()))
    measures_file(folder / "evaluation", model).write_text(json.dumps({"values": values}))


def test_each_model_has_a_column_and_the_student_is_paired_with_its_twin(run):
    table = measures_table(read(run))
    assert table.head == (
        "measure", "distilled", "twin", "ensemble", "llama", "gpt2", "distilled − twin (95%)",
    )  # fmt: skip
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["top token as the teachers', %"][2] == "–"
    assert rows["calibration error, %"][0].startswith("10.")
    assert rows["calibration error, %"][-1].startswith("-30.")
    parts = cross_entropy_table(read(run))
    assert [row[0] for row in parts.rows] == ["all", "talk", "tokens seen 10 to 99 times"]
    assert parts.rows[0][-1].startswith("-0.30")


def test_better_calibration_is_said_with_its_interval(run):
    first, second = sentences(read(run))
    assert first.startswith("The student is better calibrated than its twin: its expected")
    assert ", a difference of -30." in first
    assert second.startswith("No difference between the student and its twin in copying")


def test_what_intervals_do_not_support_is_not_said(run):
    generator = np.random.default_rng(1)
    noise = generator.normal(0.0, 9.0, (15, 30))
    mine = read_sums(measure_sums_file(run / "evaluation", "distilled"))["calibration_error"].totals
    change(run, "twin", "calibration_error", lambda _: mine + noise - noise.mean(axis=1)[:, None])
    change(run, "distilled", "copying/random", lambda totals: 0.5 * totals)
    first, second = sentences(read(run))
    assert first.startswith("No difference in calibration between the student and its twin")
    assert second.startswith("The student gains less than its twin")


def test_models_that_do_not_copy_are_not_compared_in_copying(run):
    for name in ("distilled", "twin"):
        change(run, name, "copying/random", lambda totals: -totals)
    assert not any("random tokens" in each for each in sentences(read(run)))


def test_runs_of_before_have_no_tables_and_a_run_without_a_twin_no_sentences(run):
    (run / "evaluation" / "measures" / "twin.json").unlink()
    alone = read(run)
    assert "twin" not in measures_table(alone).head
    assert [*sentences(alone)] == []
    shutil.rmtree(run / "evaluation" / "measures")
    assert measures_table(read(run)) is cross_entropy_table(read(run)) is None


def test_how_unlike_the_teachers_are_is_said(run):
    assert not any("Two teachers" in each for each in sentences(read(run)))
    file = measures_file(run / "evaluation", "ensemble")
    values = json.loads(file.read_text())["values"]
    for name, value in (("ambiguity", 0.11), ("disagreement", 23.0), ("pairwise_kl", 0.4)):
        values[name] = next(iter(values.values())) | {"value": value}
    file.write_text(json.dumps({"values": values}))
    first = next(sentences(read(run)))
    assert first.startswith("Two teachers have different top tokens at 23.0% of the tokens of ")
    assert "0.400 nats apart" in first
    assert first.endswith("0.110 nats below the mean of its members'.")
