"""What BabyLM takes: predictions as its pipelines number them, revisions, a card; what lacks."""

import dataclasses
import gzip
import json
import math
import shutil

import pytest
import yaml
from random_models import random_model, variant
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.errors import InputError
from babyllama.evaluation.suites import suite_for
from babyllama.publish.submission import check_submission, write_submission
from babyllama.publish.submission.checking import PREDICTIONS
from babyllama.publish.submission.official import FORMATS, Format, Task, revisions
from babyllama.recipe import to_yaml

WORDS_SEEN = 2_000_000
STEPS = ["chck_1M", "chck_2M"]
SMALL = Format(
    year="2025",
    tasks=(
        Task("blimp", {"one": 2, "two": 1}, ("blimp_filtered", "blimp"), ("blimp_fast",)),
        Task("ewok", {"social": 1}, ("ewok",), ("ewok",)),
        Task("entity_tracking", {"regular_0_ops": 2}, ("entity_tracking",), ()),
        Task("wug_adj", {"wug_adj_nominalization": 2}, ("wug_adj",), ("wug_adj",)),
        Task("comps", {"base": 1}, ("comps",)),
        Task("reading", {"reading": 2}, ("reading",), ("reading",)),
    ),
    aoa_key="aoa",
    aoa_contexts=3,
    keeps_nothing=True,
    whole_ewok=False,
    glue={"boolq": 2, "mnli": 1},
)
EWOK = {"Domain": "social", "Context1": "Ann helps Ben.", "Context2": "Ann hits Ben.",
        "Target1": "Ben likes Ann.", "Target2": "Ben fears Ann.", "ContextType": "direct",
        "ContextDiff": "helps", "TargetDiff": "likes"}  # fmt: skip
ENTITIES = [
    {"input_prefix": "Box 0 has ", "options": ["nothing.", "the cat.", "the dog."], "numops": 0},
    {"input_prefix": "Box 1 has ", "options": ["the cat.", "the dog.", "snow."], "numops": 0},
]


def choice(uid, number, good, bad, values):
    return {"UID": uid, "pairID": str(number), "group": uid, "sentence_good": good,
            "sentence_bad": bad, "log_likelihood_good": values[0],
            "log_likelihood_bad": values[1], "correct": 1.0}  # fmt: skip


def private(uid, number, values):
    return {"UID": uid, "pairID": str(number), "group": uid, "log_likelihood_good": values[0],
            "log_likelihood_bad": max(values[1:]), "correct": 1.0,
            **({"log_likelihoods": values} if len(values) > 2 else {})}  # fmt: skip


OURS = {
    "blimp_filtered": [
        choice("one", 0, "It is.", "It are.", (-1.0, -2.0)),
        choice("two", 0, "A dog.", "A dogs.", (-3.0, -2.0)),
        choice("one", 1, "Snow.", "Snow.", (-2.0, -2.0)),
    ],
    "ewok": [private("social", 0, [-4.0, -3.0])],
    "entity_tracking": [
        private("regular_0_ops", 0, [-1.0, -2.0, -3.0]),
        private("regular_0_ops", 1, [-2.0, -3.0, -1.0]),
    ],
    "wug_adj": [
        {"first": "a wugity", "second": "a wugness", "log_likelihood_first": -5.0,
         "log_likelihood_second": -4.0, "share": 0.27, "ratio": 0.4},
        {"first": "b", "second": "c", "log_likelihood_first": -4.0,
         "log_likelihood_second": -5.0, "share": 0.73, "ratio": 0.6},
    ],
    "comps": [choice("base", 0, "A cat can purr", "A car can purr", (-1.0, -2.0))],
    "reading": [
        {"sentence": "1", "context": "The", "word": "cat", "surprisal": 3.5,
         "prev_surprisal": None},
        {"sentence": "1", "context": "The cat", "word": "sat", "surprisal": 2.5,
         "prev_surprisal": 3.5},
    ],
    "boolq": [{"id": "boolq_0", "pred": 1}, {"id": "boolq_1", "pred": 0}],
    "mnli": [{"id": "mnli_0", "pred": 2}],
}  # fmt: skip
CONTEXTS = [{"word": "cat", "context": "the", "surprisal": 4.0},
            {"word": "cat", "context": "a", "surprisal": 5.0},
            {"word": "dog", "context": "a", "surprisal": 6.0}]  # fmt: skip


def result(model, **scores):
    shape = {"stderr": 1.0, "interval": [48.0, 52.0], "n": 3, "chance": 50.0, "unit": "percent"}
    return {"model": model, "rules": {"name": "2025"},
            "benchmarks": {name: shape | each for name, each in scores.items()}}  # fmt: skip


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture
def run(tiny_recipe, tokenizer, tmp_path):
    """A run whose student is finished, with two checkpoints."""
    folder = tmp_path / "run"
    home = random_model("llama", variant(tokenizer), folder / "students" / "distilled")
    for step in STEPS:
        shutil.copytree(home, home.parent / step)
    for step in STEPS:
        shutil.move(home.parent / step, home / step)
    (folder / "recipe.yaml").write_text(to_yaml(tiny_recipe), encoding="utf-8")
    manifest = {
        "stage": "distillation", "version": 1, "recipe": {}, "inputs": {}, "seed": 0, "files": {},
        "facts": {"words_seen": WORDS_SEEN, "parameters": 12345, "epochs": 2.0,
                  "dev_cross_entropy": 3.25, "flops": 1e12},
    }  # fmt: skip
    (home / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    evaluation = result("distilled", blimp={"score": 66.7})
    (folder / "evaluation").mkdir()
    (folder / "evaluation" / "distilled.json").write_text(json.dumps(evaluation), encoding="utf-8")
    return folder


@pytest.fixture
def given(run, tmp_path):
    """All that a submission needs besides the run."""
    predictions = tmp_path / "predictions"
    for name, lines in OURS.items():
        place = run / "evaluation" / "predictions" if name == "blimp_filtered" else predictions
        write_lines(place / "distilled" / f"{name}.jsonl", lines)
    for step in STEPS:
        write_lines(predictions / step / "aoa_2025.jsonl", CONTEXTS)
    checkpoints = {
        step: result(
            step,
            blimp_fast={"score": 50.0, "subtasks": {"one": {"score": 75.0}, "two": {"score": 25}}},
            ewok={"score": 50.0, "subtasks": {"social": {"score": 50.0}}},
            wug_adj={"score": 12.0, "unit": "spearman x 100"},
            reading={"score": 2.0, "aggregates": {"eye_tracking": 2.0, "self_paced": 1.0}},
        )
        for step in STEPS
    }
    (tmp_path / "checkpoints.json").write_text(json.dumps(checkpoints), encoding="utf-8")
    glue = result("distilled", boolq={"score": 61.0})
    (tmp_path / "glue.json").write_text(json.dumps(glue), encoding="utf-8")
    write_lines(tmp_path / "ewok" / "social.jsonl", [EWOK])
    write_lines(tmp_path / "entities" / "regular.jsonl", ENTITIES)
    return {
        "predictions": [predictions],
        "results": [tmp_path / "checkpoints.json", tmp_path / "glue.json"],
        "data": {"ewok": tmp_path / "ewok", "entity_tracking": tmp_path / "entities"},
    }


def written(run, given, out, **changes):
    missing = write_submission(run, out, **{"form": SMALL} | given | changes)
    return missing, json.loads((out / PREDICTIONS).read_text("utf-8"))


def test_predictions_are_the_chosen_texts_by_part_in_file_order(run, given, tmp_path):
    missing, found = written(run, given, tmp_path / "out")
    assert missing == []
    assert found["blimp"] == {
        "one": {
            "predictions": [{"id": "one_0", "pred": "It is."}, {"id": "one_1", "pred": "Snow."}]
        },
        "two": {"predictions": [{"id": "two_0", "pred": "A dogs."}]},
    }
    assert found["ewok"]["social"]["predictions"] == [{"id": "social_0", "pred": " Ben fears Ann."}]
    assert [each["pred"] for each in found["entity_tracking"]["regular_0_ops"]["predictions"]] == [
        "nothing.", "snow."
    ]  # fmt: skip
    assert found["wug_adj"]["wug_adj_nominalization"]["predictions"][0] == {
        "id": "wug_adj_nominalization_0", "pred": "a wugness", "prob": 0.27
    }  # fmt: skip
    assert found["comps"]["base"]["predictions"][0]["pred"] == "A cat can purr"
    first, second = found["reading"]["reading"]["predictions"]
    assert (first["id"], first["pred"]) == (0, 3.5)
    assert math.isnan(first["prev_pred"])
    assert second == {"id": 1, "pred": 2.5, "prev_pred": 3.5}
    assert found["glue"]["boolq"] == {
        "predictions": [{"id": "boolq_0", "pred": 1}, {"id": "boolq_1", "pred": 0}]
    }


def test_checkpoints_bring_surprisals_and_shares(run, given, tmp_path):
    _, found = written(run, given, tmp_path / "out")
    assert [each["step"] for each in found["aoa"]["results"]] == [
        *["chck_1M"] * 3,
        *["chck_2M"] * 3,
    ]
    assert found["aoa"]["results"][1] == {
        "step": "chck_1M", "word_count": 1_000_000, "target_word": "cat", "context_id": 1,
        "context": "a", "surprisal": 5.0,
    }  # fmt: skip
    fast = found["fast_eval_results"]
    assert fast["blimp"] == [{"one": 0.75, "two": 0.25}] * 2
    assert fast["wug_adj"] == [{"wug_adj_nominalization": 0.12}] * 2
    assert fast["reading"] == [{"spr": 0.01, "rt": 0.02}] * 2


def test_each_revision_is_a_folder_that_transformers_loads(run, given, tmp_path):
    written(run, given, tmp_path / "out")
    folders = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert {folder.name for folder in folders} == {"main", *STEPS}
    for folder in folders:
        AutoModelForCausalLM.from_pretrained(folder)
        assert not (folder / "manifest.json").exists()


def test_the_card_has_a_head_and_scores_with_intervals(run, given, tmp_path):
    written(run, given, tmp_path / "out")
    card = (tmp_path / "out" / "main" / "README.md").read_text("utf-8")
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head)["tags"] == ["babylm", "strict-small", "knowledge-distillation"]
    assert "license" not in yaml.safe_load(head)
    assert "| blimp | 66.7 | 48.0 to 52.0 | 50.0 | 3 |" in body
    assert "| boolq | 61.0 |" in body
    assert "Words seen, repetitions counted: 2,000,000" in body
    assert "hidden_size: 16" in body


def test_2026_drops_what_names_nothing_and_gives_whole_texts(run, given, tmp_path):
    entities = Task("entity_tracking_filtered", {"regular_0_ops": 1}, ("entity_tracking",), ())
    tasks = [entities if task.key == "entity_tracking" else task for task in SMALL.tasks]
    tasks.append(Task("global_piqa_parallel", {}, may_lack=True))
    form = dataclasses.replace(
        SMALL, year="2026", tasks=tuple(tasks), keeps_nothing=False, whole_ewok=True
    )
    missing, found = written(run, given, tmp_path / "out", form=form)
    assert missing == []
    assert found["ewok"]["social"]["predictions"][0]["pred"] == "Ann helps Ben. Ben fears Ann."
    assert found["entity_tracking_filtered"]["regular_0_ops"]["predictions"] == [
        {"id": "regular_0_ops_0", "pred": "snow."}
    ]
    assert found["global_piqa_parallel"] is None


def test_what_is_missing_is_named_with_the_commands_that_make_it(run, given, tmp_path):
    folder = given["predictions"][0]
    for name in ("wug_adj", "mnli"):
        (folder / "distilled" / f"{name}.jsonl").unlink()
    (folder / "chck_2M" / "aoa_2025.jsonl").unlink()
    shutil.rmtree(run / "students" / "distilled" / "chck_1M")
    with pytest.raises(InputError) as refused:
        written(run, given | {"results": []}, tmp_path / "out")
    text = str(refused.value)
    for part in (
        "wug_adj: no predictions", "glue: no predictions of mnli", "aoa: no surprisals at chck_2M",
        "blimp at 0 checkpoints, not 2", "chck_1M: the run kept no such checkpoint",
        "babyllama evaluate", "babyllama finetune", "word_checkpoints=babylm", "--partial",
    ):  # fmt: skip
        assert part in text
    assert not (tmp_path / "out").exists()

    missing, found = written(run, given, tmp_path / "out", partial=True)
    assert len(missing) == 4
    assert found["wug_adj"] is None
    assert found["glue"].keys() == {"boolq"}


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("wug_adj", OURS["wug_adj"][:1], "wug_adj: wug_adj_nominalization has 1 items, not 2"),
        ("comps", [OURS["blimp_filtered"][0]], "comps: there is no part one"),
        ("comps", [OURS["mnli"][0]], "comps.jsonl: a line has no 'UID'"),
        ("boolq", OURS["boolq"][::-1], "glue: boolq: item 0 is called boolq_1, not boolq_0"),
        ("mnli", [{"id": "mnli_0", "pred": 3}], "glue: mnli: mnli_0 has pred 3"),
        ("entity_tracking", OURS["entity_tracking"][::-1], "is not what .* was scored on"),
    ],
)
def test_what_is_no_prediction_is_refused(run, given, tmp_path, name, lines, message):
    write_lines(given["predictions"][0] / "distilled" / f"{name}.jsonl", lines)
    with pytest.raises(InputError, match=message):
        written(run, given, tmp_path / "out")


def test_a_broken_line_is_named(run, given, tmp_path):
    file = given["predictions"][0] / "distilled" / "comps.jsonl"
    file.write_text('{"UID": 1}\n{"UI', encoding="utf-8")
    with pytest.raises(InputError, match=r"comps.jsonl:2: is not JSON"):
        written(run, given, tmp_path / "out")


def test_texts_that_predictions_lack_need_their_data(run, given, tmp_path):
    with pytest.raises(InputError, match=r"ewok.jsonl holds no texts(.|\n)*--benchmark ewok=PATH"):
        written(run, given | {"data": {}}, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "twim"}, "has no model twim"),
        ({"model": "twin"}, "twin of .* is not trained yet"),
    ],
)
def test_other_models_are_refused(run, given, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        written(run, given, tmp_path / "out", **changes)


def test_results_that_are_none_are_refused(run, given, tmp_path):
    (tmp_path / "none.json").write_text("[", encoding="utf-8")
    with pytest.raises(InputError, match=r"none\.json is not JSON"):
        written(run, given | {"results": [tmp_path / "none.json"]}, tmp_path / "out")


def test_a_submission_is_checked_as_it_lies_there(run, given, tmp_path):
    out = tmp_path / "out"
    written(run, given, out)
    (out / "chck_1M" / "tokenizer.json").unlink()
    (out / "chck_2M" / "model.safetensors").unlink()
    (out / "main" / "README.md").write_text("no head", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        check_submission(out, track="strict-small", words_seen=WORDS_SEEN, form=SMALL)
    for part in ("chck_1M: no tokenizer.json", "chck_2M: no weights", "main: no README.md"):
        assert part in str(refused.value)
    with pytest.raises(InputError, match="is there already"):
        written(run, given, out)


def test_the_command_writes_what_there_is(run, tmp_path):
    """The official format, which these few predictions are far from."""
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["submission", str(run), "--out", str(out), "--partial"])
    assert done.exit_code == 0, done.output
    found = json.loads((out / PREDICTIONS).read_text("utf-8"))
    assert found.keys() == {
        "blimp", "blimp_supplement", "ewok", "entity_tracking", "wug_adj", "wug_past", "comps",
        "reading", "aoa", "glue", "fast_eval_results",
    }  # fmt: skip


def test_checkpoints_are_those_of_the_rules():
    assert len(revisions("strict-small", 100_000_000)) == 19
    assert len(revisions("strict", 1_000_000_000)) == 28
    assert revisions("strict-small", 25_000_000)[-2:] == ["chck_10M", "chck_20M"]


def test_official_counts_are_those_of_the_data(data):
    sizes = {task.key: task.sizes for task in FORMATS["2025"].tasks}
    benchmarks = data / "benchmarks"
    for key, folder in (("blimp", "blimp_filtered"), ("blimp_supplement", "blimp_supplement")):
        counted = {}
        for file in (benchmarks / folder).glob("*.jsonl.gz"):
            with gzip.open(file, "rb") as lines:
                counted[file.name.removesuffix(".jsonl.gz").lower()] = sum(1 for _ in lines)
        assert counted == {part.lower(): size for part, size in sizes[key].items()}
    choices = suite_for("entity_tracking").read(
        benchmarks / "entity_tracking" / "entity_tracking.zip"
    )
    for year, kept in (("2025", choices), ("2026", [c for c in choices if not _nothing(c)])):
        task = next(t for t in FORMATS[year].tasks if t.key.startswith("entity"))
        counted = {part: sum(c.uid == part for c in kept) for part in task.sizes}
        assert counted == task.sizes


def _nothing(choice):
    return any("nothing" in option.target for option in choice.options)


def test_the_runs_own_predictions_count_under_the_pipelines_rules_alone(run, tmp_path):
    own = run / "evaluation" / "predictions" / "distilled"
    write_lines(own / "blimp_filtered.jsonl", [])
    path = run / "evaluation" / "distilled.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rules": {"name": "honest"}}))
    with pytest.raises(InputError, match="lacks"):  # an empty file would be called wrong
        write_submission(run, tmp_path / "out")


@pytest.mark.parametrize("content", ["[1]", '{"model": "m"}', "3"])
def test_json_that_is_no_results_is_refused(run, tmp_path, content):
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(InputError, match=r"odd\.json holds no results"):
        write_submission(run, tmp_path / "out", results=[tmp_path / "odd.json"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _all: [], "is no object of benchmarks"),
        (lambda all_: {**all_, "blimp": [1]}, "blimp is no object of parts"),
        (lambda all_: {**all_, "blimp": {"one": {}, "two": {}}}, "one has no list of predictions"),
        (lambda all_: {**all_, "glue": {**all_["glue"], "boolq": 3}}, "boolq has no list"),
        (lambda all_: {**all_, "glue": {**all_["glue"], "boolq": {"predictions": [
            {"id": "boolq_0", "pred": True}, {"id": "boolq_1", "pred": 0}]}}}, "has pred True"),
        (lambda all_: {**all_, "aoa": {"results": [{}]}}, "None has 1 contexts"),
    ],
)  # fmt: skip
def test_a_damaged_file_of_predictions_is_named_not_a_traceback(
    run, given, tmp_path, damage, message
):
    _, found = written(run, given, tmp_path / "out")
    (tmp_path / "out" / PREDICTIONS).write_text(json.dumps(damage(found)))
    with pytest.raises(InputError, match=message):
        check_submission(tmp_path / "out", track="strict-small", words_seen=WORDS_SEEN, form=SMALL)


def test_surprisals_of_another_benchmark_are_named(run, given, tmp_path):
    (file,) = [f for f in given["predictions"][0].rglob("aoa_2025.jsonl") if "chck_1M" in str(f)]
    write_lines(file, [{"other": 1}])
    with pytest.raises(InputError, match=r"aoa_2025.jsonl: a line has no 'word'"):
        written(run, given, tmp_path / "out")
