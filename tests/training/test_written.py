"""What a training writes is compared with what a checkpoint says of it."""

from babyllama.training.written import damage, hashes, log_damage, log_so_far


def test_a_missing_and_a_changed_file_are_named(tmp_path):
    (tmp_path / "best").mkdir()
    for name in ("a", "b"):
        (tmp_path / "best" / name).write_text(name)
    written = hashes(tmp_path, [tmp_path / "best"])
    assert written.keys() == {"best/a", "best/b"}
    assert damage(tmp_path, written) == ""
    (tmp_path / "best" / "b").write_text("c")
    assert damage(tmp_path, written) == f"{tmp_path}/best/b has changed since it was written"
    (tmp_path / "best" / "a").unlink()
    assert damage(tmp_path, written) == f"{tmp_path}/best/a is missing"


def test_a_log_may_grow_and_may_not_change(tmp_path):
    log = tmp_path / "training.jsonl"
    assert log_damage(tmp_path, log_so_far(tmp_path)) == ""
    log.write_text("one\n")
    before = log_so_far(tmp_path)
    for text, is_damaged in (("one\ntwo\n", False), ("onE\ntwo\n", True), ("one", True)):
        log.write_text(text)
        assert bool(log_damage(tmp_path, before)) == is_damaged
    log.unlink()
    assert log_damage(tmp_path, before)
