"""Count what each rule changed in a corpus and keep samples, in memory that does not grow."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from babyllama.data.cleaning.applying import Rule, Watch
from babyllama.data.cleaning.domains import CleaningRules
from babyllama.data.cleaning.pieces import clean_pieces
from babyllama.data.raw_text import read_blocks, size_of_text
from babyllama.data.sources import read_source

SAMPLES = 3
_BEFORE, _SHOWN = 50, 160  # characters shown before the first difference, and in all


@dataclass(frozen=True)
class Sample:
    """A line before and after a rule, or the part of it where the difference begins.

    Attributes:
        cut: whether text was left out before and after the part.
    """

    before: str
    after: str
    cut: tuple[bool, bool] = (False, False)


@dataclass
class RuleChanges:
    """What one rule did in one domain.

    Attributes:
        does: the first sentence of the rule's description.
        lines: how many it changed.
        bytes_removed: in UTF-8; below zero if the text grew.
        samples: drawn at random from the changed lines.
    """

    does: str
    lines: int = 0
    bytes_removed: int = 0
    samples: list[Sample] = field(default_factory=list)


@dataclass
class Changes:
    """What cleaning did, by domain and rule; rules are in the order in which they first acted.

    Attributes:
        seed: draws the samples.
        sizes: bytes before and after cleaning, by domain.
    """

    seed: int
    domains: dict[str, dict[str, RuleChanges]] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def watch(self, domain: str) -> Watch:
        """A function for `clean_pieces` that records the changes of one domain."""
        rules = self.domains.setdefault(domain, {})
        draws: dict[str, Random] = {}

        def record(rule: Rule, before: str, after: str) -> None:
            name = rule.__name__
            found = rules.setdefault(name, RuleChanges(_first_sentence(rule)))
            draw = draws.setdefault(name, Random(f"{self.seed}/{domain}/{name}"))
            found.bytes_removed += len(before.encode()) - len(after.encode())
            for old, new in _changed_lines(before, after):
                found.lines += 1
                _keep(found, old, new, draw)

        return record

    def add_size(self, domain: str, before: int, after: int) -> None:
        """Count bytes of a domain's text."""
        was = self.sizes.get(domain, (0, 0))
        self.sizes[domain] = (was[0] + before, was[1] + after)


def changes_of(
    path: Path, *, rules: CleaningRules, language: str, domain: str | None = None, seed: int = 0
) -> Changes:
    """Clean a corpus without writing it, and record what each rule changes.

    Args:
        path: see `sources`.
        domain: clean every file as this domain.
        seed: draws the samples.

    Raises:
        InputError: what `read_source` and `read_blocks` raise.
    """
    source = read_source(path)
    changes = Changes(seed)
    for each in (*source.train, *source.dev):
        pieces = clean_pieces(
            partial(read_blocks, each.path),
            domain=domain or each.name,
            rules=rules,
            language=language,
            watch=changes.watch(each.name),
        )
        after = sum(len(piece.encode()) for piece in pieces)
        changes.add_size(each.name, size_of_text(each.path).bytes, after)
    return changes


def _changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    """Each changed line before and after; if lines were joined or dropped, those that are gone."""
    old, new = before.split("\n"), after.split("\n")
    if len(old) == len(new):
        return [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    gone = Counter(old) - Counter(new)
    return [(line, "") for line, times in gone.items() for _ in range(times) if line]


def _keep(found: RuleChanges, old: str, new: str, draw: Random) -> None:
    """Reservoir sampling: every changed line is kept with the same probability."""
    at = draw.randrange(found.lines)
    if at >= SAMPLES:
        return
    sample = _part(old, new)
    if sample in found.samples:  # three times the same line would say little
        return
    if len(found.samples) < SAMPLES:
        found.samples.append(sample)
    else:
        found.samples[at] = sample


def _part(old: str, new: str) -> Sample:
    if max(len(old), len(new)) <= _SHOWN:
        return Sample(old, new)
    shorter = min(len(old), len(new))
    first = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    start = max(0, first - _BEFORE)
    end = start + _SHOWN
    return Sample(old[start:end], new[start:end], (start > 0, end < max(len(old), len(new))))


def _first_sentence(rule: Rule) -> str:
    return (rule.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")
