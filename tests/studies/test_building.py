"""A folder is built by one holder of a lease at a time, and finished by the last."""

import os
import threading

import pytest

from babyllama.errors import InputError
from babyllama.studies import building
from babyllama.studies.building import BUILDING, acquire, build_once, is_held

NEVER = 600.0  # seconds: no test waits so long


@pytest.fixture
def once(tmp_path):
    """A function that builds `tmp_path/store/model`, complete once it holds `weights`."""
    out = tmp_path / "store" / "model"

    def call(build, patience=NEVER):
        return build_once(
            out, tmp_path, shown="model", build=build, patience=patience,
            is_finished=(out / "weights").exists,
        )  # fmt: skip

    call.out, call.study = out, tmp_path
    return call


@pytest.fixture
def place(tmp_path):
    """The folder of the leases of one folder."""
    return tmp_path / BUILDING / "key"


def write(folder, text="1"):
    folder.mkdir(exist_ok=True)
    (folder / "weights").write_text(text, encoding="utf-8")


def silent(lease):
    """A lease whose holder runs on another machine and says nothing more."""
    text = lease.path.read_text("utf-8").replace(lease.machine or "\n\n", "elsewhere", 1)
    lease.path.write_text(text, encoding="utf-8")
    return building._leases(lease.path.parent)[-1]


def never():
    return False


def test_what_is_built_gets_its_name_and_leaves_nothing_else(once):
    assert once(write)
    assert os.listdir(once.out) == ["weights"]
    assert os.listdir(once.out.parent) == ["model"]
    assert os.listdir(once.study / BUILDING) == []


def test_what_is_finished_is_not_built(once):
    once(write)
    assert not once(lambda _: pytest.fail("built twice"))


def test_after_a_failure_the_next_attempt_finds_what_is_there(once):
    def fail(folder):
        folder.with_name("model.partial").mkdir()
        raise RuntimeError("it broke")

    with pytest.raises(RuntimeError, match="it broke"):
        once(fail)
    assert (once.out.parent / "model.partial").is_dir(), "where `watch` looks for it"

    def resume(folder):
        folder.with_name("model.partial").rename(folder)
        write(folder)

    assert once(resume)
    assert os.listdir(once.out.parent) == ["model"]


def test_a_damaged_folder_is_moved_to_where_it_is_made_again(once):
    once(lambda folder: (folder.mkdir(), (folder / "shard").write_text("1", "utf-8")))
    assert once(lambda folder: (folder / "weights").write_text((folder / "shard").read_text()))
    assert sorted(os.listdir(once.out)) == ["shard", "weights"]


def test_a_holder_whose_process_has_ended_is_followed_at_once(place, monkeypatch):
    first = acquire(place, never, shown="model")
    monkeypatch.setattr(building, "is_running", lambda _: False)
    second = acquire(place, never, shown="model", patience=NEVER)
    assert (first.number, second.number) == (1, 2)
    assert not is_held(first)
    assert is_held(second)


def test_a_silent_holder_is_followed_and_its_open_files_are_left_to_it(place):
    first = acquire(place, never, shown="model")
    (first.staging / "log").write_text("1\n", encoding="utf-8")
    with (first.staging / "log").open("a", encoding="utf-8") as file:
        second = acquire(place, never, shown="model", patience=0.1) if silent(first) else None
        file.write("2\n")
    assert not first.staging.exists()
    assert (second.staging / "log").read_text("utf-8") == "1\n"


def test_a_holder_that_was_held_up_takes_nothing_back_from_the_next(place):
    first = acquire(place, never, shown="model")
    late, newest = building._created(place, 2), building._created(place, 3)
    building._take_over(newest, [first, late])
    (newest.staging / "log").write_text("1\n", encoding="utf-8")
    building._take_over(late, [first, newest])
    assert (newest.staging / "log").read_text("utf-8") == "1\n"
    assert is_held(newest)


def test_a_holder_that_shows_life_is_waited_for(place, monkeypatch):
    """Each look at its lease finds another date; in the end the folder is finished."""
    silent(acquire(place, never, shown="model"))
    dates = iter(range(20))
    monkeypatch.setattr(building, "_date", lambda _: next(dates))
    looks = iter([False] * 19 + [True])
    assert acquire(place, lambda: next(looks), shown="model", patience=0.05) is None


def test_of_many_that_take_over_one_holds_the_lease(place):
    silent(acquire(place, never, shown="model"))
    found, finished = [], threading.Event()

    def take():
        if lease := acquire(place, finished.is_set, shown="model", patience=0.05):
            found.append(lease)
            finished.set()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = [lease for lease in found if is_held(lease)]
    assert len(held) == 1
    assert held[0].staging.is_dir()


def test_a_holder_that_was_taken_for_dead_renames_nothing(once):
    def build(folder):
        write(folder, "the first holder's")
        silent(building._leases(folder.parents[1])[0])
        second = acquire(folder.parents[1], never, shown="model", patience=0.05)
        write(second.staging / "model", "the second holder's")

    with pytest.raises(InputError, match="another process has taken over"):
        once(build)
    assert not once.out.exists()
    (left,) = (once.study / BUILDING).rglob("weights")
    assert left.read_text("utf-8") == "the second holder's"


def test_a_holder_that_was_taken_for_dead_stops_within_its_work(once, monkeypatch):
    monkeypatch.setattr(building, "_BEAT", 0.01)
    stopped = threading.Event()
    monkeypatch.setattr(building._thread, "interrupt_main", lambda _: stopped.set())

    def build(folder):
        (mine,) = building._leases(folder.parents[1])
        building._take_over(building._created(folder.parents[1], 2), [mine])
        assert stopped.wait(60)
        (folder / "weights").write_text("1", encoding="utf-8")  # its folder has another name

    with pytest.raises(InputError, match="another process has taken over"):
        once(build)


def test_a_holder_that_was_taken_for_dead_does_not_release_the_next_ones_lease(place):
    first = acquire(place, never, shown="model")
    other = first.path.read_text("utf-8").replace(first.builder, "0" * 32)
    first.path.write_text(other, encoding="utf-8")  # all was removed, and begun again
    building._release(first)
    assert first.path.read_text("utf-8") == other
