"""`babyllama ls` and `doctor`: what is here, the runs and the machine."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from babyllama.console import (
    format_bytes,
    format_duration,
    format_flops,
    print_json,
    print_line,
    print_result,
    print_status,
    table,
)
from babyllama.errors import numbered

if TYPE_CHECKING:
    from babyllama.watch.listing import ListedRun


def ls(
    folder: Annotated[
        Path, typer.Argument(help="A folder that holds runs or studies, at any depth up to six.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs and studies below a folder: how far each is, and what student and twin reached.

    Example: `babyllama ls runs`
    """
    from babyllama.watch.listing import list_runs

    found = list_runs(folder)
    if as_json:
        print_json([{**asdict(each), "path": str(each.path)} for each in found])
        return
    if not found:
        print_line(f"No run below {folder}. Make one: babyllama run mini")
        return
    head = ("run", "state", "unseen text, nats per token", "benchmark", "finished")
    rows = [_row(each) for each in found]
    known = [column for column in range(len(head)) if any(row[column] for row in rows)]
    has_scores = any(row[2] or row[3] for row in rows)  # on unseen text, on a benchmark
    title = "Runs: student (twin)" if has_scores else "Runs and studies"
    print_result(
        table(
            title,
            [head[column] for column in known],
            [[row[column] for column in known] for row in rows],
        )
    )


def _row(run: "ListedRun") -> tuple[str, ...]:
    dev, score = _pair(run.student, run.twin, 3), _pair(run.student_score, run.twin_score, 1)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.written)) if run.written else ""
    return str(run.path), run.state, dev, f"{run.benchmark} {score}".strip(), when


def _pair(student: float | None, twin: float | None, digits: int) -> str:
    if student is None:
        return "" if twin is None else f"– ({twin:.{digits}f})"
    return f"{student:.{digits}f}" + ("" if twin is None else f" ({twin:.{digits}f})")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what this machine has, and how long the built-in recipes would train here.

    Times are estimates without scoring. Exit code 0 whatever it finds.

    Example: `babyllama doctor`
    """
    from babyllama.pipeline.examination import examine, training_times

    print_status("measuring this machine: about a minute")
    found, takes = examine(), training_times()
    if as_json:
        print_json({"machine": asdict(found), "seconds": takes})
        return
    bfloat16 = "not computed fast here: float32 is used"
    if found.bfloat16_flops:
        bfloat16 = f"{format_flops(found.bfloat16_flops)}/s in matrix products"
    rows = [
        ("CPU", f"{found.processor}, {numbered(found.cores, 'core')} for this process"),
        ("other work", "none" if found.is_idle else f"keeps {found.busy_cores:.1f} cores busy"),
        ("memory", f"{format_bytes(found.memory)}, {format_bytes(found.free_memory)} free"),
        ("disk here", f"{format_bytes(found.free_disk)} free"),
        ("GPU", ", ".join(found.gpus) or "none"),
        ("float32", f"{format_flops(found.float32_flops)}/s in matrix products"),
        ("bfloat16", bfloat16),
        ("C++ compiler", "found" if found.has_compiler else "none: `compile: true` has no effect"),
        *((name, version) for name, version in found.versions.items()),
    ]
    print_result(table("This machine", ("what", "found"), rows))
    print_result(
        table(
            "Training and signal here, without scoring",
            ("recipe", "about"),
            [(name, format_duration(seconds)) for name, seconds in takes.items()],
        )
    )
    print_line(
        "The best of several measurements, on a machine that did nothing else."
        if found.is_idle
        else "Other programs ran meanwhile: on an idle machine it is faster."
    )
