import ast
import io
import json
import os
import re
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from babyllama import console
from babyllama.console import (
    OutputOf,
    ProgressBar,
    format_bytes,
    format_count,
    format_duration,
    format_flops,
    print_document,
    print_error,
    print_json,
    print_line,
    print_result,
    print_text,
    stoppable,
    styled,
    table,
    visible,
    visible_cell,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (950, "950"),
        (1_000, "1.0k"),
        (12_345, "12.3k"),
        (4_500_000, "4.5M"),
        (2e9, "2.0G"),
        (3.2e13, "32.0T"),
        (-12_345, "-12.3k"),
    ],
)
def test_a_count_has_a_decimal_prefix(value, text):
    assert format_count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (5 * 1024**2, "5.0 MiB"),
        (2.4 * 1024**3, "2.4 GiB"),
        (800 * 1024**3, "800.0 GiB"),
    ],
)
def test_a_size_is_in_binary_units(value, text):
    assert format_bytes(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (12.4, "12 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (47.2 * 3600, "47 h 12 min"),
        (48 * 3600, "2 days"),
        (100 * 3600, "4 days 4 h"),
        (64.2 * 86400, "64 days"),
    ],
)
def test_a_time_is_in_its_two_largest_units(seconds, text):
    assert format_duration(seconds) == text


@settings(deadline=None)
@given(st.integers(0, 10**7))
def test_a_time_read_back_errs_by_less_than_its_smallest_unit(seconds):
    sizes = {"days": 86400, "h": 3600, "min": 60, "s": 1}
    parts = re.findall(r"(\d+) (days|h|min|s)", format_duration(seconds))

    back = sum(int(number) * sizes[unit] for number, unit in parts)

    assert abs(seconds - back) < sizes[parts[-1][1]]


@pytest.mark.parametrize(
    ("flops", "text"),
    [(4.7e17, "470 PFLOP"), (2.33e13, "23.3 TFLOP"), (4.45e12, "4.45 TFLOP"), (120, "120 FLOP")],
)
def test_operations_have_three_digits(flops, text):
    assert format_flops(flops) == text


# --- progress -------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock that only a test moves."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def _no_terminal(monkeypatch):
    monkeypatch.setattr(
        console, "stderr_console", Console(file=io.StringIO(), force_terminal=False)
    )


@pytest.mark.usefixtures("_no_terminal")
def test_without_a_terminal_a_bar_prints_a_line_now_and_then(clock, capsys):
    with ProgressBar("teacher", 1000, "tokens", seconds_between_lines=5) as bar:
        for _ in range(4):
            clock.seconds += 2
            bar.advance(100, "loss 3.21")

    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "  teacher  30%, 50 tokens/s, 14 s left, loss 3.21",
        "  teacher  40%, 50 tokens/s, 12 s left, loss 3.21",
    ]
    assert captured.out == ""


@pytest.mark.usefixtures("_no_terminal")
def test_work_of_an_earlier_process_is_shown_but_not_counted_in_the_throughput(clock, capsys):
    with ProgressBar("teacher", 1000, "tokens") as bar:
        bar.start_at(600)
        clock.seconds += 20
        bar.advance(200)

    assert capsys.readouterr().err == "  teacher  80%, 10 tokens/s, 20 s left\n"


@pytest.mark.usefixtures("_no_terminal")
def test_finished_work_has_no_time_left(clock, capsys):
    for done in (10, 12):
        with ProgressBar("work", 10, "bytes", seconds_between_lines=1) as bar:
            clock.seconds += 1
            bar.advance(done)
    with ProgressBar("untouched", 10, "bytes"):
        pass

    assert capsys.readouterr().err == "  work 100%, 10 bytes/s\n  work 120%, 12 bytes/s\n"


@pytest.mark.usefixtures("_no_terminal")
def test_short_work_leaves_no_line_in_a_log(clock, capsys):
    with ProgressBar("scoring", 10, "tokens") as bar:
        clock.seconds += 19
        bar.advance(10)

    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("_no_terminal")
def test_a_share_is_shown_once_the_length_of_the_work_is_known(clock, capsys):
    with ProgressBar("zip", 0, "B", seconds_between_lines=0.5) as bar:
        clock.seconds += 1
        bar.advance(10)
        bar.expect(40)
        clock.seconds += 1
        bar.advance(10)

    assert capsys.readouterr().err.splitlines()[:2] == [
        "  zip, 10 B/s",
        "  zip  50%, 10 B/s, 2 s left",
    ]


def test_in_a_terminal_a_bar_shows_speed_and_note_and_writes_no_lines(monkeypatch, capsys):
    drawn = io.StringIO()
    monkeypatch.setattr(
        console,
        "stderr_console",
        Console(file=drawn, force_terminal=True, width=100, legacy_windows=False),
    )
    with ProgressBar("teacher", 1000, "tokens") as bar:
        bar.start_at(500)
        bar.advance(250, "loss 3.21")

    assert "teacher" in drawn.getvalue()
    assert "75%" in drawn.getvalue()
    assert "tokens/s" in drawn.getvalue()
    assert "loss 3.21" in drawn.getvalue()
    assert capsys.readouterr().err == ""


def test_two_bars_share_the_one_display_of_a_terminal(monkeypatch):
    drawn = io.StringIO()
    terminal = Console(file=drawn, force_terminal=True, width=100, legacy_windows=False)
    monkeypatch.setattr(console, "stderr_console", terminal)
    with ProgressBar("llama", 100, "tokens") as llama, ProgressBar("gpt2", 100, "tokens") as gpt2:
        llama.advance(25)
        gpt2.advance(75)

    assert re.search(r"llama .* 25%[^\n]*\n  gpt2 .* 75%", drawn.getvalue())


# --- another process ------------------------------------------------------------------------


def work_of_another_process(clock) -> None:
    console.print_status("teachers/llama: building (new)")
    with ProgressBar("llama", 1000, "tokens") as bar:
        bar.start_at(600)
        clock.seconds += 30
        bar.advance(200, "loss 3.21")


@pytest.mark.usefixtures("_no_terminal")
def test_the_output_of_another_process_is_shown_as_if_it_were_our_own(capsys, monkeypatch, clock):
    work_of_another_process(clock)
    own = capsys.readouterr().err, console.stderr_console.file.getvalue()
    console.stderr_console.file.truncate(0)
    console.stderr_console.file.seek(0)

    sent = []
    with monkeypatch.context() as patched:
        patched.setattr(console._Screen, "send", None)
        console.send_output_to(sent.append)
        work_of_another_process(clock)
        assert (capsys.readouterr().err, console.stderr_console.file.getvalue()) == ("", "")
    output = OutputOf()
    for waited, message in zip((0, 0, 30, 0), sent, strict=True):
        clock.seconds += waited
        output.show(json.loads(json.dumps(message)))  # as they come through a pipe

    assert (capsys.readouterr().err, console.stderr_console.file.getvalue()) == own
    assert own[0] == "  llama  80%, 7 tokens/s, 30 s left, loss 3.21\n"
    assert own[1] == "teachers/llama: building (new)\n"


@pytest.mark.usefixtures("_no_terminal")
def test_bars_that_another_process_left_open_are_closed(clock, capsys):
    message = {"bar": 7, "title": "llama", "total": 10, "unit": "tokens", "done": 5,
               "done_before": 0, "note": "", "closed": False}  # fmt: skip
    output = OutputOf()
    output.show(message)
    clock.seconds += 20
    output.close()

    assert capsys.readouterr().err == "  llama  50%, 0 tokens/s, 20 s left\n"


# --- stopping -------------------------------------------------------------------------------


def handlers():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_requests_a_stop_and_the_handlers_are_restored(number):
    before = handlers()
    with stoppable() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested

    assert handlers() == before


def test_a_second_ctrl_c_ends_at_once():
    before = handlers()
    with stoppable():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    assert handlers() == before


def test_an_error_inside_restores_the_handlers():
    before = handlers()
    with pytest.raises(RuntimeError, match="within"), stoppable():
        raise RuntimeError("within")

    assert handlers() == before


def test_a_stop_requested_earlier_does_not_stop_later_work():
    with stoppable():
        os.kill(os.getpid(), signal.SIGINT)

    with stoppable() as stop:
        assert not stop.requested


def test_outside_the_main_thread_no_handler_is_set():
    before = handlers()
    seen = []

    def work() -> None:
        with stoppable() as stop:
            seen.append((stop.requested, handlers()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [(False, before)]


# --- tables and lines -----------------------------------------------------------------------


def test_a_table_goes_to_standard_output_with_numbers_right_aligned(capsys):
    print_result(table("Scores", ["model", "BLiMP"], [["student", "69.8"], ["twin", "7.9"]]))

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["Scores", "model    BLiMP", "student   69.8", "twin       7.9"]


def test_a_row_that_ends_early_has_empty_cells(capsys):
    print_result(table("", ["model", "BLiMP", "note"], [["student", "69.8"], ["twin"]]))
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["model    BLiMP  note", "student   69.8", "twin"]
    print_result(table("nothing", [], []))
    assert capsys.readouterr().out.splitlines() == ["nothing"]


def test_a_status_line_is_printed_unchanged_on_one_line(monkeypatch):
    printed = io.StringIO()
    monkeypatch.setattr(console, "stderr_console", Console(file=printed, width=20))
    console.print_status("[bold] runs/mini/corpus: complete, skipped (took 12 s)")

    assert printed.getvalue() == "[bold] runs/mini/corpus: complete, skipped (took 12 s)\n"


# --- text from data -------------------------------------------------------------------------

# What a terminal obeys or what hides text, beside how it is shown; then what rich would read.
HOSTILE = {
    "\x1b[31mred\x1b]0;title\x07": r"\x1b[31mred\x1b]0;title\x07",
    "\x9b31mred": r"\x9b31mred",
    "over\rwritten": r"over\rwritten",
    "\u202eright to left": r"\u202eright to left",
    "\u2066isolated": r"\u2066isolated",
    "a\u2028line": r"a\u2028line",
    "in\u200bvisible\ufeff": r"in\u200bvisible\ufeff",
    "not text \udcff": r"not text \udcff",
    "tag \U000e0041": r"tag \U000e0041",
    "llama[v1]": "llama[v1]",
    "[/red]": "[/red]",
    "[link=http://x]y[/link] :smile:": "[link=http://x]y[/link] :smile:",
}


@pytest.fixture(params=[*HOSTILE], ids=[ascii(each) for each in HOSTILE])
def hostile(request):
    """A text from data, and how it must be shown."""
    return request.param, HOSTILE[request.param]


def test_standard_output_shows_control_characters_and_no_markup(hostile, capsys):
    raw, shown = hostile
    print_line(raw)
    print_text(raw)
    print_result(styled("a ", (raw, "bold")))
    assert capsys.readouterr().out.splitlines() == [shown, shown, f"a {shown}"]


def test_a_table_shows_control_characters_and_no_markup(hostile, capsys):
    raw, shown = hostile
    print_result(table(raw, [raw, "score"], [[raw, "1.0"]]))
    lines = [line.split("  ")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == shown
    assert [line.removesuffix(" score").removesuffix(" 1.0") for line in lines[1:]] == [shown] * 2


@pytest.mark.parametrize("is_terminal", [False, True])
def test_standard_error_shows_control_characters_and_no_markup(hostile, is_terminal, monkeypatch):
    raw, shown = hostile
    printed = io.StringIO()
    real = Console(file=printed, width=200, color_system=None, force_terminal=is_terminal)
    monkeypatch.setattr(console, "stderr_console", real)
    console.print_status(raw)
    print_error(raw)
    assert printed.getvalue().splitlines() == [shown, f"error: {shown}"]


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_bar_shows_control_characters_and_no_markup(hostile, is_terminal, monkeypatch, capsys):
    raw, shown = hostile
    drawn = io.StringIO()
    real = Console(file=drawn, width=200, color_system=None, force_terminal=is_terminal)
    monkeypatch.setattr(console, "stderr_console", real)
    with ProgressBar(raw, 10, "tokens", seconds_between_lines=0) as bar:
        bar.advance(10, raw)
    assert (drawn.getvalue() + capsys.readouterr().err).count(shown) >= 2
    assert raw == shown or raw not in drawn.getvalue()


def test_a_line_end_cannot_forge_a_row_or_a_line(capsys):
    print_line("one\ntwo\t3")
    print_result(table("title\nx", ["a long column"], [["b\nc"]]))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [r"one\ntwo\t3", r"title\nx", "a long column", r"b\nc"]
    print_text("one\ntwo")
    assert capsys.readouterr().out == "one\ntwo\n"


def test_json_stays_json_and_text_of_any_script_stays_readable(hostile, capsys):
    raw, _ = hostile
    print_json({raw: "Größe 語 می‌خواهم"})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {raw: "Größe 語 می‌خواهم"}
    assert visible(printed) == printed
    assert "Größe 語 می‌خواهم" in printed


def test_json_has_null_for_what_is_no_number(capsys):
    print_json({"loss": [1.5, float("nan")], "gradient": {"norm": (float("-inf"), 0.0)}})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "loss": [1.5, None], "gradient": {"norm": [None, 0.0]},
    }  # fmt: skip


def test_a_document_reaches_a_file_as_it_is(capsysbinary):
    print_document("name: \u202e Größe")
    assert capsysbinary.readouterr().out == "name: \u202e Größe\n".encode()


@given(st.text())
def test_visible_text_has_no_controls_and_keeps_all_else(text):
    shown = visible_cell(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert visible(shown) == shown
    if text.isprintable():
        assert shown == text


def test_a_log_that_nobody_reads_any_more_does_not_stop_the_work(monkeypatch):
    class Closed(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    for closed in (Console(file=Closed()), type(console.stderr_console)(file=Closed())):
        monkeypatch.setattr(console, "stderr_console", closed)
        if type(closed) is not Console:
            console.print_status("x")
            print_error("x")


SOURCE = Path(console.__file__).parent
# The one place that prints; what it wraps lines with, where rich counts columns; and the screen of
# `watch`, whose text goes through `styled`.
MAY_PRINT = {SOURCE / "console.py", SOURCE / "wrapping.py", *(SOURCE / "watch").glob("*.py")}


def printing(file):
    """Calls that print, and imports of rich, in a source file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            ends = (".print", "typer.echo", "stdout.write", "stderr.write")
            if called == "print" or called.endswith(ends):
                yield f"{file.name}:{node.lineno}: {called}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(each.name for each in node.names)]
            if any(name.split(".")[0] == "rich" for name in names):
                yield f"{file.name}:{node.lineno}: rich"


def test_only_the_console_prints():
    files = [path for path in sorted(SOURCE.rglob("*.py")) if path not in MAY_PRINT]
    assert [each for file in files for each in printing(file)] == []


def test_an_estimate_is_never_zero_seconds():
    assert console.format_estimate(0.3) == "less than a second"
    assert console.format_estimate(64.0) == "about 1 min 04 s"


# --- a terminal's lines ------------------------------------------------------------------------


def terminal(**named):
    return Console(file=io.StringIO(), force_terminal=True, width=24, color_system=None, **named)


def test_on_a_terminal_a_long_line_breaks_between_words_and_keeps_its_command(monkeypatch):
    monkeypatch.setattr(console, "stderr_console", shown := terminal())
    console.print_status("finished work is saved. Go on: babyllama run runs/a/long/name")
    print_error("a folder is missing\n  Make the folder before you start.")
    assert shown.file.getvalue().splitlines() == [
        "finished work is saved.",
        "Go on:",
        "babyllama run runs/a/long/name",
        "error: a folder is",
        "missing",
        "  Make the folder before",
        "  you start.",
    ]


def test_a_dumb_terminal_gets_whole_lines_and_no_animation(monkeypatch, capsys, clock):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(console, "stderr_console", shown := terminal())
    console.print_status("a line that is longer than this terminal is wide")
    with ProgressBar("teacher", 100, "tokens", seconds_between_lines=1) as bar:
        clock.seconds += 2
        bar.advance(50)
    assert shown.file.getvalue() == "a line that is longer than this terminal is wide\n"
    assert "teacher  50%" in capsys.readouterr().err


@pytest.mark.usefixtures("_no_terminal")
def test_bars_name_the_model_that_they_belong_to(clock, capsys):
    with console.bars_of("twin"), ProgressBar("scoring", 10, "tokens") as bar:
        clock.seconds += 20
        bar.advance(10)
    assert capsys.readouterr().err.startswith("  scoring twin 100%")


def test_the_line_on_all_the_work_stands_above_the_bars_of_a_terminal_alone(monkeypatch):
    shown = terminal()
    shown.width = 80
    monkeypatch.setattr(console, "stderr_console", shown)
    with console.overall(lambda: "3 of 11 stages are made"), ProgressBar("llama", 10, "x") as bar:
        bar.advance(5)
        console.print_status("only here", only="screen")
        console.print_status("not here", only="log")
    assert re.search(r"3 of 11 stages are made\s*\n  llama .* 50%", shown.file.getvalue())
    assert "only here" in shown.file.getvalue()
    assert "not here" not in shown.file.getvalue()
    assert console._Screen.bars is None

    log = Console(file=io.StringIO(), force_terminal=False)
    monkeypatch.setattr(console, "stderr_console", log)
    with console.overall(lambda: "3 of 11 stages are made"):
        console.print_status("not here", only="screen")
        console.print_status("only here", only="log")
    assert log.file.getvalue() == "only here\n"
