"""All models of a run scored, each one's scores kept for as long as they hold."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babyllama.console import print_status
from babyllama.evaluation.evaluate import evaluate
from babyllama.recipe import EQUAL_WEIGHTS, Mixing, mixing_of
from babyllama.runs.artefact import Facts, digest, hash_file, read_manifest, write_atomically
from babyllama.runs.layout import predictions_folder, scores_file
from babyllama.scores.results import read_results, write_results

_WORST = 20  # choices that each model gets most wrong, for the report


def evaluate_models(
    models: Mapping[str, Sequence[Path]],
    benchmarks: Mapping[str, Path],
    *,
    rules: str,
    mixing: Mixing = EQUAL_WEIGHTS,
    tokens: Path,
    window: int,
    before: Path,
    out: Path,
) -> Facts:
    """Write NAME.json and predictions/NAME/ for each model.

    A model whose scores lie in `out` after a kill, or whole in `before`, the folder that is being
    replaced, is not scored again if neither it nor what it is scored on has changed.

    Args:
        models: name to one folder, or to several for their ensemble.
        mixing: how an ensemble's models become one.

    Returns:
        each model's headline scores, in their benchmarks' units.

    Raises:
        InputError: what `evaluate` raises.
    """
    read = {name: digest(path) for name, path in benchmarks.items()}
    facts: Facts = {}
    for name, folders in models.items():
        key = {
            "models": [digest(folder) for folder in folders],
            "benchmarks": read,
            "rules": rules,
            "tokens": digest(tokens),
            "window": window,
            "worst": _WORST,
        }
        if len(folders) > 1:
            key |= mixing_of(mixing).model_dump(mode="json")
        if not _is_kept(out, name, key) and not _take_over(before, out, name, key):
            print_status(f"  {name}", style="dim")
            result = evaluate(
                folders, benchmarks, name=name, rules=rules, mixing=mixing, tokens=tokens,
                window=window, predictions=predictions_folder(out, name), worst=_WORST,
            )  # fmt: skip
            write_results([result], scores_file(out, name))
            write_atomically(out / f"{name}.key", _as_json(key))
        (result,) = read_results(scores_file(out, name))
        facts[name] = {each: scores.score for each, scores in result.benchmarks.items()}
    return facts


def _is_kept(folder: Path, name: str, key: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads((folder / f"{name}.key").read_text("utf-8")) == key)
    except (FileNotFoundError, ValueError):
        return False


def _take_over(before: Path, out: Path, name: str, key: Mapping[str, Any]) -> bool:
    """Copy a model's files from a finished folder, its key last, if they are whole."""
    manifest = read_manifest(before)
    if manifest is None or not _is_kept(before, name, key):
        return False
    own = (f"{name}.json", f"predictions/{name}/", f"{name}.key")
    files = [file for file in manifest["files"] if file.startswith(own)]
    if any(
        not (before / file).is_file()
        or hash_file(before / file) != manifest["files"][file]["sha256"]
        for file in files
    ):
        return False
    for file in sorted(files, key=lambda file: file.endswith(".key")):
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(before / file, out / file)
    return True


def _as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
