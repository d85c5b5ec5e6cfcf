"""`babyllama finetune`: (Super)GLUE and MSGS."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from babyllama.cli.arguments import (
    name_and_value,
    named_models,
    refuse_duplicates,
    refuse_launcher,
)
from babyllama.cli.outputs import (
    refuse_inputs,
    refuse_one_place,
    refuse_result_file,
    refuse_unwritable_folder,
)
from babyllama.console import print_line, print_result, print_status, table

if TYPE_CHECKING:
    from babyllama.evaluation.finetuning.results import FinetuningResult, TaskResult

_EXAMPLE = "--task rte=data/glue, or --task rte=train.jsonl,valid.jsonl"


def finetune(
    models: Annotated[
        list[Path],
        typer.Argument(help="Model folders, or NAME=FOLDER for a name of your own."),
    ],
    task: Annotated[
        list[str],
        typer.Option(
            help="NAME=FOLDER that holds NAME.train.jsonl and NAME.valid.jsonl, or "
            "NAME=TRAIN,VALID. `glue` and `msgs` mean all tasks in a folder. Repeatable."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The JSON file to write.")],
    settings: Annotated[
        str, typer.Option(help="2023, 2024, 2025, authors, or a YAML file.")
    ] = "2023",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: key=value, or TASK.key=value for one task."),
    ] = None,
    selection: Annotated[
        Literal["held-out", "pipeline"],
        typer.Option(
            help="held-out: half of the validation rows select the checkpoint, the others score "
            "it. pipeline: the same rows do both, as in BabyLM."
        ),
    ] = "held-out",
    seeds: Annotated[
        int, typer.Option(min=1, help="How many seeds, starting from the one in the settings.")
    ] = 1,
    lora: Annotated[
        bool, typer.Option("--lora", help="Only train low-rank updates (needs peft).")
    ] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Write the predicted class of every validation row to this folder."),
    ] = None,
) -> None:
    """Fine-tune models on (Super)GLUE and MSGS, and score them with 95% intervals.

    Finished fine-tunings are kept and reused.

    Example: `babyllama finetune twin --task rte=data/glue --task wsc=data/glue --out twin.json`
    """
    from babyllama.evaluation.finetuning import find_files, read_tasks
    from babyllama.evaluation.finetuning import finetune as score
    from babyllama.runs.kept import parts_folder
    from babyllama.runs.manifests import refuse_damaged_input
    from babyllama.scores.results import write_results

    refuse_launcher("finetune", "For several GPUs, start one command on each, with its own --out.")
    named = named_models(models)
    for path in named.values():
        refuse_damaged_input(path)
    refuse_result_file(out, named.values())
    refuse_unwritable_folder(parts_folder(out))
    for name in named:
        if predictions is not None:
            refuse_unwritable_folder(predictions / name if len(models) > 1 else predictions)
            refuse_inputs([predictions], named.values())
            refuse_one_place(out, predictions)
    if lora:
        from babyllama.evaluation.finetuning.classifier import refuse_missing_peft

        refuse_missing_peft()
    files = [
        found for each in task for found in find_files(*name_and_value(each, "--task", _EXAMPLE))
    ]
    refuse_duplicates("--task", [each.task.name for each in files])
    changed = (*(("lora={}",) if lora else ()), *(changes or ()))
    tasks = read_tasks(files, settings=settings, changes=changed, selection=selection)
    results = []
    for name, path in named.items():
        into = predictions / name if predictions and len(models) > 1 else predictions
        result = score(
            path, tasks, name=name, settings=settings, selection=selection, seeds=seeds,
            out=out, predictions=into,
        )  # fmt: skip
        results.append(result)
        write_results(results, out)
    _show(results)


def _show(results: "list[FinetuningResult]") -> None:
    from babyllama.scores.chance import is_at_chance

    rows: list[list[str]] = []
    for each in results:
        for name, scores in each.benchmarks.items():
            spread = "" if scores.seeds_sd is None else f"{scores.seeds_sd:.1f}"
            rows.append(
                [
                    each.model,
                    name,
                    scores.metric,
                    f"{scores.score:.1f}",
                    "{:.1f} to {:.1f}".format(*scores.interval or ())
                    + ", at chance" * is_at_chance(scores),
                    spread,
                    f"{scores.majority.score:.1f}",
                    f"{scores.chance:.1f}",
                    f"{scores.n:,}",
                    _cut(scores),
                ]
            )
    columns = [
        "model", "task", "metric", "score", "95% interval", "SD over seeds", "majority", "guessing",
        "rows", "cut",
    ]  # fmt: skip
    if not any(row[-1] for row in rows):
        columns.pop()
        rows = [row[:-1] for row in rows]
    rules = results[0].rules
    print_result(table(f"Scores in percent, {rules['name']}, {rules['selection']}", columns, rows))
    for each in results:
        for name, scores in each.benchmarks.items():
            for note in scores.notes:
                print_status(f"{each.model}, {name}: {note}", style="yellow")
        for suite, mean in each.averages.items():
            print_line(
                f"{each.model}: {mean.score:.1f} (standard error {mean.stderr:.1f}), the "
                f"mean of {len(mean.tasks)} tasks of {suite.upper()}"
            )
    print_status(
        "Intervals and standard errors are over other rows of the same kind, with the seeds fixed."
    )


def _cut(scores: "TaskResult") -> str:
    """The share of validation rows that were cut, `84 of 200`; empty if none was."""
    cut, rows = scores.rows["cut"]["validation"], scores.rows["validation"]
    return f"{cut:,} of {rows:,}" if cut else ""
