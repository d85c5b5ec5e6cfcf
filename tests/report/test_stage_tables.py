"""What the stages made: the signal and what it loses, what everything cost."""

import json
import re
import shutil

import pytest
import yaml

from babyllama.report import write_report
from babyllama.report.stage_tables import corpus_table, totals_table
from babyllama.runs.run import read_run


def texts(out):
    return (out / "index.html").read_text("utf-8"), (out / "report.md").read_text("utf-8")


def written(run, out):
    facts = write_report([run], out)
    return facts, *texts(out)


def test_the_stored_signal_is_shown_with_what_it_loses(told):
    page, markdown = texts(told[1])
    section = markdown[markdown.index("## The stored signal") :]
    section = section[: section.index("\n## ")]
    assert "Kind hidden: 512 bytes per token, 1.5 MiB for 3,000 tokens." in section
    assert re.search(r"\| T = 2 +\| +0\.0000 \| +0\.2° \| +1\.000 \|", section)
    assert re.search(r"\| hidden 16 B +\| +16 \| +0\.2500 \| +30\.0° \| +0\.0625 \|", section)
    assert re.search(r"\| sampled 12 +\| +64 \| +– \| +17\.3° \| +– \|", section)
    assert page.count("hidden int8") == 1
    drawn = (told[1] / "figures/frontier.svg").read_text("utf-8")
    for words in ("hidden", "topk", "sampled", "T = 1", "T = 2", "bytes per token"):
        assert f">{words}</text>" in drawn


@pytest.mark.parametrize("gone", [["frontier"], ["frontier", "fidelity"]])
def test_a_signal_that_was_measured_less_is_shown_as_far_as_it_goes(make_run, tmp_path, gone):
    run = make_run(items=20)
    for name in gone:
        (run / "signal" / f"{name}.json").unlink()
    _, page, markdown = written(run, tmp_path / "report")
    assert "512 bytes per token" in page
    assert ("What was stored" in page) == ("fidelity" not in gone)
    assert "figures/frontier.svg" not in markdown
    facts = {"kind": "hidden", "flops": 10**12}  # as runs of before say
    manifest = json.loads((run / "signal/manifest.json").read_text("utf-8"))
    (run / "signal/manifest.json").write_text(json.dumps({**manifest, "facts": facts}), "utf-8")
    _, page, _ = written(run, tmp_path / "older")
    assert "bytes per token" not in page


def test_totals_count_all_that_a_student_needs_and_its_controls(make_run):
    run = make_run(items=20)
    recipe = yaml.safe_load((run / "recipe.yaml").read_text("utf-8"))
    students = recipe["students"]
    students["longer"] = {"kind": "twin", "of": "distilled", "training": {"epochs": 20}}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    shutil.copytree(run / "students/twin", run / "students/longer")
    rows = totals_table(read_run(run)).rows
    assert [row[0] for row in rows] == [
        "student, teachers and signal", "student alone", "control longer alone", "twin alone",
        "× the cost of the twin",
    ]  # fmt: skip
    assert rows[-1][1:] == ("4.0", "3.3")  # four times 100 s; 3 x 3 + 1 against 3 TFLOP

    students["cold"] = students["distilled"] | {"temperature": 1}  # it alone reads the signal now
    students["distilled"]["teachers"] = ["longer"]
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    rows = totals_table(read_run(run)).rows
    assert (rows[0][0], rows[-1][1:]) == ("student and teachers", ("2.0", "2.0"))


def test_a_corpus_that_is_a_part_of_its_text_says_so(make_run):
    run = make_run(items=20)
    assert "corpus.words" not in corpus_table(read_run(run)).note
    file = run / "corpus/stats.json"
    subset = {"asked": 900, "of": 2000, "kept": 903, "seed": 4}
    counts = json.loads(file.read_text("utf-8")) | {"subset": subset}
    file.write_text(json.dumps(counts), encoding="utf-8")
    note = corpus_table(read_run(run)).note
    assert note.endswith(
        "Of the 2,000 words of the training text 903 are used (corpus.words), drawn by seed 4."
    )
