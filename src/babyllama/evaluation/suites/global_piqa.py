"""Global PIQA: which of several solutions suits the prompt? Practical knowledge, by language.

The parallel part has the same questions in every language and four solutions (chance 25), the
nonparallel one has questions of the language's own region and two (chance 50). BabyLM 2026 scores
English, 103 and 100 items. The solution with the highest mean log p of its tokens after the
prompt counts as chosen; every other benchmark of BabyLM compares sums.

Source: Global PIQA (mrlbenchmarks/global-piqa-parallel and -nonparallel on the hub);
sentence_zero_shot/read_files.py and compute_results.py of the 2026 pipeline.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.rules import ScoringRules
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.suite import Published, Suite, suite_of_choices
from babyllama.runs.artefact import Facts
from babyllama.runs.rows import CORRECT_ITEM, Row, read_rows
from babyllama.scores.results import BenchmarkResult


def _suite(name: str, solutions: int, items: int) -> Suite[Choice]:
    keys = tuple(f"solution{number}" for number in range(solutions))
    plain = suite_of_choices(
        name,
        lambda path: _read(path, keys),
        average="pairs",
        published=Published(items, 1),
        per_token=True,
    )

    def scores(
        choices: Sequence[Choice], likelihoods: Likelihoods, rules: ScoringRules
    ) -> tuple[BenchmarkResult, list[Facts]]:
        """A submission needs the chosen solution without its prompt, so predictions have it."""
        result, lines = plain.scores(choices, likelihoods, rules)
        for choice, line in zip(choices, lines, strict=True):
            prompt = choice.options[0].context
            for which in ("good", "bad"):
                line[f"solution_{which}"] = line[f"sentence_{which}"][len(prompt) :]
        return result, lines

    return replace(plain, scores=scores)


def _read(path: Path, keys: Sequence[str]) -> list[Choice]:
    wanted = ("prompt", *keys, "label", "example_id")
    rows = read_rows(path, wanted, keys=lambda row: [repr(row.values.get("example_id"))])
    choices = [_choice(row, keys) for row in rows]
    seen: dict[str, Row] = {}
    for choice, row in zip(choices, rows, strict=True):
        first = seen.setdefault(choice.item_id, row)
        if first is not row:
            raise InputError(
                f"{first.where} and {row.where} have the same example_id, {choice.item_id}",
                why="A submission holds one prediction for each example_id.",
                mend="Remove one of the two.",
            )
    languages = list(dict.fromkeys(choice.uid for choice in choices))
    if len(languages) > 1:
        raise InputError(
            f"{path} has several languages: {', '.join(languages[:4])}",
            why="A score of Global PIQA is of one language.",
            mend=f"Give the file of one language, for example {languages[0]}.jsonl.",
        )
    return choices


def _choice(row: Row, keys: Sequence[str]) -> Choice:
    prompt = row.text("prompt")
    solutions = [row.text(key) for key in keys]
    label = row.count("label")
    if f"solution{len(keys)}" in row:
        raise InputError(
            f"{row.where}: has solution{len(keys)}, so it is an item with more solutions",
            why="The parallel part has four solutions, the nonparallel part has two.",
            mend="Check that this is the right part of Global PIQA.",
        )
    if label >= len(keys):
        raise InputError(
            f"{row.where}: label is {label}, but the solutions are 0 to {len(keys) - 1}",
            mend=CORRECT_ITEM,
        )
    language = row.text("language") if "language" in row else row.stem
    ordered = [solutions[label], *solutions[:label], *solutions[label + 1 :]]
    options = tuple(Text(f" {solution}", prompt) for solution in ordered)
    return Choice(language, row.text("example_id"), language, language, options)


PARALLEL = _suite("global_piqa_parallel", 4, 103)
NONPARALLEL = _suite("global_piqa_nonparallel", 2, 100)
