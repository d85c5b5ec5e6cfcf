"""Make a clean corpus from raw files: one text per split and domain, and its statistics.

`sources` finds the files, `raw_text` reads them, `cleaning` cleans them. What each file got, and
what was left out, is printed once and returned.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from babyllama.console import print_status
from babyllama.data.cleaning.domains import (
    CLEANERS,
    CODE,
    NEUTRAL,
    CleaningRules,
    cleaner_for,
)
from babyllama.data.cleaning.pieces import clean_pieces
from babyllama.data.dev_split import blocks_before, blocks_from, dev_start
from babyllama.data.file_names import parse_name
from babyllama.data.languages import Look, doubts, looks_at, size_in_words
from babyllama.data.leaks.check import Kind
from babyllama.data.leaks.index import Text
from babyllama.data.leaks.of_corpus import drop_copies, write_leaks
from babyllama.data.linguistics import write_linguistics
from babyllama.data.raw_text import check_text, read_blocks
from babyllama.data.sources import Domain, Source, Split, left_out_in_words, read_source
from babyllama.data.statistics import write_statistics
from babyllama.data.subset import keep_words
from babyllama.errors import InputError, listed
from babyllama.recipe import DEV_FRACTION, NEAR_DUPLICATE
from babyllama.recipe.text import ENGLISH
from babyllama.runs.files import hash_file
from babyllama.runs.manifests import read_manifest


def clean_corpus(
    path: Path,
    out: Path,
    *,
    rules: CleaningRules,
    dev_fraction: float = DEV_FRACTION,
    domain: str | None = None,
    language: str = ENGLISH,
    words: int | None = None,
    words_seed: int = 0,
    drop: frozenset[Kind] = frozenset(),
    near: float = NEAR_DUPLICATE,
    benchmarks: Sequence[Text] = (),
) -> dict[str, Any]:
    """Clean a corpus into `out`: train/DOMAIN.txt, dev/DOMAIN.txt, and what is known of them.

    Every file is read once before anything is written, so a damaged file is found early.

    Args:
        path: see `sources`.
        dev_fraction: the share of each file's characters that becomes dev, taken from its end
            before cleaning. Not used if the source has a dev split.
        domain: clean every file as this domain, whatever its name.
        language: of the text; see `clean_pieces`.
        words: keep so many words of train, drawn by `words_seed`: see `subset`.
        drop: leaks, duplicates or both are removed from train first: see `leaks.removal`.
        near: from which similarity on lines are near-duplicates.
        benchmarks: whose texts are leaks, besides dev.

    Returns:
        `cleaners`: the cleaner of each domain, "neutral" where none has its name; `left_out`: the
        reason for each file and folder that was not read; `removed`, if something was to be
        dropped; `subset`, if `words` was given.

    Raises:
        InputError: the source cannot be read (see `read_source`, `read_blocks`), no cleaner has the
            name `domain`, `out` is the source or holds other texts, a file is empty after
            cleaning, or train without its leaks and duplicates.
    """
    _refuse_unknown(domain)
    source = read_source(path)
    undecoded = {each.path: check_text(each.path) for each in (*source.train, *source.dev)}
    starts = (
        {} if source.dev else {each.path: _dev_start(each, dev_fraction) for each in source.train}
    )
    _refuse_mixture(path, out, source)
    names = sorted({each.name for each in (*source.train, *source.dev)})
    cleaners = {name: _cleaner_of(domain or name) for name in names}
    of_grammar = _is_synthetic(path)  # its domains are ours: no cleaner is missing
    looks = {} if of_grammar else looks_at(source)
    _print_before(source, {} if of_grammar else cleaners, rules, language, looks)
    for line in _undecoded_in_words(undecoded):
        print_status(line, style="yellow")

    for split, each, read in _texts(source, starts):
        pieces = clean_pieces(read, domain=domain or each.name, rules=rules, language=language)
        if not _write(out / split / f"{each.name}.txt", pieces):
            raise _empty_after_cleaning(each, split, domain or each.name)
    facts: dict[str, Any] = {
        "cleaners": cleaners,
        "left_out": {each.name: each.why for each in source.left_out},
    }
    if drop:
        facts["removed"] = drop_copies(
            out, source=path, drop=drop, near=near, benchmarks=benchmarks
        )
    if words is not None:
        facts["subset"] = keep_words(out / "train", words, seed=words_seed)
        _print_subset(facts["subset"])
    counted = write_statistics(out, facts.get("subset"))
    scripts = write_linguistics(out)["total"]["scripts"]
    for line in size_in_words(language, scripts, counted["train"]["total"]):
        print_status(line)
    write_leaks(out, near=near, removed=facts.get("removed"), is_quiet=of_grammar)
    return facts


def _refuse_unknown(domain: str | None) -> None:
    if domain is not None and domain not in CLEANERS:
        raise InputError(
            f"domain is {domain}",
            why="No cleaner has this name.",
            mend=f"Use one of {', '.join(CLEANERS)}, or leave the option out.",
        )


def _print_before(
    source: Source,
    cleaners: dict[str, str],
    rules: CleaningRules,
    language: str,
    looks: Mapping[str, Look],
) -> None:
    """Say how each domain is cleaned, what is left out, and what looks like a mistake."""
    is_english = language == ENGLISH or rules == "paper"
    for line in (*_cleaners_in_words(cleaners, is_english), *left_out_in_words(source.left_out)):
        print_status(line)
    contradicted = () if rules == "paper" else doubts(language, looks)
    for line in (*contradicted, *_repeated_in_words(source)):
        print_status(line, style="yellow")


def _print_subset(subset: Mapping[str, int]) -> None:
    if subset["of"] <= subset["asked"]:
        line = (
            f"{subset['asked']:,} words are asked for, and the training text has "
            f"{subset['of']:,}: all are kept"
        )
        print_status(line, style="yellow")
    else:
        print_status(f"{subset['kept']:,} of {subset['of']:,} words of the training text are kept")


def _texts(
    source: Source, starts: Mapping[Path, int]
) -> Iterator[tuple[Split, Domain, Callable[[], Iterable[str]]]]:
    """Yield every text of the output before cleaning, as a function that reads it in blocks.

    Args:
        starts: where the dev text of a training file begins, if its end is dev text.
    """
    for each in source.train:
        read = partial(read_blocks, each.path)
        if each.path in starts:
            yield "dev", each, partial(blocks_from, read, starts[each.path])
            yield "train", each, partial(blocks_before, read, starts[each.path])
        else:
            yield "train", each, read
    for each in source.dev:
        yield "dev", each, partial(read_blocks, each.path)


def _dev_start(domain: Domain, fraction: float) -> int:
    read = partial(read_blocks, domain.path)
    return dev_start(read, fraction=fraction, name=str(domain.path))


def _write(path: Path, pieces: Iterable[str]) -> bool:
    """Write a text; returns whether it is more than white space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    has_text = False
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for piece in pieces:
            file.write(piece)
            has_text = has_text or bool(piece.strip())
    return has_text


def _cleaner_of(domain: str) -> str:
    cleaner = cleaner_for(domain)
    return "code" if cleaner is CODE else domain if domain in CLEANERS else "neutral"


def _is_synthetic(path: Path) -> bool:
    """Whether the built-in grammar wrote a source."""
    manifest = read_manifest(path)
    return manifest is not None and manifest["stage"] == "synthetic"


def _cleaners_in_words(cleaners: dict[str, str], is_english: bool) -> Iterator[str]:
    """One line for all domains that have a cleaner, one for each that has none."""
    named = [
        name if name == cleaner else f"{name} as {cleaner}"
        for name, cleaner in cleaners.items()
        if cleaner != "neutral"
    ]
    if named:
        which = "" if is_english else " that hold in every language"
        yield f"cleaned by the rules of their domain{which}: {', '.join(named)}"
    unknown = [name for name, cleaner in cleaners.items() if cleaner == "neutral"]
    near = {name: _near_miss(name) for name in unknown}
    for name in filter(near.get, unknown):
        yield f"{name}: neutral rules, no cleaner has this name. Did you mean {near[name]}?"
    others = [name for name in unknown if not near[name]]
    if others:
        have = "this name" if len(others) == 1 else "these names"
        yield f"{listed(others)}: neutral rules, no cleaner has {have}"


def _near_miss(domain: str) -> str:
    """The cleaner that a domain's name may mean: `childes` for `CHILDES-2024`; "" if none."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in domain.lower())
    special = [name for name, cleaner in CLEANERS.items() if cleaner is not NEUTRAL]
    inside = [name for name in special if name in plain]
    around = [name for name in special if len(plain) > 2 and plain in name]
    close = difflib.get_close_matches(plain, special, n=1, cutoff=0.75)
    return max(inside, key=len, default="") or min([*around, *close], key=len, default="")


def _repeated_in_words(source: Source) -> Iterator[str]:
    """A line for each file that has the very bytes of an earlier one."""
    sizes: dict[int, list[Path]] = {}
    train = {each.path for each in source.train}
    for each in (*source.train, *source.dev):
        sizes.setdefault(each.path.stat().st_size, []).append(each.path)
    for paths in sizes.values():
        seen: dict[str, Path] = {}
        for path in paths if len(paths) > 1 else []:
            first = seen.setdefault(hash_file(path), path)
            if first is not path:
                is_leak = path not in train and first in train
                effect = "dev is text that is trained on" if is_leak else "it counts twice"
                yield f"{path} is the same text as {first}: {effect}"


def _undecoded_in_words(undecoded: dict[Path, int]) -> Iterator[str]:
    for path, count in undecoded.items():
        if count:
            yield (
                f"{path} holds U+FFFD, the replacement character, {count:,} times: an earlier "
                "program could not decode its text"
            )


def _refuse_mixture(path: Path, out: Path, source: Source) -> None:
    if out.resolve() == path.resolve():
        raise InputError(f"{out} is both source and output", mend="Choose another output folder.")
    splits: tuple[tuple[Split, Sequence[Domain]], ...] = (
        ("train", source.train),
        ("dev", source.dev or source.train),
    )
    for split, domains in splits:
        written = {f"{domain.name}.txt" for domain in domains}
        files = (file.name for file in (out / split).glob("*") if file.is_file())
        existing = {name for name in files if parse_name(name).split != "other"}
        if existing - written:
            raise InputError(
                f"{out / split} already holds {', '.join(sorted(existing - written))}",
                why="The output would mix two corpora.",
                mend="Choose a new output folder, or empty this one.",
            )


def _empty_after_cleaning(source: Domain, split: Split, domain: str) -> InputError:
    return InputError(
        f"{source.path} has no text left for {split}/ after cleaning",
        why=f"The rules for {domain} removed every line.",
        mend="Choose another cleaner with --domain, or remove the file from the corpus.",
    )
