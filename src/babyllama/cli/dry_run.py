"""What `babyllama run --dry-run` prints: what would be done with each stage, sizes, disk, time."""

from dataclasses import asdict
from pathlib import Path

from babyllama.console import (
    format_bytes,
    format_count,
    format_duration,
    format_estimate,
    format_flops,
    print_line,
    print_result,
    table,
)
from babyllama.pipeline.checks import check_settings
from babyllama.pipeline.memory import TrainingMemory
from babyllama.pipeline.planning import Plan, disk_to_go, plan
from babyllama.pipeline.preview import preview
from babyllama.pipeline.run import refuse_other_run, selected_stages, with_resolved_signal
from babyllama.pipeline.timing import KNOWN, Timing, time_left
from babyllama.recipe import FolderSource, Recipe, SyntheticSource


def show_plan(recipe: Recipe, folder: Path, until: str | None, *, card: str) -> None:
    """Print which stages would be kept, made or replaced, and what that takes.

    Raises:
        InputError: a folder of another run, no such stage, no such card, or settings that the run
            would refuse.
    """
    refuse_other_run(recipe, folder)
    _look_at_text(recipe)
    recipe = with_resolved_signal(recipe, folder)
    check_settings(recipe)  # before any step is timed
    actions = preview(selected_stages(recipe, folder, until))
    planned = plan(recipe, folder)
    timing = time_left(recipe, planned, actions, card=card)
    rows = [(each.stage.name, each.does, each.why) for each in actions]
    title = f"Plan of {recipe.name} in {folder}"
    print_result(table(title, ("stage", "what", "why"), rows, words=(0, 1, 2)))
    _show_models(planned, timing)
    _show_costs(planned, recipe)
    if not timing.card:  # else another machine
        _show_free_disk(planned, folder)
        _show_memory(planned)
    _show_time(planned, timing)


def _look_at_text(recipe: Recipe) -> None:
    """Check a source that is there as the run does before it reads it: its names and columns.

    Raises:
        InputError: what the run would refuse.
    """
    from babyllama.data.gathering.gather import look_at_source
    from babyllama.data.sources import read_source

    source = recipe.corpus.source
    if isinstance(source, SyntheticSource) or source.local is None or not source.local.exists():
        return
    if isinstance(source, FolderSource) and not source.is_gathered:
        read_source(source.path)
    else:
        look_at_source(source)


def _show_models(planned: Plan, timing: Timing) -> None:
    left = {each.name.rpartition("/")[2]: each for each in timing.stages}
    rows = [
        (
            each.name,
            f"{each.parameters:,}",
            format_count(each.tokens),
            format_flops(each.flops),
            format_duration(left[each.name].seconds) if each.name in left else "none",
            format_flops(left[each.name].speed.flops) + "/s" if each.name in left else "",
        )
        for each in planned.models
    ]
    head = ("model", "parameters", "tokens", "training", "time left", "speed")
    print_result(table("Models", head, rows, less=("speed", "tokens"), whole="a file"))


def _show_costs(planned: Plan, recipe: Recipe) -> None:
    source = recipe.corpus.source
    if not isinstance(source, SyntheticSource) and not planned.counted:
        is_there = source.local is None or source.local.exists()
        why = "The text was not read yet" if is_there else f"{source.path} not found"
        mend = "" if is_there else " Set the path of the text: --set corpus.source.path=PATH"
        words = recipe.corpus.words
        is_cut = words is not None and words < source.expected_words
        kept = f", of which corpus.words keeps {words:,}" if is_cut else ""
        print_line(f"{why}: the plan assumes {source.expected_words:,} words{kept}.{mend}")
    print_line(f"Training text: about {planned.train_tokens:,} tokens")
    print_line(
        f"Disk: {format_bytes(planned.disk_bytes)}, including the stored signal "
        f"({format_bytes(planned.signal_bytes)})"
    )


def _show_free_disk(planned: Plan, folder: Path) -> None:
    needed, free = disk_to_go(planned, folder)
    too_little = ", too little: the run would be refused" if needed > free else ""
    print_line(f"Free disk: {format_bytes(free)}{too_little}")


def _show_memory(planned: Plan) -> None:
    where = "on this GPU" if planned.device.type == "cuda" else "on this CPU"
    for each in planned.models:
        print_line(f"Memory to train {each.name} {where}: {_memory(each.memory)}")
    print_line("Python, its libraries and a stored signal need memory in addition.")


def _show_time(planned: Plan, timing: Timing) -> None:
    print_line(
        f"Training and signal: {format_flops(timing.flops)} left of {format_flops(planned.flops)}"
    )
    where = f"on one {timing.card}" if timing.card else "here"
    if not timing.stages:
        print_line(f"Time {where}: no training and no signal is left to make")
        return
    known = dict.fromkeys(KNOWN[each.speed.known] for each in timing.stages)
    print_line(
        f"Time {where}: {format_estimate(timing.seconds)} for what is left, without scoring "
        f"(speed: {'; '.join(known)})"
    )


def _memory(memory: TrainingMemory | None) -> str:
    if memory is None:
        return "unknown: the shapes depend on the text"
    parts = [f"{name} {format_bytes(value)}" for name, value in asdict(memory).items() if value]
    return f"about {format_bytes(memory.total)} ({', '.join(parts)})"
