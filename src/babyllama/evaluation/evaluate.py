"""Score models on benchmarks and held-out text, each score with its interval.

`suites` defines the benchmarks, `likelihood.rules` the scoring rules, `likelihood.scorer` computes
the likelihoods of texts, `babyllama.scores.certainty` the intervals.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np
import torch

from babyllama.console import print_status
from babyllama.data.windows import refuse_foreign_tokens
from babyllama.errors import InputError
from babyllama.evaluation.close_choices import rescore_close
from babyllama.evaluation.dev_perplexity import dev_perplexity
from babyllama.evaluation.likelihood.decoders import Decoders
from babyllama.evaluation.likelihood.masked import Masking
from babyllama.evaluation.likelihood.rules import ScoringRules, describe_rules, rules_named
from babyllama.evaluation.likelihood.scorer import Scorer, likelihoods, load_scorer, scored_bytes
from babyllama.evaluation.likelihood.texts import Likelihoods, Text
from babyllama.evaluation.suites import Suite, suite_for
from babyllama.evaluation.suites.choices import Choice, count_ties
from babyllama.evaluation.worst import worst_choices
from babyllama.models.ensemble import Ensemble
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.recipe import EQUAL_WEIGHTS, Mixing
from babyllama.runs.artefact import Facts
from babyllama.runs.files import write_atomically
from babyllama.runs.layout import predictions_file
from babyllama.scores.results import CutTexts, DevResult, ModelResult


def evaluate(
    models: Sequence[Path],
    benchmarks: Mapping[str, Path],
    *,
    name: str,
    rules: str,
    predictions: Path | None = None,
    mixing: Mixing = EQUAL_WEIGHTS,
    precision: Literal["float32", "bfloat16"] = "float32",
    masking: Masking = "original",
    truncate: bool = False,
    worst: int = 0,
    worst_of_each_uid: bool = False,
    tokens: Path | None = None,
    window: int = 128,
) -> ModelResult:
    """Score a model, or several read as one, on benchmarks and on dev text.

    Args:
        models: one folder, or several for their ensemble.
        benchmarks: a suite's name, or one of the user's own for minimal pairs, to its data.
        name: the model's name in the results.
        rules: honest, 2023, 2024 or 2025.
        predictions: a folder for BENCHMARK.jsonl, with one line per item.
        mixing: how an ensemble's models are averaged.
        precision: what the models compute in; log-softmax and sums are float32 or better. In
            bfloat16 choices whose margin is small are scored again in float32: see `rescore_close`.
        masking: how masked models are scored; ignored for other models.
        truncate: whether texts longer than the model's positions lose their beginning.
        worst: how many of the worst errors to show, with the surprisal of each word.
        worst_of_each_uid: whether these are spread over UIDs.
        tokens: a folder of tokens whose dev part is scored.
        window: tokens that the model sees at once in the dev part.

    Returns:
        the result file's content: `dev` with `tokens` only, `worst` if asked for.

    Raises:
        InputError: benchmarks that cannot be read, before any model is loaded; models that cannot
            be loaded or are too short for the window; what `likelihoods` raises.
    """
    chosen = rules_named(rules)
    _refuse_odd_names(benchmarks)
    read = [
        _Benchmark(benchmark, suite, suite.read(path))
        for benchmark, suite, path in [(b, suite_for(b), path) for b, path in benchmarks.items()]
    ]
    device = pick_device()
    scorer = load_scorer(
        models, chosen, device=device, dtype=compute_dtype(precision, device), mixing=mixing,
        masking=masking, truncate=truncate,
    )  # fmt: skip
    if tokens:
        _refuse_unfit(scorer, tokens, window, name)

    dev = {}
    if tokens:
        decoders = _decoders(scorer, name)
        scores = dev_perplexity(decoders, tokens, window=window)
        dev = {"dev": DevResult.model_validate(scores)}
    if predictions:
        predictions.mkdir(parents=True, exist_ok=True)
    results, values = {}, {}
    exact = _in_float32(scorer)
    for each, found in _score_all(scorer, exact, read):
        judged = found.averaged() if _is_averaged(scorer, each.suite) else found
        result, lines = each.suite.scores(each.items, judged, chosen)
        results[each.name] = result.with_keys(limits(each.suite, each.items, judged, chosen))
        if predictions:
            _write_lines(predictions_file(predictions, each.name), lines)
        if worst and isinstance(each.items[0], Choice):
            values[each.name] = judged.sums()
    wrong = {}
    if worst:
        choices = {each.name: each.items for each in read if each.name in values}
        wrong = {"worst": worst_choices(
            exact, choices, values, most=worst, of_each_uid=worst_of_each_uid
        )}  # fmt: skip
    has_choices = any(isinstance(each.items[0], Choice) for each in read)
    rules_used = _describe_rules(scorer, rescored=exact is not scorer and has_choices)
    return ModelResult.model_validate(
        {"model": name, "rules": rules_used, **dev, "benchmarks": results, **wrong}
    )


@dataclass(frozen=True)
class _Benchmark:
    name: str
    suite: Suite[Any]
    items: list[Any]


def _score_all(
    scorer: Scorer, exact: Scorer, read: Sequence[_Benchmark]
) -> Iterator[tuple[_Benchmark, Likelihoods]]:
    """Score all benchmarks in one pass, so that texts that they share are scored once."""
    texts = [each.suite.texts(each.items, scorer.rules) for each in read]
    found = likelihoods(scorer, [text for part in texts for text in part])
    start = 0
    for each, part in zip(read, texts, strict=True):
        own = found[start : start + len(part)]
        if each.suite.counts_bytes:
            own = replace(own, scored_bytes=scored_bytes(scorer, part, own.counts()))
        if exact is not scorer and isinstance(each.items[0], Choice):
            own = _with_close_choices_rescored(exact, each, part, own)
        yield each, own
        start += len(part)


def _in_float32(scorer: Scorer) -> Scorer:
    """The scorer that scores close choices again: itself if it computes in float32."""
    if scorer.model.dtype == torch.float32:
        return scorer
    return replace(scorer, model=scorer.model.in_float32())


def _with_close_choices_rescored(
    exact: Scorer, benchmark: _Benchmark, texts: Sequence[Text], found: Likelihoods
) -> Likelihoods:
    averaged = _is_averaged(exact, benchmark.suite)
    rescored = rescore_close(exact, benchmark.items, texts, found, averaged=averaged)
    print_status(
        f"  {benchmark.name}: {rescored.count:,} of {len(benchmark.items):,} items were scored "
        f"again in float32: a sample, and all whose margin is at most {rescored.bound:.2g} nats",
        style="dim",
    )
    return rescored.found


def _is_averaged(scorer: Scorer, suite: Suite[Any]) -> bool:
    """Whether texts are compared by their mean over tokens."""
    return scorer.is_averaged or suite.per_token


def limits(
    suite: Suite[Any], items: Sequence[Any], found: Likelihoods, rules: ScoringRules
) -> Facts:
    """What limits a score: incomplete data, ties, items with unknown tokens, texts that were cut.

    Returns:
        the fields `part`, `ties`, `unknown` and `cut` of `BenchmarkResult`, as far as they apply.
    """
    part = suite.published.part(items) if suite.published else None
    facts: Facts = {} if part is None else {"part": part}
    if isinstance(items[0], Choice):
        facts["ties"] = count_ties(items, found.sums())
    inputs = found.inputs
    if inputs is None:
        return facts
    facts["unknown"] = 0
    if inputs.has_unknown.any():
        texts = [len(suite.texts([item], rules)) for item in items]
        item_of = np.repeat(np.arange(len(items)), texts)
        facts["unknown"] = len(set(item_of[inputs.has_unknown].tolist()))
    if inputs.cut.any():
        facts["cut"] = CutTexts(
            texts=int((inputs.cut > 0).sum()),
            of_texts=len(inputs.cut),
            tokens=int(inputs.cut.sum()),
            of_tokens=int(inputs.tokens.sum()),
        )
    return facts


def _describe_rules(scorer: Scorer, *, rescored: bool) -> dict[str, Any]:
    dtype = str(scorer.model.dtype).removeprefix("torch.")
    return describe_rules(
        scorer.rules,
        context=scorer.context,
        leading_space=scorer.leading_space,
        dtype=f"{dtype}, close choices in float32" if rescored else dtype,
        likelihood=scorer.likelihood,
    )


def _refuse_odd_names(benchmarks: Iterable[str]) -> None:
    for name in benchmarks:
        if PurePath(name).name != name:
            raise InputError(
                f"benchmark {name!r} cannot be a file's name",
                why="Its predictions are written to NAME.jsonl.",
                mend="Name it without slashes.",
            )


def _decoders(scorer: Scorer, name: str) -> Ensemble:
    if not isinstance(scorer.model, Decoders):
        raise InputError(
            f"{name} is not a causal model",
            why="Dev text is scored from left to right.",
            mend="Leave the dev text out, or name a causal model.",
        )
    return scorer.model.ensemble


def _refuse_unfit(scorer: Scorer, tokens: Path, window: int, name: str) -> None:
    refuse_foreign_tokens(tokens, scorer.model.vocab_size, name)
    if scorer.positions is not None and window > scorer.positions:
        raise InputError(
            f"{name} has {scorer.positions} positions, the dev windows have {window} tokens",
            why="A window must not be longer than the model's positions.",
            mend="Train it with more positions, or on the same window as the others.",
        )


def _write_lines(path: Path, lines: Iterable[Facts]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_atomically(path, text)
