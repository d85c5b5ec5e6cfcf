"""`babyllama pretrain`, `signal` and `distill`."""

import json
import os
import re
import subprocess
import sys
from typing import get_args, get_type_hints

import pytest
from commands import babyllama, refused

from babyllama.cli.teaching import signal
from babyllama.signals.kinds import STORED_KINDS


def test_every_kind_of_stored_signal_can_be_asked_for():
    offered = get_args(get_args(get_type_hints(signal, include_extras=True)["kind"])[0])
    kinds = [get_args(recipe.model_fields["kind"].annotation)[0] for recipe in STORED_KINDS]
    assert list(offered) == kinds


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (("--kind", "topk"), "k is missing"),
        (("--kind", "hidden", "--k", "5"), "k"),
        (("--kind", "topk", "--k", "321"), "k is 321, the vocabulary has 320 tokens"),
        (("--kind", "sampled", "--k", "0"), "k is 0"),
        (("--bytes-per-token", "0"), "bytes_per_token is 0"),
        (("--bytes-per-token", "500"), "bytes_per_token is 500"),
        (("--bytes-per-token", "8", "--precision", "int8"), "combined with precision int8"),
        (("--weight", "1"), "1 given for 2 models"),
        (("--weight", "0.5", "--weight", "0.6"), "sum to 1.1"),
        (("--kind", "topk", "--k", "5", "--temperature", "0"), "Each must be above 0"),
        (("--kind", "topk", "--k", "5", "--mean-of", "probabilities"), "give one temperature"),
        (("--window", "65"), "has 64 positions"),
    ],
)
def test_an_impossible_signal_is_refused(teachers, tokens, tmp_path, options, printed):
    out = tmp_path / "signal"
    given = ("--tokens", tokens, "--window", 16, *options, "--out", out)
    assert printed in refused("signal", *teachers, *given)
    assert not out.exists()


def test_options_of_distill_describe_the_teachers_named_not_those_of_the_recipe(
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


def test_a_signal_reports_its_size_and_how_close_it_is_to_the_teachers(teachers, tokens, tmp_path):
    out = tmp_path / "signal"
    printed = babyllama(
        "signal", *teachers, "--tokens", tokens, "--window", 16, "--bytes-per-token", 8,
        "--passes", 2, "--out", out,
    )  # fmt: skip
    # The codes take 8 * 14,320 bytes, 111.9 KiB; the code's own tables come on top.
    size = re.search(r"8 bytes per token, ([0-9.]+) KiB on disk for 14,320 tokens", printed)
    assert size, printed
    assert 112 < float(size[1]) < 400
    assert "compared with the teachers" in printed
    assert json.loads((out / "signal.json").read_text())["offsets"] == [0, 8]


def test_processes_of_torchrun_write_a_signal_together(teachers, tokens, tmp_path):

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
    printed = [rank.communicate()[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], printed
    assert (out / "manifest.json").exists()


def test_too_little_text_for_a_window_is_refused(tmp_path, tokenizer):
    for split in ("train", "dev"):
        (tmp_path / "text" / split).mkdir(parents=True)
        (tmp_path / "text" / split / "a.txt").write_text("A cat sees.\n")
    babyllama("tokenize", tmp_path / "text", tokenizer, tmp_path / "tokens")
    printed = refused("pretrain", "mini", "--model", "llama", "--tokens", tmp_path / "tokens",
                   "--tokenizer", tokenizer, "--out", tmp_path / "model")  # fmt: skip
    assert "less than one window of 32" in printed


def test_matching_teachers_without_any_is_refused(tmp_path):
    printed = refused("pretrain", "mini", "--model", "twin", "--tokens", tmp_path, "--tokenizer",
                      tmp_path, "--out", tmp_path / "model",
                      "--set", "students.twin.smoothing={epsilon: matched}")  # fmt: skip
    assert "students.twin.smoothing.epsilon is matched" in printed
    assert "Train it in a run, with babyllama run" in printed


def test_a_twin_of_matched_compute_is_trained_alone_whatever_the_signal(tmp_path):
    printed = refused("pretrain", "mini", "--model", "twin", "--tokens", tmp_path / "none",
                      "--tokenizer", tmp_path / "none", "--out", tmp_path / "model",
                      "--set", "students.twin.compute=matched",
                      "--set", "signal={kind: auto}")  # fmt: skip
    assert "students.twin: 36 epochs take about as many FLOPs as distilled" in printed
    assert "none" in printed.rpartition("error: ")[2]
