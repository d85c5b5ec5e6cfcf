"""`babyllama corpus`, `tokenizer` and `tokenize`: from text to tokens."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from babyllama.cli.arguments import complete_stage
from babyllama.cli.outputs import (
    refuse_overlap,
    refuse_unwritable_file,
    refuse_unwritable_folder,
)
from babyllama.console import print_json, print_line, print_result, print_status, styled, table
from babyllama.errors import InputError

if TYPE_CHECKING:
    from babyllama.recipe import CorpusRecipe

_LEAST_SHOWN = 0.001  # of the letters, for a script to be named


def clean(
    src: Annotated[
        str,
        typer.Argument(
            help="A folder with train/ and dev/, or with plain files; a zip; a table or a folder "
            "of tables (--column); a dataset of the hub (--revision)."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    domain: Annotated[
        str | None, typer.Option(help="Clean every file as this domain, whatever its name.")
    ] = None,
    rules: Annotated[Literal["paper", "thorough"], typer.Option(help="Which set of cleaners.")] = (
        "thorough"
    ),
    language: Annotated[
        str, typer.Option(help="Language of the text, such as de; rules for English need en.")
    ] = "en",
    report: Annotated[
        Path | None,
        typer.Option(help="Also write a page, .html or .md, of what each rule changed."),
    ] = None,
    report_seed: Annotated[int, typer.Option(min=0, help="Draws the samples on that page.")] = 0,
    dev_fraction: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=0.5,
            help="Share of the text kept for dev if there is no dev/. Default: as in recipes.",
        ),
    ] = None,
    dev_seed: Annotated[
        int | None,
        typer.Option(min=0, help="Draw documents for dev by this seed, not the ends of files."),
    ] = None,
    words: Annotated[
        int | None,
        typer.Option(min=1, help="Keep this many words of train, in proportion from each domain."),
    ] = None,
    words_seed: Annotated[
        int, typer.Option(min=0, help="Decides which documents --words keeps.")
    ] = 0,
    drop_leaks: Annotated[
        bool,
        typer.Option("--drop-leaks", help="Drop lines of train that occur in dev or --benchmark."),
    ] = False,
    drop_duplicates: Annotated[
        bool,
        typer.Option("--drop-duplicates", help="Drop lines of train that repeat an earlier one."),
    ] = False,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH, as in `evaluate`: its texts are leaks; may be repeated."),
    ] = None,
    near_duplicate: Annotated[
        float | None,
        typer.Option(help="Similarity from which lines are near-duplicates. Default: 0.7."),
    ] = None,
    nested: Annotated[
        bool, typer.Option("--nested", help="Read folders in folders; each outer one is a domain.")
    ] = False,
    code: Annotated[
        list[str] | None,
        typer.Option(help="Read source code with this suffix, such as .py; may be repeated."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of the text, such as latin1. Default: utf-8.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="SRC is a table: the column of its text.")
    ] = None,
    document_column: Annotated[
        str | None, typer.Option(help="A column that names the document of each row.")
    ] = None,
    domain_column: Annotated[
        str | None, typer.Option(help="A column that names the domain of each row.")
    ] = None,
    rows: Annotated[
        Literal["documents", "lines"] | None,
        typer.Option(help="Whether each row is a document (default) or a line."),
    ] = None,
    nulls: Annotated[
        Literal["refuse", "skip"] | None,
        typer.Option(help="What to do with rows without text. Default: refuse."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="SRC is a dataset of the hub, at this commit.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="Which configuration of a dataset that has several.")
    ] = None,
) -> None:
    """Clean a corpus and count it; the output has one file per domain.

    A pipe is a corpus of one domain, called `text` unless --domain names it.

    Example: `babyllama corpus clean data/babylm_10M clean --rules paper`
    """
    from babyllama.cli.leaks import benchmarks_to_drop
    from babyllama.cli.sources import raw_text_of, source_of
    from babyllama.pipeline import text_stages
    from babyllama.recipe import CorpusRecipe, parse

    refuse_unwritable_folder(out)  # before a pipe is read
    refuse_overlap(out, [Path(src)] if Path(src).exists() else [])
    if report:
        _refuse_report(report, out)
    given = {
        "dev_fraction": dev_fraction, "dev_seed": dev_seed, "nested": nested or None,
        "code": tuple(code) if code else None, "encoding": encoding, "column": column,
        "document": document_column, "domain": domain_column, "rows": rows, "nulls": nulls,
        "revision": revision, "config": config,
    }  # fmt: skip
    source = source_of(src, {name: value for name, value in given.items() if value is not None})
    benchmarks = benchmarks_to_drop(benchmark or [], drop_leaks=drop_leaks)
    tree: dict[str, object] = {
        "source": source, "rules": rules, "words": words, "words_seed": words_seed,
        "language": language, "drop_leaks": drop_leaks, "drop_duplicates": drop_duplicates,
    }  # fmt: skip
    tree |= {} if near_duplicate is None else {"near_duplicate": near_duplicate}
    recipe = parse(CorpusRecipe, tree, "corpus clean")
    with raw_text_of(source, out, domain) as path:
        complete_stage(
            text_stages.corpus_stage(path, recipe, out, domain=domain, benchmarks=benchmarks)
        )
        if report:
            _write_report(path, recipe, report, src=src, domain=domain, seed=report_seed)


def _refuse_report(report: Path, out: Path) -> None:
    """Check where the page about cleaning is to be written.

    Raises:
        InputError: the file cannot be written, or is no HTML or Markdown.
    """
    if report.suffix not in (".html", ".md"):
        raise InputError(
            f"--report is {report}",
            why="The page is written as HTML or as Markdown, as the file's name says.",
            mend=f"Name it {report.with_suffix('.html').name}, for example.",
        )
    refuse_unwritable_file(report)
    if out.absolute() in report.absolute().parents:
        raise InputError(
            f"--report is {report}, inside the corpus",
            why="A corpus holds what its manifest lists, and no page.",
            mend=f"Write it beside: --report {out.name}{report.suffix}",
        )


def _write_report(
    path: Path, recipe: "CorpusRecipe", report: Path, *, src: str, domain: str | None, seed: int
) -> None:
    """Clean the text once more, rule by rule, and write what each changed."""
    from babyllama.data.cleaning.changes import changes_of
    from babyllama.report.cleaning import write_cleaning_report

    changes = changes_of(
        path, rules=recipe.rules, language=recipe.language, domain=domain, seed=seed
    )
    settings = {"rules": recipe.rules, "language": recipe.language}
    settings |= {"all as": domain} if domain else {}
    report.parent.mkdir(parents=True, exist_ok=True)
    write_cleaning_report(changes, report, source=src, settings=settings)
    print_line(str(report))


def stats(
    folder: Annotated[
        Path, typer.Argument(help="A folder with train/ and dev/, or with plain files.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count the documents, lines, words and characters of a corpus, and describe its words.

    Example: `babyllama corpus stats clean`
    """
    from babyllama.data.languages import size_in_words
    from babyllama.data.linguistics import linguistic_statistics
    from babyllama.data.sources import left_out_in_words, read_source
    from babyllama.data.statistics import corpus_statistics
    from babyllama.report.text_section import words_table

    for line in left_out_in_words(read_source(folder).left_out):
        print_status(line)
    counted, words = corpus_statistics(folder), linguistic_statistics(folder)
    if as_json:
        print_json(counted | {"linguistics": words})
        return
    columns = ("documents", "lines", "words", "characters")
    for split in ("train", "dev"):
        rows = [
            (name, *(f"{row[column]:,}" for column in columns))
            for name, row in [
                *counted[split]["domains"].items(),
                ("total", counted[split]["total"]),
            ]
        ]
        print_result(table(split, ("domain", *columns), rows))
    if made := words_table(words):
        print_result(table(made.title, made.head, made.rows))
        print_status(made.note)
    scripts = words["total"]["scripts"]
    shares = {name: number / sum(scripts.values()) for name, number in scripts.items()}
    shown = [f"{name} {share:.1%}" for name, share in shares.items() if share >= _LEAST_SHOWN]
    print_result(styled(f"letters: {', '.join(shown) or 'none'}"))
    for line in size_in_words(_language_of(folder), scripts, counted["train"]["total"]):
        print_status(line)


def _language_of(corpus: Path) -> str:
    """The language that a clean corpus was cleaned as; English where nothing says another."""
    from babyllama.runs.manifests import read_manifest

    recipe = (read_manifest(corpus) or {}).get("recipe", {})
    return str(recipe.get("language", "en"))


def synthesize(
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    words: Annotated[int, typer.Option(help="Whitespace-separated words of training text.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    dev_words: Annotated[
        int | None, typer.Option(help="Words of dev text; a fifth of --words by default.")
    ] = None,
) -> None:
    """Generate English-like text of known entropy, and minimal pairs.

    Example: `babyllama corpus synthesize grammar --words 100000 --seed 1`
    """
    from babyllama.pipeline import text_stages
    from babyllama.recipe import SyntheticSource, parse

    tree = {
        "kind": "synthetic",
        "words": words,
        "dev_words": max(200, words // 5) if dev_words is None else dev_words,
    }
    recipe = parse(SyntheticSource, tree, "corpus synthesize")
    complete_stage(text_stages.source_stage(recipe, out, seed=seed))


def tokenizer_train(
    corpus: Annotated[Path, typer.Argument(help="A clean corpus, or one .txt file.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    kind: Annotated[
        Literal["bpe", "unigram", "characters", "bytes"],
        typer.Option(help="bpe: byte-level, as in the paper. Every kind can write any text."),
    ] = "bpe",
    vocab_size: Annotated[
        int | None,
        typer.Option(help="Tokens at most, special ones too. Default: 16,000; bytes have 259."),
    ] = None,
    normalization: Annotated[
        Literal["nfkc", "nfc", "none"],
        typer.Option(help="Unicode form of the text. nfkc makes full-width punctuation ASCII."),
    ] = "nfkc",
    pad_vocab_to: Annotated[
        int | None,
        typer.Option(help="Reserved tokens make the number of tokens a multiple of this."),
    ] = None,
) -> None:
    """Train a tokenizer on the training text of a corpus: byte-level BPE, or another kind.

    Example: `babyllama tokenizer train clean tokenizer --vocab-size 16000`
    """
    from babyllama.data.tokenizer import training_files
    from babyllama.pipeline import text_stages
    from babyllama.recipe import TokenizerRecipe, parse

    tree: dict[str, object] = {
        "kind": kind, "normalization": normalization, "pad_vocab_to": pad_vocab_to,
    }  # fmt: skip
    tree |= {} if vocab_size is None else {"vocab_size": vocab_size}
    recipe = parse(TokenizerRecipe, tree, "tokenizer train")
    stage = text_stages.tokenizer_stage(corpus, recipe, out)
    complete_stage(stage, check=lambda: training_files(corpus))


def tokenizer_stats(
    tokenizer: Annotated[Path, typer.Argument(help="A tokenizer folder, or a model's.")],
    corpus: Annotated[
        Path, typer.Argument(help="A folder with train/ and dev/, or with plain files.")
    ],
    split: Annotated[Literal["train", "dev"], typer.Option(help="Which text to encode.")] = "train",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See how a tokenizer cuts the text of a corpus, by domain, and which tokens it uses.

    Example: `babyllama tokenizer stats tokenizer clean`
    """
    from babyllama.data.tokenizer_statistics import tokenizer_statistics

    found = tokenizer_statistics(tokenizer, corpus, split)
    for line in found["warnings"]:
        print_status(line, style="yellow")
    if as_json:
        print_json(found)
        return
    rows = [
        (name, f"{row['words']:,}", f"{row['tokens']:,}", f"{row['tokens_per_word']:.2f}",
         f"{row['characters_per_token']:.2f}", f"{row['bytes_per_token']:.2f}",
         f"{row['unknown']:,}", f"{row['used']:,}")
        for name, row in [*found["domains"].items(), ("total", found["total"])]
    ]  # fmt: skip
    columns = ("domain", "words", "tokens", "tokens/word", "chars/token", "bytes/token", "unknown",
               "tokens used")  # fmt: skip
    print_result(table(split, columns, rows))
    for which in ("most", "least"):
        listed = "  ".join(f"{token!r} {count:,}" for token, count in found[f"{which}_used"])
        print_result(styled(f"{which} used: {listed}"))
    print_result(styled(f"never used: {found['never_used']:,} of {found['vocab_size']:,} tokens"))


def tokenize(
    corpus: Annotated[Path, typer.Argument(help="A clean corpus.")],
    tokenizer: Annotated[Path, typer.Argument(help="A tokenizer folder.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    layout: Annotated[
        Literal["lines", "stream"], typer.Option(help="Where `<s>` and `</s>` are placed.")
    ] = "lines",
    documents: Annotated[
        Literal["attend", "separate"],
        typer.Option(help="Whether a token sees other documents in its window."),
    ] = "attend",
) -> None:
    """Encode a corpus as memory-mapped token streams.

    Example: `babyllama tokenize clean tokenizer tokens`
    """
    from babyllama.pipeline import text_stages
    from babyllama.recipe import TokensRecipe, parse

    recipe = parse(TokensRecipe, {"layout": layout, "documents": documents}, "tokenize")
    complete_stage(text_stages.tokens_stage(corpus, tokenizer, recipe, out))
