from types import SimpleNamespace

import pytest

from babyllama.errors import InputError
from babyllama.pipeline import timing
from babyllama.pipeline.cards import CARDS
from babyllama.pipeline.planning import Plan, PlannedModel
from babyllama.pipeline.preview import Action
from babyllama.pipeline.sharing import Machine
from babyllama.pipeline.stages import stages
from babyllama.pipeline.timing import time_left
from babyllama.recipe import Given

FLOPS = {"llama": 6e12, "gpt2": 4e12, "distilled": 3e12, "twin": 2e12}


@pytest.fixture
def planned():
    models = tuple(
        PlannedModel(name, 10**6, 0, flops, lambda: None) for name, flops in FLOPS.items()
    )
    return Plan(models, 0, True, 0, sum(FLOPS.values()) + 1e12, 1e12, 0, None)


@pytest.fixture
def line(tiny_recipe, tmp_path):
    return list(stages(tiny_recipe, tmp_path))


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Two cores, each of which does a billion operations a second."""
    monkeypatch.setattr(timing, "this_machine", lambda: Machine(cores=2))
    monkeypatch.setattr(timing, "trial_flops", lambda *_: 1e9)


def actions(line, **does):
    return [Action(stage, does.get(stage.out.name, "keep")) for stage in line]


def test_only_what_is_left_counts(tiny_recipe, planned, line):
    found = time_left(tiny_recipe, planned, actions(line, twin="make"))
    assert (found.flops, [stage.name for stage in found.stages]) == (2e12, ["students/twin"])
    assert found.seconds == pytest.approx(2000 * 1.12)
    nothing = time_left(tiny_recipe, planned, actions(line))
    assert (nothing.seconds, nothing.stages) == (0, ())


def test_models_that_are_trained_side_by_side_share_the_cores(tiny_recipe, planned, line):
    both = time_left(tiny_recipe, planned, actions(line, llama="make", gpt2="replace"))
    assert both.seconds == pytest.approx(6000 * 1.12)
    every = dict.fromkeys((*FLOPS, "signal"), "make")
    alone = time_left(tiny_recipe, planned, actions(line, **every))
    assert alone.seconds == pytest.approx((6000 + 1000 + 3000) * 1.12)


def test_finished_trainings_of_the_shape_say_how_fast_the_next_is(
    tiny_recipe, planned, line, monkeypatch
):
    twin = next(stage for stage in line if stage.out.name == "twin")
    facts = {"flops": 5e12, "device": "processor, 1 thread"}
    manifest = {"recipe": {"model": twin.recipe.model.model_dump(mode="json")}, "facts": facts,
                "stage": "pretraining", "wall_seconds": 100}  # fmt: skip
    read = timing.read_manifest
    monkeypatch.setattr(
        timing, "read_manifest", lambda path: manifest if path == twin.out else read(path)
    )
    found = time_left(tiny_recipe, planned, actions(line, distilled="make"))
    assert found.stages[0].speed.known == "finished"
    assert found.seconds == pytest.approx(3e12 / 5e10)


def test_a_training_that_was_begun_needs_only_its_rest(tiny_recipe, planned, line):
    twin = next(stage for stage in line if stage.out.name == "twin")
    partial = twin.out.with_name("twin.partial")
    partial.mkdir(parents=True)
    (partial / "training.jsonl").write_text('{"step": 30, "steps": 40, "cross_entropy": 1}\n')
    found = time_left(tiny_recipe, planned, actions(line, twin="resume"))
    assert found.flops == pytest.approx(0.5e12)


def test_a_card_that_is_not_here_is_planned_from_its_peak(tiny_recipe, planned, line):
    on = {
        card: time_left(tiny_recipe, planned, actions(line, twin="make"), card=card)
        for card in ("l4", "h100")
    }
    assert on["l4"].seconds / on["h100"].seconds == pytest.approx(CARDS["h100"] / CARDS["l4"])
    assert {stage.speed.known for stage in on["h100"].stages} == {"assumed"}
    with pytest.raises(InputError, match="--device h10: no such card") as caught:
        time_left(tiny_recipe, planned, [], card="h10")
    assert caught.value.mend == "Did you mean h100?"


def test_the_signal_of_teachers_that_are_there_is_planned_on_the_card_too(
    tiny_recipe, planned, line, monkeypatch
):
    given = Given(path="old")
    recipe = tiny_recipe.model_copy(update={"teachers": {"old": given, "older": given}})
    monkeypatch.setattr(
        timing, "planned_teacher", lambda *_: SimpleNamespace(num_parameters=lambda: 10**6)
    )
    (signal,) = time_left(recipe, planned, actions(line, signal="make"), card="h100").stages
    assert signal.speed.flops == pytest.approx(0.03 * CARDS["h100"])
