"""A run's measures are kept while what decides them is the same, and never when damaged."""

import json

import pytest

from babyllama.evaluation.measures import of_run
from babyllama.evaluation.measures.of_run import measure_models
from babyllama.runs.layout import measure_sums_file, measures_file
from babyllama.scores.measures import measured, read_measures, read_sums


@pytest.fixture
def make(two_models, text, tmp_path):
    """A function that measures the models into a folder, and the names of what it measured."""

    def run(out, *, teachers=two_models, untrained=None):
        (tmp_path / out).mkdir(exist_ok=True)
        measure_models(
            {"llama": two_models[:1], "ensemble": two_models}, tokens=text.tokens,
            window=text.window, before=[tmp_path / "nothing", tmp_path / "one"],
            out=tmp_path / out, teachers=teachers, untrained=untrained,
        )  # fmt: skip
        return tmp_path / out

    return run


@pytest.fixture
def names(monkeypatch):
    """The models that are measured from now on."""
    found, really = [], of_run._measure

    def counting(out, name, *more):
        found.append(name)
        return really(out, name, *more)

    monkeypatch.setattr(of_run, "_measure", counting)
    return found


def test_measures_are_made_once_and_taken_from_folders_of_before(make, names, two_models):
    one = make("one", untrained=two_models[0])
    assert names == ["llama", "ensemble", "untrained"]
    two = make("two", untrained=two_models[0])
    make("two", untrained=two_models[0])
    assert len(names) == 3
    for name in names:
        assert measures_file(two, name).read_bytes() == measures_file(one, name).read_bytes()
    values = read_measures(measures_file(two, "llama"))
    sums = read_sums(measure_sums_file(two, "llama"))
    assert [*sums] == [*values]
    for name, each in sums.items():  # they are rounded in the file
        assert measured(each).value == pytest.approx(values[name].value, abs=1e-5)
    assert "teacher_kl" in values
    assert "teacher_kl" not in read_measures(measures_file(two, "ensemble"))


def test_damage_and_other_teachers_are_measured_again(make, names, two_models):
    one = make("one")
    file = measures_file(one, "llama")
    record = json.loads(file.read_text("utf-8"))
    record["values"]["entropy"]["value"] = 0.0
    file.write_text(json.dumps(record), encoding="utf-8")
    make("one")
    assert names == ["llama", "ensemble", "llama"]
    make("two", teachers=two_models[:1])
    assert names[3:] == ["llama", "ensemble"]
