"""Scores of all models of a run; a score is reused until something that it depends on changes."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from babyllama.console import bars_of, print_status
from babyllama.evaluation.evaluate import evaluate
from babyllama.evaluation.likelihood.rules import ScoringRules, rules_named
from babyllama.evaluation.suites import suite_for
from babyllama.evaluation.training_text import per_character, seen_shares
from babyllama.evaluation.untrained import SHAPE, write_untrained
from babyllama.recipe import EQUAL_WEIGHTS, Mixing, mixing_of
from babyllama.recipe.names import UNTRAINED
from babyllama.runs.artefact import Facts
from babyllama.runs.files import hash_file
from babyllama.runs.kept import kept, read_kept
from babyllama.runs.layout import predictions_file, predictions_folder, scores_file
from babyllama.runs.manifests import digest
from babyllama.runs.unfinished import SCRATCH
from babyllama.scores.remarks import remarks
from babyllama.scores.results import SCORING_VERSION, SeenText, read_results, write_results

_SEEN = f"{SCRATCH}/seen.json"
# Number of worst errors of each model, for the report. They are spread over UIDs, since the report
# shows few of each. No key includes how they are chosen, so that older scores stay valid.
_WORST = 20


def evaluate_models(
    models: Mapping[str, Sequence[Path]],
    benchmarks: Mapping[str, Path],
    *,
    rules: str,
    mixing: Mixing = EQUAL_WEIGHTS,
    tokens: Path,
    window: int,
    before: Sequence[Path],
    out: Path,
    corpus: Path | None = None,
    untrained: Path | None = None,
    seed: int = 0,
) -> Facts:
    """Write NAME.json and predictions/NAME/ for each model.

    A model is not scored again if its scores are in `out`, from before a kill, or in one of
    `before`, undamaged, and neither the model nor what it is scored on has changed.

    Args:
        models: name to one folder, or to several for their ensemble.
        mixing: how an ensemble's models are averaged.
        before: folders that may hold earlier scores, such as the one that `out` is going to
            replace; they need not exist.
        corpus: the clean corpus of the tokens, with which the benchmarks' text is compared.
        untrained: a model folder; an untrained model of its shape is scored, too.
        seed: of the untrained model's weights.

    Returns:
        each model's headline scores, in their benchmarks' units.

    Raises:
        InputError: what `evaluate` raises.
    """
    data = {name: digest(path) for name, path in benchmarks.items()}
    common = {
        "benchmarks": data,
        "rules": rules,
        "tokens": digest(tokens),
        "window": window,
        "worst": _WORST,
        "scoring": SCORING_VERSION,
    }
    seen = cache(partial(_seen, benchmarks, data, rules_named(rules), corpus, out / _SEEN))
    score = partial(_evaluate, benchmarks=benchmarks, out=out, rules=rules, tokens=tokens,
                    window=window, corpus=corpus, seen=seen)  # fmt: skip
    facts: Facts = {}
    for name, folders in models.items():
        key = {"models": [digest(folder) for folder in folders], **common}
        if len(folders) > 1:
            key |= mixing_of(mixing).model_dump(mode="json")
        make = partial(score, folders, name=name, mixing=mixing)
        facts[name] = _kept(before, out, name, key, benchmarks, make)
    if untrained:
        shape = [hash_file(untrained / file) for file in SHAPE]
        key = {"untrained": shape, "seed": seed, **common}
        make = partial(_evaluate_untrained, score, untrained, out / SCRATCH / UNTRAINED, seed)
        facts[UNTRAINED] = _kept(before, out, UNTRAINED, key, benchmarks, make)
    return facts


def print_seen(folder: Path, model: str) -> None:
    """Print how much of each benchmark's text occurs in the training text.

    Args:
        folder: what `evaluate_models` wrote.
        model: one of its models; the shares are the same for all.
    """
    for result in read_results(scores_file(folder, model)):
        for name, scores in result.benchmarks.items():
            if scores.seen:
                seen = f"{scores.seen.characters:.1f}% of the characters"
                if scores.seen.words is not None:
                    seen += f" and {scores.seen.words:.1f}% of the words"
                print_status(f"  {name}: {seen} occur in the training text", style="dim")


def _kept(
    before: Sequence[Path],
    out: Path,
    name: str,
    key: Facts,
    benchmarks: Mapping[str, Path],
    make: Callable[[], Facts],
) -> Facts:
    for folder in before:
        _copy_kept(folder, out, name, key, benchmarks)
    files = _files(out, name, benchmarks)
    found: Facts = kept(_record(out, name), key, make, field="scores", files=files)
    return found


def _evaluate_untrained(score: Callable[..., Facts], like: Path, folder: Path, seed: int) -> Facts:
    write_untrained(like, folder, seed=seed)
    found = score([folder], name=UNTRAINED)
    shutil.rmtree(folder)
    return found


def _evaluate(
    folders: Sequence[Path],
    *,
    name: str,
    benchmarks: Mapping[str, Path],
    out: Path,
    rules: str,
    mixing: Mixing = EQUAL_WEIGHTS,
    tokens: Path,
    window: int,
    corpus: Path | None,
    seen: Callable[[], Mapping[str, SeenText]],
) -> Facts:
    print_status(f"  scoring {name}", style="dim", only="log")
    with bars_of(name):
        result = evaluate(
            folders, benchmarks, name=name, rules=rules, mixing=mixing, tokens=tokens,
            window=window, predictions=predictions_folder(out, name), worst=_WORST,
            worst_of_each_uid=True,
        )  # fmt: skip
    shares = seen()
    result = result.model_copy(
        update={
            "benchmarks": {
                each: scores.with_keys({"seen": shares[each]}) if each in shares else scores
                for each, scores in result.benchmarks.items()
            },
            "dev": per_character(result.dev, corpus, tokens)
            if corpus and result.dev
            else result.dev,
        }
    )
    for benchmark, scores in result.benchmarks.items():
        for remark in remarks(benchmark, scores):
            print_status(f"  {remark}")
    write_results([result], scores_file(out, name))
    return {each: scores.score for each, scores in result.benchmarks.items()}


def _seen(
    benchmarks: Mapping[str, Path],
    data: Mapping[str, str],
    rules: ScoringRules,
    corpus: Path | None,
    file: Path,
) -> Mapping[str, SeenText]:
    """How much of each benchmark's text is in the training text.

    Args:
        data: the benchmarks' digests.
        file: where it is kept for the other processes that score models.
    """
    if corpus is None:
        return {}

    def count() -> Facts:
        texts = {}
        for name, path in benchmarks.items():
            suite = suite_for(name)
            read = suite.texts(suite.read(path), rules)
            texts[name] = [each.context + each.target for each in read]
        shares = seen_shares(texts, corpus / "train")
        return {name: share.model_dump(mode="json") for name, share in shares.items()}

    key = {"benchmarks": data, "rules": rules.name, "corpus": digest(corpus)}
    found = kept(file, key, count, field="seen")
    return {name: SeenText.model_validate(share) for name, share in found.items()}


def _record(folder: Path, name: str) -> Path:
    """Everything that a model's scores depend on, and the checksums of their files."""
    return folder / f"{name}.key"


def _files(folder: Path, name: str, benchmarks: Mapping[str, Path]) -> list[Path]:
    predictions = predictions_folder(folder, name)
    of_items = [predictions_file(predictions, each) for each in benchmarks]
    return [scores_file(folder, name), *of_items]


def _copy_kept(
    before: Path, out: Path, name: str, key: Facts, benchmarks: Mapping[str, Path]
) -> None:
    """Copy a model's scores from the finished folder if they hold for the key, the record last."""
    record, files = _record(before, name), _files(before, name, benchmarks)
    holds = read_kept(record, key, field="scores", files=files) is not None
    if _record(out, name).exists() or not holds:
        return
    for file in [*files, record]:
        copy = out / file.relative_to(before)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
