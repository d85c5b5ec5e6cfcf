"""The C library keeps freed memory, unless the user has set it up otherwise."""

import ctypes
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from babyllama.cli import allocator
from babyllama.cli.allocator import keep_freed_memory

MiB = 2**20


@pytest.fixture
def calls(monkeypatch):
    """What a C library that accepts everything is asked for."""
    made = []
    library = SimpleNamespace(mallopt=lambda *pair: made.append(pair) or 1)
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: library)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in allocator._OWN_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return made


def test_blocks_are_kept_up_to_a_bound(calls):
    assert keep_freed_memory()
    assert calls == [(-3, 32 * MiB), (-1, 256 * MiB)]


@pytest.mark.parametrize("name", allocator._OWN_SETTINGS)
def test_the_users_own_settings_stay(calls, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert not keep_freed_memory()
    assert calls == []


def test_another_system_or_library_is_left_alone(calls, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: SimpleNamespace())
    assert not keep_freed_memory()
    assert calls == []


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_memory_that_was_freed_is_not_cleared_again():
    code = """
import resource
from babyllama.cli.allocator import keep_freed_memory
assert keep_freed_memory()
def work():
    return [bytearray(8 * 2**20) for _ in range(16)]
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
before = faults()
for _ in range(4):
    work()
print(faults() - before)
"""
    environment = {
        name: value for name, value in os.environ.items() if name not in allocator._OWN_SETTINGS
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    pages = 4 * 16 * 8 * MiB // os.sysconf("SC_PAGE_SIZE")
    assert int(done.stdout) < pages / 10
