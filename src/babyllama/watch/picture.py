"""A snapshot as a picture: stages, numbers, remarks, curves."""

import math
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from babyllama.console import format_bytes, format_count, format_duration
from babyllama.runs.layout import Layout
from babyllama.watch.snapshot import Line, Log, Part, Snapshot

Curve = Sequence[tuple[float, float]]  # (step, value)
_COLOURS = {"training": "cyan", "dev": "magenta", "averaged dev": "yellow", "kl": "cyan"}
_LEAST_SILENCE = 120.0  # seconds: dev scores and checkpoints write no line meanwhile
_LINES_OF_SILENCE = 10
_LOWEST_CHART = 4  # rows of curve; below that numbers alone say more


def picture(now: Snapshot, console: Console, *, height: int) -> RenderableType:
    """Everything in at most `height` rows of the console's width: curves get what is left."""
    width = console.width
    parts: list[RenderableType] = [_title(now, width)]
    if now.recipe:
        parts.append(_overview(now, width))
    if now.log is not None:
        parts += _numbers(now, now.log, width)
    parts += [Text(line, style="yellow") for line in _remarks(now)]
    rows = sum(len(console.render_lines(part, pad=False)) for part in parts)
    if now.log is not None and now.log.steps:
        coloured = console.is_terminal and not console.no_color
        plain = console.options.ascii_only
        parts += _charts(now.log, width, height - rows, coloured=coloured, plain=plain)
    return Group(*parts)


def _title(now: Snapshot, width: int) -> Text:
    recipe = f", recipe {now.recipe.name}" if now.recipe else ""
    text = Text.assemble((f"{now.path}", "bold"), recipe)
    clock = time.strftime("%H:%M:%S")
    text.truncate(max(1, width - len(clock) - 2), overflow="crop", pad=True)
    return text.append(f"  {clock}", style="dim")


def _overview(now: Snapshot, width: int) -> Table:
    """A row for the stages of each state."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for state in ("complete", "in work", "begun", "to come"):
        names = [f"{_named(part)}," for part in now.parts if part.state == state]
        if names:
            lines = _flow([*names[:-1], names[-1].removesuffix(",")], width - 10, between=" ")
            style = "bold" if state == "in work" else ""
            grid.add_row(Text(state, style="dim"), Text("\n".join(lines), style))
    return grid


def _named(part: Part) -> str:
    dev = part.facts.get("dev_cross_entropy")
    return f"{part.name} (dev {dev:.3f})" if dev else part.name


def _numbers(now: Snapshot, log: Log, width: int) -> Iterator[RenderableType]:
    part = now.part or now.parts[0]
    last: Line = log.steps[-1] if log.steps else {}
    speed = next((line for line in reversed(log.steps) if "tokens_per_second" in line), {})
    step, steps = last.get("step", 0), _total(now, log)
    share = 1.0 if part.state == "complete" else step / steps if steps else 0.0
    yield _bar(part.name, share, width)

    epochs = f" of {_whole(steps * last['epoch'] / step)}" if steps and step else ""
    yield from _flow(
        [
            f"step {step:,}" + (f" of {steps:,}" if steps else ""),
            f"epoch {last['epoch']:.2f}{epochs}" if "epoch" in last else "",
            f"{format_count(last['tokens'])} tokens" if "tokens" in last else "",
            f"{format_count(last['words'])} words seen" if "words" in last else "",
        ],
        width,
    )
    has_share = "products_share" in speed
    left = None if part.state == "complete" else _seconds_left(log, steps)
    yield from _flow(
        [
            f"{format_duration(left)} left" if left is not None else "",
            f"{format_count(speed['tokens_per_second'])} tokens/s"
            + (f", {speed['products_share']:.0%} of plain products" if has_share else "")
            if speed
            else "",
            f"last line {format_duration(log.age)} ago" if log.age is not None else "no line yet",
        ],
        width,
    )
    yield from _flow(
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
        Text(name, style="bold"),
        ProgressBar(total=1.0, completed=share, width=max(4, width - len(name) - len(percent) - 4)),
        percent,
    )
    return grid


def _flow(items: Sequence[str], width: int, between: str = "   ") -> Iterator[str]:
    """Items side by side; what does not fit goes to the next line, whole."""
    line = ""
    for item in filter(None, items):
        if line and len(line) + len(between) + len(item) > width:
            yield line
            line = item
        else:
            line = f"{line}{between}{item}" if line else item
    if line:
        yield line


def _total(now: Snapshot, log: Log) -> int | None:
    """Steps of the whole training; logs that do not say it say which part of an epoch a step is."""
    last = log.steps[-1] if log.steps else {}
    if "steps" in last:
        return int(last["steps"])
    exact = log.epochs[-1] if log.epochs else last
    if now.epochs and exact.get("epoch"):
        return round(now.epochs * float(exact["step"]) / float(exact["epoch"]))
    return None


def _recent(log: Log) -> Iterator[tuple[Line, Line]]:
    """The last few pairs of neighbouring lines whose later one has a speed."""
    pairs = list(zip(log.steps, log.steps[1:], strict=False))[-20:]
    return ((a, b) for a, b in pairs if b.get("tokens_per_second") and "tokens" in b)


def _seconds_left(log: Log, steps: int | None) -> float | None:
    """From the median speed of the last lines; dev scores and checkpoints come on top."""
    recent = [later for _, later in _recent(log)]
    if not recent or steps is None:
        return None
    tokens_per_step = recent[-1]["tokens"] / recent[-1]["step"]
    left = max(0, steps - log.steps[-1]["step"]) * tokens_per_step
    return float(left / median(line["tokens_per_second"] for line in recent))


def _seconds_between_lines(log: Log) -> float | None:
    between = [(b["tokens"] - a["tokens"]) / b["tokens_per_second"] for a, b in _recent(log)]
    return median(between) if between else None


def _remarks(now: Snapshot) -> Iterator[str]:
    """What a person must know besides the numbers, and what to do about it."""
    if now.log and now.log.rewinds:
        last = now.log.rewinds[-1]
        times = f" ({len(now.log.rewinds)} times so far)" if len(now.log.rewinds) > 1 else ""
        yield (
            f"went back from step {last['rewound_from']:,} to {last['step']:,}{times}: "
            f"{last.get('reason', 'no reason given')}"
        )
    if now.is_complete:
        yield from _ending(now)
        return
    part = now.part
    if part is not None and now.log is None:
        what = "no step is logged yet" if part.is_model or not now.recipe else "it trains no model"
        yield f"{part.name} is in work, last file {format_duration(now.age or 0)} ago; {what}"
    if now.worker.state in ("none", "gone"):
        why = f"its {now.worker.who} is gone" if now.worker.who else "no process holds it"
        yield f"It has stopped: {why}."
        yield "The same command goes on where it was:"
        yield f"  {_command(now)}"
    elif part is None:
        comes = next(part for part in now.parts if part.state != "complete")
        yield f"{comes.name} comes next"
    else:
        yield from _silence(now)


def _silence(now: Snapshot) -> Iterator[str]:
    """Whether the last line is much older than lines usually are."""
    usual = _seconds_between_lines(now.log) if now.log else None
    age = now.log.age if now.log else None
    if age is None or age <= max(_LEAST_SILENCE, _LINES_OF_SILENCE * (usual or 0.0)):
        return
    often = f"; they came every {max(usual, 0.1):.1f} s" if usual is not None else ""
    yield f"No line for {format_duration(age)}{often}. It may have stopped."
    yield f"{now.worker.who} holds it. When that is gone, the same command goes on:"
    yield f"  {_command(now)}"


def _command(now: Snapshot) -> str:
    if now.recipe is None:
        return "the `babyllama pretrain` or `distill` that began it"
    recipe = str(Layout(now.path).recipe)
    return shlex.join(["babyllama", "run", recipe, "--run-dir", str(now.path)])


def _ending(now: Snapshot) -> Iterator[str]:
    if now.recipe is None:
        dev = now.parts[0].facts.get("dev_cross_entropy")
        yield "Complete" + (f": dev cross-entropy {dev:.4f}." if dev else ".")
        return
    yield "Complete. " + now.parts[-1].facts.get("first_sentence", "")
    yield f"Report: {Layout(now.path).page}"
    model = next(part for part in reversed(now.parts) if part.is_model)
    yield f"A model's curves: {shlex.join(['babyllama', 'watch', str(model.out)])}"


def _whole(value: float) -> str:
    """A number of epochs that was found by dividing rounded ones."""
    return f"{value:.0f}" if abs(value - round(value)) < 0.02 * max(1.0, value) else f"{value:.1f}"


def _charts(
    log: Log, width: int, rows: int, *, coloured: bool, plain: bool
) -> list[RenderableType]:
    """Cross-entropy, and the KL beside it where there is one and room for it."""
    curves = {
        "training": _curve(log.steps, "cross_entropy"),
        "dev": _curve(log.epochs, "dev_cross_entropy"),
        "averaged dev": _curve(log.epochs, "averaged_dev_cross_entropy"),
    }
    kl = {"kl": _curve(log.steps, "kl")}
    has_kl = any(value for _, value in kl["kl"]) and width >= 70
    share = width * 3 // 5 - 1 if has_kl else width
    grid = Table.grid(padding=(0, 2, 0, 0))
    title = "cross-entropy, nats a token, by step"
    drawn = [_chart(title, curves, share, rows, coloured, plain)]
    if has_kl:
        drawn.append(_chart("kl, nats a token", kl, width - share - 2, rows, coloured, plain))
    grid.add_row(*drawn)
    return [grid] if all(drawn) else []


def _chart(
    title: str, curves: Mapping[str, Curve], width: int, rows: int, coloured: bool, plain: bool
) -> Text | None:
    """One picture of several curves; None where there is nothing to see or no room for it.

    Without colours the curves differ by their letters.
    """
    from uniplot import plot_to_string

    curves = {name: curve for name, curve in curves.items() if curve}
    height = rows - 5  # the title, two lines of frame, the steps, the names
    if height < _LOWEST_CHART or not curves:
        return None
    thinned = [_thinned(curve, width // 2) for curve in curves.values()]
    top = _top(thinned)
    drawn = plot_to_string(
        xs=[[step for step, _ in curve] for curve in thinned],
        ys=[[value for _, value in curve] for curve in thinned],
        lines=True,
        title=title,
        legend_labels=[f"{name} {curve[-1][1]:.3f}" for name, curve in curves.items()],
        width=width,
        line_length_hard_cap=width,
        height=height,
        x_gridlines=[],
        y_gridlines=[],
        character_set="block" if coloured and not plain else "ascii",
        color=[_COLOURS[name] for name in curves] if coloured else False,
        **({} if top is None else {"y_max": top}),
    )
    if plain:
        drawn = drawn.translate(str.maketrans("┌┐└┘─│", "++++-|"))
    return Text.from_ansi(drawn)


def _curve(lines: Sequence[Line], key: str) -> Curve:
    """The lines that have a finite number of that name."""
    values = [(line["step"], line.get(key)) for line in lines]
    return [(step, v) for step, v in values if isinstance(v, int | float) and math.isfinite(v)]


def _thinned(curve: Curve, points: int) -> Curve:
    """Means of neighbours, where there are more points than a person can tell apart."""
    size = math.ceil(len(curve) / points)
    groups = [curve[start : start + size] for start in range(0, len(curve), size)]
    return [(fmean(step for step, _ in each), fmean(v for _, v in each)) for each in groups]


def _top(curves: Sequence[Curve]) -> float | None:
    """Where the picture ends above: the fall of the first tenth would flatten all that follows."""
    last = max(curve[-1][0] for curve in curves)
    late = [value for curve in curves for step, value in curve if step > last / 10]
    highest = max(value for curve in curves for _, value in curve)
    if len(late) < 20 or max(late) == highest or min(late) == max(late):
        return None
    return max(late)
