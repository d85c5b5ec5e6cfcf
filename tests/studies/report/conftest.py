"""Findings of studies that nobody trained: scores are drawn around means that the test chooses."""

from types import SimpleNamespace

import numpy as np
import pytest

from babyllama.runs.run import Curve
from babyllama.scores.decisions import encode_decisions
from babyllama.scores.results import ModelResult
from babyllama.studies.cells import cells_of
from babyllama.studies.comparing import Pair, Side
from babyllama.studies.history import Entry
from babyllama.studies.outcomes import Missing, Outcome
from babyllama.studies.report import cell_tables
from babyllama.studies.report.findings import Findings
from babyllama.studies.study import StudyRecipe

ROLES = {"distilled": "student", "twin": "twin", "llama": "teacher", "ensemble": "ensemble"}
ITEMS = 200


@pytest.fixture(autouse=True)
def _logs(monkeypatch):
    """The logs of the trials: the twin's dev loss turns up after the second of four epochs."""
    losses = {"distilled": [3.0, 2.2, 1.9, 1.7], "twin": [2.8, 1.8, 2.0, 2.3]}
    epochs = np.arange(1.0, 5.0)
    models = [
        SimpleNamespace(name=name, curve=Curve(epochs, np.array(own), epochs, np.array(own)))
        for name, own in losses.items()
    ]
    monkeypatch.setattr(cell_tables, "read_run", lambda _: SimpleNamespace(models=models))


def result(generator, model, share, dev, hard):
    """A result file of one benchmark with two UIDs, whose items are as hard for all models."""
    uids = {}
    for uid, difficulty in hard.items():
        right = (generator.random(ITEMS) < share + difficulty).astype(np.float64)
        uids[uid] = {"score": 100 * right.mean(), "decisions": encode_decisions(right)}
    score = float(np.mean([each["score"] for each in uids.values()]))
    return ModelResult.model_validate({
        "model": model,
        "rules": {"name": "honest"},
        "dev": {"cross_entropy": dev},
        "benchmarks": {"grammar": {"score": score, "n": 2 * ITEMS, "items": "9f2c",
                                   "interval": (score - 3, score + 3), "subtasks": uids}},
    })  # fmt: skip


@pytest.fixture(scope="session")
def study():
    """A function that gives a study with changes: the claim on one cell, three seeds."""

    def made(**changes):
        base = {
            "name": "claim",
            "question": "Does a student beat its twin?",
            "recipe": "mini",
            "seeds": 3,
            "compare": [{"ours": "distilled", "theirs": "twin", "expect": "better"}],
            "decide": {"smallest": {"grammar": 1.0, "dev_cross_entropy": 0.02}},
        }
        return StudyRecipe.model_validate({**base, **changes})

    return made


@pytest.fixture(scope="session")
def findings_of(tmp_path_factory):
    """A function from a study, means by cell and model, and pairs, to what it gave."""
    folder = tmp_path_factory.mktemp("study")

    def made(study, means, pairs, *, missing=(), history=()):
        generator = np.random.default_rng(0)
        hard = {uid: generator.uniform(-0.2, 0.2, ITEMS) for uid in ("plural", "order")}
        luck = {seed: generator.normal(0, 0.01) for seed in study.seed_list}
        outcomes, lost = [], []
        for cell in cells_of(study):
            for seed in study.seed_list:
                if (cell.name, seed) in missing:
                    lost.append(Missing(cell.name, seed, "not made: students/distilled"))
                    continue
                trial = folder / "trials" / cell.name / f"seed-{seed}"
                for model, (share, dev) in means(cell).items():
                    dev = round(dev + luck[seed] + generator.normal(0, 0.003), 4)
                    found = result(generator, model, share + luck[seed], dev, hard)
                    values = {"dev_cross_entropy": dev,
                              "grammar": found.benchmarks["grammar"].score}  # fmt: skip
                    outcomes.append(Outcome(cell.name, seed, model, ROLES[model], trial, found,
                                            values, 1e12, 60.0, "cpu, float32"))  # fmt: skip
        return Findings(
            study, tuple(cells_of(study)), {cell.name: "distilled" for cell in cells_of(study)},
            tuple(pairs), tuple(outcomes), tuple(lost), tuple(history), (), folder,
        )  # fmt: skip

    return made


@pytest.fixture(scope="session")
def claim(study, findings_of):
    """The student is clearly better than its twin on the loss, and hardly on the benchmark."""
    means = {"distilled": (0.72, 1.70), "twin": (0.71, 1.80), "llama": (0.71, 1.79)}
    sides = {model: Side("base", model) for model in means}
    pairs = [
        Pair(sides["distilled"], sides["twin"], "better"),
        Pair(sides["distilled"], sides["llama"], "no_worse"),
    ]
    return findings_of(study(), lambda _: means, pairs)


@pytest.fixture(scope="session")
def grid(study, findings_of):
    """Three temperatures by five weights, best at 2 and 0.5; one trial is missing."""
    made = study(
        name="grid",
        vary={"students.distilled.temperature": [1, 2, 4],
              "students.distilled.alpha": [0, 0.3, 0.5, 0.7, 1]},
        compare=[{"ours": "*", "theirs": "temperature=2,alpha=0.5"}],
        measure=["dev_cross_entropy"],
    )  # fmt: skip
    names = [cell.name for cell in cells_of(made)]

    def means(cell):
        temperature, alpha = cell.changes.values()
        far = np.log(temperature / 2) ** 2 / 5 + (alpha - 0.5) ** 2
        return {"distilled": (0.75 - 0.2 * far, 1.70 + 0.3 * far)}

    base = "temperature=2,alpha=0.5"
    pairs = [
        Pair(Side(name, "distilled"), Side(base, "distilled"), "difference")
        for name in names if name != base
    ]  # fmt: skip
    history = [Entry(0, {"measure": None}), Entry(4, {"measure": ["dev_cross_entropy"]})]
    return findings_of(made, means, pairs, missing=[(names[0], 2)], history=history)


@pytest.fixture(scope="session")
def curve(study, findings_of):
    """One setting with three values."""
    made = study(name="curve", vary={"students.distilled.temperature": [1, 2, 4]})
    pairs = [
        Pair(Side(f"temperature={t}", "distilled"), Side(f"temperature={t}", "twin"), "better")
        for t in (1, 2, 4)
    ]
    means = {"distilled": (0.72, 1.70), "twin": (0.71, 1.80)}
    return findings_of(made, lambda _: means, pairs)
