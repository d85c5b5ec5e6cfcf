"""The dev loss of students against the size of the signal that they read."""

import json

import pytest

from babyllama.recipe import load_recipe, to_yaml
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import write_manifest
from babyllama.studies.comparing import Pair, Side
from babyllama.studies.report.page import page_of
from babyllama.studies.report.signal_sizes import signal_sizes

BYTES = {"exact": 640, "coded": 64, "sampled": 80}
KL = {"exact": 1e-7, "coded": 1e-4}


@pytest.fixture
def sizes(study, findings_of):
    """A study of three signals, whose trials say what is stored."""
    made = study(
        name="sizes",
        vary=[{"name": "exact"},
              {"name": "sampled", "set": {"signal": {"kind": "sampled", "k": 16}}},
              {"name": "coded", "set": {"signal": {"kind": "hidden", "bytes_per_token": 64}}}],
        compare=[{"ours": "*", "theirs": "exact", "expect": "equivalent"}],
    )  # fmt: skip
    losses = {"exact": 1.70, "coded": 1.71, "sampled": 1.9}
    pairs = [Pair(Side("coded", "distilled"), Side("exact", "distilled"), "equivalent")]
    found = findings_of(made, lambda cell: {"distilled": (0.7, losses[cell.name])}, pairs)
    for each in found.outcomes:
        layout = Layout(each.trial)
        layout.signal.mkdir(parents=True, exist_ok=True)
        layout.recipe.write_text(to_yaml(load_recipe("mini")), encoding="utf-8")
        kl = None if each.cell == "sampled" else KL[each.cell] * (each.seed + 1)
        fidelity = {"temperatures": {"1": {"kl": 9.0}, "2": {"kl": kl}}}
        facts = {"bytes_per_token": BYTES[each.cell], "fidelity": fidelity}
        content = {"stage": "signal", "version": 2, "inputs": {}, "seed": 0}
        content["recipe"] = {"signal": {"kind": each.cell}}
        content |= {"facts": facts, "wall_seconds": 1.0}
        write_manifest(layout.signal, content, leave_out=set())
    return found


def test_cells_are_listed_by_the_bytes_of_their_signal(sizes):
    section = signal_sizes(sizes)
    (table,) = section.tables
    assert [row[:3] for row in table.rows] == [
        ("exact", "640", "2e-07"), ("sampled", "80", "–"), ("coded", "64", "0.0002"),
    ]  # fmt: skip
    for row in table.rows:
        own = [each.values["dev_cross_entropy"] for each in sizes.outcomes if each.cell == row[0]]
        assert float(row[3]) == pytest.approx(sum(own) / 3, abs=5e-4)
    (figure,) = section.figures
    assert all(f">{name}<" in figure.svg for name in (*BYTES, "64", "512"))
    assert ">72<" not in figure.svg  # powers of two, which do not overlap
    assert section.title in [each.title for each in page_of(sizes, ["rows.csv"]).sections]


def test_a_study_in_which_no_size_differs_has_no_such_section(sizes, claim):
    assert signal_sizes(claim) is None
    for each in sizes.outcomes:
        layout = Layout(each.trial)
        own = load_recipe("mini", ("students.distilled.teachers=[llama]", "signal={kind: online}"))
        layout.recipe.write_text(to_yaml(own), encoding="utf-8")
    assert signal_sizes(sizes) is None  # no student reads what is stored


def test_a_signal_that_is_larger_for_more_teachers_is_no_other_signal(sizes):
    for each in sizes.outcomes:
        path = Layout(each.trial).signal / "manifest.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["recipe"] = {"signal": {"kind": "hidden"}}
        path.write_text(json.dumps(content), encoding="utf-8")
    assert signal_sizes(sizes) is None
