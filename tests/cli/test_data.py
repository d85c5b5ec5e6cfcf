"""`babyllama corpus`, `tokenizer` and `tokenize`."""

import json
import os
import shutil
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


def test_a_page_of_what_each_rule_changed_is_written_beside_the_corpus(tmp_path):
    (tmp_path / "childes.txt").write_text("*MOT:\tyes !\n[laughs]\n" * 40)
    page = tmp_path / "page.md"

    source, out = tmp_path / "childes.txt", tmp_path / "out"
    printed = babyllama("corpus", "clean", source, out, "--report", page)
    assert str(page) in printed
    assert "- *MOT: yes !\n+ yes !" in page.read_text("utf-8")

    page.unlink()  # a complete corpus is not made again, and its page is
    babyllama("corpus", "clean", source, out, "--report", page)
    assert page.is_file()


def test_a_page_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "a.txt").write_text("yes\n" * 40)
    source, out = tmp_path / "a.txt", tmp_path / "out"

    assert "HTML or as Markdown" in refused("corpus", "clean", source, out, "--report", "page.pdf")
    inside = refused("corpus", "clean", source, out, "--report", out / "page.html")
    assert "inside the corpus" in inside
    assert not out.exists()


def test_a_language_is_recorded_and_the_size_of_its_text_is_said(tmp_path):
    (tmp_path / "open_subtitles.txt").write_text("這是一隻鳥 , 很好 。\n" * 120, "utf-8")
    source, out = tmp_path / "open_subtitles.txt", tmp_path / "out"

    assert "does not look English" in babyllama("corpus", "clean", source, tmp_path / "english")
    printed = babyllama("corpus", "clean", source, out, "--language", "zh")
    assert "does not look" not in printed
    assert "byte premium of zh is 0.936" in printed
    assert (
        (out / "train" / "open_subtitles.txt").read_text("utf-8").startswith("這是一隻鳥 , 很好 。")
    )
    assert "byte premium of zh is 0.936" in babyllama("corpus", "stats", out)
    assert "is not a code" in refused("corpus", "clean", source, out, "--language", "Chinese")


def test_no_command_writes_its_source_or_into_it(corpus, tokenizer, tmp_path):
    text = tmp_path / "text"
    shutil.copytree(corpus, text)
    inside, upper = text / "deep" / "out", tmp_path
    for command, options in (
        (("corpus", "clean"), ("--words", 100)),
        (("tokenizer", "train"), ("--vocab-size", 300)),
    ):
        assert f"{text} is read by this command" in refused(*command, text, text, *options)
        assert f"{inside} lies in {text}, which is read" in refused(*command, text, inside)
        assert f"{text} is read and lies in {upper}" in refused(*command, text, upper)
    assert f"{text} is read by this command" in refused("tokenize", text, tokenizer, text)
    assert sorted(path.name for path in text.iterdir()) == ["dev", "train"]


def test_a_clean_corpus_may_hold_its_tokenizer(corpus, tmp_path):
    out = tmp_path / "clean"
    babyllama("corpus", "clean", corpus, out)
    babyllama("tokenizer", "train", out, out / "tokenizer", "--vocab-size", 300)
    babyllama("tokenize", out, out / "tokenizer", out / "tokens")
    assert "complete, skipped" in babyllama("corpus", "clean", corpus, out)
    assert (out / "tokens" / "train.bin").is_file()


def test_the_folder_of_the_page_is_made(corpus, tmp_path):
    page = tmp_path / "new" / "page.md"
    babyllama("corpus", "clean", corpus, tmp_path / "out", "--report", page)
    assert page.is_file()


def test_help_shows_the_special_tokens():
    printed = babyllama("tokenize", "--help")
    assert "<s>" in printed
    assert "</s>" in printed


def test_a_tokenizer_is_trained_on_one_file_or_says_what_it_wants_before_it_writes(tmp_path):
    text = tmp_path / "tales.txt"
    text.write_text("the cat sees the dog .\n" * 50)
    babyllama("tokenizer", "train", text, tmp_path / "made", "--vocab-size", 270)
    assert (tmp_path / "made" / "tokenizer.json").is_file()

    (tmp_path / "raw").mkdir()
    text.rename(tmp_path / "raw" / "tales.txt")
    printed = refused("tokenizer", "train", tmp_path / "raw", tmp_path / "other")
    assert "raw has no text in train/ to train a tokenizer on" in printed
    assert "babyllama corpus clean" in printed
    assert "building" not in printed
    assert not list(tmp_path.glob("other*"))
