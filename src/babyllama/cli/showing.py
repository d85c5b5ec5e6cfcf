"""`babyllama show`: what a run, study or model is, in one screen, and what to do with it next."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from babyllama.console import (
    format_count,
    format_duration,
    output_width,
    print_json,
    print_line,
    print_result,
    styled,
    table,
)
from babyllama.errors import InputError, command

if TYPE_CHECKING:
    from babyllama.report.table import Table
    from babyllama.runs.run import Run


def show(
    folder: Annotated[Path, typer.Argument(help="A run, a study, or a model.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a run, a study or a model is: how far, which models, their scores, what next.

    Example: `babyllama show runs/mini`
    """
    from babyllama.runs.layout import STUDY, Layout

    if Layout(folder).is_run:
        _show_run(folder, as_json=as_json)
    elif (folder / STUDY).is_file():
        _show_study(folder, as_json=as_json)
    elif (folder / "config.json").is_file():
        _show_model(folder, as_json=as_json)
    else:
        raise InputError(
            f"{folder} is neither a run nor a study nor a model",
            why="A run holds recipe.yaml, a study study.yaml, a model config.json.",
            mend="See what is here: babyllama ls",
        )


def print_table(made: "Table") -> None:
    """Print a table of a report to the terminal."""
    print_result(table(made.title, made.head, made.rows, words=made.words))
    if made.note:
        print_line(made.note)


def show_models(run: "Run") -> None:
    """Print a run's models with their scores, and the commands that one wants next."""
    from babyllama.report.scored_run import scored_run
    from babyllama.report.tables import summary_table

    found = summary_table(scored_run(run))
    if found:
        print_table(found)
    print_commands(_next_of_run(run))


def print_commands(named: Sequence[tuple[str, str]]) -> None:
    """Print what one may want next: commands, each on one line, and what each does."""
    print_result(styled(("Next", "bold")))
    longest = max(len(typed) for typed, _ in named)
    if all(longest + len(does) + 5 <= output_width() for _, does in named):
        for typed, does in named:
            print_line(f"  {typed:<{longest}}  {does}")
        return
    for typed, does in named:
        print_line(f"  {does}:")
        print_line(f"    {typed}")


def show_next_of_study(folder: Path) -> None:
    """Print the commands that one wants after a study that is finished."""
    from babyllama.runs.layout import TRIALS

    first = min((folder / TRIALS).glob("*/*"))
    print_commands(
        [
            (command("show", folder), "see every comparison and its verdict"),
            (command("show", first), "see the models of one trial, which is a run"),
            (command("play", first), "see them side by side, token by token"),
        ]
    )


def _next_of_run(run: "Run") -> list[tuple[str, str]]:
    from babyllama.runs.layout import Layout, resume_command
    from babyllama.runs.run import student_and_twin

    if run.missing:
        from babyllama.watch import snapshot

        is_made_now = snapshot(run.folder).worker.state in ("alive", "elsewhere")
        if is_made_now:
            return [(command("watch", run.folder), "follow its progress")]
        return [(resume_command(run.folder), "make the rest")]
    found = [
        (command("play", run.folder), "see its models side by side, token by token"),
        (command("generate", run.folder, "--prompt", "The"), "let them continue a text"),
    ]
    student, twin = student_and_twin(run)
    if student and twin:
        folders = [Layout(run.folder).student(each.name) for each in (twin, student)]
        found.append((command("compare", *folders), "see whether the student beats its twin"))
    return found


def _show_run(folder: Path, *, as_json: bool) -> None:
    from babyllama.runs.layout import Layout
    from babyllama.runs.manifests import read_manifest
    from babyllama.runs.run import read_run
    from babyllama.watch.listing import state_of

    state, layout = state_of(folder), Layout(folder)
    run = read_run(folder)
    report = read_manifest(layout.report)
    answer = str(report["facts"]["first_sentence"]) if report else ""
    if as_json:
        print_json(
            {
                "run": str(folder), "state": state, "missing": list(run.missing),
                "answer": answer, "report": str(layout.page) if report else None,
                "models": [
                    {
                        "name": model.name, "role": model.role, "facts": dict(model.facts),
                        "scores": {name: each["score"] for name, each in model.benchmarks.items()},
                    }
                    for model in run.models
                ],
            }
        )  # fmt: skip
        return
    print_line(f"{folder}: {state}, seed {run.recipe.seed}")
    if answer:
        print_line(answer)
        print_line(f"Report: {layout.page}")
    show_models(run)


def _show_study(folder: Path, *, as_json: bool) -> None:
    from babyllama.recipe.names import REPORT
    from babyllama.runs.layout import PAGE, STUDY
    from babyllama.studies.report import page, read_findings
    from babyllama.studies.report.rows import rows_of_comparisons
    from babyllama.studies.study import load_study

    found = read_findings(load_study(str(folder / STUDY)), folder)
    answer, comparisons = page.answer_of(found), rows_of_comparisons(found)
    report = folder / REPORT / PAGE
    missing = [{"cell": each.cell, "seed": each.seed, "why": each.why} for each in found.missing]
    if as_json:
        print_json(
            {
                "study": str(folder), "answer": answer, "missing": missing,
                "comparisons": comparisons, "report": str(report) if report.is_file() else None,
            }
        )  # fmt: skip
        return
    print_line(answer)
    if report.is_file():
        print_line(f"Report: {report}")
    rows = [_comparison(each) for each in comparisons]
    if rows:
        head = ("compared", "on", "difference (95%)", "verdict")
        print_result(table("Declared comparisons", head, rows, words=(0, 1, 3)))
    for row in missing:
        print_line(f"missing: {row['cell']}, seed {row['seed']}: {row['why']}")


def _comparison(row: dict[str, Any]) -> tuple[str, ...]:
    cell, other = row["our_cell"], row["their_cell"]
    where = f" ({cell})" if cell == other else f" ({cell} and {other})"
    difference = ""
    if "difference" in row:
        difference = f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
    return (
        f"{row['our_model']} − {row['their_model']}{where}", row["measure"], difference,
        row["verdict"],
    )  # fmt: skip


def _show_model(folder: Path, *, as_json: bool) -> None:
    from babyllama.runs.json_files import read_json
    from babyllama.runs.manifests import read_manifest

    config, manifest = read_json(folder / "config.json"), read_manifest(folder) or {}
    facts = manifest.get("facts", {})
    if as_json:
        print_json({"model": str(folder), "config": config, "facts": facts})
        return
    values = {
        "kind": config.get("model_type"),
        "parameters": _formed(facts.get("parameters"), "{:,}"),
        "hidden size": config.get("hidden_size", config.get("n_embd")),
        "layers": config.get("num_hidden_layers", config.get("n_layer")),
        "vocabulary": config.get("vocab_size"),
        "positions": config.get("max_position_embeddings", config.get("n_positions")),
        "trained as": manifest.get("stage"),
        "words seen": format_count(facts["words_seen"]) if facts.get("words_seen") else None,
        "best epoch": f"{facts['best_epoch']} of {facts['epochs']}" if "epochs" in facts else None,
        "unseen text, nats per token": _dev(facts),
        "seed": manifest.get("seed"),
        "trained for": format_duration(manifest["wall_seconds"]) if manifest else None,
    }
    rows = [(name, str(value)) for name, value in values.items() if value is not None]
    print_result(table(str(folder), ("what", "value"), rows, words=(0, 1)))
    examples = [
        (command("generate", folder, "--prompt", "The"), "let it continue a text"),
        (command("evaluate", folder, "--benchmark", "blimp=DIR"), "score it"),
        (command("export", folder, "model.gguf", "--to", "gguf"), "take it to another program"),
    ]
    print_commands(examples)


def _dev(facts: Mapping[str, Any]) -> str | None:
    from babyllama.runs.dev_windows import part_of_dev

    loss, part = _formed(facts.get("dev_cross_entropy"), "{:.3f}"), part_of_dev(facts)
    return f"{loss} ({part})" if loss and part else loss


def _formed(value: float | None, form: str) -> str | None:
    return None if value is None else form.format(value)
