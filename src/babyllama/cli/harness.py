"""`babyllama lm-eval`: lm-evaluation-harness with our ensembles."""

import signal
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from babyllama.cli.outputs import refuse_unwritable_file, refuse_unwritable_folder

PASS_ARGUMENTS_ON = {
    "allow_interspersed_args": False,  # so that `lm-eval run --help` is the harness's
    "ignore_unknown_options": True,
}


def lm_eval(
    arguments: Annotated[list[str], typer.Argument(help="Arguments of lm-evaluation-harness.")],
) -> None:
    """Run lm-evaluation-harness; its models include an ensemble: several models averaged as one.

    All arguments are the harness's own: `run`, `ls`, `validate` and their options. The ensemble is
    `--model babyllama-ensemble` with `--model_args pretrained=DIR1+DIR2`, followed by `mean_of`,
    `weights` and `dtype`, separated by commas.

    Example: `babyllama lm-eval ls tasks`
    """
    for place in _outputs(arguments):
        if place.suffix in (".json", ".jsonl"):
            refuse_unwritable_file(place)
        else:
            refuse_unwritable_folder(place)
    from babyllama.evaluation.harness import run_harness

    # The harness ends its worker processes with SIGTERM: they must not inherit our handler.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    run_harness(arguments)


def _outputs(arguments: list[str]) -> list[Path]:
    """Where the harness will write, which it finds out only after all scoring."""
    words = [part for argument in arguments for part in argument.split("=", 1)]
    return [Path(after) for word, after in pairwise(words) if word in ("--output_path", "-o")]
