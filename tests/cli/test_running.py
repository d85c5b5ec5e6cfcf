"""`babyllama run`, `recipes` and `verify`: mistakes are found before any work, damage is named."""

import json
import shutil

from commands import babyllama, invoke, refused


def test_recipes_are_listed_and_printed():
    known = json.loads(babyllama("recipes", "--json"))
    assert [*known] == ["mini", "sprout", "laptop", "strict-small", "strict"]
    assert known["laptop"]["purpose"] == "your own text"
    listed = babyllama("recipes")
    assert "mini, sprout and laptop as measured" in listed
    assert "laptop your own text 1.0M 6.3M 10.0M, 8.2M" in listed
    resolved = json.loads(invoke("recipes", "strict-small", "--json").output)
    assert set(resolved["teachers"]) == {"llama", "gpt2"}
    assert set(resolved["students"]) == {"distilled", "twin"}
    assert resolved["students"]["distilled"]["alpha"] == 0.5


def test_a_printed_recipe_is_a_recipe(tmp_path):
    printed = invoke("recipes", "mini", "--set", "seed=7").output
    (tmp_path / "mine.yaml").write_text(printed)
    resolved = json.loads(invoke("recipes", tmp_path / "mine.yaml", "--json").output)
    assert resolved["seed"] == 7


def test_a_folder_that_is_no_run_is_called_so_with_the_run_that_it_belongs_to(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "my run" / "students" / "twin"
    model.mkdir(parents=True)
    printed = refused("run", model)
    assert "is a folder, but not a run: it has no recipe.yaml" in printed
    assert "babyllama ls" in printed
    (tmp_path / "my run" / "recipe.yaml").write_text(invoke("recipes", "mini").output)
    assert "Go on with that run: babyllama run 'my run'" in refused("run", "my run/students/twin")


def test_a_run_that_was_asked_to_end_early_says_where_it_is_and_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr("babyllama.pipeline.run.run", lambda *_, **__: None)
    printed = babyllama("run", "mini", "--run-dir", tmp_path / "a", "--until", "students")
    assert printed == (
        f"Made up to students, as asked: {tmp_path / 'a'} To go on: babyllama run {tmp_path / 'a'}"
    )


def test_a_run_of_another_recipe_is_refused(tmp_path):
    (tmp_path / "recipe.yaml").write_text(invoke("recipes", "laptop").output)
    printed = refused("run", "mini", "--run-dir", tmp_path)
    assert "belongs to recipe laptop, not mini" in printed


def test_a_disk_too_small_is_refused_before_any_work(tmp_path, monkeypatch):
    tiny = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: tiny)
    printed = refused("run", "mini", "--run-dir", tmp_path / "run")
    assert "its disk has 1000 bytes free" in printed
    assert not (tmp_path / "run").exists()


def test_broken_pairs_stop_a_run_before_it_trains(tmp_path):
    (tmp_path / "pairs.jsonl").write_text('{"sentence_good": "a"}\n')
    printed = refused("run", "mini", "--run-dir", tmp_path / "run",
                   "--set", f"evaluation.benchmarks.mine={tmp_path / 'pairs.jsonl'}")  # fmt: skip
    assert "pairs.jsonl:1: has no sentence_bad" in printed
    assert not (tmp_path / "run").exists()


def test_text_that_is_not_utf8_stops_a_run_before_it_trains(tmp_path):
    (tmp_path / "text" / "train").mkdir(parents=True)
    (tmp_path / "text" / "train" / "a.txt").write_bytes(b"good\n\xff bad\n")
    printed = refused("run", "laptop", "--run-dir", tmp_path / "run",
                   "--set", f"corpus.source.path={tmp_path / 'text'}")  # fmt: skip
    assert "a.txt" in printed
    assert "byte 5" in printed


def test_a_card_is_for_plans_only():
    assert "--device is for --dry-run only" in refused("run", "mini", "--device", "h100")


def test_damage_is_named_and_is_exit_code_one(tokenizer, corpus, tmp_path):
    babyllama("tokenize", corpus, tokenizer, tmp_path / "tokens")
    assert "tokens: ok" in babyllama("verify", tmp_path)
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
    printed = refused("run", "mini", "--run-dir", tmp_path, "--until", "corpus")
    assert "was not written by babyllama" in printed
    assert (tmp_path / "corpus" / "thesis.txt").exists()


def test_a_misspelt_model_in_a_setting_is_named():
    printed = refused("run", "mini", "--set", "teachers.lama.training.epochs=1")
    assert "teachers has no 'lama'" in printed
    assert "Did you mean llama?" in printed
