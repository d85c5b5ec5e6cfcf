"""The command line: what it refuses, and that it does so before any work, without a traceback."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from babyllama.cli import app

runner = CliRunner()


def babyllama(*arguments, code=0):
    """Run a command in this process; returns what it printed, both streams together."""
    result = runner.invoke(app, [str(each) for each in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


def refused(*arguments):
    return babyllama(*arguments, code=2)


def commands():
    import typer

    def walk(command, path):
        for name, child in command.commands.items():
            if hasattr(child, "commands"):
                yield from walk(child, [*path, name])
            else:
                yield [*path, name], child

    return list(walk(typer.main.get_command(app), []))


def test_help_never_imports_torch():
    script = (
        "import sys; sys.argv = ['babyllama', '--help']\n"
        "from babyllama.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'transformers', 'scipy', 'pydantic'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.parametrize("path", [" ".join(path) for path, _ in commands()])
def test_every_command_shows_one_example(path):
    assert "Example: babyllama " + path in babyllama(*path.split(), "--help").replace("│", "")


@pytest.mark.parametrize("path", [" ".join(path) for path, _ in commands()])
def test_every_option_has_a_sentence(path):
    command = {" ".join(p): c for p, c in commands()}[path]
    assert all(parameter.help for parameter in command.params)


def test_examples_use_real_options():
    import re

    for path, command in commands():
        example = re.search(r"Example: `(.*)`", command.help).group(1)
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", example)) <= options, path


def test_recipes_are_listed_and_printed():
    assert babyllama("recipes") == "mini laptop strict-small strict"
    resolved = json.loads(runner.invoke(app, ["recipes", "strict-small", "--json"]).output)
    assert set(resolved["teachers"]) == {"llama", "gpt2"}
    assert set(resolved["students"]) == {"distilled", "twin"}
    assert resolved["students"]["distilled"]["alpha"] == 0.5


def test_a_printed_recipe_is_a_recipe(tmp_path):
    printed = runner.invoke(app, ["recipes", "mini", "--set", "seed=7"]).output
    (tmp_path / "mine.yaml").write_text(printed)
    assert (
        json.loads(runner.invoke(app, ["recipes", str(tmp_path / "mine.yaml"), "--json"]).output)[
            "seed"
        ]
        == 7
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "minni"], "Did you mean mini?"),
        (["run", "mini", "--set", "students.distilled.alpha=1.5"], "distilled.alpha is 1.5"),
        (["run", "mini", "--set", "students.distilled.alhpa=1"], "Did you mean alpha?"),
        (["run", "mini", "--set", "nothing.here=1"], "nothing is not a field"),
        (["run", "mini", "--until", "teecher"], "there is no such stage"),
        (["corpus", "clean", "nowhere", "out"], "nowhere"),
        (["corpus", "synthesize", "out", "--words", "3"], "words is 3"),
        (["tokenizer", "train", "nowhere", "out"], "nowhere/train holds no .txt file"),
        (["evaluate", "nowhere", "--benchmark", "blimp"], "is not NAME=PATH"),
        (["evaluate", "nowhere", "--benchmark", "blimp=nowhere"], "nowhere"),
        (["generate", "nowhere", "--prompt", "a"], "nowhere holds no config.json"),
        (["verify", "nowhere"], "nowhere is no folder"),
        (["pretrain", "mini", "--model", "lama", "--tokens", "t", "--tokenizer", "b", "--out", "o"],
         "Did you mean llama?"),
        (["distill", "mini", "--tokens", "t", "--tokenizer", "b", "--out", "o"],
         "either --teacher or --signal"),
        (["run", "laptop", "--set", "corpus.source.path=nowhere"], "nowhere"),
    ],
)  # fmt: skip
def test_a_users_mistake_is_named_and_mended(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in refused(*arguments)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--kind", "topk"), "k is missing"),
        (("--kind", "hidden", "--k", "5"), "k"),
        (("--kind", "topk", "--k", "321"), "k is 321, the vocabulary has 320 tokens"),
        (("--kind", "sampled", "--k", "0"), "k is 0"),
        (("--bytes-per-token", "0"), "bytes_per_token is 0"),
        (("--bytes-per-token", "500"), "bytes_per_token is 500"),
        (("--bytes-per-token", "8", "--precision", "int8"), "exclude each other"),
        (("--weight", "1"), "1 of them, but there are 2 teachers"),
        (("--weight", "0.5", "--weight", "0.6"), "sum to 1.1"),
        (("--kind", "topk", "--k", "5", "--temperature", "0"), "each must be above 0"),
        (("--kind", "topk", "--k", "5", "--mean-of", "probabilities"), "so a signal of it serves"),
        (("--window", "65"), "has 64 positions"),
    ],
)
def test_a_signal_that_cannot_be_is_refused(teachers, tokens, tmp_path, options, said):
    out = tmp_path / "signal"
    given = ("--tokens", tokens, "--window", 16, *options, "--out", out)
    assert said in refused("signal", *teachers, *given)
    assert not out.exists()


def test_options_of_distill_belong_to_what_is_named_not_to_the_recipes_own(
    tiny_recipe, teachers, tokens, tokenizer, tmp_path
):
    from babyllama.recipe import to_yaml

    path = tmp_path / "tiny.yaml"
    topk = tiny_recipe.model_dump(mode="json") | {"signal": {"kind": "topk", "k": 3}}
    path.write_text(to_yaml(type(tiny_recipe).model_validate(topk)), encoding="utf-8")
    three = [*teachers, teachers[0]]  # two are the recipe's; its own signal serves 1 and 2
    given = [option for each in three for option in ("--teacher", each)]
    given += [option for each in (0.5, 0.3, 0.2) for option in ("--weight", each)]
    common = ("distill", path, "--tokens", tokens, "--tokenizer", tokenizer)
    babyllama(*common, *given, "--temperature", 3, "--out", tmp_path / "student")
    assert "alpha is 1.5" in refused(*common, *given, "--alpha", 1.5, "--out", tmp_path / "no")
    assert "sum to 0.5" in refused(
        *common, "--teacher", teachers[0], "--weight", 0.5, "--out", tmp_path / "no"
    )


def test_a_signal_says_what_it_takes_and_how_close_it_comes(teachers, tokens, tmp_path):
    out = tmp_path / "signal"
    said = babyllama(
        "signal", *teachers, "--tokens", tokens, "--window", 16, "--bytes-per-token", 8,
        "--passes", 2, "--out", out,
    )  # fmt: skip
    # The codes take 8 * 14,320 bytes, 111.9 KiB; the code's own tables come on top.
    size = re.search(r"8 bytes a token, ([0-9.]+) KiB on disk for 14,320 tokens", said)
    assert size, said
    assert 112 < float(size[1]) < 400
    assert "against the teachers themselves" in said
    assert json.loads((out / "signal.json").read_text())["offsets"] == [0, 8]


def test_torchruns_processes_write_a_signal_together(teachers, tokens, tmp_path):
    import os

    out = tmp_path / "signal"
    command = [
        sys.executable, "-c", "from babyllama.cli import main; main()", "signal",
        *map(str, teachers), "--tokens", str(tokens), "--window", "16", "--out", str(out),
    ]  # fmt: skip
    ranks = [
        subprocess.Popen(
            command, env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in (1, 0)
    ]  # fmt: skip
    said = [rank.communicate()[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], said
    assert (out / "manifest.json").exists()


def test_a_folder_of_the_users_own_is_never_replaced(corpus, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "was not written by babyllama" in refused(
        "tokenizer", "train", corpus, tmp_path / "mine"
    )
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_run_of_another_recipe_is_refused(tmp_path):
    (tmp_path / "recipe.yaml").write_text(runner.invoke(app, ["recipes", "laptop"]).output)
    said = refused("run", "mini", "--run-dir", tmp_path)
    assert "belongs to recipe laptop, not mini" in said


def test_a_disk_too_small_is_refused_before_any_work(tmp_path, monkeypatch):
    tiny = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: tiny)
    said = refused("run", "mini", "--run-dir", tmp_path / "run")
    assert "its disk has 1000 bytes free" in said
    assert not (tmp_path / "run").exists()


def test_broken_pairs_stop_a_run_before_it_trains(tmp_path):
    (tmp_path / "pairs.jsonl").write_text('{"sentence_good": "a"}\n')
    said = refused("run", "mini", "--run-dir", tmp_path / "run",
                   "--set", f"evaluation.benchmarks.mine={tmp_path / 'pairs.jsonl'}")  # fmt: skip
    assert "pairs.jsonl:1: has no sentence_bad" in said
    assert not (tmp_path / "run").exists()


def test_text_that_is_not_utf8_stops_a_run_before_it_trains(tmp_path):
    (tmp_path / "text" / "train").mkdir(parents=True)
    (tmp_path / "text" / "train" / "a.txt").write_bytes(b"good\n\xff bad\n")
    said = refused("run", "laptop", "--run-dir", tmp_path / "run",
                   "--set", f"corpus.source.path={tmp_path / 'text'}")  # fmt: skip
    assert "a.txt" in said
    assert "byte 5" in said


def test_too_little_text_for_a_window_is_refused(tmp_path, tokenizer):
    for split in ("train", "dev"):
        (tmp_path / "text" / split).mkdir(parents=True)
        (tmp_path / "text" / split / "a.txt").write_text("A cat sees.\n")
    babyllama("tokenize", tmp_path / "text", tokenizer, tmp_path / "tokens")
    said = refused("pretrain", "mini", "--model", "llama", "--tokens", tmp_path / "tokens",
                   "--tokenizer", tokenizer, "--out", tmp_path / "model")  # fmt: skip
    assert "less than one window of 128" in said


def test_the_plan_of_the_paper_shows_the_papers_sizes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = babyllama("run", "strict-small", "--dry-run")
    for parameters in ("704,928,768", "359,973,888", "58,343,936"):
        assert parameters in said
    assert "is not there yet: the plan assumes 10,000,000 words" in said
    assert "Disk:" in said
    assert "Time here: about" in said
    assert not list(tmp_path.iterdir())


def test_damage_is_named_and_is_exit_code_one(tokenizer, corpus, tmp_path):
    babyllama("tokenize", corpus, tokenizer, tmp_path / "tokens")
    assert "whole" in babyllama("verify", tmp_path)
    stream = tmp_path / "tokens" / "train.bin"
    data = bytearray(stream.read_bytes())
    data[10] ^= 1
    stream.write_bytes(data)
    assert "train.bin has changed" in babyllama("verify", tmp_path, code=1)
    assert "train.bin" in babyllama("tokenize", corpus, tokenizer, tmp_path / "tokens")
    babyllama("verify", tmp_path)


def test_a_run_never_replaces_a_folder_of_the_users_own(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "thesis.txt").write_text("years of work")
    said = refused("run", "mini", "--run-dir", tmp_path, "--until", "corpus")
    assert "was not written by babyllama" in said
    assert (tmp_path / "corpus" / "thesis.txt").exists()


def test_a_command_never_replaces_another_stages_folder(corpus, tokenizer, tmp_path):
    babyllama("tokenize", corpus, tokenizer, tmp_path / "made")
    said = refused("tokenizer", "train", corpus, tmp_path / "made", "--vocab-size", 310)
    assert "holds a finished tokens, not a tokenizer" in said


def test_another_domain_cleans_anew(tmp_path):
    for split in ("train", "dev"):
        (tmp_path / "text" / split).mkdir(parents=True)
        (tmp_path / "text" / split / "a.txt").write_text("what 's that ?\n\noh .\n")
    babyllama("corpus", "clean", tmp_path / "text", tmp_path / "out", "--domain", "aochildes")
    said = babyllama("corpus", "clean", tmp_path / "text", tmp_path / "out", "--domain", "cbt")
    assert "domain was aochildes, now cbt" in said


def test_results_of_one_name_are_refused(teachers):
    said = refused("evaluate", teachers[0], teachers[0], "--benchmark", "a=b")
    assert "model llama is named twice" in said
    said = refused("evaluate", teachers[0], "--benchmark", "a=b", "--benchmark", "a=c")
    assert "--benchmark a is named twice" in said


def test_the_folder_one_is_in_is_refused(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "is the folder you are in" in refused("tokenizer", "train", corpus, ".")


def test_a_place_that_cannot_be_written_is_refused(corpus, tmp_path):
    (tmp_path / "file").write_text("")
    said = refused("tokenizer", "train", corpus, tmp_path / "file" / "tokenizer")
    assert "cannot be written" in said


def test_a_misspelt_model_in_a_setting_is_named():
    said = refused("run", "mini", "--set", "teachers.lama.training.epochs=1")
    assert "teachers has no 'lama'" in said
    assert "Did you mean llama?" in said
