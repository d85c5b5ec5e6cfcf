"""Sentences as heat strips: which words made a model prefer the wrong text of two."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from babyllama.report.scored_run import ScoredRun
from babyllama.report.section import LostChoice, Section, Word
from babyllama.runs.run import main_student, student_and_twin
from babyllama.scores.results import WrongChoice

_LIMITS = (0.5, 2.0, 4.0)  # nats above the other text's word, at which the shade changes
_ALIKE = 2  # errors on one UID: more of them say the same
_MENDED = 10  # errors of the twin that are shown
_HOW = (
    "Under each word is its surprisal in nats. Words that the two texts do not share are "
    "underlined. The stronger a word's shade, the more it costs the model than what the other text "
    "has in its place: the shade changes at 0.5, 2 and 4 nats."
)

Words = Sequence[tuple[str, float]]


def mended_errors(scored: ScoredRun) -> Section | None:
    """The worst errors of the twin that the student does not make."""
    student, twin = student_and_twin(scored.run)
    of_twin = scored.results.get(twin.name) if twin else None
    if student is None or twin is None or of_twin is None:
        return None
    found = []
    for each in of_twin.worst:
        own = scored.predictions(student, each.benchmark)
        if own is None or (each.UID, each.pairID) not in own.keys:
            continue
        if own.correct[own.keys.index((each.UID, each.pairID))] == 1:
            found.append(each)
    text = (
        f"Of {len(of_twin.worst)} of the worst errors of {twin.name}, {student.name} decides "
        f"{len(found)} rightly. Here is how {twin.name} reads some of them, "
        f"at most {_ALIKE} of a UID. {_HOW}",
    )
    lost = tuple(map(lost_choice, _varied(found, most=_MENDED)))
    title = "Errors of the twin that the student does not make"
    return Section(title, text, lost=lost) if lost else None


def worst_errors(scored: ScoredRun) -> Section | None:
    """The errors that the student is surest of, word by word."""
    student = main_student(scored.run)
    result = scored.results.get(student.name) if student else None
    if not student or not result or not result.worst:
        return None
    found = _varied(result.worst)
    text = (f"Among the worst errors of {student.name}, at most {_ALIKE} of a UID. {_HOW}",)
    lost = tuple(map(lost_choice, found))
    return Section(f"Worst errors of {student.name}", text, lost=lost)


def _varied(worst: Sequence[WrongChoice], *, most: int | None = None) -> list[WrongChoice]:
    """At most `_ALIKE` errors of each UID, the worst first.

    Args:
        most: how many in all: the worst of each UID is taken first, then the second of each.
    """
    counts: Counter[tuple[str, str]] = Counter()
    rounds: list[list[WrongChoice]] = [[] for _ in range(_ALIKE)]
    for each in worst:
        uid = (each.benchmark, each.UID)
        if counts[uid] < _ALIKE:
            rounds[counts[uid]].append(each)
        counts[uid] += 1
    chosen = [each for of_round in rounds for each in of_round][:most]
    return sorted(chosen, key=lambda each: -each.margin)


def lost_choice(each: WrongChoice) -> LostChoice:
    """A wrong decision with both texts as strips."""
    about = f"{each.benchmark}, {each.UID}: {each.margin:.1f} nats"
    right, preferred = strips(each.right, each.preferred)
    return LostChoice(about, right, preferred)


def strips(one: Words, other: Words) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """Two texts whose words are compared with those in the same place of the other one."""
    ours, theirs = ([word for word, _ in text] for text in (one, other))
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    left: list[Word] = []
    right: list[Word] = []
    for kind, start, stop, other_start, other_stop in blocks:
        mine, its = one[start:stop], other[other_start:other_stop]
        left += _words(mine, its, is_same=kind == "equal")
        right += _words(its, mine, is_same=kind == "equal")
    return tuple(left), tuple(right)


def _words(own: Words, other: Words, *, is_same: bool) -> Iterator[Word]:
    """The words of a block, each compared with the same word or with its share of the block."""
    share = sum(nats for _, nats in other) / max(1, len(own))
    for place, (word, nats) in enumerate(own):
        more = nats - (other[place][1] if is_same else share)
        shade = sum(more >= limit for limit in _LIMITS)
        yield Word(word, f"{nats:.1f}", shade, not is_same)
