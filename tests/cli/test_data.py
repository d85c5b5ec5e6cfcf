"""`babyllama corpus`, `tokenizer` and `tokenize`."""

import json
import os
import threading

from commands import babyllama, invoke, refused

from babyllama.errors import InputError
from babyllama.pipeline import text_stages


def test_another_domain_cleans_the_corpus_again(tmp_path):
    for split in ("train", "dev"):
        (tmp_path / "text" / split).mkdir(parents=True)
        (tmp_path / "text" / split / "a.txt").write_text("what 's that ?\n\noh .\n")
    babyllama("corpus", "clean", tmp_path / "text", tmp_path / "out", "--domain", "aochildes")
    printed = babyllama("corpus", "clean", tmp_path / "text", tmp_path / "out", "--domain", "cbt")
    assert "domain was aochildes, now cbt" in printed


def test_a_corpus_is_counted_by_split_and_domain(corpus):
    counted = json.loads(invoke("corpus", "stats", corpus, "--json").stdout)
    assert counted["train"]["domains"].keys() == {"talk", "tales"}
    total = counted["train"]["total"]
    row = " ".join(
        ["total", *(f"{total[x]:,}" for x in ("documents", "lines", "words", "characters"))]
    )
    assert row in babyllama("corpus", "stats", corpus)


def test_a_generated_corpus_has_a_fifth_of_its_words_for_dev(monkeypatch, tmp_path):
    asked = []

    def record(source, _out, *, seed):
        asked.append((source.words, source.dev_words, seed))
        raise InputError("recorded")

    monkeypatch.setattr(text_stages, "source_stage", record)
    refused("corpus", "synthesize", tmp_path, "--words", 2000, "--seed", 7)
    refused("corpus", "synthesize", tmp_path, "--words", 2000, "--dev-words", 300)
    assert asked == [(2000, 400, 7), (2000, 300, 0)]


def test_a_command_prints_the_folder_it_wrote_and_a_second_call_skips_it(corpus, tmp_path):
    out = tmp_path / "tokenizer"
    assert str(out) in babyllama("tokenizer", "train", corpus, out, "--vocab-size", 300)
    assert "complete, skipped" in babyllama("tokenizer", "train", corpus, out, "--vocab-size", 300)


def test_a_vocabulary_too_small_for_bytes_is_refused(corpus, tmp_path):
    printed = refused("tokenizer", "train", corpus, tmp_path / "out", "--vocab-size", 5)
    assert "vocab_size is 5" in printed


def test_a_pipe_is_a_corpus_of_one_domain(tmp_path):
    pipe, lines = tmp_path / "pipe", "".join(f"*MOT:\tline {n} , yes !\n" for n in range(60))
    os.mkfifo(pipe)
    for options, name, first in (
        ([], "text", "*MOT: line 0 , yes !"),
        (["--domain", "childes"], "childes", "line 0, yes!"),
    ):
        writer = threading.Thread(target=pipe.write_text, args=(lines,))
        writer.start()
        babyllama("corpus", "clean", pipe, tmp_path / name, *options)
        writer.join()
        cleaned = (tmp_path / name / "train" / f"{name}.txt").read_text().splitlines()
        assert cleaned[0] == first


def test_an_error_in_what_comes_out_of_a_pipe_names_the_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"caf\xe9\n",))
    writer.start()
    printed = refused("corpus", "clean", pipe, tmp_path / "out")
    writer.join()
    assert f"{pipe} is not UTF-8: byte 3 (line 1) is 0xe9" in printed


def test_text_that_is_gone_is_not_cleaned_though_the_corpus_is_complete(tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("one line\n" * 60)
    babyllama("corpus", "clean", text, tmp_path / "out")
    text.unlink()
    assert "a.txt does not exist" in refused("corpus", "clean", text, tmp_path / "out")


def test_counting_a_corpus_says_what_is_not_counted(tmp_path):
    (tmp_path / "a.txt").write_text("one line\n")
    (tmp_path / "b.md").write_text("one line\n")
    assert "left out: b.md (not called *.txt" in babyllama("corpus", "stats", tmp_path)
