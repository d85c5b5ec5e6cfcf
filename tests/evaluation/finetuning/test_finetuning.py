"""The stage and its command: folders in, a result and the lines of a submission out."""

import importlib.util
import json
import shutil

import pytest
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.errors import InputError
from babyllama.evaluation.finetuning import find_files, finetune, read_tasks
from babyllama.runs.files import digest_of_json
from babyllama.runs.kept import kept, read_undamaged
from babyllama.runs.lock import locked

from .conftest import rows, write

QUICK = ("epochs=1", "batch_size=16")


def made(model, tasks, out, **more):
    settings = {"settings": "2024", "selection": "held-out"}
    return finetune(model, tasks, name="m", out=out, **{**settings, **more}).written()


@pytest.fixture
def tasks(glue):
    files = [*find_files("cola", str(glue)), *find_files("rte", str(glue))]
    return read_tasks(files, settings="2024", changes=QUICK)


@pytest.fixture
def unmade(monkeypatch):
    """Says which fine-tunings were made, not taken from their parts."""
    titles = []

    def counted(path, key, make):
        def make_and_count():
            found = make()
            titles.append(path.stem)
            return found

        return kept(path, key, make_and_count)

    monkeypatch.setattr("babyllama.evaluation.finetuning.kept", counted)
    return titles


def test_a_model_is_scored_on_rows_that_did_not_choose_it(models, tasks, tmp_path):
    out = tmp_path / "deep" / "x.json"
    result = made(models["llama"], tasks, out, predictions=tmp_path / "p")
    assert [*result] == ["model", "rules", "benchmarks", "averages"]
    assert result["rules"] == {"name": "fine-tuning 2024", "selection": "held-out"}
    assert [*result["benchmarks"]] == ["cola", "rte"]
    cola, rte = result["benchmarks"].values()
    assert (cola["metric"], rte["metric"]) == ("mcc", "accuracy")
    mean = (cola["score"] + rte["score"]) / 2
    stderr = (cola["stderr"] ** 2 + rte["stderr"] ** 2) ** 0.5 / 2
    assert result["averages"]["glue"] == {
        "score": pytest.approx(mean),
        "stderr": pytest.approx(stderr),
        "interval": [
            pytest.approx(mean - 1.96 * stderr, abs=0.1),
            pytest.approx(mean + 1.96 * stderr, abs=0.1),
        ],
        "tasks": ["cola", "rte"],
    }
    assert cola["selection"]["choosing_rows"] == 15
    assert cola["n"] == cola["selection"]["scoring_rows"] == 16
    assert rte["settings"]["learning_rate"] == 5e-5
    assert rte["rows"] == {
        "train": 64, "validation": 31, "max_length": 128, "cut": {"train": 0, "validation": 0}
    }  # fmt: skip
    lines = (tmp_path / "p" / "rte.jsonl").read_text().splitlines()
    predictions = [json.loads(line) for line in lines]
    assert [each["id"] for each in predictions] == [f"rte_{n}" for n in range(31)]
    right = [
        str(int(predictions[row]["pred"] == tasks[1].validation[row].label))
        for row in tasks[1].selected.scoring
    ]
    assert rte["seeds"]["12"]["decisions"] == "".join(right)
    assert rte["score"] == pytest.approx(100 * right.count("1") / 16)


def test_a_finished_fine_tuning_is_not_repeated(models, tasks, tmp_path, unmade):
    out = tmp_path / "x.json"
    first = made(models["llama"], tasks[:1], out)
    assert unmade == ["m.cola.12"]
    assert made(models["llama"], tasks[:1], out) == first
    assert unmade == ["m.cola.12"]
    several = made(models["llama"], tasks, out, seeds=2, predictions=tmp_path / "p")
    assert unmade == ["m.cola.12", "m.cola.13", "m.rte.12", "m.rte.13"]
    cola = several["benchmarks"]["cola"]
    assert cola["seeds"]["12"] == first["benchmarks"]["cola"]["seeds"]["12"]
    assert {"seeds_sd", "seeds_interval"} <= cola.keys()
    assert (tmp_path / "p" / "seed-13" / "rte.jsonl").is_file()


def test_another_model_other_rows_or_other_settings_are_trained_again(
    models, glue, tasks, tmp_path, unmade
):
    out = tmp_path / "x.json"
    made(models["llama"], tasks[:1], out)
    made(models["gpt2"], tasks[:1], out)
    assert len(unmade) == 2
    changed = read_tasks(find_files("cola", str(glue)), settings="2024", changes=("epochs=2",))
    made(models["gpt2"], changed, out)
    same = read_tasks(find_files("cola", str(glue)), settings="2024",
                      changes=("epochs=2",), selection="pipeline")  # fmt: skip
    made(models["gpt2"], same, out)
    assert len(unmade) == 4
    (out.with_name("x.json.parts") / "m.cola.12.json").write_text('{"key":')
    made(models["gpt2"], same, out)
    assert len(unmade) == 5
    # What is reported may change without a training.
    reported = read_tasks(find_files("cola", str(glue)), settings="2024",
                          changes=("epochs=2", "score=f1"), selection="pipeline")  # fmt: skip
    assert made(models["gpt2"], reported, out)["benchmarks"]["cola"]["metric"] == "f1"
    assert len(unmade) == 5


def test_a_killed_training_leaves_nothing_in_the_way(models, tasks, tmp_path, monkeypatch):
    out = tmp_path / "x.json"
    monkeypatch.setattr("transformers.Trainer.predict", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        made(models["llama"], tasks[:1], out)
    assert (tmp_path / "x.json.parts" / "scratch").exists()
    monkeypatch.undo()
    made(models["llama"], tasks[:1], out)
    assert not (tmp_path / "x.json.parts" / "scratch").exists()


def _interrupted(*_, **__):
    raise KeyboardInterrupt


def test_two_processes_do_not_write_one_result(models, tasks, tmp_path):
    with (
        locked(tmp_path / "x.json.parts"),
        pytest.raises(InputError, match=r"in use by another run[\s\S]*another --out"),
    ):
        made(models["llama"], tasks[:1], tmp_path / "x.json")


def test_rows_are_truncated_at_the_models_positions_with_a_note(models, tmp_path, capsys):
    long = [{"sentence": "the cat " * (200 * (n == 0) + 1), "label": n % 2} for n in range(8)]
    for part in ("train", "valid"):
        write(tmp_path / f"cola.{part}.jsonl", long)
    tasks = read_tasks(find_files("cola", str(tmp_path)), settings="2025", changes=QUICK)
    found = made(models["gpt2"], tasks, tmp_path / "x.json", settings="2025")
    assert found["benchmarks"]["cola"]["rows"]["max_length"] == 256
    assert found["benchmarks"]["cola"]["notes"][0].startswith("CoLA was no part of 2025")
    said = " ".join(capsys.readouterr().err.split())
    cut = (
        "1 of 8 validation rows and 1 of 8 training rows are cut to 256 tokens, the model's "
        "positions, instead of 512"
    )
    assert cut in said
    assert cut in found["benchmarks"]["cola"]["notes"]


def test_rows_longer_than_the_settings_allow_are_counted_in_terminal_table_and_result(
    models, tmp_path
):
    long = [{"sentence": "the cat " * (100 * (n < 3) + 1), "label": n % 2} for n in range(8)]
    for part in ("train", "valid"):
        write(tmp_path / f"cola.{part}.jsonl", long)
    out = tmp_path / "x.json"
    done = command(models["gpt2"], "--task", f"cola={tmp_path}", "--out", out, "--set", "epochs=1")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    note = "3 of 8 validation rows and 3 of 8 training rows are cut to 128 tokens"
    assert said.count(note) == 2  # before the training and under the table
    assert "3 of 8" in said.replace(note, "")
    notes = json.loads(out.read_text("utf-8"))["benchmarks"]["cola"]["notes"]
    assert notes[0] == note
    assert notes[1].startswith("evaluated once, after 1 updates, so the model is not chosen")


def test_two_evaluations_are_a_choice(models, glue, tmp_path):
    tasks = read_tasks(
        find_files("cola", str(glue)), settings="2024", changes=("epochs=2", "batch_size=16")
    )
    cola = made(models["llama"], tasks, tmp_path / "x.json")["benchmarks"]["cola"]
    assert len(cola["seeds"]["12"]["looks"]) == 2
    assert not any("evaluated once" in note for note in cola["notes"])


def test_a_model_that_answers_the_same_to_every_row_is_named(models, tasks, tmp_path):
    made(models["llama"], tasks[:1], tmp_path / "x.json")
    part = tmp_path / "x.json.parts" / "m.cola.12.json"
    record = read_undamaged(part)
    record["result"]["predictions"] = [1] * 31
    part.write_text(json.dumps({**record, "sha256": digest_of_json(record)}))
    cola = made(models["llama"], tasks[:1], tmp_path / "x.json")["benchmarks"]["cola"]
    assert cola["notes"][-1] == "with seed 12 every row is said to be 1 (acceptable)"
    assert cola["score"] == cola["majority"]["score"] == 0


def test_msgs_is_scored_on_its_test_rows(models, tmp_path):
    name = "main_verb_control"
    write(tmp_path / f"{name}.train.jsonl", rows(16, 1, condition="training"))
    lines = [*rows(8, 2, condition="training"), *rows(10, 3, condition="test")]
    write(tmp_path / f"{name}.validation.jsonl", lines)
    tasks = read_tasks(find_files("msgs", str(tmp_path)), settings="2023", changes=QUICK)
    found = made(models["llama"], tasks, tmp_path / "x.json")["benchmarks"][name]
    assert (found["metric"], found["n"]) == ("mcc", 10)
    assert found["selection"]["choosing_rows"] == 8


def test_a_model_without_a_tokenizer_is_refused_before_any_training(models, tasks, tmp_path):
    folder = shutil.copytree(models["llama"], tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"holds no tokenizer.json"):
        made(folder, tasks, tmp_path / "x.json")
    assert not (tmp_path / "x.json.parts").exists()


def test_a_configuration_that_cannot_be_read_is_refused(models, tasks, tmp_path):
    folder = shutil.copytree(models["llama"], tmp_path / "model")
    (folder / "config.json").write_text('{"model_type": "dino"}')
    with pytest.raises(InputError, match=r"model/config\.json cannot be used"):
        made(folder, tasks, tmp_path / "x.json")


def command(*arguments):
    return CliRunner().invoke(app, ["finetune", *map(str, arguments)])


def test_the_command_writes_what_two_models_got(models, glue, tmp_path):
    out = tmp_path / "both.json"
    done = command(
        models["llama"], models["gpt2"], "--task", f"rte={glue}", "--out", out, "--set", "epochs=1",
        "--settings", "2025", "--selection", "pipeline", "--predictions", tmp_path / "p", "--lora",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text("utf-8"))
    assert [*result] == ["llama", "gpt2"]
    rte = result["gpt2"]["benchmarks"]["rte"]
    assert rte["n"] == 31
    assert rte["settings"]["lora"]["rank"] == 8
    assert (tmp_path / "p" / "gpt2" / "rte.jsonl").is_file()
    assert "fine-tuning 2025, pipeline" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "rte"], "is not NAME=PATH"),
        (["--task", "rtee={glue}"], "Did you mean rte?"),
        (["--task", "rte={glue}", "--task", "rte={glue}"], "--task rte is given twice"),
        (["--task", "rte={glue}", "--settings", "2022"], "unknown settings '2022'"),
    ],
)
def test_the_command_names_mistakes(arguments, message, models, glue, tmp_path):
    named = [each.replace("{glue}", str(glue)) for each in arguments]
    done = command(models["llama"], *named, "--out", tmp_path / "x.json")
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_lora_without_peft_says_what_to_install(models, glue, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: _without_peft(name, find))
    done = command(models["llama"], "--task", f"rte={glue}", "--out", tmp_path / "x", "--lora")
    assert done.exit_code == 2
    assert "pip install 'babyllama[lora]'" in done.output


def _without_peft(name, find):
    return None if name == "peft" else find(name)


def test_a_launcher_is_refused(models, glue, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    done = command(models["llama"], "--task", f"rte={glue}", "--out", tmp_path / "x")
    assert "finetune runs in one process only" in done.output
