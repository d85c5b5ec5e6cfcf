"""What a worker answers. tests/pipeline/test_workers.py starts some."""

import errno
import os
import signal

import pytest

from babyllama.cli import worker
from babyllama.console import Interrupted
from babyllama.errors import InputError


@pytest.fixture
def answer(monkeypatch):
    """A function: what the job raises -> the worker's answer."""

    def ask(raised=None):
        def work(value):
            assert value == 7
            if raised is not None:
                raise raised

        monkeypatch.setattr(worker, "work", work, raising=False)
        job = {"function": f"{worker.__name__}:work", "arguments": {"value": 7}, "threads": 1}
        return worker.do(job)

    return ask


def test_a_job_that_returns_is_done(answer):
    assert answer() == {"done": True}


def test_a_mistake_of_the_user_keeps_its_parts(answer):
    error = InputError("seed is -1", why="It must not be negative.", mend="seed: 0")
    assert answer(error) == {"refused": ["seed is -1", "It must not be negative.", "seed: 0"]}


def test_a_full_disk_is_no_mistake_of_ours(answer):
    [what, _, mend] = answer(OSError(errno.ENOSPC, "No space left", "model.safetensors"))["refused"]
    assert "model.safetensors cannot be written: no space left" in what
    assert mend


def test_a_mistake_of_ours_is_sent_with_its_traceback(answer):
    assert "KeyError: 'odd'" in answer(KeyError("odd"))["fault"]


def test_a_job_that_was_asked_to_stop_has_stopped(answer, monkeypatch):
    assert answer(Interrupted()) == {"stopped": True}
    job = {"function": "os:kill", "threads": 1}
    monkeypatch.setattr(os, "kill", lambda: signal.raise_signal(signal.SIGTERM))
    assert worker.do({**job, "arguments": {}}) == {"stopped": True}
