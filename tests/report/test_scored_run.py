"""A run's results are typed, and its models are paired as `compare` pairs them."""

import json

import pytest

from babyllama.errors import InputError
from babyllama.report.scored_run import scored_run
from babyllama.runs.run import read_run
from babyllama.scores.compare import compare


def read(folder):
    return scored_run(read_run(folder))


def pairing(scored, ours="distilled", theirs="twin"):
    return scored.pair(scored.run.model(ours), scored.run.model(theirs), "grammar")


@pytest.mark.parametrize("rules", ["honest", "2023"])
def test_a_report_pairs_models_as_compare_does(make_run, rules):
    folder = make_run(rules=rules, items=[50, 20, 60, 10])
    found = pairing(read(folder))
    files = [folder / "evaluation" / f"{name}.json" for name in ("twin", "distilled")]
    (compared,) = compare(files, correction="holm")
    assert found.difference == compared.tested.difference
    assert [each.uid for each in found.uids] == [each.uid for each in compared.uids]


def test_old_results_without_decisions_are_paired_by_their_predictions(make_run):
    new = pairing(read(make_run("new", items=[50, 20, 60, 10])))
    folder = make_run("old", items=[50, 20, 60, 10], keeps_decisions=False)
    assert pairing(read(folder)).difference == new.difference
    (folder / "evaluation/predictions/twin/grammar.jsonl").unlink()
    assert pairing(read(folder)).why_unpaired == "not every file has a digest of its items"


def test_other_items_are_not_paired(make_run, score_model):
    folder = make_run(items=10, keeps_decisions=False)
    kept = (folder / "evaluation/predictions/twin/grammar.jsonl").read_text().splitlines()
    lines = [json.loads(line) | {"pairID": f"other {n}"} for n, line in enumerate(kept)]
    score_model(folder / "evaluation", "twin", "grammar", lines, keeps_decisions=False)
    found = pairing(read(folder))
    assert (found.difference, found.why_unpaired) == (None, "the items are not the same")


def test_a_model_without_a_score_is_not_paired(make_run):
    folder = make_run(items=10)
    (folder / "evaluation/twin.json").unlink()
    scored = read(folder)
    assert pairing(scored) is None
    assert scored.run.model("twin").dev_loss > 0  # of training
    assert scored.nats_per_word(scored.run.model("twin")) is None


def test_the_best_teacher_has_the_highest_score_or_the_lowest_where_lower_is_better(make_run):
    folder = make_run(items=20)
    assert read(folder).best_teacher("grammar").name == "llama"
    for path in (folder / "evaluation").glob("*.json"):
        text = path.read_text().replace('"chance": 50.0', '"higher_is_better": false')
        path.write_text(text)
    scored = read(folder)
    assert scored.best_teacher("grammar").name == "gpt2"
    assert scored.best_teacher("blimp") is None
    assert scored.chance("grammar") is None


def test_a_wrong_field_is_named_with_its_file(make_run):
    folder = make_run(items=10)
    path = folder / "evaluation/twin.json"
    found = json.loads(path.read_text())
    found["benchmarks"]["grammar"]["score"] = None
    path.write_text(json.dumps(found))
    with pytest.raises(InputError, match=r"evaluation/twin\.json: twin, grammar: score is None"):
        read(folder)
