"""`babyllama lesson`: an hour in class, part by part, and its papers."""

from pathlib import Path
from typing import Annotated

import typer

from babyllama.cli.outputs import refuse_unwritable_folder
from babyllama.console import print_line, print_markdown, print_result, print_status, table
from babyllama.errors import InputError, command


def lesson(
    number: Annotated[
        str | None,
        typer.Argument(metavar="N", help="The part of the worksheet to show; none lists them."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write worksheet, answers, teacher's notes, notebook and the pupils' recipe into "
            "this folder."
        ),
    ] = None,
) -> None:
    """Show an hour in class about distillation, part by part, or write its papers.

    Files that differ from the lesson's own are never replaced.

    Example: `babyllama lesson --out class`
    """
    from babyllama.lesson import TEACHER, WORKSHEET, paper, part, parts_of, write_papers

    if number is not None and out is not None:
        raise InputError(
            f"lesson {number} shows a part, and --out writes all papers",
            mend=f"Do one at a time: {command('lesson', '--out', out)}",
        )
    if out is not None:
        refuse_unwritable_folder(out)
        for path in write_papers(out):
            print_line(str(path))
        print_status(f"Begin with the teacher's notes: {out / TEACHER}")
    elif number is not None:
        print_markdown(part(number).text)
    else:
        parts = parts_of(paper(WORKSHEET))
        rows = [(f"{each.number}. {each.title}", str(each.minutes)) for each in parts]
        rows.append(("together", str(sum(each.minutes for each in parts))))
        print_result(table("Do teachers help? An hour in class", ("part", "minutes"), rows))
        print_status(f"Show a part: {command('lesson', 1)}")
        print_status(f"Write all papers: {command('lesson', '--out', Path('class'))}")
