"""`babyllama generate`: how models continue a text."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from babyllama.cli.asked import asked_of
from babyllama.console import (
    output_width,
    print_json,
    print_line,
    print_result,
    print_status,
    print_text,
    styled,
    table,
)
from babyllama.errors import InputError, command

_NARROWEST = 24  # characters of a column that texts are still read in


def generate(
    models: Annotated[
        list[Path],
        typer.Argument(help="Model folders, runs, or NAME=FOLDER for a name of your own."),
    ],
    prompt: Annotated[
        str | None,
        typer.Option(help="The beginning of the text; without it, each line that you type."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="How many texts of each model.")] = 1,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="The same seed gives the same text.")
    ] = 0,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Longest continuation, in tokens.")
    ] = 60,
    temperature: Annotated[
        float, typer.Option(min=0, help="Below 1: likelier tokens; above 1: rarer ones.")
    ] = 1.0,
    top_p: Annotated[
        float,
        typer.Option(
            max=1, help="Draw only from the likeliest tokens that sum to this probability; above 0."
        ),
    ] = 1.0,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="Always take the likeliest token.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Continue a text, by one model or by several side by side; a run stands for its models.

    Without --prompt it asks for one text after the other, or reads them from a pipe, a line each.

    Example: `babyllama generate runs/mini --prompt "The children"`
    """
    from babyllama.models.generation import Sampling, load_generator
    from babyllama.runs.manifests import refuse_damaged_input

    if top_p <= 0:
        raise InputError(
            f"--top-p is {top_p:g}",
            why="That leaves no token to draw.",
            mend="Permitted: above 0 to 1. For the likeliest token alone: --greedy",
        )
    sampling = Sampling(n, seed, max_new_tokens, _temperature(temperature, greedy, n), top_p)
    _refuse_texts(models)
    folders = {each.name: each.folders[0] for each in asked_of(models, mean_of=None).models
               if len(each.folders) == 1}  # fmt: skip
    for folder in folders.values():
        refuse_damaged_input(folder)
    generators = {name: load_generator(folder) for name, folder in folders.items()}
    found = []
    for text in _prompts(prompt):
        texts = {name: each.continuations(text, sampling) for name, each in generators.items()}
        if as_json:
            found.append({"prompt": text, "texts": texts})
        else:
            _show(texts)
    if as_json:
        print_json(found)


def _refuse_texts(models: list[Path]) -> None:
    """Refuse a text in place of a model.

    Raises:
        InputError: names the option that takes it.
    """
    for each in models[1:]:
        if not each.exists() and not set(str(each)) & {"=", "/", "@"}:
            raise InputError(
                f"{each} not found",
                why="Every argument without an option is a model or a run.",
                mend="Check the path; a text to go on with follows --prompt: "
                f"{command('generate', models[0], '--prompt', str(each))}",
            )


def _temperature(temperature: float, greedy: bool, n: int) -> float:
    """The temperature, 0 of a greedy choice."""
    if greedy and temperature != 1.0:
        raise InputError(
            "--greedy and --temperature exclude each other",
            why="The likeliest token is the same at every temperature.",
            mend="Leave one of them out.",
        )
    if (greedy or temperature == 0) and n > 1:
        raise InputError(
            f"--n {n}: the likeliest tokens make one text only",
            mend="Leave --n out, or draw tokens at a temperature above 0.",
        )
    return 0.0 if greedy else temperature


def _prompts(prompt: str | None) -> Iterator[str]:
    """The prompt; else the lines that are typed until an empty one, or all lines of a pipe."""
    if prompt is not None:
        yield prompt
        return
    if not sys.stdin.isatty():
        yield from filter(None, (line.rstrip("\r\n") for line in sys.stdin))
        return
    print_status(
        "Type the beginning of a text. An empty line or Ctrl-C ends. "
        "One text alone: --prompt 'The cat'"
    )
    while text := _typed():
        yield text


def _typed() -> str:
    try:
        return input("> ")
    except (EOFError, KeyboardInterrupt):
        print_status("")  # the next prompt of the shell starts a line
        return ""


def _show(texts: Mapping[str, Sequence[str]]) -> None:
    """Print one model's texts as they are, several models' in columns, or one under another."""
    if len(texts) == 1:
        for text in next(iter(texts.values())):
            print_text(text)
    elif output_width() >= _NARROWEST * len(texts):
        rows = list(zip(*texts.values(), strict=True))
        print_result(table("", list(texts), rows, words=range(len(texts))))
    else:
        for name, of_model in texts.items():
            print_result(styled((name, "bold")))
            for text in of_model:
                print_text(text)
            print_line()
