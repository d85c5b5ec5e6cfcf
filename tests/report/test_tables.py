"""The tables of scores: every model, every student's differences, gains and losses, groups."""

import json
import shutil

import yaml

from babyllama.report.opening import opening
from babyllama.report.scored_run import scored_run
from babyllama.report.tables import (
    differences_table,
    groups_table,
    models_table,
    novelty_table,
    signatures_table,
    uids_table,
)
from babyllama.runs.run import read_run


def read(folder):
    return scored_run(read_run(folder))


def column(table, name):
    place = table.head.index(name)
    return {row[0]: row[place] for row in table.rows}


def test_models_are_shown_with_their_scores_and_chance_last(make_run):
    table = models_table(read(make_run()))
    assert [row[0] for row in table.rows] == [
        "distilled (student)", "twin", "ensemble", "llama (teacher)", "gpt2 (teacher)", "guessing",
    ]  # fmt: skip
    scores = column(table, "grammar")
    assert scores["distilled (student)"].startswith("91.8 (")
    assert scores["guessing"] == "50.0"
    assert column(table, "best epoch")["twin"] == "5 of 10"
    assert column(table, "parameters")["guessing"] == "–"


def test_a_benchmark_in_another_unit_is_shown_in_it(make_run):
    folder = make_run()
    for name, score in (("distilled", 41.3), ("twin", 30.1), ("llama", 35.0), ("gpt2", 20.0)):
        path = folder / "evaluation" / f"{name}.json"
        wugs = {"score": score, "stderr": 5.0, "interval": [score - 9, score + 9], "n": 200,
                "unit": "spearman x 100", "higher_is_better": True, "chance": 0.0}  # fmt: skip
        found = json.loads(path.read_text())
        found["benchmarks"]["wug_adj"] = wugs
        path.write_text(json.dumps(found))
    (folder / "evaluation/predictions/distilled/wug_adj.jsonl").write_text('{"share": 1}\n')
    scored = read(folder)
    scores = column(models_table(scored), "wug_adj, spearman x 100")
    assert scores["distilled (student)"] == "41.3 (32.3 to 50.3)"
    assert (scores["ensemble"], scores["guessing"]) == ("–", "0.0")
    assert {row[2] for row in differences_table(scored).rows} == {
        "grammar", "wug_adj, spearman x 100", "unseen text, nats per token",
    }  # fmt: skip


def test_every_distilled_student_is_compared(make_run, score_model):
    folder = make_run()
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    recipe["students"]["second"] = recipe["students"]["distilled"] | {"alpha": 0.9}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    shutil.copytree(folder / "students/distilled", folder / "students/second")
    kept = (folder / "evaluation/predictions/twin/grammar.jsonl").read_text().splitlines()
    score_model(folder / "evaluation", "second", "grammar", [json.loads(line) for line in kept])
    rows = differences_table(read(folder)).rows
    differences = {name: said for name, said, on in rows if on == "grammar"}
    assert differences["distilled − twin"].startswith("better, ")
    assert differences["second − llama"].startswith("worse, -")
    assert "second − twin" in differences  # which has its shape, training and seed


def test_uids_begin_with_the_largest_gain_and_end_with_the_largest_loss(make_run, score_model):
    folder = make_run(items=40)
    path = folder / "evaluation/predictions/twin/grammar.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [line | {"correct": 1.0} if line["UID"] == "agreement" else line for line in lines]
    score_model(folder / "evaluation", "twin", "grammar", lines)
    scored = read(folder)
    table = uids_table(scored)
    values = [float(row[1].split(" (")[0]) for row in table.rows]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0 > values[-1]
    uid, _, student, twin = table.rows[-1]
    assert (uid, twin) == ("agreement", "100.0")
    assert values[-1] == round(float(student) - 100.0, 1)
    outside = sum("(+" in row[1] or row[1].count("-") == 3 for row in table.rows)
    assert 0 < outside < 4
    assert table.note.startswith(f"{outside} of 4 intervals exclude zero; about 0 would")


def test_groups_have_a_row_each_and_a_column_a_model(make_run):
    table = groups_table(read(make_run(items=20)), "grammar")
    assert table.head == ("group", "distilled", "twin", "llama", "ensemble")
    scores = [float(row[1].partition(" ")[0]) for row in table.rows]
    assert scores == sorted(scores, reverse=True)  # as in the figure
    assert {row[0] for row in table.rows} == {"npi", "agreement", "islands"}


def test_words_seen_in_a_construction_are_scored_apart_from_withheld_ones(make_run):
    table = novelty_table(read(make_run()))
    assert [row[0] for row in table.rows] == ["distilled", "twin", "llama", "ensemble"]
    assert all(row[1] != row[2] for row in table.rows)


def test_signatures_are_a_row_each(make_run):
    assert len(signatures_table(read(make_run(items=20))).rows) == 3


def test_random_weights_are_a_row_and_no_model_in_claims(make_run, score_model):
    folder = make_run()
    plain = opening(read(folder))
    predictions = folder / "evaluation" / "predictions" / "gpt2" / "grammar.jsonl"
    lines = [json.loads(line) for line in predictions.read_text().splitlines()]
    score_model(folder / "evaluation", "untrained", "grammar", lines)
    scored = read(folder)
    table = models_table(scored)
    assert [row[0] for row in table.rows][-2:] == ["untrained", "guessing"]
    assert table.note.startswith("Untrained: random weights in the student's shape")
    assert opening(scored) == plain
    assert scored.run.missing == ()
    assert not any("untrained" in " ".join(row) for row in signatures_table(scored).rows)
