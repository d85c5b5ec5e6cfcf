"""What models know, measured: minimal pairs and held-out text, each score with its interval.

`rules` says whose scoring rules, `scoring` how likely a model finds a sentence, `minimal_pairs`
what follows from it, `statistics` how sure that is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np
from jaxtyping import Float64

from babyllama.artefact import Facts, write_atomically
from babyllama.ensemble import Ensemble, MeanOf
from babyllama.errors import InputError
from babyllama.evaluation.choices import Choice, choice_texts
from babyllama.evaluation.decoders import Decoders
from babyllama.evaluation.minimal_pairs import evaluate_pairs, read_pairs
from babyllama.evaluation.perplexity import dev_perplexity
from babyllama.evaluation.rules import in_words
from babyllama.evaluation.rules import rules as rules_named
from babyllama.evaluation.scoring import Scorer, load_scorer, log_likelihoods
from babyllama.models import pick_device
from babyllama.tokens import refuse_foreign_tokens


def evaluate(
    models: Sequence[Path],
    benchmarks: Mapping[str, Path],
    *,
    name: str,
    rules: str,
    out: Path | None = None,
    predictions: Path | None = None,
    weights: Sequence[float] | None = None,
    mean_of: MeanOf = "logits",
    tokens: Path | None = None,
    max_dev_windows: int = 8192,
    window: int = 128,
) -> Facts:
    """Score a model, or several read as one, on minimal pairs and on dev text.

    Args:
        models: one folder, or several for their ensemble.
        benchmarks: name to a .jsonl file, a folder of them or a zip.
        name: what the results call the model.
        rules: honest, 2023, 2024 or 2025.
        out: a JSON file to write the results to as well.
        predictions: a folder for BENCHMARK.jsonl, a line a pair.
        weights: of the models of an ensemble, equal by default.
        mean_of: what is averaged over them.
        tokens: a folder of tokens, to be scored on its dev part.
        window: tokens that the model sees at once there.

    Returns:
        `model`, `rules` in words, `dev` (with `tokens` only) and `benchmarks`, scores in percent.

    Raises:
        InputError: benchmarks that cannot be read, before any model is loaded; models that cannot
            be loaded or are too short for the window; what `log_likelihoods` raises.
    """
    chosen = rules_named(rules)
    read = {benchmark: read_pairs(path) for benchmark, path in benchmarks.items()}
    _refuse_odd_names(read)
    scorer = load_scorer(models, chosen, device=pick_device(), weights=weights, mean_of=mean_of)
    if tokens:
        _refuse_unfit(scorer, tokens, window, name)

    context = scorer.context
    spelt = None if context is None else str(scorer.tokenizer.convert_ids_to_tokens(context))
    dtype = str(scorer.reader.dtype).removeprefix("torch.")
    result: Facts = {"model": name, "rules": in_words(chosen, spelt, dtype)}
    if tokens:
        result["dev"] = dev_perplexity(
            _decoders(scorer, name), tokens, max_windows=max_dev_windows, window=window
        )
    if predictions:
        predictions.mkdir(parents=True, exist_ok=True)
    result["benchmarks"] = {}
    for benchmark, likelihoods in _score_all(scorer, read):
        scores, lines = evaluate_pairs(read[benchmark], likelihoods, chosen)
        result["benchmarks"][benchmark] = scores
        if predictions:
            _write(predictions / f"{benchmark}.jsonl", (_as_json(line) for line in lines))
    if out:
        _write(out, [_as_json(result, indent=1)])
    return result


def _score_all(
    scorer: Scorer, read: Mapping[str, Sequence[Choice]]
) -> Iterator[tuple[str, Float64[np.ndarray, "pairs 2"]]]:
    """All benchmarks in one pass, so that what one shares with another is scored once."""
    pairs = [pair for pairs in read.values() for pair in pairs]
    found = log_likelihoods(scorer, choice_texts(pairs))
    start = 0
    for benchmark, own in read.items():
        yield benchmark, found[2 * start : 2 * (start + len(own))].reshape(-1, 2)
        start += len(own)


def _refuse_odd_names(benchmarks: Iterable[str]) -> None:
    for name in benchmarks:
        if PurePath(name).name != name:
            raise InputError(
                f"benchmark {name!r} cannot be a file's name",
                why="Its predictions are written to NAME.jsonl.",
                mend="Name it without slashes.",
            )


def _decoders(scorer: Scorer, name: str) -> Ensemble:
    if not isinstance(scorer.reader, Decoders):
        raise InputError(f"{name} is no causal model", why="Dev text is scored from left to right.")
    return scorer.reader.ensemble


def _refuse_unfit(scorer: Scorer, tokens: Path, window: int, name: str) -> None:
    refuse_foreign_tokens(tokens, scorer.reader.vocab_size, name)
    if scorer.positions is not None and window > scorer.positions:
        raise InputError(
            f"{name} has {scorer.positions} positions, the dev windows {window} tokens",
            why="A window must fit into the positions that the model knows.",
            mend="Train it with more positions, or on the same window as the others.",
        )


def _as_json(value: Facts, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(line + "\n" for line in lines))
