import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from other_processes import kill, start

from babyllama.errors import InputError
from babyllama.recipe import TokenizerRecipe
from babyllama.runs import artefact, manifests
from babyllama.runs.artefact import (
    Stage,
    complete,
    difference,
    finished_folder,
    recorded_recipe,
    status,
)
from babyllama.runs.artefact import (
    partial_folder as partial_of,
)
from babyllama.runs.manifests import damaged, digest, read_manifest
from babyllama.runs.verification import verify

# What a build in another process does before it is killed: it writes one of its two files, says so
# and waits for ever.
KILLED_BUILD = """
import sys
from pathlib import Path
from babyllama.runs.artefact import Stage, complete
from babyllama.recipe import TokenizerRecipe

def build(folder):
    (folder / "first.txt").write_text("first half, by another process")
    print("half", flush=True)
    sys.stdin.read()

folder = Path(sys.argv[1])
complete(Stage("stage", folder / "out", "kind", 1, TokenizerRecipe(), {"input": folder / "input"},
               build, seed=3))
"""


def write_all(folder: Path) -> dict[str, Any]:
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "first.txt").write_text("first", encoding="utf-8")
    (folder / "deep" / "second.txt").write_text("second", encoding="utf-8")
    return {"answer": 42}


def never(folder: Path) -> dict[str, Any]:
    raise AssertionError(f"built {folder}, though nothing was to be built")


def stage(
    tmp_path: Path,
    build: Callable[[Path], dict[str, Any]] = write_all,
    *,
    recipe: TokenizerRecipe | None = None,
    version: int = 1,
    seed: int = 3,
    kind: str = "kind",
    inputs: dict[str, Path] | None = None,
) -> Stage:
    """A stage that reads `input` and makes `out`."""
    source = tmp_path / "input"
    if not source.exists():
        source.mkdir()
        (source / "text.txt").write_text("some text", encoding="utf-8")
    inputs = {"input": source} if inputs is None else inputs
    made = recipe or TokenizerRecipe()
    return Stage("stage", tmp_path / "out", kind, version, made, inputs, build, seed)


def contents(folder: Path) -> dict[str, str]:
    """Every file but the manifest."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


# --- complete -------------------------------------------------------------------------------


def test_a_stage_is_built_once_and_then_skipped(tmp_path):
    seen = []
    out = complete(stage(tmp_path), lambda _, now: seen.append((now.state, now.reason)))
    complete(stage(tmp_path, never), lambda _, now: seen.append((now.state, now.reason)))

    assert out == tmp_path / "out"
    assert contents(out) == {"first.txt": "first", "deep/second.txt": "second"}
    assert seen == [("missing", "new"), ("complete", "")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input", "out"]


def clock(*times: float) -> SimpleNamespace:
    """A `time` module whose monotonic clock shows these times, one a call."""
    left = iter(times)
    return SimpleNamespace(monotonic=lambda: next(left))


def test_the_manifest_says_what_was_made_from_what_and_names_no_place(tmp_path, monkeypatch):
    monkeypatch.setattr(artefact, "time", clock(100.0, 107.5))
    out = complete(stage(tmp_path))
    text = (out / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)

    assert manifest["files"] == {
        # sha256 of "second" and "first"
        "deep/second.txt": {
            "sha256": "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4",
            "size": 6,
        },
        "first.txt": {
            "sha256": "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e",
            "size": 5,
        },
    }
    assert manifest["stage"] == "kind"
    assert manifest["version"] == 1
    assert manifest["seed"] == 3
    assert manifest["recipe"] == {"vocab_size": 16000, "min_frequency": 2}
    assert manifest["inputs"] == {"input": digest(tmp_path / "input")}
    assert manifest["facts"] == {"answer": 42}
    assert manifest["wall_seconds"] == 7.5
    assert manifest["versions"].keys() >= {"python", "babyllama", "torch"}
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recipe": TokenizerRecipe(vocab_size=300)}, "vocab_size was 16000, now 300"),
        ({"recipe": TokenizerRecipe(min_frequency=5)}, "min_frequency was 2, now 5"),
        ({"seed": 4}, "seed was 3, now 4"),
        ({"version": 2}, "version was 1, now 2"),
        ({"kind": "other"}, "stage was kind, now other"),
        ({"inputs": {}}, "input `input` has changed"),
    ],
)
def test_a_changed_stage_is_stale_names_what_changed_and_is_built_again(tmp_path, change, reason):
    complete(stage(tmp_path))
    now = status(stage(tmp_path, **change))

    assert (now.state, now.reason) == ("stale", reason)

    def write_new(folder: Path) -> dict[str, Any]:
        (folder / "new.txt").write_text("new", encoding="utf-8")
        return {}

    out = complete(stage(tmp_path, write_new, **change))
    assert contents(out) == {"new.txt": "new"}
    assert status(stage(tmp_path, **change)).state == "complete"


def test_changed_input_is_named_and_of_several_the_first(tmp_path):
    inputs = {}
    for name in ("corpus", "tokenizer", "tokens"):
        inputs[name] = tmp_path / name
        inputs[name].write_text(name, encoding="utf-8")
    complete(stage(tmp_path, inputs=inputs))

    inputs["tokens"].write_text("others", encoding="utf-8")
    assert status(stage(tmp_path, inputs=inputs)).reason == "input `tokens` has changed"
    inputs["tokenizer"].unlink()
    assert status(stage(tmp_path, inputs=inputs)).reason == "input `tokenizer` has changed"


def test_a_field_deep_in_a_tree_is_named_by_its_path():
    was = {"a": {"b": 1, "c": {}}}
    now = {"a": {"b": 1, "c": {"blimp": "x"}}}

    assert difference(was, now) == "a.c.blimp was None, now x"
    assert difference(now, was) == "a.c.blimp was x, now None"
    assert difference(was, was) == ""


def test_the_old_folder_stays_complete_when_its_replacement_fails(tmp_path):
    old = contents(complete(stage(tmp_path)))

    def fails(folder: Path) -> dict[str, Any]:
        (folder / "first.txt").write_text("half", encoding="utf-8")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        complete(stage(tmp_path, fails, seed=9))

    assert contents(tmp_path / "out") == old
    assert status(stage(tmp_path)).state == "complete"
    assert complete(stage(tmp_path, never)) == tmp_path / "out"
    assert list(damaged(tmp_path / "out", read_manifest(tmp_path / "out") or {})) == []


# --- killed and resumed --------------------------------------------------------------------


def interrupted(folder: Path) -> dict[str, Any]:
    (folder / "first.txt").write_text("first half", encoding="utf-8")
    raise KeyboardInterrupt


def finish(folder: Path) -> dict[str, Any]:
    """Finishes what it finds."""
    (folder / "second.txt").write_text("second half", encoding="utf-8")
    return {}


def test_an_interrupted_build_resumes_in_the_folder_that_it_left(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path, interrupted))
    assert not (tmp_path / "out").exists()
    assert status(stage(tmp_path)) == artefact.Status("unfinished", "resuming")

    out = complete(stage(tmp_path, finish))

    assert contents(out) == {"first.txt": "first half", "second.txt": "second half"}
    assert read_manifest(out)["files"].keys() == {"first.txt", "second.txt"}
    assert not partial_of(out).exists()


def test_an_interrupted_build_of_another_recipe_starts_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path, interrupted, seed=8))

    assert contents(complete(stage(tmp_path, finish))) == {"second.txt": "second half"}


def test_a_build_killed_by_the_system_resumes_in_the_folder_that_it_left(tmp_path):
    resuming = stage(tmp_path, finish)
    kill(start(KILLED_BUILD, tmp_path))
    assert not (tmp_path / "out").exists()

    out = complete(resuming)

    assert contents(out) == {
        "first.txt": "first half, by another process",
        "second.txt": "second half",
    }


def test_a_build_killed_by_the_system_starts_again_when_its_input_has_changed(tmp_path):
    resuming = stage(tmp_path, finish)
    kill(start(KILLED_BUILD, tmp_path))
    (tmp_path / "input" / "text.txt").write_text("other text", encoding="utf-8")

    assert contents(complete(resuming)) == {"second.txt": "second half"}


@pytest.mark.parametrize("note", [b"", b"[1]", b"{}", b'{"key": 1', b"\xff\xfe"])
def test_a_partial_folder_with_a_damaged_note_is_emptied(tmp_path, note):
    partial = partial_of(tmp_path / "out")
    partial.mkdir()
    (partial / "stray.txt").write_text("stray", encoding="utf-8")
    (partial / "work.json").write_bytes(note)

    assert contents(complete(stage(tmp_path, finish))) == {"second.txt": "second half"}


def test_wall_seconds_add_up_over_attempts(tmp_path, monkeypatch):
    monkeypatch.setattr(artefact, "time", clock(100.0, 107.0, 200.0, 203.0, 300.0, 301.0))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            complete(stage(tmp_path, interrupted))

    out = complete(stage(tmp_path, finish))

    assert read_manifest(out)["wall_seconds"] == 7 + 3 + 1


def test_a_kill_while_the_finished_files_are_hashed_costs_no_file(tmp_path, monkeypatch):
    def killed(folder: Path) -> dict[str, Any]:
        write_all(folder)
        monkeypatch.setattr(manifests, "hash_file", interrupt)
        return {}

    def interrupt(_: Path) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path, killed))
    monkeypatch.undo()

    out = complete(stage(tmp_path, finish))
    assert contents(out).keys() == {"first.txt", "second.txt", "deep/second.txt"}


@pytest.mark.parametrize("old", [False, True])
def test_a_kill_before_the_first_rename_costs_no_build(tmp_path, monkeypatch, old):
    if old:
        complete(stage(tmp_path, finish, seed=8))

    def interrupt(*_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(artefact, "_replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path))
    monkeypatch.undo()
    assert (partial_of(tmp_path / "out") / "manifest.json").exists()

    out = complete(stage(tmp_path, never))

    assert contents(out) == {"first.txt": "first", "deep/second.txt": "second"}
    assert status(stage(tmp_path)).state == "complete"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input", "out"]


def test_a_finished_partial_folder_of_another_recipe_is_not_used(tmp_path):
    complete(stage(tmp_path, seed=5))
    (tmp_path / "out").rename(tmp_path / "aside")
    complete(stage(tmp_path, seed=8))
    (tmp_path / "aside").rename(tmp_path / "out.partial")

    assert contents(complete(stage(tmp_path, finish))) == {"second.txt": "second half"}


def test_a_kill_between_the_two_renames_is_repaired(tmp_path):
    complete(stage(tmp_path, finish, seed=8))
    (tmp_path / "out").rename(tmp_path / "out.replaced")
    complete(stage(tmp_path))
    (tmp_path / "out").rename(tmp_path / "out.partial")

    out = complete(stage(tmp_path, never))

    assert contents(out) == {"first.txt": "first", "deep/second.txt": "second"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input", "out"]


def test_a_replaced_folder_without_a_successor_takes_its_name_back(tmp_path):
    complete(stage(tmp_path))
    (tmp_path / "out").rename(tmp_path / "out.replaced")

    out = complete(stage(tmp_path, never))

    assert contents(out) == {"first.txt": "first", "deep/second.txt": "second"}
    assert not (tmp_path / "out.replaced").exists()


def test_a_folders_recipe_and_its_name_are_known_before_and_after_it_is_finished(tmp_path):
    assert recorded_recipe(tmp_path / "out") == {}
    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path, interrupted))
    partial = partial_of(tmp_path / "out")
    assert recorded_recipe(partial) == {"vocab_size": 16000, "min_frequency": 2}
    out = complete(stage(tmp_path, finish))
    assert recorded_recipe(out) == {"vocab_size": 16000, "min_frequency": 2}
    assert finished_folder(partial) == finished_folder(out) == out


def test_an_unfinished_folder_that_cannot_be_used_says_why(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path, interrupted, seed=8))
    now = status(stage(tmp_path))
    assert now.state == "missing"
    assert now.reason == "from the start, the unfinished folder cannot be used: seed was 8, now 3"


# --- damage ---------------------------------------------------------------------------------


def later(path: Path) -> None:
    """Give a file a time that is surely after its manifest's."""
    time = (path.stat().st_mtime_ns // 10**9) + 10
    os.utime(path, (time, time))


def test_a_flipped_byte_is_found_by_verify_and_by_status(tmp_path):
    out = complete(stage(tmp_path))
    (out / "first.txt").write_text("fIrst", encoding="utf-8")
    later(out / "first.txt")

    message = f"{out}/first.txt has changed since it was written: checksum mismatch"
    assert verify(tmp_path) == {out: [message]}
    assert status(stage(tmp_path)) == artefact.Status("damaged", message)


def test_bit_rot_that_changes_no_date_is_found_by_verify_and_then_by_status(tmp_path):
    out = complete(stage(tmp_path))
    before = (out / "first.txt").stat()
    (out / "first.txt").write_text("fIrst", encoding="utf-8")
    os.utime(out / "first.txt", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert status(stage(tmp_path)).state == "complete"
    assert len(verify(out)[out]) == 1
    assert status(stage(tmp_path)).state == "damaged"


def test_a_touched_file_with_its_old_contents_is_not_damaged(tmp_path):
    out = complete(stage(tmp_path))
    later(out / "first.txt")

    assert status(stage(tmp_path)).state == "complete"
    assert verify(out) == {out: []}


def test_a_truncated_and_a_missing_file_are_named(tmp_path):
    out = complete(stage(tmp_path))
    (out / "first.txt").write_text("fi", encoding="utf-8")
    (out / "deep" / "second.txt").unlink()

    assert verify(tmp_path)[out] == [
        f"{out}/deep/second.txt is missing",
        f"{out}/first.txt has 2 bytes where its manifest says 5",
    ]
    assert status(stage(tmp_path)).state == "damaged"


def test_a_damaged_folder_is_built_again(tmp_path):
    out = complete(stage(tmp_path))
    (out / "first.txt").write_text("fi", encoding="utf-8")

    complete(stage(tmp_path))

    assert contents(out)["first.txt"] == "first"
    assert verify(out) == {out: []}


def test_undamaged_files_that_are_reusable_are_kept_when_a_damaged_folder_is_made_again(tmp_path):
    reusable = replace(stage(tmp_path), reusable="*.txt")
    out = complete(reusable)
    (out / "first.txt").write_text("fi", encoding="utf-8")
    found: list[str] = []

    def write_missing(folder: Path) -> dict[str, Any]:
        found.extend(path.name for path in folder.rglob("*.txt"))
        return write_all(folder)

    (out / "second.txt").write_text("not in the manifest", encoding="utf-8")
    (out / "deep" / "second.txt").rename(out / "deep" / "moved.txt")
    complete(replace(reusable, build=write_missing))
    assert found == []

    (out / "deep" / "second.txt").write_text("secnd", encoding="utf-8")
    complete(replace(reusable, build=write_missing))
    assert found == ["first.txt"]
    assert verify(out) == {out: []}


@pytest.mark.parametrize("text", [b"", b'{"stage": "kin', b"\xff\xfe"])
def test_an_unreadable_manifest_is_named(tmp_path, text):
    out = complete(stage(tmp_path))
    (out / "manifest.json").write_bytes(text)

    damage = f"{out}/manifest.json cannot be read or has changed since it was written"
    assert verify(tmp_path) == {out: [damage]}
    assert status(stage(tmp_path)) == artefact.Status("damaged", damage)
    complete(stage(tmp_path))
    assert status(stage(tmp_path)).state == "complete"


def test_a_manifest_of_another_program_is_a_file_like_any_other(tmp_path):
    source = tmp_path / "input"
    source.mkdir()
    (source / "text.txt").write_text("some text", encoding="utf-8")
    (source / "manifest.json").write_text('{"files": ["text.txt"]}', encoding="utf-8")
    complete(stage(tmp_path))

    (source / "text.txt").write_text("other text", encoding="utf-8")

    assert status(stage(tmp_path)).reason == "input `input` has changed"
    assert read_manifest(source) is None
    assert list(verify(tmp_path)) == [tmp_path / "out"]


def test_a_built_folder_is_known_by_its_files_alone(tmp_path):
    out = complete(stage(tmp_path))
    known = digest(out)
    complete(stage(tmp_path, seed=5, version=2))
    assert digest(out) == known

    complete(stage(tmp_path, finish))
    assert digest(out) != known


# --- files of others, and folders that go ------------------------------------------------------


def test_a_file_that_was_added_to_a_finished_folder_is_set_aside_and_nothing_is_built(
    tmp_path, capsys
):
    out = complete(stage(tmp_path))
    known = digest(out)
    (out / "deep" / "more.txt").write_text("mine", encoding="utf-8")
    (out / ".DS_Store").write_text("the system's", encoding="utf-8")
    (out / ".manifest.json.12345").write_text("half", encoding="utf-8")
    assert verify(tmp_path) == {out: [f"{out}/deep/more.txt is not in its manifest"]}

    complete(stage(tmp_path, never))

    assert (tmp_path / "out.aside" / "deep" / "more.txt").read_text() == "mine"
    assert f"{out}/deep/more.txt is not in its manifest: moved to {out}.aside/deep/more.txt" in (
        capsys.readouterr().err
    )
    assert (digest(out), verify(out)) == (known, {out: []})
    assert sorted(path.name for path in out.glob(".*")) == [".DS_Store"]


def test_a_finished_folder_inside_one_that_is_made_again_is_set_aside(tmp_path, capsys):
    out = complete(stage(tmp_path))
    complete(replace(stage(tmp_path), out=out / "inner"))
    complete(stage(tmp_path, never))
    assert (out / "inner").is_dir()

    complete(stage(tmp_path, seed=2))

    assert not (out / "inner").exists()
    assert read_manifest(tmp_path / "out.aside" / "inner") is not None
    assert f"moved to {out}.aside/inner" in capsys.readouterr().err


def test_a_folder_whose_manifest_was_deleted_is_named_set_aside_and_built_again(tmp_path, capsys):
    out = complete(stage(tmp_path))
    (out / "manifest.json").unlink()
    assert status(stage(tmp_path)) == artefact.Status("damaged", f"{out} has no manifest.json")

    complete(stage(tmp_path))

    assert f"{out} has no manifest.json: moved to {out}.aside" in capsys.readouterr().err
    assert contents(tmp_path / "out.aside") == contents(out)
    assert verify(out) == {out: []}


def test_a_damaged_or_added_file_of_an_input_is_refused_by_name_before_any_work(tmp_path):
    made = complete(stage(tmp_path))
    (tmp_path / "next").mkdir()
    reading = stage(tmp_path / "next", inputs={"made": made})
    complete(reading)
    known = (read_manifest(reading.out) or {})["inputs"]
    reading = replace(reading, seed=4, build=never)
    (made / "deep" / "more.txt").write_text("more", encoding="utf-8")
    with pytest.raises(InputError, match=r"deep/more\.txt is not in the manifest of .*out"):
        complete(reading)
    (made / "deep" / "more.txt").unlink()
    (made / "first.txt").write_text("fIrst", encoding="utf-8")
    later(made / "first.txt")
    with pytest.raises(InputError, match=r"first\.txt has changed since it was written"):
        complete(reading)
    complete(stage(tmp_path))

    complete(replace(reading, build=write_all))

    assert (read_manifest(reading.out) or {})["inputs"] == known


def test_what_a_killed_write_left_is_neither_sealed_nor_digested_and_is_removed(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path, interrupted))
    left = partial_of(tmp_path / "out") / ".work.json.12345"
    left.write_text("{", encoding="utf-8")

    out = complete(stage(tmp_path, finish))

    assert (read_manifest(out) or {})["files"].keys() == {"first.txt", "second.txt"}
    assert not list(out.glob(".*"))
    (tmp_path / "input" / ".text.txt.12345").write_text("half", encoding="utf-8")
    assert status(stage(tmp_path)).state == "complete"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("gone", ["out.partial", "input", "."])
def test_a_folder_that_is_taken_away_meanwhile_is_named(tmp_path, gone, after):
    place = tmp_path / "run"
    place.mkdir()

    def build(folder: Path) -> dict[str, Any]:
        (place / gone).resolve().rename(tmp_path / "elsewhere")
        if after:  # the work notices nothing
            folder.mkdir(parents=True, exist_ok=True)
        (folder / "first.txt").write_text("first", encoding="utf-8")
        return {}

    if gone == "." and not after:
        named = place
    else:
        named = place / ("input" if gone == "input" else "out.partial")
    with pytest.raises(InputError, match=f"{named} was removed or replaced while stage was made"):
        complete(stage(place, build))
    if gone == "out.partial":
        assert contents(complete(stage(place))).keys() == {"first.txt", "deep/second.txt"}


def test_an_input_that_changes_meanwhile_is_named_and_nothing_is_sealed(tmp_path):
    def build(folder: Path) -> dict[str, Any]:
        (tmp_path / "input" / "text.txt").write_text("other", encoding="utf-8")
        return write_all(folder)

    with pytest.raises(InputError, match="stage: input `input` has changed while it was made"):
        complete(stage(tmp_path, build))
    assert not (tmp_path / "out").exists()
    assert contents(complete(stage(tmp_path, finish))) == {"second.txt": "second half"}


def test_a_linked_stage_is_made_where_the_link_points_and_stays_a_link(tmp_path):
    disk = tmp_path / "other disk"
    (disk / "out").mkdir(parents=True)
    (tmp_path / "out").symlink_to(disk / "out")
    for seed in (3, 4, 5):
        complete(stage(tmp_path, seed=seed))
        assert (tmp_path / "out").is_symlink()
        assert sorted(path.name for path in disk.iterdir()) == ["out"]
        assert list(verify(tmp_path).values()) == [[]]


def test_a_finished_partial_folder_that_was_damaged_is_not_used(tmp_path, monkeypatch):
    def interrupt(*_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(artefact, "_replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path))
    monkeypatch.undo()
    (partial_of(tmp_path / "out") / "first.txt").write_text("fIrst", encoding="utf-8")

    assert contents(complete(stage(tmp_path)))["first.txt"] == "first"
    assert verify(tmp_path) == {tmp_path / "out": []}


@pytest.mark.parametrize(
    "note", [{"wall_seconds": "1"}, {"key": 5}, {"key": {}}, {"key": {"recipe": 1}}]
)
def test_a_note_of_another_form_is_not_resumed_from(tmp_path, note):
    with pytest.raises(KeyboardInterrupt):
        complete(stage(tmp_path, interrupted))
    path = partial_of(tmp_path / "out") / "work.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | note), encoding="utf-8")
    assert "work.json cannot be read" in status(stage(tmp_path)).reason
    assert contents(complete(stage(tmp_path, finish))) == {"second.txt": "second half"}


# --- aside ----------------------------------------------------------------------------------


def training(tmp_path, seed, build=write_all):
    return replace(stage(tmp_path, build, seed=seed), keeps=True)


def test_a_finished_training_that_a_change_replaces_is_kept_with_a_note(tmp_path, capsys):
    complete(training(tmp_path, 1))
    complete(training(tmp_path, 2))
    complete(training(tmp_path, 3))
    kept = {
        path.name: read_manifest(path)["seed"] for path in tmp_path.glob("out*") if path.is_dir()
    }
    assert kept == {"out": 3, "out.aside": 1, "out.aside1": 2}
    assert "when seed was 1, now 2" in (tmp_path / "out.aside.txt").read_text("utf-8")
    assert f"is kept in {tmp_path / 'out.aside'} (seed was 1, now 2)" in capsys.readouterr().err


def test_the_old_training_stays_where_it_is_until_the_new_one_is_complete(tmp_path):
    complete(training(tmp_path, 1))
    with pytest.raises(RuntimeError):
        complete(training(tmp_path, 2, fail))
    assert read_manifest(tmp_path / "out")["seed"] == 1
    assert not (tmp_path / "out.aside").exists()


def fail(folder):
    raise RuntimeError(folder)


def test_settings_that_return_take_the_kept_training_back(tmp_path):
    complete(training(tmp_path, 1))
    complete(training(tmp_path, 2))
    again = training(tmp_path, 1, never)
    assert status(again).state == "aside"
    complete(again)
    assert status(again).state == "complete"
    assert read_manifest(tmp_path / "out.aside1")["seed"] == 2
    assert not (tmp_path / "out.aside").exists()
    assert not (tmp_path / "out.aside.txt").exists()
    complete(training(tmp_path, 2, never))  # though its name is not the first


def test_a_kept_training_that_was_damaged_is_not_taken_back(tmp_path):
    complete(training(tmp_path, 1))
    complete(training(tmp_path, 2))
    (tmp_path / "out.aside" / "first.txt").write_text("other")
    assert status(training(tmp_path, 1)).state == "stale"


def test_an_edited_card_stays_with_the_training_that_is_kept(tmp_path):
    complete(training(tmp_path, 1))
    (tmp_path / "out" / "README.md").write_text("mine")
    complete(training(tmp_path, 2))
    assert (tmp_path / "out.aside" / "README.md").read_text() == "mine"


def test_other_stages_are_replaced(tmp_path):
    complete(stage(tmp_path, seed=1))
    complete(stage(tmp_path, seed=2))
    assert not (tmp_path / "out.aside").exists()


def test_a_field_that_a_record_leaves_out_has_its_default_in_words():
    assert difference({}, {"kind": "unigram"}, TokenizerRecipe()) == "kind was bpe, now unigram"
    assert difference({"kind": "unigram"}, {}, TokenizerRecipe()) == "kind was unigram, now bpe"
