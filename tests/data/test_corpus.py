import json
from pathlib import Path

import pytest

from babyllama.data.corpus import clean_corpus
from babyllama.errors import InputError
from babyllama.runs.manifests import write_manifest


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    for split, suffix in (("train", "train"), ("dev", "dev")):
        (folder / split).mkdir(parents=True)
        (folder / split / f"cbt.{suffix}").write_text("` Oh ! '\n", encoding="utf-8")
        (folder / split / f"mine.{suffix}").write_text("Oh !\n", encoding="utf-8")
    return folder


def written(out: Path) -> dict[str, str]:
    return {str(p.relative_to(out)): p.read_text("utf-8") for p in sorted(out.rglob("*.txt"))}


def test_a_corpus_is_cleaned_by_domain_and_counted(source, tmp_path):
    out = tmp_path / "out"

    clean_corpus(source, out, rules="thorough")

    assert written(out) == {
        "dev/cbt.txt": "'Oh!'\n",
        "dev/mine.txt": "Oh !\n",
        "train/cbt.txt": "'Oh!'\n",
        "train/mine.txt": "Oh !\n",
    }
    assert json.loads((out / "stats.json").read_text("utf-8"))["train"]["total"]["words"] == 3


def test_a_given_domain_cleans_every_file(source, tmp_path):
    clean_corpus(source, tmp_path / "out", rules="thorough", domain="aochildes")

    assert written(tmp_path / "out")["train/mine.txt"] == "Oh!\n"


def test_the_end_of_a_single_file_becomes_its_dev_split(tmp_path):
    lines = [f"line {i}\n" for i in range(100)]
    (tmp_path / "mine.txt").write_text("".join(lines), encoding="utf-8")

    clean_corpus(tmp_path / "mine.txt", tmp_path / "out", rules="paper", dev_fraction=0.1)

    texts = written(tmp_path / "out")
    assert texts["dev/mine.txt"].startswith("line 90\n")
    assert texts["train/mine.txt"] + texts["dev/mine.txt"] == "".join(lines)


def test_the_same_source_gives_the_same_bytes(source, tmp_path):
    for out in ("one", "two"):
        clean_corpus(source, tmp_path / out, rules="thorough")

    first, second = ((tmp_path / out / "stats.json").read_bytes() for out in ("one", "two"))
    assert first == second
    assert written(tmp_path / "one") == written(tmp_path / "two")


def test_a_damaged_file_is_found_before_anything_is_written(source, tmp_path):
    (source / "dev" / "mine.dev").write_bytes(b"\xff\xfe")

    with pytest.raises(InputError, match=r"mine\.dev is not UTF-8"):
        clean_corpus(source, tmp_path / "out", rules="thorough")

    assert not (tmp_path / "out").exists()


def test_a_misspelt_domain_is_refused_and_the_known_names_are_listed(source, tmp_path):
    with pytest.raises(InputError, match="Use one of aochildes, bnc_spoken"):
        clean_corpus(source, tmp_path / "out", rules="thorough", domain="cbtt")


def test_a_source_is_never_its_own_output(source):
    with pytest.raises(InputError, match="both source and output"):
        clean_corpus(source, source, rules="thorough")


def test_an_output_with_other_texts_is_refused_and_one_with_the_same_names_is_replaced(
    source, tmp_path
):
    out = tmp_path / "out"
    clean_corpus(source, out, rules="paper")
    clean_corpus(source, out, rules="thorough")
    assert written(out)["train/cbt.txt"] == "'Oh!'\n"

    (out / "train" / "older.txt").write_text("x")
    with pytest.raises(InputError, match=r"already holds older\.txt"):
        clean_corpus(source, out, rules="thorough")


def test_a_file_without_text_after_cleaning_is_named(source, tmp_path):
    (source / "dev" / "qed.dev").write_text("(Laughter)\n", encoding="utf-8")

    with pytest.raises(InputError, match=r"qed\.dev has no text left"):
        clean_corpus(source, tmp_path / "out", rules="thorough")


def put(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"*MOT:\tlook at {file} , please !\noh .\n")
    return folder


def test_a_file_named_as_babylm_2026_names_it_gets_its_domains_cleaner(tmp_path, capsys):
    source = put(tmp_path / "source", "childes.train.txt", "childes.dev.txt")

    facts = clean_corpus(source, tmp_path / "out", rules="thorough")

    assert written(tmp_path / "out") == {
        "dev/childes.txt": "look at childes.dev.txt, please!\noh.\n",
        "train/childes.txt": "look at childes.train.txt, please!\noh.\n",
    }
    assert facts == {"cleaners": {"childes": "childes"}, "left_out": {}}
    assert "cleaned by the rules of their domain: childes\n" in capsys.readouterr().err


def test_each_file_without_a_cleaner_is_named_with_the_cleaner_that_it_may_mean(tmp_path, capsys):
    source = put(
        tmp_path / "source",
        *("cbt.txt", "Childes_2024.txt", "chlides.txt", "wiki.txt", "letters.txt", "notes.text"),
    )

    facts = clean_corpus(source, tmp_path / "out", rules="thorough")

    printed = capsys.readouterr().err.splitlines()
    assert printed[:6] == [
        "cleaned by the rules of their domain: cbt",
        "Childes_2024: neutral rules, no cleaner has this name. Did you mean childes?",
        "chlides: neutral rules, no cleaner has this name. Did you mean childes?",
        "wiki: neutral rules, no cleaner has this name. Did you mean wikipedia?",
        "letters: neutral rules, no cleaner has this name",
        "left out: notes.text (not called *.txt, *.train or *.dev)",
    ]
    assert facts["cleaners"]["letters"] == "neutral"
    assert facts["left_out"] == {"notes.text": "not called *.txt, *.train or *.dev"}


def test_the_domains_of_the_built_in_grammar_need_no_cleaner(tmp_path, capsys):
    source = put(tmp_path / "source", "train/stories.txt", "dev/stories.txt")
    made = {"stage": "synthetic", "version": 1, "recipe": {}, "inputs": {}, "seed": 0}
    write_manifest(source, made, leave_out=())

    facts = clean_corpus(source, tmp_path / "out", rules="thorough")

    assert "neutral" not in capsys.readouterr().err
    assert facts["cleaners"] == {"stories": "neutral"}


def test_a_given_domain_is_named_for_every_file(tmp_path, capsys):
    source = put(tmp_path / "source", "a.txt", "childes.txt")

    clean_corpus(source, tmp_path / "out", rules="thorough", domain="childes")

    assert "rules of their domain: a as childes, childes\n" in capsys.readouterr().err


def test_a_copy_of_a_file_is_pointed_out(tmp_path, capsys):
    source = put(tmp_path / "source", "a.txt", "b.txt")
    (source / "b.txt").write_bytes((source / "a.txt").read_bytes())

    clean_corpus(source, tmp_path / "out", rules="thorough")

    line = f"{source}/b.txt is the same text as {source}/a.txt: it counts twice"
    assert line in capsys.readouterr().err


def test_signs_of_text_that_was_not_decoded_are_pointed_out(tmp_path, capsys):
    source = put(tmp_path / "source", "a.txt", "b.txt")
    (source / "b.txt").write_text("caf\ufffd na\ufffdve\n" * 20, encoding="utf-8")

    clean_corpus(source, tmp_path / "out", rules="thorough")

    printed = capsys.readouterr().err
    assert f"{source}/b.txt holds U+FFFD, the replacement character, 40 times" in printed
    assert "a.txt holds U+FFFD" not in printed


def test_a_part_of_the_training_text_can_be_kept_and_dev_stays(source, tmp_path, capsys):
    (source / "train" / "mine.train").write_text("Oh !\n\nAh !\n", encoding="utf-8")
    clean_corpus(source, tmp_path / "all", rules="thorough")
    facts = clean_corpus(source, tmp_path / "some", rules="thorough", words=1)
    some, every = written(tmp_path / "some"), written(tmp_path / "all")
    assert {name: text for name, text in some.items() if name.startswith("dev")} == {
        name: text for name, text in every.items() if name.startswith("dev")
    }
    statistics = json.loads((tmp_path / "some" / "stats.json").read_text("utf-8"))
    assert statistics["subset"] == facts["subset"]
    assert statistics["train"]["total"]["words"] == facts["subset"]["kept"] < facts["subset"]["of"]
    assert "words of the training text are kept" in capsys.readouterr().err
    clean_corpus(source, tmp_path / "more", rules="thorough", words=10**6)
    assert "1,000,000 words are asked for, and the training text has" in capsys.readouterr().err
