"""`babyllama lm-eval`."""

import signal
from typing import Annotated

import typer

PASSED_ON = {
    "allow_interspersed_args": False,  # so that `lm-eval run --help` is the harness's
    "ignore_unknown_options": True,
}


def lm_eval(
    arguments: Annotated[list[str], typer.Argument(help="What lm-evaluation-harness is told.")],
) -> None:
    """Run lm-evaluation-harness, with models of ours averaged as one among its models.

    What follows the command is the harness's own: `run`, `ls`, `validate` and their options. There
    `--model babyllama-ensemble` takes `--model_args pretrained=DIR1+DIR2`, and `mean_of`, `weights`
    and `dtype` behind commas.

    Example: `babyllama lm-eval run`
    """
    from babyllama.evaluation.harness import run_harness

    # The harness ends its worker processes by SIGTERM: they must not inherit what we do on it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    run_harness(arguments)
