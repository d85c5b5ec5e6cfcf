"""Convert our predictions to the form of BabyLM's pipelines: the text chosen for each item.

Our predictions have no texts if a benchmark's authors ask for no public copies; the texts are then
read from the benchmark's data.
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
from babyllama.publish.submission.official import (
    PIQA_LANGUAGE,
    SubmissionFormat,
    ZeroShotBenchmark,
)
from babyllama.recipe.names import words_of_checkpoint
from babyllama.runs.artefact import Facts
from babyllama.runs.layout import predictions_file
from babyllama.runs.rows import read_json_lines

PRIVATE = ("ewok", "ewok_2026", "entity_tracking")
_WUGS = ("wug_adj", "wug_past")


@dataclass(frozen=True)
class PredictionFiles:
    """Where a model's predictions and the data of benchmarks are.

    Attributes:
        folders: searched in this order for BENCHMARK.jsonl.
        data: the data of the benchmarks in PRIVATE, by name.
    """

    folders: Sequence[Path]
    data: Mapping[str, Path] = field(default_factory=dict)

    def first(self, names: Sequence[str]) -> Path | None:
        """The first file of predictions for any of these benchmarks; None if there is none."""
        paths = (predictions_file(folder, name) for folder in self.folders for name in names)
        return next((path for path in paths if path.is_file()), None)

    def of_checkpoint(self, name: str) -> "PredictionFiles":
        """The predictions of a checkpoint."""
        return PredictionFiles([folder / name for folder in self.folders], self.data)


def zero_shot_predictions(
    benchmark: ZeroShotBenchmark, files: PredictionFiles, year_format: SubmissionFormat
) -> Facts | None:
    """A benchmark's predictions by part, or None if there are none.

    Raises:
        InputError: the file has other content, or the data of a private benchmark are not given or
            are not the data that were scored.
    """
    file = files.first(benchmark.our_names)
    if file is None:
        return None
    lines = read_lines(file)
    try:
        if benchmark.key in _WUGS:
            return _parts((benchmark.key, _chosen_wug(line)) for line in lines)
        if benchmark.key == "reading":
            numbered = enumerate(lines)
            return {"reading": {"predictions": [_surprisal(n, line) for n, line in numbered]}}
        if benchmark.is_by_example:
            return _by_example(file, lines)
        if file.stem in PRIVATE:
            return _parts(_from_data(file, lines, files, year_format))
        return _parts((line["UID"], {"pred": _chosen_sentence(line)}) for line in lines)
    except KeyError as error:
        raise _field_missing(file, error, benchmark.key) from None


def glue_predictions(task: str, files: PredictionFiles) -> Facts | None:
    """A fine-tuning task's predictions, as `babyllama finetune --predictions` writes them."""
    file = files.first([task])
    return None if file is None else {task: {"predictions": read_lines(file)}}


def acquisition_surprisals(
    files: PredictionFiles, steps: Sequence[str], model: str
) -> Facts | None:
    """Surprisals of words in contexts at checkpoints, or None if no checkpoint has any."""
    results = []
    for step in steps:
        file = files.of_checkpoint(step).first(["aoa_2025"])
        if file is None:
            continue
        try:
            results += _checkpoint_surprisals(step, read_lines(file))
        except KeyError as error:
            raise _field_missing(file, error, "aoa_2025") from None
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


def _checkpoint_surprisals(step: str, predictions: Sequence[Facts]) -> list[Facts]:
    return [
        {
            "step": step,
            "word_count": words_of_checkpoint(step),
            "target_word": word,
            "context_id": number,
            "context": line["context"],
            "surprisal": line["surprisal"],
        }
        for word, lines in groupby(predictions, key=lambda line: line["word"])
        for number, line in enumerate(lines)
    ]


def _field_missing(file: Path, error: KeyError, benchmark: str) -> InputError:
    return InputError(
        f"{file}: a line has no {error}",
        why=f"The file should have predictions of {benchmark}.",
        mend="Give benchmarks their own names, for example --benchmark blimp_filtered=PATH.",
    )


def read_lines(file: Path) -> list[Facts]:
    """Read the lines of a file of predictions.

    Raises:
        InputError: the file is not UTF-8, is empty, or a line is not a JSON object.
    """
    return [dict(row.values) for row in read_json_lines(str(file), file.read_bytes(), ())]


def _by_example(file: Path, lines: Sequence[Facts]) -> Facts:
    """Global PIQA's predictions: one for each example, under the example's name."""
    other = next((line["UID"] for line in lines if line["UID"] != PIQA_LANGUAGE), None)
    if other is not None:
        raise InputError(
            f"{file} has items of {other}",
            why=f"The tracks strict and strict-small score {PIQA_LANGUAGE}.",
            mend=f"Score --benchmark {file.stem}={PIQA_LANGUAGE}.jsonl.",
        )
    return {
        line["pairID"]: {
            "predictions": [{"id": f"{line['pairID']}_0", "pred": _chosen_solution(line)}]
        }
        for line in lines
    }


def _chosen_solution(line: Facts) -> str:
    is_good = line["log_likelihood_good"] >= line["log_likelihood_bad"]
    return str(line["solution_good"] if is_good else line["solution_bad"])


def _parts(chosen: Iterable[tuple[str, Facts]]) -> Facts:
    """Group predictions by part and number them in their order."""
    parts: dict[str, list[Facts]] = defaultdict(list)
    for part, prediction in chosen:
        parts[part].append({"id": f"{part}_{len(parts[part])}", **prediction})
    return {part: {"predictions": predictions} for part, predictions in parts.items()}


def _chosen_sentence(line: Facts) -> str:
    """The likelier sentence; the good one if both are equally likely, as in the pipeline."""
    is_good = line["log_likelihood_good"] >= line["log_likelihood_bad"]
    return str(line["sentence_good"] if is_good else line["sentence_bad"])


def _from_data(
    file: Path, lines: Sequence[Facts], files: PredictionFiles, year_format: SubmissionFormat
) -> Iterable[tuple[str, Facts]]:
    """Look up the chosen options in a benchmark's data."""
    name = file.stem
    if name not in files.data:
        raise InputError(
            f"{file} holds no texts",
            why=f"The authors of {name} ask for no public copies, but the submission needs them.",
            mend=f"Give the data that were scored: --benchmark {name}=PATH",
        )
    choices: list[Choice] = suite_for(name).read(files.data[name])
    items = [(choice.uid, choice.item_id) for choice in choices]
    if items != [(line["UID"], line["pairID"]) for line in lines]:
        difference = (
            "Both have the same number of items, but their ids or their order differ."
            if len(choices) == len(lines)
            else f"It has {len(choices):,} items, the predictions have {len(lines):,}."
        )
        raise InputError(
            f"{file} was not scored on {files.data[name]}",
            why=difference,
            mend="Give the data that were scored, or score this benchmark again.",
        )
    for choice, line in zip(choices, lines, strict=True):
        is_entity = name == "entity_tracking"
        if year_format.keeps_nothing or not (is_entity and names_nothing(choice)):
            yield choice.uid, {"pred": _chosen_option(name, choice, line)}


def names_nothing(choice: Choice) -> bool:
    """Whether an option of an item of entity tracking says `nothing`: 2026 leaves these out."""
    return any("nothing" in option.target for option in choice.options)


def _chosen_option(name: str, choice: Choice, line: Facts) -> str:
    pair = [line["log_likelihood_good"], line["log_likelihood_bad"]]
    values: list[float] = line.get("log_likelihoods", pair)
    option = choice.options[values.index(max(values))]
    if name == "ewok_2026":  # whose options have the same target
        return f"{option.context}{option.target}"
    return option.target


def _chosen_wug(line: Facts) -> Facts:
    is_first = line["log_likelihood_first"] >= line["log_likelihood_second"]
    return {"pred": line["first"] if is_first else line["second"], "prob": line["share"]}


def _surprisal(number: int, line: Facts) -> Facts:
    previous = line["prev_surprisal"]
    # NaN for a word without a word before it, as in the pipeline.
    return {
        "id": number,
        "pred": line["surprisal"],
        "prev_pred": math.nan if previous is None else previous,
    }
