"""What a person reads says no more than the intervals allow."""

import json
import re

import pytest
from markdown_it import MarkdownIt
from odd_names import ODD_NAMES
from result_files import benchmark, result
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.report import comparisons as words
from babyllama.scores.compare import compare

WEAK = {"a": "0100" * 20, "b": "1100" * 20, "c": "1011" * 20}
STRONG = {"a": "1110" * 20, "b": "1100" * 20, "c": "1000" * 10 + "1011" * 10}


@pytest.fixture
def files(written):
    months = {"score": 3.0, "stderr": 0.1, "interval": [2.8, 3.2], "n": 90, "unit": "months",
              "higher_is_better": False}  # fmt: skip
    return [
        written("weak.json", result("weak", {"blimp": benchmark(WEAK), "age": months,
                                             "ewok": benchmark({"e": "1110" * 15})})),
        written("strong.json", result("strong", {"blimp": benchmark(STRONG),
                                                 "age": months | {"score": 2.0},
                                                 "ewok": benchmark({"e": "0111" * 15})})),
    ]  # fmt: skip


def said(files):
    return [*words.sentences(compare(files, correction="holm"))]


def test_sentences_say_what_is_shown_and_what_could_have_been(files):
    first, second, third, fourth = said(files)
    assert first.startswith("strong scores 8.3 above weak on blimp (3.")
    assert "1.0 months below weak on age (0.7 to 1.3; lower is better)" in first
    assert second.startswith("No detectable difference on ewok (-")
    assert "; smallest detectable difference " in second
    assert third.startswith("It may not hold for other UIDs of the same kind: blimp (difference -")
    assert fourth == (
        "2 of 3 UIDs of blimp show a difference; strong gains most in a (+50.0) and loses most in "
        "c (-25.0)."
    )


def test_where_nothing_is_shown_both_models_are_named(written):
    same = [written(f"{name}.json", result(name, {"x": benchmark(STRONG)})) for name in ("p", "q")]
    first, second = said(same)
    assert first.startswith("No detectable difference between q and p on x (-")
    assert second == "0 of 3 UIDs of x show a difference."


def test_a_difference_that_is_lost_to_the_correction_says_so(written):
    """Alone it is shown, as a report of these two models says; beside others it is not."""
    base = "0111" * 50
    texts = {"a": base, "b": base[:176] + "1" * 24, "c": base, "d": base, "e": base, "f": base}
    files = {
        n: written(f"{n}.json", result(n, {"x": benchmark({"u": t})})) for n, t in texts.items()
    }
    alone, *_ = said([files["a"], files["b"]])
    assert alone.startswith("b scores 3.0 above a on x (")
    first, *_ = said([*files.values()])
    assert first.startswith(
        "After the correction for 5 comparisons no difference between b and a is shown on x (+3.0, "
    )
    assert re.search(r"interval \d.* to .*, adjusted p 0\.\d{3}\)\.$", first)


def test_a_better_score_that_is_at_chance_shows_nothing(written):
    """A difference is there, but 52 against 43 where chance is 50 is no knowledge."""
    texts = {"low": "100" * 100 + "1" * 30, "high": "110" * 10 + "10" * 150}
    files = [
        written(f"{name}.json", result(name, {"x": benchmark({"u": text})}))
        for name, text in texts.items()
    ]
    (sentence,) = said(files)
    assert sentence.startswith("At chance on x: nothing can be concluded (low 39.4, high ")
    (found,) = compare(files, correction="holm")
    assert found.is_at_chance == (False, True)
    (data,) = words.as_data([found])
    assert (data["at_chance"], data["shows_nothing"]) == ([False, True], True)
    ((_, _, (row,)),) = words.titled_rows([found])
    assert any(cell.endswith(", at chance") for cell in row)
    assert "At chance on x" in words.markdown([found], "holm")


def test_what_a_score_needs_said_is_said_where_it_is_compared(written):
    note = "84 of 200 validation rows and 0 of 90 training rows are cut to 128 tokens"
    files = [written(f"{name}.json", result(name, {"rte": benchmark(STRONG, notes=notes)}))
             for name, notes in (("p", [note]), ("q", []))]  # fmt: skip
    told = [*words.cautions(compare(files, correction="holm"), "holm")]
    assert f"p on rte: {note}." in told


def test_cautions_say_what_intervals_stand_for(files, written):
    told = " ".join(words.cautions(compare(files, correction="bh"), "bh"))
    assert "not over other seeds of the models" in told
    assert "Benjamini and Hochberg's method over 3 comparisons, and separately over 3 UIDs" in told
    assert "Not paired by item: age, since not every file has a digest of its items" in told
    for seed in range(2):
        written(f"seeds/{seed}.json", result("s", {"blimp": benchmark(STRONG, dtype="x")}))
    seeds = compare([files[0], files[0].parent / "seeds"], correction="holm")
    told = " ".join(words.cautions(seeds, "holm"))
    assert "over other seeds and other items" in told
    assert "weak has one seed: it is assumed to vary between seeds as much as the other." in told


def test_a_list_of_differences_holds_five_gains_and_five_losses_at_most(written):
    names = [f"{kind}{i}" for kind in ("up", "down") for i in range(7)]
    one = {name: ("0" if name.startswith("up") else "1") * 40 for name in names}
    two = {name: ("1" if name.startswith("up") else "0") * 40 for name in names}
    paths = [written(f"{n}.json", result(n, {"x": benchmark(u)})) for n, u in
             (("one", one), ("two", two))]  # fmt: skip
    (found,) = compare(paths, correction="holm")
    gains, losses = words.largest(found)
    assert [uid.uid[:2] for uid in (*gains, *losses)] == ["up"] * 5 + ["do"] * 5


# --- the command ------------------------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def test_the_command_prints_words_then_tables(files, tmp_path):
    done = run(*files, "--out", tmp_path / "deep" / "page.md")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("strong scores 8.3 above weak on blimp (")
    assert "strong minus weak" in [line.strip() for line in lines]
    row = next(line for line in lines if line.startswith("blimp "))
    assert row.split()[:3] == ["blimp", "50.0", "50.0,"]  # "at chance" is on the next line
    assert "+8.3" in row
    assert next(line for line in lines if line.startswith("age, months ")).split()[2] == "–"
    page = (tmp_path / "deep" / "page.md").read_text("utf-8")
    assert page.startswith("# Comparison\n\nstrong scores 8.3 above weak on blimp (")
    assert "| blimp " in page


def test_json_holds_everything(files):
    rows = json.loads(run(*files, "--json").stdout)
    assert [row["benchmark"] for row in rows] == ["blimp", "age", "ewok"]
    first = rows[0]
    assert (first["baseline"], first["model"], first["seeds"]) == ("weak", "strong", [1, 1])
    assert (first["won"], first["lost"], first["test"]) == (40, 20, "exact McNemar")
    assert first["interval"][0] < first["difference"] < first["interval"][1]
    assert first["adjusted_p"] >= first["p"]
    assert first["is_shown"] is True
    assert first["smallest"] > 0
    assert first["subtasks"]["a"]["scores"] == [25.0, 75.0]


def test_bad_input_exits_with_two_and_writes_nothing(files, tmp_path):
    done = run(files[0], "--out", tmp_path / "page.md")
    assert done.exit_code == 2
    assert not (tmp_path / "page.md").exists()


def test_odd_names_are_text_in_every_form_of_a_comparison(written, tmp_path):
    files = [
        written(
            f"{name}.json", result(model, {"[/red]`|": benchmark(dict.fromkeys(ODD_NAMES, uid))})
        )
        for name, model, uid in (("a", "llama[v1]", "0100" * 30), ("b", "<i>|x`", "1110" * 30))
    ]
    done = run(*files, "--out", tmp_path / "page.md")
    assert done.exit_code == 0, done.output
    assert "llama[v1]" in done.output
    assert "[/red]`|" in done.output
    assert "\x1b" not in done.output
    tokens = MarkdownIt("commonmark").enable("table").parse((tmp_path / "page.md").read_text())
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "text_special", "softbreak"}
