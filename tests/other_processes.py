"""Other Python processes: started, waited for, killed."""

import subprocess
import sys
from pathlib import Path


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    """Another Python process; returns when it has said its first word."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline(), "it ended before it said anything"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    with process:
        process.kill()
