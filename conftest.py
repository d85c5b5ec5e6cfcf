"""Python and console blocks of README.md and docs/ run as tests."""

import os
import subprocess
import sys
from pathlib import Path

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parent


def run_console(example: Example) -> None:
    """Run each `$ command` in the page's own folder; every line shown must be printed."""
    folder = example.namespace["folder"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    commands: list[tuple[str, list[str]]] = []
    for line in example.parsed.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif line.strip():
            commands[-1][1].append(line.strip())
    for command, shown in commands:
        done = subprocess.run(
            command, shell=True, cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
        printed = done.stdout + done.stderr
        failed = done.returncode != 0 and not any("error" in line for line in shown)
        assert not failed, f"$ {command}\n{printed}"
        missing = [line for line in shown if line not in printed]
        assert not missing, f"$ {command}\nnot printed: {missing}\n{printed}"


def give_folder(namespace: dict[str, object]) -> None:
    """Each page works in a folder of its own."""
    import tempfile

    namespace["folder"] = tempfile.mkdtemp(prefix="babyllama-docs-")


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        CodeBlockParser(language="console", evaluator=run_console),
    ],
    patterns=["README.md", "docs/*.md", "CONTRIBUTING.md"],
    path=str(ROOT),
    setup=give_folder,
).pytest()
