"""A small study of real text, its jobs done in this process."""

import importlib
import json
import shutil
from contextlib import contextmanager

import pytest

from babyllama.pipeline import timing
from babyllama.pipeline.sharing import this_machine
from babyllama.studies import running
from babyllama.studies.study import StudyRecipe

PAIRS = [
    {"sentence_good": "The cat sees a dog.", "sentence_bad": "The cat see a dog."},
    {"sentence_good": "A dog sees the cats.", "sentence_bad": "A dog see the cats."},
]


@pytest.fixture(scope="package")
def small_study(tiny_recipe, corpus, tmp_path_factory):
    """A function that gives the study with changes: two temperatures, two seeds."""
    pairs = tmp_path_factory.mktemp("pairs") / "agreement.jsonl"
    rows = [
        {**pair, "UID": "agreement", "linguistics_term": "agreement", "pairID": f"{number}"}
        for number, pair in enumerate(PAIRS)
    ]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tree = tiny_recipe.model_dump(mode="json")
    tree["corpus"]["source"] = {"kind": "folder", "path": str(corpus), "expected_words": 2000}
    tree["evaluation"]["benchmarks"] = {"blimp": str(pairs)}

    def changed(**changes):
        study = {
            "name": "small",
            "question": "Is a temperature of 1 as good as 2?",
            "recipe": tree,
            "vary": {"students.distilled.temperature": [1, 2]},
            "seeds": 2,
            "compare": [{"ours": "temperature=1", "theirs": "temperature=2"}],
        }
        return StudyRecipe.model_validate({**study, **changes})

    return changed


@pytest.fixture(autouse=True, scope="package")
def _known_speed():
    """The speed of the machine is not measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "machine_flops", lambda *_: 1e11)
        yield


@pytest.fixture(scope="package")
def finished(small_study, tmp_path_factory):
    """The small study, made once; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("studies") / "small"
    assert running.run_study(small_study(), folder, jobs=1) == []
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the study's folder: its links lead inside it."""
    return shutil.copytree(finished, tmp_path / "copy", symlinks=True)


class InThisProcess:
    """Does jobs one after another, and remembers their names."""

    def __init__(self):
        self.done, self.broken = [], ()

    def run(self, jobs, *, on_failure, on_done):
        lost = set()
        for job in jobs:
            if job.needs & lost:
                lost.add(job.name)
                continue
            try:
                if job.name.startswith(tuple(self.broken)):
                    raise RuntimeError("it broke")
                module, function = job.function.split(":")
                getattr(importlib.import_module(module), function)(**job.arguments)
            except Exception as error:
                lost.add(job.name)
                if not on_failure(job, error):
                    raise
            else:
                self.done.append(job.name)
                on_done(job)


@pytest.fixture
def engine(monkeypatch):
    """Jobs of studies are done in this process; what was done is in `done`."""
    made = InThisProcess()

    @contextmanager
    def opened(*_):
        yield made, this_machine()

    monkeypatch.setattr(running, "open_engine", opened)
    return made
