"""Output to the terminal: progress bars, status lines, tables; and stopping on Ctrl-C or SIGTERM.

A terminal gets a bar with throughput and time left, and lines that break between words; a log file
or batch job gets a plain line every 20 seconds or so, none of shorter work, and every line in one
piece. So does a terminal that cannot move its cursor (TERM=dumb).
"""

import errno
import itertools
import json
import math
import re
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, ClassVar, Literal

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from babyllama.wrapping import Grid, drawn, wrapped


class _Log(Console):
    """Standard error. The work goes on if nobody reads it any more."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class _Results(Console):
    """Standard output."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, "standard output is closed")


# Results go to standard output; progress and status go to standard error.
stderr_console: Console = _Log(stderr=True, highlight=False, markup=False, emoji=False)
# What a terminal would obey or not show: controls but for tab and line feed; marks that reorder
# text; invisible letters (joiners are part of some scripts and stay); line ends of Unicode; lone
# surrogates, which Python reads for bytes that are not UTF-8.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
STANDARD_OUTPUT = "standard output"  # in place of a file's name
# Exit code of a process that saved its work and stopped on request: EX_TEMPFAIL of sysexits.h.
RUN_AGAIN = 75


class Interrupted(BaseException):
    """The process was asked to stop, by Ctrl-C or SIGTERM, and has saved its work.

    A BaseException, so that a library's `except Exception` does not swallow it.
    """


# What a worker sends instead of printing, and how often it sends the state of a bar.
Send = Callable[[Mapping[str, Any]], None]
_SECONDS_BETWEEN_MESSAGES = 0.2


class _Screen:
    """What this process shows now: the bars of a terminal, or messages to another process."""

    send: Send | None = None
    bars: Progress | None = None
    label: str = ""  # follows the titles of bars
    overall: Callable[[], str] | None = None  # the line above the bars
    open: ClassVar[dict[str, "ProgressBar"]] = {}  # by title


def send_output_to(send: Send | None) -> None:
    """Let another process show this one's status lines and progress: see `OutputOf`.

    Args:
        send: None to show them here again.
    """
    _Screen.send = send


class ProgressBar:
    """A progress bar, or lines in a log, for work of known length; throughput in `unit`/s.

    Several bars may be open at a time.
    """

    _numbers = itertools.count()

    def __init__(
        self, title: str, total: float, unit: str, *, seconds_between_lines: float = 20.0
    ) -> None:
        self._seconds_between_lines = seconds_between_lines
        label = "" if _Screen.send else _Screen.label  # the other process adds its own
        self._title = visible_cell(f"{title} {label}".rstrip())
        self._total, self._unit = total, unit
        self._done, self._done_before, self._done_in_line = 0.0, 0.0, 0.0
        self._note = ""
        self._number = next(self._numbers)
        self._started = self._last_line = time.monotonic()
        self._bars: Progress | None = None
        self._task = TaskID(0)

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return min(1.0, self._done / self._total) if self._total else 0.0

    @property
    def share_before(self) -> float:
        """How much of it an earlier process had done."""
        return min(1.0, self._done_before / self._total) if self._total else 0.0

    def __enter__(self) -> "ProgressBar":
        _Screen.open[self._title] = self
        if _is_screen(stderr_console) and _Screen.send is None:
            self._bars = _open_bars()
            self._task = self._bars.add_task(self._title, total=self._total, speed="", note="")
        elif _Screen.send:
            self._send()  # the other process measures the throughput from now on
        return self

    def __exit__(self, *_: object) -> None:
        _Screen.open.pop(self._title, None)
        if self._bars:
            self._bars.refresh()
            self._bars.remove_task(self._task)
            _close_unused_bars()
        elif _Screen.send:
            self._send(closed=True)
        elif self._seconds() >= self._seconds_between_lines and self._done != self._done_in_line:
            self._line()  # short work leaves no line in a log

    def start_at(self, done: float) -> None:
        """Show work of an earlier process as done, without counting it in the throughput."""
        self._done = self._done_before = done
        self._show()

    def expect(self, total: float) -> None:
        """Set the length of work that was not known at the start (a total of 0)."""
        self._total = total
        if self._bars:
            self._bars.update(self._task, total=total)

    def advance(self, amount: float, note: str = "") -> None:
        """Count `amount` more; `note` is shown beside the bar."""
        self._done += amount
        self._note = visible_cell(note) or self._note
        self._show()

    def show(self, done: float, done_before: float, note: str) -> None:
        """Show what another process has done, of which it began at `done_before`."""
        self._done, self._done_before, self._note = done, done_before, visible_cell(note)
        self._show()

    def _show(self) -> None:
        if self._bars:
            self._bars.update(
                self._task, completed=self._done, speed=self._speed(), note=self._note
            )
        elif _Screen.send:
            if time.monotonic() - self._last_line > _SECONDS_BETWEEN_MESSAGES:
                self._last_line = time.monotonic()
                self._send()
        elif time.monotonic() - self._last_line > self._seconds_between_lines:
            self._line()

    def _line(self) -> None:
        self._last_line, self._done_in_line = time.monotonic(), self._done
        share = f" {self._done / self._total:4.0%}" if self._total else ""
        parts = [f"{self._title}{share}", self._speed(), self._time_left(), self._note]
        if not stderr_console.quiet:
            with suppress(OSError):  # a log on a full disk does not stop the work
                print("  " + ", ".join(part for part in parts if part), file=sys.stderr, flush=True)

    def _send(self, *, closed: bool = False) -> None:
        assert _Screen.send is not None
        of = {"title": self._title, "total": self._total, "unit": self._unit}
        now = {"done": self._done, "done_before": self._done_before, "note": self._note}
        _Screen.send({"bar": self._number, **of, **now, "closed": closed})

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _rate(self) -> float:
        return (self._done - self._done_before) / max(self._seconds(), 1e-9)

    def _speed(self) -> str:
        return f"{format_count(self._rate())} {self._unit}/s"

    def _time_left(self) -> str:
        remaining = self._total - self._done
        if remaining <= 0 or not self._rate():
            return ""
        return f"{format_duration(remaining / self._rate())} left"


@contextmanager
def bars_of(label: str) -> Iterator[None]:
    """Append a label to the titles of bars, such as the model that is scored."""
    before, _Screen.label = _Screen.label, label
    try:
        yield
    finally:
        _Screen.label = before


class OutputOf:
    """Shows what another process sent: its status lines, and its bars among our own.

    Args:
        label: follows the titles of its bars.
    """

    def __init__(self, label: str = "") -> None:
        self._label = label
        self._bars: dict[int, ProgressBar] = {}

    def show(self, message: Mapping[str, Any]) -> None:
        """Show a message of `send_output_to`."""
        if "status" in message:
            print_status(message["status"], style=message["style"], only=message.get("only"))
            return
        number = message["bar"]
        if number not in self._bars:
            title = f"{message['title']} {self._label}".rstrip()
            bar = ProgressBar(title, message["total"], message["unit"])
            self._bars[number] = bar.__enter__()
        self._bars[number].show(message["done"], message["done_before"], message["note"])
        if message["closed"]:
            self._bars.pop(number).__exit__()

    def close(self) -> None:
        """Close the bars that the process left open when it ended."""
        while self._bars:
            self._bars.popitem()[1].__exit__()


def open_bars() -> Mapping[str, ProgressBar]:
    """The bars that are open now, by title."""
    return _Screen.open


@contextmanager
def overall(line: Callable[[], str]) -> Iterator[None]:
    """Keep a line above the bars of a terminal, on how far all the work is; a log gets none.

    Args:
        line: returns the line; called a few times a second.
    """
    if not _is_screen(stderr_console) or _Screen.send:
        yield
        return
    _Screen.overall = line
    _open_bars()
    try:
        yield
    finally:
        _Screen.overall = None
        _close_unused_bars()


class _Display(Progress):
    """Bars, below the line on all the work."""

    def get_renderables(self) -> Iterable[RenderableType]:
        if _Screen.overall:
            yield Text(f"  {_Screen.overall()}", "bold", overflow="ellipsis", no_wrap=True)
        if self.tasks:
            yield self.make_tasks_table(self.tasks)


def _open_bars() -> Progress:
    """The one live display that a terminal can have; all bars are rows of it."""
    if _Screen.bars is None:
        _Screen.bars = _Display(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=stderr_console,
            transient=True,
        )
        _Screen.bars.start()
    return _Screen.bars


def _close_unused_bars() -> None:
    if _Screen.bars is not None and not _Screen.bars.tasks and not _Screen.overall:
        _Screen.bars.stop()
        _Screen.bars = None


class Stop:
    """Whether a user or a scheduler asked the process to stop."""

    requested = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into `stop.requested`, for work that must stop between two steps.

    A second Ctrl-C stops at once.
    """
    stop = Stop()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        if stop.requested:  # a cluster may send SIGTERM again
            return
        stop.requested = True
        if _Screen.send is None:  # else the process that shows our output says so, once
            print_status(
                "stopping after this step; press Ctrl-C again to stop at once", style="yellow"
            )

    try:
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread, the only one that receives signals
        before = {}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def silence() -> None:
    """Print no more progress or status: another process prints the same."""
    stderr_console.quiet = True


_SHOWN_AS: dict[str, str] = {}


@contextmanager
def shown_as(place: str, name: str) -> Iterator[None]:
    """Print a name instead of a temporary place of ours in all status lines."""
    _SHOWN_AS[place] = name
    try:
        yield
    finally:
        del _SHOWN_AS[place]


def print_status(
    text: str, style: str | None = None, *, only: Literal["screen", "log"] | None = None
) -> None:
    """Print one line to standard error. A log that cannot be written does not stop the work.

    Args:
        only: print it to a terminal with bars only, or to a log only; by default to both.
    """
    for place, name in _SHOWN_AS.items():
        text = text.replace(place, name)
    if _Screen.send:
        _Screen.send({"status": text, "style": style, **({"only": only} if only else {})})
        return
    if only and (only == "screen") != _is_screen(stderr_console):
        return
    _log(visible_cell(text), style=style or "")


def print_from_any_rank(text: str) -> None:
    """Print lines to standard error, also from a process that is silent otherwise."""
    with _heard():
        _log(visible(text))


def print_error(text: str, who: str = "error") -> None:
    """Print an error to standard error, also from a process that is silent otherwise."""
    with _heard():
        _log(f"{who}: {visible(text)}", who=who)


@contextmanager
def _heard() -> Iterator[None]:
    before, stderr_console.quiet = stderr_console.quiet, False
    try:
        yield
    finally:
        stderr_console.quiet = before


def _log(text: str, *, style: str = "", who: str = "") -> None:
    """Print lines to standard error; `who`, with which the first begins, is bold and red."""
    if _is_screen(stderr_console):
        text = wrapped(text, stderr_console.width)
    line = Text(text, style)
    line.stylize("bold red", 0, len(who))
    with suppress(OSError):
        stderr_console.print(line, soft_wrap=True)


def _is_screen(console: Console) -> bool:
    """Whether output goes to a terminal that can move its cursor: not TERM=dumb."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def _naming_output() -> Iterator[None]:
    """Name standard output in errors: it may be a full disk, or a pipe that nobody reads."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        error.filename = STANDARD_OUTPUT
        raise


def print_line(text: str = "") -> None:
    """Print one line of a result to standard output; a terminal breaks it between words."""
    _print(visible_cell(text))


def print_text(text: str) -> None:
    """Print a text, which may have several lines, to standard output."""
    _print(visible(text))


def _print(text: str) -> None:
    console = _results()
    with _naming_output():
        print(wrapped(text, console.width) if _is_screen(console) else text)


def print_json(value: object, *, indent: int | None = 1) -> None:
    """Print a result as JSON, which has no NaN and no infinity: they are null.

    Control characters are escaped, so that a terminal is safe too.
    """
    text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    print_document(_HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def print_document(text: str) -> None:
    """Print a text for programs: unchanged, and in UTF-8 whatever the terminal's encoding.

    On a terminal, `visible` escapes control characters.
    """
    if sys.stdout.isatty():
        text = visible(text)
    with _naming_output():
        sys.stdout.flush()
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write((text + "\n").encode(errors="backslashreplace"))
        else:  # a notebook or a test replaced the stream
            sys.stdout.write(text + "\n")


def visible(text: str) -> str:
    """Text for a terminal: control characters as escapes such as \\x1b; line ends and tabs stay.

    Text of files, recipes and models could otherwise colour the terminal, hide or reorder what
    follows, or set the window's title.
    """
    return _HIDDEN.sub(_escape, text)


def visible_cell(text: str) -> str:
    """The same in one line, for a cell of a table or part of a sentence."""
    return visible(text).translate({ord("\n"): r"\n", ord("\t"): r"\t"})


def _escape(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]


def styled(*parts: str | tuple[str, str]) -> Text:
    """Text made of plain parts and pairs of (part, style), each shown with `visible_cell`."""
    text = Text()
    for part in parts:
        words, style = (part, "") if isinstance(part, str) else part
        text.append(visible_cell(words), style=style)
    return text


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    words: Collection[int] = (0,),
    less: Sequence[str] = (),
    whole: str = "--json",
    least: Mapping[str, int] | None = None,
) -> Grid:
    """Make a table.

    Args:
        words: columns that are left-aligned. Others are, too, unless they hold numbers.
        less: names of the columns that are left out first where there is no room for all.
        whole: the option or command that prints every column, beside a wider terminal.
        least: how wide columns of sentences should be, by their names; others make room for them.
    """
    lines = [tuple(map(visible_cell, row)) for row in (columns, *rows)]
    longest = max(map(len, lines))  # a row that ends early has empty cells
    head, *others = (line + ("",) * (longest - len(line)) for line in lines)
    return Grid(
        visible_cell(title),
        head,
        tuple(others),
        frozenset(words),
        tuple(less),
        whole,
        tuple((least or {}).items()),
    )


def print_result(made: Grid | Text) -> None:
    """Print a table or styled text to standard output, as wide as `output_width`.

    Only a terminal's table leaves columns out, and it says which.
    """
    console = _results()
    with _naming_output():
        if isinstance(made, Grid):
            console.print(_lines_of(made, console), soft_wrap=True)
        else:
            console.print(made)


def _lines_of(made: Grid, console: Console) -> Text:
    is_screen = _is_screen(console)
    found = drawn(made, console.width, complete=not is_screen)
    title = wrapped(made.title, console.width) if is_screen else made.title
    parts = [(line, "bold") for line in (title, *found.head) if line]
    parts += [(line, "") for line in found.rows]
    if found.left_out:
        named = f"Columns that did not fit: {', '.join(found.left_out)}. Use a wider terminal "
        parts.append((wrapped(f"{named}or {made.whole}.", console.width), "dim"))
    return Text("\n").join(Text(line, style) for line, style in parts)


def output_width() -> int:
    """Columns of standard output: the terminal's, or 120 in a file."""
    return _results().width


def _results() -> Console:
    is_file = not sys.stdout.isatty()
    return _Results(width=120 if is_file else None, highlight=False, markup=False, emoji=False)


def print_markdown(text: str, *, width: int = 80) -> None:
    """Render Markdown on standard output, `width` columns wide or less in a narrower terminal."""
    from rich.markdown import Markdown

    console = _Results(highlight=False, markup=False, emoji=False)
    console.width = min(width, console.width) if sys.stdout.isatty() else width
    with _naming_output():
        console.print(Markdown(visible(text)))


def format_count(value: float) -> str:
    """Format a number with a decimal prefix: 950, 12.3k, 4.5M, 2.0G."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f}{letter}"
    return f"{value:.0f}"


def format_flops(value: float) -> str:
    """Format floating-point operations, three digits: 470 PFLOP, 23.3 TFLOP."""
    for size, letter in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size:
            number = value / size
            digits = 0 if number >= 100 else 1 if number >= 10 else 2
            return f"{number:,.{digits}f} {letter}FLOP"
    return f"{value:.0f} FLOP"


def format_bytes(value: float) -> str:
    """Format a size in binary units: 2.4 GiB."""
    for power, name in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if value >= 1024**power:
            return f"{value / 1024**power:.1f} {name}"
    return f"{value:.0f} bytes"


def format_estimate(seconds: float) -> str:
    """Format a time that is only estimated: about 12 s, less than a second."""
    return f"about {format_duration(seconds)}" if seconds >= 1 else "less than a second"


def format_duration(seconds: float) -> str:
    """Format a time in its two largest units: 64 days, 3 days 4 h, 2 h 05 min, 3 min 20 s, 12 s."""
    seconds = round(seconds)
    days, hours = divmod(round(seconds / 3600), 24)
    if days >= 2:
        return f"{days:,} days" + (f" {hours} h" if days < 10 and hours else "")
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    if seconds >= 60:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds} s"
