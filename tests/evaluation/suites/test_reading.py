"""Reading times against statsmodels' own regressions, and what is asked of a model."""

import csv
import math

import numpy as np
import pytest
import statsmodels.api as sm

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for

SUITE, HONEST = suite_for("reading"), rules_named("honest")
TIMES = ("RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound", "self_paced_reading_time")
PLAIN = ("Subtlex_log10", "length", "context_length")


def rows(count=120):
    """A table of words in sentences of six, with some values missing."""
    generator = np.random.default_rng(3)
    table = []
    for number in range(count):
        place = number % 6 + 1
        row = {
            "item": "None" if number == 7 else f"c{number}", "word": f"w{number}",
            "prev_item": f"p{number}" if place > 1 else "",
            "prev_word": f"q{number}" if place > 1 else "",
            "sent_id": str(number // 6), "context_length": place,
            "length": int(generator.integers(1, 9)), "prev_length": int(generator.integers(1, 9)),
            "Subtlex_log10": "" if number % 20 == 4 else round(float(generator.normal(9, 2)), 3),
        }  # fmt: skip
        row |= {time: round(float(generator.gamma(4, 40)), 2) for time in TIMES}
        table.append(row)
    return table


def write_table(folder, table):
    with (folder / "reading_data.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    return folder / "reading_data.csv"


def plainly(table, time, names, pred):
    """100 (R2 with - R2 without) / (1 - R2 without), by statsmodels, rows with gaps dropped."""
    base = np.array([[float(r[n]) if r[n] != "" else math.nan for n in names] for r in table])
    y = np.array([float(r[time]) for r in table])
    keep = ~np.isnan(base).any(axis=1) & ~np.isnan(pred)
    base = base[keep]
    crossed = [base[:, i] * base[:, j] for i in range(base.shape[1]) for j in range(i)]
    without = sm.add_constant(np.column_stack([base, *crossed]))
    r2 = [
        sm.OLS(y[keep], x).fit().rsquared for x in (without, np.column_stack([without, pred[keep]]))
    ]
    return 100 * (r2[1] - r2[0]) / (1 - r2[0])


def surprisals(table, seed=0):
    """Made-up surprisals of each word and of the word before it, larger for slower words."""
    generator = np.random.default_rng(seed)
    own = np.array([float(row["RTgopast"]) for row in table]) / 90 + generator.gamma(
        2, 1, len(table)
    )
    before = generator.gamma(2, 2, len(table))
    before[[row["prev_word"] == "" for row in table]] = math.nan
    values = [-v for pair in zip(own, before, strict=True) for v in pair if not math.isnan(v)]
    return own, before, values


def test_both_scores_are_those_of_plain_regressions(tmp_path, score):
    table = rows()
    items = SUITE.read(write_table(tmp_path, table))
    own, before, values = surprisals(table)
    facts, lines = score(SUITE, items, values)
    expected = [plainly(table, time, PLAIN, own) - 100 / (114 - 7) for time in TIMES[:4]]
    assert [facts["subtasks"][time]["score"] for time in TIMES[:4]] == pytest.approx(expected)
    assert facts["score"] == pytest.approx(np.mean(expected))
    table = [
        row | {"prev_pred": "" if math.isnan(b) else b}
        for row, b in zip(table, before, strict=True)
    ]
    spill_over = plainly(table, TIMES[4], (*PLAIN, "prev_length", "prev_pred"), own)
    spill_over -= 100 / (96 - 16)
    assert facts["subtasks"]["self_paced"]["score"] == pytest.approx(spill_over)
    assert facts["aggregates"] == pytest.approx(
        {"eye_tracking": np.mean(expected), "self_paced": spill_over}
    )
    assert (facts["n"], facts["subtasks"]["self_paced"]["n"]) == (114, 96)
    assert facts["interval"][0] < facts["score"] < facts["interval"][1]
    assert [line["surprisal"] for line in lines] == pytest.approx(own)
    assert lines[0]["prev_surprisal"] is None


def test_both_scores_are_those_of_plain_regressions_on_the_published_table(data, score):
    path = data / "benchmarks" / "reading"
    items = SUITE.read(path)
    table = [
        dict(item.numbers) | {"prev_word": item.previous[1] if item.previous else ""}
        for item in items
    ]
    own, _, values = surprisals(table)
    facts, _ = score(SUITE, items, values)
    expected = [plainly(table, time, PLAIN, own) for time in TIMES[:4]]
    assert facts["score"] == pytest.approx(np.mean(expected) - 100 / (1696 - 7), rel=1e-9)
    assert (facts["n"], facts["subtasks"]["self_paced"]["n"]) == (1696, 1497)


def test_2025_subtracts_nothing_and_its_chance_is_what_noise_explains(tmp_path, score):
    table = rows()
    items = SUITE.read(write_table(tmp_path, table))
    own, _, values = surprisals(table)
    facts, _ = score(SUITE, items, values, "2025")
    expected = [plainly(table, time, PLAIN, own) for time in TIMES[:4]]
    assert facts["score"] == pytest.approx(np.mean(expected))
    assert facts["chance"] == pytest.approx(100 / (114 - 7))
    other, _ = score(SUITE, items, values)
    moved = np.array([*other["interval"], other["score"]]) + facts["chance"]
    assert [*facts["interval"], facts["score"]] == pytest.approx(moved)


def test_noise_scores_0_on_average_and_its_interval_contains_0(tmp_path, score):
    items = SUITE.read(write_table(tmp_path, rows()))
    scores, covers = [], []
    for seed in range(15):
        noise = np.random.default_rng(seed).gamma(2, 2, len(SUITE.texts(items, HONEST)))
        facts, _ = score(SUITE, items, -noise)
        low, high = facts["interval"]
        scores.append(facts["score"])
        covers.append(low <= 0 <= high)
    assert sum(covers) >= 14
    assert abs(np.mean(scores)) < 3 * np.std(scores) / math.sqrt(len(scores))
    assert min(scores) < 0 < max(scores)


def test_surprisal_of_no_use_or_all_the_same_explains_nothing(tmp_path, score):
    items = SUITE.read(write_table(tmp_path, rows()))
    asked = len(SUITE.texts(items, rules_named("honest")))
    assert score(SUITE, items, [-1.0] * asked)[0]["score"] == 0
    # What length says already is nothing new.
    length = [
        value for item in items
        for value in [-item.numbers["length"]] + [-1.0] * (item.previous is not None)
    ]  # fmt: skip
    assert score(SUITE, items, length)[0]["score"] == 0


def test_the_word_is_asked_for_with_its_space_but_apart_and_without_under_2025(tmp_path):
    items = SUITE.read(write_table(tmp_path, rows(9)))
    assert SUITE.texts(items, rules_named("honest"))[:3] == [
        Text(" w0", "c0"), Text(" w1", "c1"), Text(" q1", "p1"),
    ]  # fmt: skip
    assert SUITE.texts(items, rules_named("2025"))[1:3] == [
        Text("w1", "c1", is_separate=True, scored="anew"),
        Text("q1", "p1", is_separate=True, scored="anew"),
    ]  # fmt: skip


def test_under_2025_the_text_none_before_a_word_is_a_missing_one(tmp_path, score):
    table = rows(9)
    table[2]["prev_item"] = "None"  # as pandas reads it
    items = SUITE.read(write_table(tmp_path, table))
    assert Text(" q2", "None") in SUITE.texts(items, HONEST)
    texts = SUITE.texts(items, rules_named("2025"))
    assert len(texts) == len(SUITE.texts(items, HONEST)) - 1
    _, lines = score(SUITE, items, -np.arange(1.0, len(texts) + 1), "2025")
    assert [line["prev_surprisal"] is None for line in lines] == [
        True, False, True, False, False, False, True, False, False,
    ]  # fmt: skip


def test_a_context_that_was_taken_for_a_missing_value_is_mended(tmp_path):
    table = rows(9)
    table[7]["item"] = ""
    assert SUITE.read(write_table(tmp_path, table))[7].context == "None"


def test_a_broken_number_is_named_by_file_and_line(tmp_path):
    table = rows(9)
    table[2]["length"] = "long"
    with pytest.raises(InputError, match=r"reading_data\.csv:4: length is 'long', not a number"):
        SUITE.read(write_table(tmp_path, table))
