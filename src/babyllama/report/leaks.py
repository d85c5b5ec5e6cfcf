"""What stands twice in the text of a run, in sentences, tables and samples."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from babyllama.report.table import Table, cell
from babyllama.report.wording import NONE

Tree = Mapping[str, Any]

_SHOWN = 2  # samples of a kind
_KINDS = {"sequence": "a shared sequence", "same": "an equal line", "near": "a near-duplicate"}
_TITLES = {"dev": "Dev in train, by domain", "within": "Again in train, by domain"}
_DROPPED = {"leak": "drop_leaks", "duplicate": "drop_duplicates"}


def leak_sentences(found: Tree) -> list[str]:
    """What matters first: dev, then each benchmark, then train itself, then what was dropped.

    Args:
        found: what `data.leaks.check` found, and what was `removed` before, if anything was.
    """
    lines = []
    if "dev" in found:
        lines.append(_of_dev(found["dev"], found["settings"]))
    for name, each in found.get("benchmarks", {}).items():
        lines.append(_of_benchmark(name, each, found["settings"]))
    if "within" in found:
        lines.append(_within(found["within"], found["settings"]))
    lines += [
        f"{_DROPPED[kind]}: {each['lines']:,} lines with {each['words']:,} "
        f"{found['settings']['unit']} were dropped from train before; removed.jsonl keeps them."
        for kind, each in found.get("removed", {}).items()
        if kind in _DROPPED and each["lines"]
    ]
    return lines


def leak_tables(found: Tree) -> list[Table]:
    """Dev and train by domain, and every comparison by the length of lines."""
    if "settings" not in found:
        return []
    made, unit = [], found["settings"]["unit"]
    head = (
        "lines", unit, "equal lines", "of lines", f"of {unit}", f"{unit} in sequences",
        f"of {unit}", "near-duplicates",
    )  # fmt: skip
    for name, title in _TITLES.items():
        if name in found:
            domains = {**found[name]["domains"], "total": found[name]["total"]}
            rows = tuple((each, *_cells(counts)) for each, counts in domains.items())
            made.append(Table(title, ("domain", *head), rows))
    by_length = tuple(
        (f"{name}, {length}", *_cells(counts))
        for name, each in _compared(found)
        for length, counts in each["lengths"].items()
        if counts["lines"]
    )
    if by_length:
        title = f"By the length of lines in {unit}"
        made.append(Table(title, ("length", *head), by_length, _note(found["settings"])))
    return made


def leak_samples(found: Tree) -> list[str]:
    """A few of the copies, each on a line."""
    return [
        f"{name} {_where(sample)}, {_KINDS[sample['why']]} in train at {_where(sample['copy'])}: "
        f"“{sample['text']}”"
        + (f" / “{sample['copy']['text']}”" if sample["why"] == "near" else "")
        for name, each in _compared(found)
        for sample in _some(each["samples"])
    ]


def _compared(found: Tree) -> Iterator[tuple[str, Tree]]:
    if "dev" in found:
        yield "dev", found["dev"]
    yield from found.get("benchmarks", {}).items()
    if "within" in found:
        yield "train", found["within"]


def _of_dev(dev: Tree, settings: Tree) -> str:
    total, unit = dev["total"], settings["unit"]
    return (
        f"{_share(total['sequence_words'], total['words'])} of the {unit} of dev stand in "
        f"sequences of {settings['sequence']} {unit} that are also in train{_most(dev)}. "
        f"{_share(total['same_lines'], total['lines'])} of its lines, with "
        f"{_share(total['same_words'], total['words'])} of its {unit}, are also lines of train: "
        f"{_by_length(dev, unit)}. "
        f"{_share(total['near_lines'], total['lines'])} more are near-duplicates of one."
    )


def _of_benchmark(name: str, found: Tree, settings: Tree) -> str:
    total, unit = found["total"], settings["unit"]
    return (
        f"{name}: of {total['lines']:,} texts {total['same_lines']:,} are also lines of train, "
        f"{total['near_lines']:,} more are near-duplicates of one, and "
        f"{_share(total['sequence_words'], total['words'])} of the {unit} stand in sequences of "
        f"{settings['sequence']} {unit}, or in full texts of {settings['shortest']} or more, "
        "that are also in train."
    )


def _within(found: Tree, settings: Tree) -> str:
    total, unit = found["total"], settings["unit"]
    return (
        f"Within train, {_share(total['sequence_words'], total['words'])} of the {unit} stand in "
        f"sequences of {settings['sequence']} {unit} that stand there earlier{_most(found)}. "
        f"{_share(total['same_lines'], total['lines'])} of the lines, with "
        f"{_share(total['same_words'], total['words'])} of the {unit}, repeat an earlier line: "
        f"{_by_length(found, unit)}. "
        f"{_share(total['near_lines'], total['lines'])} more are near-duplicates of one."
    )


def _by_length(found: Tree, unit: str) -> str:
    return ", ".join(
        f"{_share(counts['same_lines'], counts['lines'])} of lines of "
        f"{_length_in_words(length)} {unit}"
        for length, counts in found["lengths"].items()
        if counts["lines"]
    )


def _length_in_words(length: str) -> str:
    """`3-5` as `3 to 5`, `13+` as `13 or more`."""
    return length.replace("-", " to ").replace("+", " or more")


def _most(found: Tree) -> str:
    """The domain with the largest share in shared sequences, if it stands out."""
    total, domains = found["total"], found["domains"]
    shares = {
        name: each["sequence_words"] / each["words"]
        for name, each in domains.items()
        if each["words"]
    }
    name = max(shares, key=lambda each: shares[each], default="")
    if not name or shares[name] <= 2 * total["sequence_words"] / total["words"]:
        return ""
    return f", in {name} {_share(domains[name]['sequence_words'], domains[name]['words'])}"


def _note(settings: Tree) -> str:
    unit = settings["unit"]
    return (
        "Case and punctuation do not count. Equal lines are those that are also lines of train or, "
        f"within train, stand earlier. Sequences have {settings['sequence']} {unit}. "
        f"Near-duplicates are other lines of {settings['shortest']} {unit} or more that share "
        f"{settings['near']:.0%} of all sets of {settings['shingle']} {unit} in a row with one; "
        f"{settings['missed_at_near']:.1%} of those just at this limit are missed."
    )


def _cells(counts: Tree) -> tuple[str, ...]:
    lines, words = counts["lines"], counts["words"]
    return (
        cell(lines, "{:,}"),
        cell(words, "{:,}"),
        cell(counts["same_lines"], "{:,}"),
        _share(counts["same_lines"], lines),
        _share(counts["same_words"], words),
        cell(counts["sequence_words"], "{:,}"),
        _share(counts["sequence_words"], words),
        cell(counts["near_lines"], "{:,}"),
    )


def _share(part: int, of: int) -> str:
    """A share in percent, with as many digits as it needs to be more than 0."""
    if not of:
        return NONE
    share = 100 * part / of
    if 0 < share < 0.001:
        return "under 0.001%"
    return f"{share:.{1 if share >= 10 or not share else 2 if share >= 0.1 else 3}f}%"


def _where(place: Tree) -> str:
    return ":".join(str(place[key]) for key in ("domain", "line") if key in place)


def _some(samples: Sequence[Tree]) -> Iterator[Tree]:
    for kind in _KINDS:
        yield from [each for each in samples if each["why"] == kind][:_SHOWN]
