"""The page about what cleaning changed: how much, by which rule, in which domain, with samples."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from babyllama.console import format_bytes, visible
from babyllama.data.cleaning.changes import Changes, RuleChanges, Sample
from babyllama.errors import numbered
from babyllama.report.rendering import render
from babyllama.report.table import Table
from babyllama.runs.files import write_atomically

_HIDDEN_KINDS = ("Cc", "Cf", "Zl", "Zp", "Co", "Cs")


@dataclass(frozen=True)
class Part:
    """A piece of a sample: `same`, `gone` or `new`."""

    kind: str
    text: str


@dataclass(frozen=True)
class ShownSample:
    """A sample as parts, and as two lines."""

    parts: tuple[Part, ...]
    before: str
    after: str


@dataclass(frozen=True)
class ShownRule:
    """A rule with its counts in words."""

    name: str
    does: str
    counts: str
    samples: tuple[ShownSample, ...]


@dataclass(frozen=True)
class DomainPart:
    """The rules that changed a domain."""

    name: str
    rules: tuple[ShownRule, ...]


def write_cleaning_report(
    changes: Changes, out: Path, *, source: str, settings: Mapping[str, str]
) -> None:
    """Write the page as HTML, or as Markdown if the file's name ends in `.md`.

    Args:
        source: the corpus, as the reader knows it.
        settings: how it was cleaned, in words.
    """
    template = "cleaning.md.j2" if out.suffix == ".md" else "cleaning.html.j2"
    context = {
        "source": source,
        "sentence": _sentence(changes),
        "settings": ", ".join(f"{name} {value}" for name, value in settings.items()),
        "seed": changes.seed,
        "tables": [each for each in (sizes_table(changes), rules_table(changes)) if each.rows],
        "domains": [
            DomainPart(name, tuple(_shown(rule, found) for rule, found in rules.items()))
            for name, rules in sorted(changes.domains.items())
        ],
    }
    write_atomically(out, visible(render(template, context)))


def sizes_table(changes: Changes) -> Table:
    """Bytes before and after, by domain."""
    sizes = sorted(changes.sizes.items())
    before, after = (sum(size[at] for _, size in sizes) for at in (0, 1))
    rows = [
        (name, f"{was:,}", f"{now:,}", _share(was - now, was))
        for name, (was, now) in [*sizes, ("all", (before, after))]
    ]
    head = ("domain", "bytes before", "after", "removed")
    return Table("Size of the text", head, tuple(rows))


def rules_table(changes: Changes) -> Table:
    """Lines that each rule changed, by domain."""
    domains = sorted(changes.domains)
    names = list(dict.fromkeys(rule for name in domains for rule in changes.domains[name]))
    found = {(name, rule): changes.domains[name].get(rule) for name in domains for rule in names}
    rows = [
        (_words(rule), *(f"{each.lines:,}" if each else "" for each in row))
        for rule in names
        for row in [[found[name, rule] for name in domains]]
    ]
    return Table(
        "Lines that each rule changed",
        ("rule", *domains),
        tuple(rows),
        note="A rule counts a line again if an earlier change let it find something new there.",
    )


def _sentence(changes: Changes) -> str:
    before, after = (sum(size[at] for size in changes.sizes.values()) for at in (0, 1))
    return (
        f"Cleaning took {format_bytes(before)} of text to {format_bytes(after)}: "
        f"{_share(before - after, before)} of its bytes are gone."
    )


def _share(part: int, total: int) -> str:
    return f"{part / total:.2%}" if total else "0.00%"


def _words(rule: str) -> str:
    return rule.replace("_", " ")


def _shown(rule: str, found: RuleChanges) -> ShownRule:
    more = "removed" if found.bytes_removed >= 0 else "added"
    counts = f"{numbered(found.lines, 'line')}, {numbered(abs(found.bytes_removed), 'byte')} {more}"
    return ShownRule(_words(rule), found.does, counts, tuple(map(_shown_sample, found.samples)))


def _shown_sample(sample: Sample) -> ShownSample:
    parts = list(_parts(sample.before, sample.after))
    if sample.cut[0]:
        parts.insert(0, Part("same", "… "))
    if sample.cut[1]:
        parts.append(Part("same", " …"))
    before, after = (
        "".join(part.text for part in parts if part.kind in ("same", kind))
        for kind in ("gone", "new")
    )
    return ShownSample(tuple(parts), before, after)


def _parts(before: str, after: str) -> Iterator[Part]:
    for change, start, end, other, last in SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if change == "equal":
            yield Part("same", _with_hidden(before[start:end]))
            continue
        if end > start:
            yield Part("gone", _with_hidden(before[start:end]))
        if last > other:
            yield Part("new", _with_hidden(after[other:last]))


def _with_hidden(text: str) -> str:
    """Text with everything that a reader would not see as an escape."""
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    is_blank = unicodedata.category(character) == "Zs" and character != " "
    if is_blank or unicodedata.category(character) in _HIDDEN_KINDS:
        return ascii(character)[1:-1]
    return character
