"""From our predictions to those of BabyLM's pipelines: which text each item's model chose.

Predictions of benchmarks whose authors ask for no open copies hold no texts; their data are read
again for them.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from babyllama.errors import InputError
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.suites.choices import Choice
from babyllama.publish.submission.official import Format, Task
from babyllama.recipe.names import words_of_checkpoint
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import read_json_lines

PRIVATE = ("ewok", "entity_tracking")
_WUGS = {"wug_adj": "wug_adj_nominalization", "wug_past": "wug_past_tense"}


@dataclass(frozen=True)
class Found:
    """Where a model's predictions and the data of benchmarks lie.

    Attributes:
        folders: the first of them that holds BENCHMARK.jsonl gives it.
        data: benchmark to its data, for those in PRIVATE.
    """

    folders: Sequence[Path]
    data: Mapping[str, Path] = field(default_factory=dict)

    def file(self, names: Iterable[str]) -> Path | None:
        """The predictions of the first benchmark of these names that has any."""
        known = list(names)
        places = (folder / f"{name}.jsonl" for folder in self.folders for name in known)
        return next((place for place in places if place.is_file()), None)

    def inside(self, name: str) -> "Found":
        """Those of a checkpoint."""
        return Found([folder / name for folder in self.folders], self.data)


def zero_shot(task: Task, found: Found, form: Format) -> Facts | None:
    """A benchmark's predictions by part, or None where there are none.

    Raises:
        InputError: a file that holds something else; a private benchmark whose data are not named
            or are not what was scored.
    """
    file = found.file(task.benchmarks)
    if file is None:
        return None
    lines = read_lines(file)
    try:
        if task.key in _WUGS:
            return _parts((_WUGS[task.key], _wug(line)) for line in lines)
        if task.key == "reading":
            numbered = enumerate(lines)
            return {"reading": {"predictions": [_read(n, line) for n, line in numbered]}}
        if file.stem in PRIVATE:
            return _parts(_of_data(file, lines, found, form))
        return _parts((line["UID"], {"pred": _chosen_sentence(line)}) for line in lines)
    except KeyError as error:
        raise _lacking(file, error, task.key) from None


def glue(task: str, found: Found) -> Facts | None:
    """A fine-tuning task's predictions, as `babyllama finetune --predictions` writes them."""
    file = found.file([task])
    return None if file is None else {task: {"predictions": read_lines(file)}}


def acquisition(found: Found, steps: Sequence[str], model: str) -> Facts | None:
    """Surprisals of words in contexts at checkpoints, or None where no checkpoint has any."""
    results = []
    for step in steps:
        file = found.inside(step).file(["aoa_2025"])
        if file is None:
            continue
        try:
            results += _surprisals(step, read_lines(file))
        except KeyError as error:
            raise _lacking(file, error, "aoa_2025") from None
    if not results:
        return None
    completed = len({result["step"] for result in results})
    return {
        "metadata": {
            "model_name": model,
            "use_bos_only": False,
            "total_steps": len(steps),
            "completed_steps": completed,
        },
        "results": results,
    }


def _surprisals(step: str, found: Sequence[Facts]) -> list[Facts]:
    return [
        {
            "step": step,
            "word_count": words_of_checkpoint(step),
            "target_word": word,
            "context_id": number,
            "context": line["context"],
            "surprisal": line["surprisal"],
        }
        for word, lines in groupby(found, key=lambda line: line["word"])
        for number, line in enumerate(lines)
    ]


def _lacking(file: Path, error: KeyError, benchmark: str) -> InputError:
    return InputError(
        f"{file}: a line has no {error}",
        why=f"Predictions of {benchmark} are wanted there.",
        mend="Name benchmarks as they are: --benchmark blimp_filtered=PATH and the like.",
    )


def read_lines(file: Path) -> list[Facts]:
    """The lines of a file of predictions.

    Raises:
        InputError: not UTF-8, no lines, or one that is no JSON object.
    """
    return [dict(row.values) for row in read_json_lines(str(file), file.read_bytes(), ())]


def _parts(chosen: Iterable[tuple[str, Facts]]) -> Facts:
    """Items of each part, numbered in their order."""
    parts: dict[str, list[Facts]] = defaultdict(list)
    for part, prediction in chosen:
        parts[part].append({"id": f"{part}_{len(parts[part])}", **prediction})
    return {part: {"predictions": predictions} for part, predictions in parts.items()}


def _chosen_sentence(line: Facts) -> str:
    """The likelier sentence; of equal ones the good, as the pipeline's argmax has it."""
    is_good = line["log_likelihood_good"] >= line["log_likelihood_bad"]
    return str(line["sentence_good"] if is_good else line["sentence_bad"])


def _of_data(
    file: Path, lines: Sequence[Facts], found: Found, form: Format
) -> Iterable[tuple[str, Facts]]:
    """The options that were chosen, out of a benchmark's data."""
    name = file.stem
    if name not in found.data:
        raise InputError(
            f"{file} holds no texts",
            why=f"The authors of {name} ask for no open copies; the file to hand in names them.",
            mend=f"Name the data that were scored: --benchmark {name}=PATH",
        )
    choices: list[Choice] = suite_for(name).read(found.data[name])
    asked = [(choice.uid, choice.item_id) for choice in choices]
    if asked != [(line["UID"], line["pairID"]) for line in lines]:
        raise InputError(
            f"{found.data[name]} is not what {file} was scored on",
            why=f"It has {len(choices):,} items, the predictions {len(lines):,}, or their order "
            "differs.",
            mend="Name the same data, or score it again.",
        )
    for choice, line in zip(choices, lines, strict=True):
        if form.keeps_nothing or not _names_nothing(name, choice):
            yield choice.uid, {"pred": _chosen_option(name, choice, line, form)}


def _names_nothing(name: str, choice: Choice) -> bool:
    texts = (option.target for option in choice.options)
    return name == "entity_tracking" and any("nothing" in text for text in texts)


def _chosen_option(name: str, choice: Choice, line: Facts, form: Format) -> str:
    pair = [line["log_likelihood_good"], line["log_likelihood_bad"]]
    values: list[float] = line.get("log_likelihoods", pair)
    option = choice.options[values.index(max(values))]
    return (
        f"{option.context}{option.target}" if form.whole_ewok and name == "ewok" else option.target
    )


def _wug(line: Facts) -> Facts:
    is_first = line["log_likelihood_first"] >= line["log_likelihood_second"]
    return {"pred": line["first"] if is_first else line["second"], "prob": line["share"]}


def _read(number: int, line: Facts) -> Facts:
    previous = line["prev_surprisal"]
    # The pipeline writes NaN for words without a word before them, and so do we.
    return {
        "id": number,
        "pred": line["surprisal"],
        "prev_pred": math.nan if previous is None else previous,
    }
