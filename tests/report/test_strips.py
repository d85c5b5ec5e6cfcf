"""Heat strips compare each word with what the other text has in its place."""

import json

from babyllama.report.scored_run import scored_run
from babyllama.report.strips import mended_errors, strips, worst_errors
from babyllama.runs.run import read_run


def wrong(uid, number):
    return {"benchmark": "grammar", "UID": uid, "pairID": str(number), "group": "g",
            "margin": 3.0, "right": [["good", 5.0]], "preferred": [["bad", 2.0]]}  # fmt: skip


def add_worst(folder, name, found):
    path = folder / "evaluation" / f"{name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "worst": found}))


def test_only_what_costs_more_than_the_other_text_is_dark():
    right, preferred = strips(
        [("the", 4.0), ("dogs", 9.0), ("bark", 7.0)], [("the", 4.0), ("dog", 6.0), ("bark", 6.4)]
    )
    assert [(word.text, word.shade, word.differs) for word in right] == [
        ("the", 0, False), ("dogs", 2, True), ("bark", 1, False),
    ]  # fmt: skip
    assert [word.shade for word in preferred] == [0, 0, 0]
    assert right[1].nats == "9.0"


def test_a_word_that_the_other_text_lacks_costs_all_of_its_surprisal():
    right, _ = strips([("a", 1.0), ("b", 3.0)], [("a", 1.0)])
    assert (right[1].shade, right[1].differs) == (2, True)


def test_the_twins_errors_that_the_student_does_not_make_are_shown(make_run):
    folder = make_run()
    file = folder / "evaluation/predictions/distilled/grammar.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    kept = {bool(line["correct"]): line["pairID"] for line in lines if line["UID"] == "npi_any"}
    add_worst(folder, "twin", [wrong("npi_any", kept[True]), wrong("npi_any", kept[False])])
    section = mended_errors(scored_run(read_run(folder)))
    assert len(section.lost) == 1
    assert "The stronger a word's shade" in section.text[0]  # on a dark page it is the brighter
    assert "Of 2 of the worst errors of twin, distilled decides 1 rightly." in section.text[0]


def test_errors_of_one_kind_do_not_fill_the_page(make_run):
    folder = make_run(items=20)
    found = [wrong("a", number) for number in range(9)] + [wrong("b", 0)]
    add_worst(folder, "distilled", found)
    section = worst_errors(scored_run(read_run(folder)))
    a, b = "grammar, a: 3.0 nats", "grammar, b: 3.0 nats"
    assert [each.about for each in section.lost] == [a, b, a]
