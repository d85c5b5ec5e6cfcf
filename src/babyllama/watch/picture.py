"""A snapshot drawn for a terminal: stages, numbers, remarks, curves."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from babyllama.console import format_bytes, format_count, format_duration, styled, visible
from babyllama.errors import command
from babyllama.recipe.names import EVALUATION, REPORT
from babyllama.runs.dev_windows import part_of_dev
from babyllama.runs.layout import Layout, resume_command
from babyllama.runs.training_log import EpochEnd, Rewind, Step, TrainingLog
from babyllama.watch import axis
from babyllama.watch.snapshot import Snapshot, WatchedStage

Curve = Sequence[tuple[float, float]]  # (step, value)
Line = Step | EpochEnd
_COLOURS = {"training": "cyan", "dev": "magenta", "averaged dev": "yellow", "kl": "cyan"}
_LEAST_SILENCE = 120.0  # seconds: no line is written during dev scores and checkpoints
_LINES_OF_SILENCE = 10
_LOWEST_CHART = 4  # rows of a curve; with less room only numbers are shown


def picture(now: Snapshot, console: Console, *, height: int) -> RenderableType:
    """Draw a snapshot in at most `height` rows; curves get the rows that the rest leaves."""
    width = console.width
    parts: list[RenderableType] = [_title(now, width)]
    if now.recipe:
        parts.append(_overview(now, width))
    if now.log is not None:
        parts += _numbers(now, now.log, width)
    parts += [styled((line, "yellow")) for line in _remarks(now)]
    rows = sum(len(console.render_lines(part, pad=False)) for part in parts)
    if now.log is not None and now.log.steps:
        coloured = console.is_terminal and not console.no_color
        plain = console.options.ascii_only
        parts += _charts(now.log, width, height - rows, coloured=coloured, plain=plain)
    return Group(*parts)


def _title(now: Snapshot, width: int) -> Text:
    recipe = f", recipe {now.recipe.name}" if now.recipe else ""
    text = styled((f"{now.path}", "bold"), recipe)
    clock = time.strftime("%H:%M:%S")
    text.truncate(max(1, width - len(clock) - 2), overflow="crop", pad=True)
    return text.append(f"  {clock}", style="dim")


def _overview(now: Snapshot, width: int) -> Table:
    """One row for all stages of a state."""
    # Once the models are scored, the answer below has numbers of all the dev text.
    is_scored = any(each.name == EVALUATION and each.state == "complete" for each in now.stages)
    grid = Table.grid(padding=(0, 2, 0, 0))
    for state in ("complete", "in progress", "interrupted", "to come"):
        label = _name if is_scored else _label
        labels = [f"{label(stage)}," for stage in now.stages if stage.state == state]
        if labels:
            labels[-1] = labels[-1].removesuffix(",")
            lines = _wrapped(labels, width - len("in progress") - 2, between=" ")
            style = "bold" if state == "in progress" else ""
            grid.add_row(Text(state, style="dim"), Text(visible("\n".join(lines)), style))
    return grid


def _name(stage: WatchedStage) -> str:
    return stage.name


def _label(stage: WatchedStage) -> str:
    dev = stage.facts.get("dev_cross_entropy")
    return f"{stage.name} (dev {dev:.3f})" if dev else stage.name


def _numbers(now: Snapshot, log: TrainingLog, width: int) -> Iterator[RenderableType]:
    stage = now.current or now.stages[0]
    last: Mapping[str, Any] = {**log.steps[-1]} if log.steps else {}
    step, steps = last.get("step", 0), _total_steps(now, log)
    share = 1.0 if stage.state == "complete" else step / steps if steps else 0.0
    yield _bar(stage.name, share, width)

    epochs = f" of {_rounded(steps * last['epoch'] / step)}" if steps and step else ""
    yield from _wrapped(
        [
            f"step {step:,}" + (f" of {steps:,}" if steps else ""),
            f"epoch {last['epoch']:.2f}{epochs}" if "epoch" in last else "",
            f"{format_count(last['tokens'])} tokens" if "tokens" in last else "",
            f"{format_count(last['words'])} words seen" if "words" in last else "",
        ],
        width,
    )
    left, age = seconds_left(now), now.log_age
    yield from _wrapped(
        [
            f"{format_duration(left)} left" if left is not None else "",
            _speed(log),
            f"last line {format_duration(age)} ago" if age is not None else "no line yet",
        ],
        width,
    )
    yield from _wrapped(
        [
            f"learning rate {last['learning_rate']:.2e}" if "learning_rate" in last else "",
            f"gradient norm {last['gradient_norm']:.2f}" if "gradient_norm" in last else "",
            f"memory {format_bytes(last['memory_bytes'])}" if "memory_bytes" in last else "",
        ],
        width,
    )


def _bar(name: str, share: float, width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    percent = f"{math.floor(100 * share)}%"
    grid.add_row(
        styled((name, "bold")),
        ProgressBar(total=1.0, completed=share, width=max(4, width - len(name) - len(percent) - 4)),
        percent,
    )
    return grid


def _wrapped(items: Sequence[str], width: int, between: str = "   ") -> Iterator[str]:
    """Lines of items side by side; an item that does not fit starts the next line."""
    line = ""
    for item in filter(None, items):
        if line and len(line) + len(between) + len(item) > width:
            yield line
            line = item
        else:
            line = f"{line}{between}{item}" if line else item
    if line:
        yield line


def _speed(log: TrainingLog) -> str:
    line = next((line for line in reversed(log.steps) if "tokens_per_second" in line), None)
    if line is None:
        return ""
    share = line.get("products_share")
    of_products = "" if share is None else f", {share:.0%} of matmul peak"
    return f"{format_count(line['tokens_per_second'])} tokens/s{of_products}"


def _total_steps(now: Snapshot, log: TrainingLog) -> int | None:
    """Total steps of the training; computed from the epochs if the log does not have them."""
    if log.steps and "steps" in log.steps[-1]:
        return log.steps[-1]["steps"]
    lines: Sequence[Line] = log.epochs or log.steps
    if now.epochs and lines and lines[-1]["epoch"]:
        return round(now.epochs * lines[-1]["step"] / lines[-1]["epoch"])
    return None


def _recent(log: TrainingLog) -> Iterator[tuple[Step, Step]]:
    """The last pairs of neighbouring lines whose later one has a speed."""
    pairs = list(zip(log.steps, log.steps[1:], strict=False))[-20:]
    return ((a, b) for a, b in pairs if b.get("tokens_per_second") and "tokens" in b)


def seconds_left(now: Snapshot) -> float | None:
    """Of the training in progress, at the median speed of its last lines; None if unknown.

    Dev scores and checkpoints are not counted.
    """
    if now.log is None or (now.current or now.stages[0]).state == "complete":
        return None
    recent, steps = [later for _, later in _recent(now.log)], _total_steps(now, now.log)
    if not recent or steps is None:
        return None
    tokens_per_step = recent[-1]["tokens"] / recent[-1]["step"]
    left = max(0, steps - now.log.steps[-1]["step"]) * tokens_per_step
    return float(left / median(line["tokens_per_second"] for line in recent))


def _seconds_between_lines(log: TrainingLog) -> float | None:
    between = [(b["tokens"] - a["tokens"]) / b["tokens_per_second"] for a, b in _recent(log)]
    return median(between) if between else None


def _remarks(now: Snapshot) -> Iterator[str]:
    """What else the user must know, and what to do about it."""
    if now.log and now.log.rewinds:
        yield _rewound(now.log.rewinds)
    if now.is_complete:
        yield from _completion(now)
        return
    stage = now.current
    if stage is not None and now.log is None:
        trains = stage.is_model or not now.recipe
        what = "no step is logged yet" if trains else "it trains no model"
        yield f"{stage.name} is in progress, last file {format_duration(now.age or 0)} ago; {what}"
    if now.worker.state in ("none", "gone"):
        why = f"{now.worker.who} has ended" if now.worker.who else "no process is running it"
        yield f"It has stopped: {why}."
        yield "The same command resumes it:"
        yield f"  {_command(now)}"
    elif stage is None:
        following = next(stage for stage in now.stages if stage.state != "complete")
        yield f"{following.name} comes next"
    else:
        yield from _silence(now)


def _rewound(rewinds: Sequence[Rewind]) -> str:
    last = rewinds[-1]
    times = f" ({len(rewinds)} times so far)" if len(rewinds) > 1 else ""
    reason = last.get("reason", "no reason given")
    return f"rewound from step {last['rewound_from']:,} to {last['step']:,}{times}: {reason}"


def _silence(now: Snapshot) -> Iterator[str]:
    """A warning where the last line is much older than the usual time between lines."""
    usual = _seconds_between_lines(now.log) if now.log else None
    age = now.log_age
    if age is None or age <= max(_LEAST_SILENCE, _LINES_OF_SILENCE * (usual or 0.0)):
        return
    often = f"; before, one every {max(usual, 0.1):.1f} s" if usual is not None else ""
    yield f"No line for {format_duration(age)}{often}. It may have stopped."
    yield f"{now.worker.who} is running it. After it has ended, the same command resumes the run:"
    yield f"  {_command(now)}"


def _command(now: Snapshot) -> str:
    if now.recipe is None:
        return "the `babyllama pretrain` or `babyllama distill` command that started it"
    return resume_command(now.path)


def _completion(now: Snapshot) -> Iterator[str]:
    if now.recipe is None:
        facts = now.stages[0].facts
        dev, part = facts.get("dev_cross_entropy"), part_of_dev(facts)
        loss = f": dev cross-entropy {dev:.4f}" + (f" on {part}" if part else "") if dev else ""
        yield f"Complete{loss}."
        return
    last = now.stages[-1]
    if last.name == REPORT:
        yield "Complete. " + last.facts.get("first_sentence", "")
        yield f"Report: {Layout(now.path).page}"
    else:  # a trial of a study
        yield f"Complete. Its report: {command('report', now.path)}"
    model = next(stage for stage in reversed(now.stages) if stage.is_model)
    yield f"A model's curves: {command('watch', model.out)}"


def _rounded(value: float) -> str:
    """A number of epochs, without decimals if only rounding errors keep it from an integer."""
    return f"{value:.0f}" if abs(value - round(value)) < 0.02 * max(1.0, value) else f"{value:.1f}"


def _charts(
    log: TrainingLog, width: int, rows: int, *, coloured: bool, plain: bool
) -> list[RenderableType]:
    """Cross-entropy, and the KL beside it if it is logged and fits."""
    curves = {
        "training": _curve(log.steps, "cross_entropy"),
        "dev": _curve(log.epochs, "dev_cross_entropy"),
        "averaged dev": _curve(log.epochs, "averaged_dev_cross_entropy"),
    }
    kl = {"kl": _curve(log.steps, "kl")}
    has_kl = any(value for _, value in kl["kl"]) and width >= 70
    share = width * 3 // 5 - 1 if has_kl else width
    grid = Table.grid(padding=(0, 2, 0, 0))
    title = "cross-entropy, nats per token, by step"
    drawn = [_chart(title, curves, share, rows, coloured, plain)]
    if has_kl:
        drawn.append(_chart("kl, nats per token", kl, width - share - 2, rows, coloured, plain))
    grid.add_row(*drawn)
    return [grid] if all(drawn) else []


def _chart(
    title: str, curves: Mapping[str, Curve], width: int, rows: int, coloured: bool, plain: bool
) -> Text | None:
    """One chart of several curves; None without values or without room.

    Without colours each curve is drawn with a letter of its own.
    """
    from uniplot import plot_to_string

    curves = {name: curve for name, curve in curves.items() if curve}
    height = rows - 5  # title, two lines of frame, steps, names
    if height < _LOWEST_CHART or not curves:
        return None
    thinned = [_thinned(curve, width // 2) for curve in curves.values()]
    top = _top([*curves.values()])  # of all values, so that no width hides some
    (left, right), (low, high) = _ends(thinned, top)
    labels = axis.vertical(axis.ticks(low, high, height // 3), low, high, height)
    columns = width - 3 - max(map(len, labels))  # less the frame and a space
    if top is not None:
        cut = f"{title}, top cut"
        title = cut if len(cut) <= columns else f"{title.partition(',')[0]}, top cut"
    drawn = plot_to_string(
        xs=[[step for step, _ in curve] for curve in thinned],
        ys=[[value for _, value in curve] for curve in thinned],
        lines=True,
        title=title,
        legend_labels=[f"{name} {curve[-1][1]:.3f}" for name, curve in curves.items()],
        width=columns,
        line_length_hard_cap=columns + 2,
        height=height,
        x_min=left,
        x_max=right,
        y_min=low,
        y_max=high,
        x_gridlines=[],
        y_gridlines=[],
        # Its own labels round 1.5, 1.0 and 0.5 to 2, 1 and 0.
        x_labels=False,
        y_labels=False,
        character_set="block" if coloured and not plain else "ascii",
        color=[_COLOURS[name] for name in curves] if coloured else False,
    )
    lines = drawn.split("\n")
    for row, label in enumerate(labels, start=2):  # below the title and the frame
        lines[row] = f"{lines[row]} {label}".rstrip()
    lines.insert(height + 3, f" {axis.horizontal(left, right, columns)}")
    drawn = "\n".join(lines)
    if plain:
        drawn = drawn.translate(str.maketrans("┌┐└┘─│", "++++-|"))
    return Text.from_ansi(drawn)


def _ends(
    curves: Sequence[Curve], top: float | None
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of both axes: a little wider than the curves, or than their top that is cut."""
    steps = [step for curve in curves for step, _ in curve]
    values = [value for curve in curves for _, value in curve]
    return _widened(min(steps), max(steps)), _widened(min(values), top or max(values))


def _widened(low: float, high: float) -> tuple[float, float]:
    margin = 0.02 * (high - low) if high > low else max(1e-6, abs(low) / 2)
    return low - margin, high + margin


def _curve(lines: Sequence[Line], key: str) -> Curve:
    """The finite values of a field, by step."""
    values = [(line["step"], line.get(key)) for line in lines]
    return [(step, v) for step, v in values if isinstance(v, int | float) and math.isfinite(v)]


def _thinned(curve: Curve, points: int) -> Curve:
    """At most `points` means of neighbouring values."""
    size = math.ceil(len(curve) / points)
    groups = [curve[start : start + size] for start in range(0, len(curve), size)]
    return [(fmean(step for step, _ in each), fmean(v for _, v in each)) for each in groups]


def _top(curves: Sequence[Curve]) -> float | None:
    """The upper end of a chart whose steep first tenth would flatten the rest; None otherwise."""
    last = max(curve[-1][0] for curve in curves)
    late = [value for curve in curves for step, value in curve if step > last / 10]
    highest = max(value for curve in curves for _, value in curve)
    if len(late) < 20 or max(late) == highest or min(late) == max(late):
        return None
    return max(late)
