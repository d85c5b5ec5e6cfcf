"""Python and console blocks of README.md, CONTRIBUTING.md and docs/ run as tests."""

import shlex
from pathlib import Path

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parent


def run_console(example: Example) -> None:
    """Run each `$ command` in the page's folder; every line of the block must be printed."""
    commands: list[tuple[str, list[str]]] = []
    for line in example.parsed.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif line.strip():
            commands[-1][1].append(line.strip())
    for command, shown in commands:
        code, printed = run_command(command, Path(example.namespace["folder"]))
        failed = code != 0 and not any("error" in line for line in shown)
        assert not failed, f"$ {command}\n{printed}"
        missing = [line for line in shown if line not in printed]
        assert not missing, f"$ {command}\nnot printed: {missing}\n{printed}"


def run_command(command: str, folder: Path) -> tuple[int, str]:
    """Exit code and output (both streams) of `babyllama ...`; `> FILE` redirects."""
    from small_runs import babyllama

    program, *arguments = shlex.split(command)
    assert program == "babyllama", f"$ {command}\nonly babyllama commands can run here"
    target = None
    if ">" in arguments:
        *arguments, _, target = arguments
    done = babyllama(*arguments, cwd=folder)
    if target:
        (folder / target).write_text(done.stdout, encoding="utf-8")
    return done.returncode, done.stdout + done.stderr


def give_folder(namespace: dict[str, object]) -> None:
    """Give each page a folder of its own."""
    import tempfile

    namespace["folder"] = tempfile.mkdtemp(prefix="babyllama-docs-")


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        CodeBlockParser(language="console", evaluator=run_console),
    ],
    patterns=["README.md", "docs/*.md", "docs/lesson/*.md", "CONTRIBUTING.md"],
    path=str(ROOT),
    setup=give_folder,
).pytest()
