"""Names with a meaning in a run's folder, and the names that models and benchmarks may have.

A model's name becomes a folder (`teachers/NAME`), a file (`evaluation/NAME.json`) and the name of a
stage's input. A benchmark's name becomes a file (`evaluation/predictions/MODEL/NAME.jsonl`).
"""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

SOURCE = "source"
CORPUS = "corpus"
TOKENIZER = "tokenizer"
TOKENS = "tokens"
TEACHERS = "teachers"
SIGNAL = "signal"
SAMPLED_TEXT = "sampled_text"  # of students that learn text which teachers wrote
STUDENTS = "students"
EVALUATION = "evaluation"
REPORT = "report"
CURVES = "curves"
LEAKS = "leaks"  # leaks.json beside the scores
STORE = "store"  # of a study: everything that its trials share
SCORES = "scores"  # of a study's trial: links to the scores that trials share

# The stages in order; `teachers`, `sampled_text` and `students` hold one stage per model.
STAGES = (
    SOURCE, CORPUS, TOKENIZER, TOKENS, TEACHERS, SIGNAL, SAMPLED_TEXT, STUDENTS, EVALUATION, REPORT,
)  # fmt: skip

TRAININGS = ("pretraining", "distillation")  # kinds of stages that make a model

GRAMMAR = "grammar"  # the benchmark that comes with a synthetic corpus
ENSEMBLE = "ensemble"  # the teachers averaged at inference, scored as one more model
UNTRAINED = "untrained"  # random weights in the main student's shape, scored beside the models
MANIFEST = "manifest"  # manifest.json: the folder is complete
WORK = "work"  # work.json: what an unfinished folder is being made from
PREDICTIONS = "predictions"
MEASURES = "measures"
SAMPLES = "samples"
RECIPE = "recipe"  # recipe.yaml

RESERVED = frozenset(
    {*STAGES, CURVES, LEAKS, ENSEMBLE, UNTRAINED, MANIFEST, WORK, PREDICTIONS, RECIPE}
)
RESERVED_SUFFIXES = (".partial", ".replaced", ".parts", ".key", ".json")
LONGEST_NAME = 100  # bytes: with a suffix it must stay below the 255 of a file system

_CHECKPOINT = re.compile(r"chck_([0-9]+)([KM]?)")
_UNITS = {"": 1, "K": 1_000, "M": 1_000_000}


def checkpoint_name(words: int) -> str:
    """The folder of a model that has seen so many words: `chck_2M` of 2,000,000."""
    for unit in ("M", "K"):
        if words % _UNITS[unit] == 0:
            return f"chck_{words // _UNITS[unit]}{unit}"
    return f"chck_{words}"


def words_of_checkpoint(name: str) -> int | None:
    """The words that a checkpoint's name states, 2,000,000 of `chck_2M`; None of other names."""
    match = _CHECKPOINT.fullmatch(name)
    return int(match[1]) * _UNITS[match[2]] if match else None


def model_name_fault(name: str) -> str:
    """Why no model can have this name, in a sentence without a full stop; "" if one can."""
    if fault := benchmark_name_fault(name):
        return fault
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        return (
            f"name {name!r} may hold only A-Z, a-z, 0-9, '_', '.' and '-', "
            "and starts with a letter or digit"
        )
    if name.lower() in RESERVED or words_of_checkpoint(name) is not None:
        return f"name {name!r} is reserved: files of a run have this name"
    if re.search(r"\.aside\d*$", name.lower()):
        return f"name {name!r} is reserved: an earlier training that is kept has such a name"
    for suffix in RESERVED_SUFFIXES:
        if name.lower().endswith(suffix):
            return f"name {name!r} ends with {suffix}, which is reserved for files of a run"
    return ""


def benchmark_name_fault(name: str) -> str:
    """Why no benchmark can have this name, in a sentence without a full stop; "" if one can."""
    if not name:
        return "a name is empty"
    if not name.isprintable():
        return f"name {name!r} holds a control character"
    if set(name) & {"/", "\\"}:
        return f"name {name!r} holds a path separator"
    if name.startswith((".", "-")):
        return f"name {name!r} starts with {name[0]!r}"
    length = len(name.encode())
    if length > LONGEST_NAME:
        return f"name {name[:20]!r}... is {length} bytes long, more than {LONGEST_NAME}"
    return ""


def same_but_for_case(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that are equal, or differ only in case: the first one and the later one.

    Some file systems (macOS, Windows) cannot hold both.
    """
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        if name.casefold() in first:
            pairs.append((first[name.casefold()], name))
        else:
            first[name.casefold()] = name
    return pairs


def _model_name(name: str) -> str:
    if fault := model_name_fault(name):
        raise ValueError(fault)
    return name


def _benchmark_name(name: str) -> str:
    if fault := benchmark_name_fault(name):
        raise ValueError(fault)
    return name


ModelName = Annotated[str, AfterValidator(_model_name)]
BenchmarkName = Annotated[str, AfterValidator(_benchmark_name)]
