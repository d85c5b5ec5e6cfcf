"""Global PIQA: the solution that is likeliest per token, in the format of the published files."""

import numpy as np
import pytest

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites import suite_for

RULES = rules_named("2025")
ITEM = {
    "prompt": "To dry wet boots,", "solution0": "bury them in snow.",
    "solution1": "stuff them with newspaper.", "label": 1, "language": "eng_latn",
    "eng_translated0": None, "example_id": "group1_ex3_eng_latn_0_v1", "supplement": "{}",
}  # fmt: skip
FOUR = ITEM | {"solution2": "stuff them with soup.", "solution3": "fill them with ice.", "label": 2}


def read(write, name, *rows):
    return suite_for(name).read(write({"eng_latn.jsonl": list(rows)}))


def test_the_labelled_solution_is_the_right_option(write):
    (choice,) = read(write, "global_piqa_nonparallel", ITEM)
    assert choice.options == (
        Text(" stuff them with newspaper.", "To dry wet boots,"),
        Text(" bury them in snow.", "To dry wet boots,"),
    )
    (choice,) = read(write, "global_piqa_parallel", FOUR)
    assert [option.target.split()[-1] for option in choice.options] == [
        "soup.", "snow.", "newspaper.", "ice."
    ]  # fmt: skip
    assert (choice.uid, choice.item_id) == ("eng_latn", "group1_ex3_eng_latn_0_v1")


def test_solutions_are_compared_per_token(write):
    suite = suite_for("global_piqa_nonparallel")
    choices = read(write, "global_piqa_nonparallel", ITEM)
    # The right one has the lower sum, -6 against -4, and the higher mean, -1.5 against -2.
    values = np.array([-1.0, -2.0, -1.0, -2.0, -2.0, -2.0])
    found = Likelihoods(values, np.ones(6, dtype=bool), np.array([0, 4, 6]))
    assert suite.per_token
    result, (line,) = suite.scores(choices, found.averaged(), RULES)
    assert (result.score, result.chance, result.n) == (100.0, 50.0, 1)
    assert (line["log_likelihood_good"], line["log_likelihood_bad"]) == (-1.5, -2.0)
    assert line["solution_good"] == " stuff them with newspaper."
    assert line["solution_bad"] == " bury them in snow."
    assert line["sentence_bad"] == "To dry wet boots, bury them in snow."


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("global_piqa_parallel", [ITEM], r"eng_latn\.jsonl:1: has no solution2"),
        ("global_piqa_nonparallel", [FOUR], "has solution2, so it is an item with more solutions"),
        ("global_piqa_nonparallel", [ITEM | {"label": 2}], r"label is 2, but .* 0 to 1"),
        ("global_piqa_nonparallel", [ITEM | {"label": -1}], "label is -1"),
        ("global_piqa_nonparallel", [ITEM | {"solution0": " "}], "solution0 is empty"),
        ("global_piqa_nonparallel", [ITEM, ITEM | {"prompt": "x"}], "have the same example_id"),
        (
            "global_piqa_nonparallel",
            [ITEM, ITEM | {"language": "nld_latn", "example_id": "b"}],
            "several languages: eng_latn, nld_latn",
        ),
    ],
)
def test_other_data_are_refused(write, name, rows, message):
    with pytest.raises(InputError, match=message):
        read(write, name, *rows)
