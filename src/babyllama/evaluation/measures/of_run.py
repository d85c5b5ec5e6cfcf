"""Measures of all models of a run: kept as scores are, in a file of its own beside each model's.

An evaluation that was finished before there were measures stays complete without them.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from babyllama.evaluation.measures import measure
from babyllama.evaluation.measures.dev_text import DevText
from babyllama.evaluation.measures.in_run import KnownText
from babyllama.evaluation.measures.teachers import teacher_states
from babyllama.evaluation.untrained import SHAPE, write_untrained
from babyllama.recipe import EQUAL_WEIGHTS, Mixing
from babyllama.recipe.names import UNTRAINED
from babyllama.runs.artefact import Facts
from babyllama.runs.files import hash_file
from babyllama.runs.kept import kept, read_kept
from babyllama.runs.layout import measure_sums_file, measures_file
from babyllama.runs.manifests import digest
from babyllama.runs.unfinished import SCRATCH
from babyllama.scores.measures import VALUES, measured, write_sums, written_measures


def measure_models(
    models: Mapping[str, Sequence[Path]],
    *,
    tokens: Path,
    window: int,
    before: Sequence[Path],
    out: Path,
    corpus: Path | None = None,
    teachers: Sequence[Path] = (),
    mixing: Mixing = EQUAL_WEIGHTS,
    untrained: Path | None = None,
    seed: int = 0,
) -> None:
    """Write measures/NAME.json and its sums for each model.

    Args:
        models: name to one folder, or to several for their ensemble.
        before: folders that may have measures that still hold; they need not exist.
        teachers: whose ensemble every other model is compared with.
        untrained: a model folder; an untrained model of its shape is measured, too.
        seed: of the untrained model's weights.

    Raises:
        InputError: what `measure` raises.
    """
    known = KnownText(DevText(tokens, window, corpus), tuple(teachers), mixing)
    common = known.key()
    for name, folders in models.items():
        key = {"models": [digest(folder) for folder in folders], **common}
        make = partial(_measure, out, name, folders, known)
        _kept(before, out, name, key, make)
    if untrained:
        shape = [hash_file(untrained / file) for file in SHAPE]
        key = {"untrained": shape, "seed": seed, **common}
        make = partial(_measure_untrained, out, untrained, seed, known)
        _kept(before, out, UNTRAINED, key, make)


def _measure(out: Path, name: str, folders: Sequence[Path], known: KnownText) -> Facts:
    teachers, mixing, text = known.teachers, known.mixing, known.text
    states = teacher_states(teachers, mixing, text, out / SCRATCH) if teachers else None
    is_ensemble = tuple(folders) == teachers
    found = measure(folders, text, mixing=mixing, teachers=states, is_ensemble=is_ensemble)
    write_sums(found, measure_sums_file(out, name))
    return written_measures(map(measured, found))


def _measure_untrained(out: Path, like: Path, seed: int, known: KnownText) -> Facts:
    folder = out / SCRATCH / UNTRAINED
    write_untrained(like, folder, seed=seed)
    found = _measure(out, UNTRAINED, [folder], known)
    shutil.rmtree(folder)
    return found


def _kept(
    before: Sequence[Path], out: Path, name: str, key: Facts, make: Callable[[], Facts]
) -> None:
    file, sums = measures_file(out, name), measure_sums_file(out, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    for folder in before:
        old, old_sums = measures_file(folder, name), measure_sums_file(folder, name)
        if not file.exists() and read_kept(old, key, field=VALUES, files=[old_sums]) is not None:
            shutil.copy(old_sums, sums)
            shutil.copy(old, file)
    kept(file, key, make, field=VALUES, files=[sums])
