"""The picture that carries the answer: every model on unseen text and on the benchmark at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from babyllama.report.figures import STYLES, WIDTH, drawing, label_of, svg_of
from babyllama.report.scored_run import ScoredRun
from babyllama.report.unseen_text import Nats, cross_entropy
from babyllama.runs.run import Model, Role
from babyllama.scores.results import Interval

# Colour, marker, and whether it is filled: roles differ in greyscale, too.
_LOOKS: dict[Role, tuple[str, str, bool]] = {
    "student": (STYLES[0][0], "o", True),
    "twin": (STYLES[1][0], "s", False),
    "teacher": (STYLES[2][0], "^", False),
    "ensemble": (STYLES[3][0], "D", True),
}
_LABEL_GAP = 0.075  # between two labels, as a share of the axes' height
_ROOM = 0.08  # left free on each side of what is drawn, as a share of it
_FAR = 6  # times the range of the models: a reference further away would squeeze them together


@dataclass(frozen=True)
class Place:
    """Where a model stands.

    Attributes:
        nats: on unseen text, per token: the numbers of the first sentence and of the table.
        score: on the benchmark, in its unit.
    """

    model: Model
    nats: Nats
    score: float
    interval: Interval | None


@dataclass(frozen=True)
class Answer:
    """What the picture shows.

    Attributes:
        floor: the entropy of the text in nats per token, below which no model can be expected; None
            if it is not known.
        chance: the score of guessing.
    """

    benchmark: str
    places: tuple[Place, ...]
    floor: float | None
    chance: float | None

    @property
    def losses(self) -> tuple[float, float]:
        """The range of all cross-entropies with their intervals."""
        edges = [e for p in self.places for e in p.nats.interval or (p.nats.value,)]
        return min(edges), max(edges)

    @property
    def scores(self) -> tuple[float, float]:
        """The range of all scores with their intervals."""
        edges = [edge for p in self.places for edge in p.interval or (p.score,)]
        return min(edges), max(edges)


def answer_of(scored: ScoredRun) -> Answer | None:
    """Every trained model that has both measures; None if no two have."""
    benchmark = scored.main_benchmark
    models = [model for model in scored.run.models if model.role in _LOOKS]
    places = []
    for model in models:
        nats, result = cross_entropy(scored, model), scored.result(model, benchmark)
        if nats is not None and result is not None:
            places.append(Place(model, nats, result.score, result.interval))
    if len(places) < 2:
        return None
    floor = _floor(scored, [place.model for place in places])
    return Answer(benchmark, tuple(places), floor, scored.chance(benchmark))


def answer_figure(scored: ScoredRun) -> str | None:
    """The picture, as SVG; None if fewer than two models have both measures."""
    found = answer_of(scored)
    if found is None:
        return None
    unit = scored.unit(found.benchmark) or "percent"
    with drawing():
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        axes = figure.subplots()
        for place in found.places:
            _dot(axes, place)
        _limits(axes, found)
        _references(axes, found)
        _labels(axes, found.places)
        axes.set_xlabel("unseen text, nats per token (lower is better)")
        axes.set_ylabel(f"{scored.title(found.benchmark)}, {unit}")
        return svg_of(figure)


def caption_of(scored: ScoredRun) -> str:
    """How to read the picture."""
    found = answer_of(scored)
    if found is None:
        return ""
    result = next(
        result for place in found.places if (result := scored.result(place.model, found.benchmark))
    )
    better = "higher" if result.higher_is_better else "lower"
    text = (
        "Each model with its 95% intervals on both measures. Further left, it predicts unseen text "
        f"better; {better}, it does better on {found.benchmark}."
    )
    if found.chance is not None:
        text += _told(found.chance, found.scores, "Dotted: guessing", "Guessing scores {:.1f}")
    if found.floor is not None:
        text += _told(
            found.floor, found.losses, "Dashed: the entropy of the text, which no model can be "
            "expected to go below", "The entropy of the text is {:.3f} nats per token",
        )  # fmt: skip
    return (
        f"{text} Whether two models differ is in the table of differences, which pairs them: "
        "intervals that overlap here may still belong to models that differ."
    )


def _floor(scored: ScoredRun, models: Sequence[Model]) -> float | None:
    """The entropy of the text, which is known by word, in nats per token."""
    per_word = scored.run.dev_entropy
    for model in models:
        nats, its = model.dev_loss, scored.nats_per_word(model)
        if per_word is not None and nats and its:
            return per_word * nats / its  # all models read the same tokens
    return None


def _dot(axes: Axes, place: Place) -> None:
    colour, marker, is_filled = _LOOKS[place.model.role]
    x, y = place.nats.value, place.score
    axes.errorbar(
        [x], [y], xerr=reach(x, place.nats.interval), yerr=reach(y, place.interval),
        fmt=marker, color=colour, markersize=6.5, elinewidth=1.1,
        markerfacecolor=colour if is_filled else "white", zorder=3,
    )  # fmt: skip


def reach(value: float, interval: Interval | None) -> list[list[float]] | None:
    """How far an interval goes to either side of a value, as matplotlib draws it."""
    if interval is None:
        return None
    return [[max(0.0, value - interval[0])], [max(0.0, interval[1] - value)]]


def _limits(axes: Axes, found: Answer) -> None:
    """All intervals, and chance and the floor unless they are far away, with a little room."""
    for edges, reference, limit in (
        (found.losses, found.floor, axes.set_xlim),
        (found.scores, found.chance, axes.set_ylim),
    ):
        drawn = [*edges, *([] if reference is None or is_far(reference, edges) else [reference])]
        room = _ROOM * (max(drawn) - min(drawn)) or 1.0
        limit(min(drawn) - room, max(drawn) + room)


def is_far(reference: float, edges: Interval) -> bool:
    """Whether a reference is too far from the models to be drawn with them."""
    low, high = edges
    return max(low - reference, reference - high) > _FAR * (high - low)


def _told(reference: float, edges: Interval, drawn: str, far: str) -> str:
    """What a caption says of a reference: its line, or its value where no line is drawn."""
    if is_far(reference, edges):
        return f" {far.format(reference)}, too far away to be drawn."
    return f" {drawn}."


def _references(axes: Axes, found: Answer) -> None:
    if found.chance is not None and not is_far(found.chance, found.scores):
        axes.axhline(found.chance, color="#555555", linewidth=1, linestyle=(0, (1, 2)))
    if found.floor is not None and not is_far(found.floor, found.losses):
        axes.axvline(found.floor, color="#555555", linewidth=1, linestyle=(0, (4, 2)))


def _labels(axes: Axes, places: Sequence[Place]) -> None:
    """Names in a column at the right, each with a thin line to its model."""
    low, high = axes.get_ylim()
    ordered = sorted(places, key=lambda place: place.score)
    heights = spaced([(place.score - low) / (high - low) for place in ordered], _LABEL_GAP)
    for place, height in zip(ordered, heights, strict=True):
        axes.annotate(
            label_of(place.model), (place.nats.value, place.score), (1.03, height),
            textcoords="axes fraction", va="center", color=_LOOKS[place.model.role][0],
            arrowprops={"arrowstyle": "-", "color": "#aaaaaa", "linewidth": 0.6, "shrinkB": 5},
        )  # fmt: skip


def spaced(heights: Sequence[float], gap: float) -> list[float]:
    """Heights from 0 to 1 in rising order, moved apart until neighbours have the gap."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else height)
    if not placed:
        return []
    up = sum(placed) / len(placed) - sum(heights) / len(heights)
    shift = min(max(up, placed[-1] - 1.0), placed[0])
    return [height - shift for height in placed]
