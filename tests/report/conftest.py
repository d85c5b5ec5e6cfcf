"""A run that no one trained: small, valid, and complete, with numbers from a seeded generator."""

import json
from pathlib import Path

import numpy as np
import pytest

from babyllama.recipe import load_recipe, to_yaml
from babyllama.runs.layout import measure_sums_file, measures_file
from babyllama.scores.measures import Sums, measured, write_sums, written_measures

UIDS = {"npi_any": "npi", "npi_yet": "npi", "agreement": "agreement", "gap_filler": "islands"}
SKILL = {"llama": 0.8, "gpt2": 0.7, "ensemble": 0.81, "distilled": 0.9, "twin": 0.6}
VERSIONS = {"python": "3.11.0", "babyllama": "0.1.0", "torch": "2.6.0"}


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_manifest(folder: Path, stage: str, facts: dict) -> None:
    files = {"model.safetensors": {"sha256": "0123456789abcdef" * 4, "size": 1}}
    key = {"stage": stage, "version": 1, "recipe": {}, "inputs": {}, "seed": 7}
    more = {"wall_seconds": 100.0, "versions": VERSIONS, "files": files}
    write_json(folder / "manifest.json", {**key, "facts": facts, **more})


def write_training(folder: Path, name: str) -> None:
    """Ten epochs; the twin over-fits from the fifth on."""
    lines, dev = [], 4.0
    for step in range(1, 101):
        loss = 3.0 + 4.0 * np.exp(-step / 12)
        lines.append({"step": step, "epoch": step / 10, "cross_entropy": loss, "loss": loss,
                      "kl": 0.1 * loss if name == "distilled" else 0.0})  # fmt: skip
        if step % 10 == 0:
            dev += 0.08 if name == "twin" and step > 50 else -0.1 * np.exp(-step / 60)
            lines.append({"step": step, "epoch": step // 10, "dev_cross_entropy": dev})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "training.jsonl").write_text(text, encoding="utf-8")
    facts = {
        "parameters": 1_234_567, "steps": 100, "epochs": 10, "best_epoch": 5,
        "dev_cross_entropy": dev, "tokens": 409_600, "flops": 3_000_000_000_000,
        "precision": "bfloat16", "device": "processor, 2 threads",
        "peak_memory_bytes": 2**30, "tokens_per_second": 4321.0, "products_share": 0.54,
    }  # fmt: skip
    write_manifest(folder, "pretraining", facts)


def summary(correct: list[float]) -> dict:
    mean = float(np.mean(correct))
    error = float(np.std(correct)) / len(correct) ** 0.5
    low, high = 100 * (mean - 1.96 * error), 100 * (mean + 1.96 * error)
    return {"score": 100 * mean, "stderr": 100 * error, "interval": [low, high], "n": len(correct)}


def answers(name: str, items: int | list[int]) -> list[dict]:
    """What a model of some skill says; models share the draw, so that pairing matters.

    Args:
        items: of each UID.
    """
    sizes = items if isinstance(items, list) else [items] * len(UIDS)
    draws = np.random.default_rng(3).random((len(UIDS), max(sizes)))
    return [
        {
            "UID": uid, "pairID": str(pair), "group": group, "novel": pair % 4 == 0,
            "sentence_good": "good", "sentence_bad": "bad",
            "log_likelihood_good": -1.0, "log_likelihood_bad": -2.0,
            "correct": float(draws[row, pair] < SKILL.get(name, 0.75)),
        }
        for row, (uid, group) in enumerate(UIDS.items())
        for pair in range(sizes[row])
    ]  # fmt: skip


def scored(lines: list[dict], *, average: str, keeps_decisions: bool) -> dict:
    """A benchmark's result; without decisions as files were before these were written.

    Args:
        average: over uids, or over groups, in each of which all items count alike.
    """
    of = lambda key, value: [each["correct"] for each in lines if each[key] == value]  # noqa: E731
    subtasks = {uid: {**summary(of("UID", uid)), "group": group} for uid, group in UIDS.items()}
    groups = {group: summary(of("group", group)) for group in dict.fromkeys(UIDS.values())}
    parts = subtasks if average == "uids" else groups
    headline = summary([line["correct"] for line in lines])
    score = float(np.mean([part["score"] for part in parts.values()]))
    shift = score - headline["score"]
    headline |= {"score": score, "interval": [edge + shift for edge in headline["interval"]]}
    result = {**headline, "chance": 50.0, "subtasks": subtasks, "groups": groups, "aggregates": {}}
    if keeps_decisions:
        for uid, part in subtasks.items():
            part["decisions"] = "".join(str(int(each)) for each in of("UID", uid))
        result["items"] = str([[line["UID"], line["pairID"]] for line in lines])
    return result


def write_evaluation(
    folder: Path,
    name: str,
    benchmark: str,
    lines: list[dict],
    *,
    rules: str = "honest",
    keeps_decisions: bool = True,
) -> None:
    path = folder / "predictions" / name / f"{benchmark}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    average = "groups" if rules == "2023" else "uids"
    loss = 3.9 - SKILL.get(name, 0.75)
    dev = {"cross_entropy": loss, "perplexity": float(np.exp(loss)), "nats_per_word": 1.4 * loss}
    write_json(
        folder / f"{name}.json",
        {
            "model": name,
            "rules": {
                "name": rules, "context": "<s>", "leading_space": False,
                "ties": "a tie counts half", "average": f"mean over {average}",
            },
            "dev": {**dev, "tokens": 12_000},
            "benchmarks": {
                benchmark: scored(lines, average=average, keeps_decisions=keeps_decisions)
            },
        },
    )  # fmt: skip


def write_measures(folder: Path, name: str) -> None:
    """Measures of 30 documents, the same for all models; the more skill, the better."""
    generator = np.random.default_rng(5)
    counts = generator.integers(5, 50, 30).astype(np.float64)
    noise = generator.normal(0.0, 0.02, (30, 15))
    loss = 3.9 - SKILL.get(name, 0.75)
    means = {
        "cross_entropy": loss, "cross_entropy/domain/talk": loss + 0.1,
        "cross_entropy/frequency/10 to 99": loss + 1, "entropy": loss - 0.1, "accuracy": 0.5,
        "calibration_error": (1 - SKILL.get(name, 0.75)) / 15, "overconfidence": 0.01,
        "copying/random": 1.0,
    }  # fmt: skip
    if name != "ensemble":
        means |= {"teacher_agreement": 0.8, "teacher_kl": 0.1}
    found = []
    for measure, mean in means.items():
        rows = 15 if measure == "calibration_error" else 1
        found.append(Sums(measure, (mean + noise.T[:rows] * mean) * counts, counts))
    file = measures_file(folder, name)
    write_json(file, {"values": written_measures(map(measured, found))})
    write_sums(found, measure_sums_file(folder, name))


def write_corpus(folder: Path) -> None:
    words = {"words": 1000, "distinct_words": 120, "share_of_words": 0.5, "bytes": 5000}
    total = {**words, "words": 2000, "share_of_words": 1.0}
    part = {"domains": {"stories": words, "talk": words}, "total": total}
    seen = {"sequences": 500, "in_train": 5, "share": 0.01}
    overlap = {"words": 13, "domains": {"stories": seen, "talk": seen}, "total": seen}
    write_json(folder / "corpus/stats.json", {"train": part, "dev": part, "overlap": overlap})
    entropy = {"words": 2000, "nats": 3600.0, "nats_per_word": 1.8}
    write_json(folder / "source/entropy.json", {"train": {"all": entropy}, "dev": {"all": entropy}})
    tokens = {"vocab_size": 500, "train_tokens": 3000, "train_words": 2000, "dev_tokens": 3000}
    write_json(folder / "tokens/tokens.json", {**tokens, "dev_words": 2000, "layout": "lines"})


def signal_loss(loss: float, *, sketch: bool = False) -> dict:
    """What a form that loses so much is measured at, for both temperatures."""
    return {
        temperature: {
            "kl": None if sketch else loss / T**2,
            "gradient_angle": 60 * loss**0.5,
            "gradient_norm_ratio": 1 + loss,
        }
        for temperature, T in (("1", 1), ("2", 2))
    }


def write_signal(folder: Path) -> None:
    """A signal in bfloat16, what it loses, and what others would."""
    size, tokens = 512, 3000
    facts = {"kind": "hidden", "bytes_per_token": size, "tokens": tokens, "flops": 10**12}
    write_manifest(folder, "signal", facts)
    more = {"tokens_per_second_read": 9e4, "tokens_per_second_written": 9e3}
    fidelity = {"bytes_per_token": size, "tokens": tokens, "temperatures": signal_loss(1e-5)}
    write_json(folder / "fidelity.json", {**fidelity, **more})
    forms = [("hidden bfloat16", "hidden", size, 1e-5), ("hidden int8", "hidden", 260, 1e-4)]
    forms += [(f"hidden {each} B", "hidden", each, 4 / each) for each in (8, 16, 32, 64)]
    forms += [(f"topk {each}", "topk", 8 + 4 * each, 4 / each) for each in (6, 14, 30, 62)]
    forms += [(f"sampled {each}", "sampled", 16 + 4 * each, 1 / each) for each in (4, 12, 28, 60)]
    write_json(
        folder / "frontier.json",
        [
            {
                "name": name, "kind": kind, "bytes_per_token": bytes_,
                "temperatures": signal_loss(loss, sketch=kind == "sampled"),
            }
            for name, kind, bytes_, loss in forms
        ],
    )  # fmt: skip


def build_run(
    folder: Path,
    *,
    items: int | list[int] = 200,
    benchmark: str = "grammar",
    rules: str = "honest",
    keeps_decisions: bool = True,
) -> Path:
    """A complete run of the mini recipe's shape."""
    recipe = load_recipe("mini", ("seed=7", f"evaluation.rules='{rules}'"))
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(to_yaml(recipe), encoding="utf-8")
    write_corpus(folder)
    for stage in ("source", "corpus", "tokenizer", "tokens", "evaluation"):
        write_manifest(folder / stage, stage, {})
    write_signal(folder / "signal")
    for kind, names in (("teachers", recipe.teachers), ("students", recipe.students)):
        for name in names:
            (folder / kind / name).mkdir(parents=True)
            write_training(folder / kind / name, name)
    for name in (*recipe.teachers, *recipe.students, "ensemble"):
        write_evaluation(
            folder / "evaluation", name, benchmark, answers(name, items), rules=rules,
            keeps_decisions=keeps_decisions,
        )  # fmt: skip
        write_measures(folder / "evaluation", name)
    return folder


@pytest.fixture
def make_run(tmp_path):
    """Makes a complete run in the test's own folder."""
    return lambda name="run", **more: build_run(tmp_path / name, **more)


@pytest.fixture
def score_model():
    """Writes a model's answers and the scores that follow from them."""
    return write_evaluation


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """A complete run and its report, for tests that only look: (run, report, what was returned)."""
    from babyllama.report import write_report

    folder = tmp_path_factory.mktemp("told")
    run = build_run(folder / "run")
    return run, folder / "report", write_report([run], folder / "report")
