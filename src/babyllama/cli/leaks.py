"""`babyllama corpus leaks`: what occurs twice in a corpus, and what benchmarks share with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from babyllama.cli.arguments import benchmark_and_path, refuse_duplicates, refuse_missing
from babyllama.cli.outputs import refuse_result_file
from babyllama.console import print_json, print_line, print_result, print_status, table
from babyllama.errors import InputError


def leaks(
    src: Annotated[
        Path, typer.Argument(help="A corpus, clean or not, or a folder of training text.")
    ],
    dev: Annotated[
        Path | None, typer.Option(help="A folder of dev text. Default: that of SRC, if it has any.")
    ] = None,
    benchmark: Annotated[
        list[str] | None, typer.Option(help="NAME=PATH, as in `evaluate`; may be repeated.")
    ] = None,
    near_duplicate: Annotated[
        float | None,
        typer.Option(help="Similarity from which lines are near-duplicates. Default: 0.7."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the JSON to this file.")] = None,
) -> None:
    """Say what dev and benchmarks share with train, and what occurs twice in train.

    It looks for equal lines, for 13 words in a row, and for near-duplicates, and changes nothing:
    `corpus clean --drop-leaks --drop-duplicates` removes what it finds.

    Example: `babyllama corpus leaks clean --benchmark blimp=data/blimp`
    """
    named = _benchmarks(benchmark or [])
    if out:
        refuse_result_file(out, [src, *([dev] if dev else []), *named.values()])

    from babyllama.data.leaks.check import check
    from babyllama.data.leaks.minhash import rows_for
    from babyllama.data.sources import left_out_in_words, read_dev, read_source
    from babyllama.recipe import NEAR_DUPLICATE
    from babyllama.runs.files import write_json

    near = NEAR_DUPLICATE if near_duplicate is None else near_duplicate
    rows_for(near)  # before anything is read
    source = read_source(src)
    of_dev = read_dev(dev) if dev else source.dev
    for line in left_out_in_words(source.left_out):
        print_status(line)
    if not of_dev:
        print_status(f"{src} has no dev text: train is compared with benchmarks and with itself")
    texts = []
    if named:  # their suites take time to import
        from babyllama.evaluation.leaks import benchmark_texts

        texts = [*benchmark_texts(named)]
    found = check(source.train, of_dev, texts, near=near).found
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, found)
    if as_json:
        print_json(found)
    else:
        _print(found)


def benchmarks_to_drop(given: Sequence[str], *, drop_leaks: bool) -> dict[str, Path]:
    """The benchmarks of `corpus clean --drop-leaks`.

    Raises:
        InputError: there are some, but leaks are not dropped; what is wrong with one.
    """
    if given and not drop_leaks:
        raise InputError(
            f"--benchmark {given[0]} does nothing without --drop-leaks",
            mend="Add --drop-leaks, or look first: babyllama corpus leaks SRC --benchmark "
            f"{given[0]}",
        )
    return _benchmarks(given)


def _benchmarks(given: Sequence[str]) -> dict[str, Path]:
    named = [benchmark_and_path(each) for each in given]
    refuse_duplicates("benchmark", [name for name, _ in named])
    refuse_missing([path for _, path in named])
    return dict(named)


def _print(found: Mapping[str, Any]) -> None:
    from babyllama.report.leaks import leak_samples, leak_sentences, leak_tables

    for line in leak_sentences(found):
        print_line(line)
    for each in leak_tables(found):
        print_line()
        print_result(table(each.title, each.head, each.rows))
    print_line()
    for line in leak_samples(found):
        print_line(line)
