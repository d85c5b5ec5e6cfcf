"""The fields that the leaderboard's form asks for, filled from the run: leaderboard.json.

The keys are those under which the leaderboard stores what the form was given. Counts are plain
numbers: the leaderboard itself shows parameters and words in millions and FLOPs in 10^15.

Source: src/leaderboard/read_evals.py of the space BabyLM-community/BabyLM-Leaderboard-2026.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babyllama.publish.submission.official import Track
from babyllama.recipe import DistilledStudent, SequenceStudent
from babyllama.runs.artefact import Facts
from babyllama.runs.json_files import read_json
from babyllama.runs.run import Model, Run

FORM = "leaderboard.json"
_WORDS_BY_LANGUAGE = ("num_words_en", "num_words_nld", "num_words_zho")
_PROCESSOR = "processor"  # how the manifest of a training without a GPU begins to name its device


def leaderboard_form(run: Run, model: Model, home: Path, *, track: Track) -> Facts:
    """What is known of each field, and null for what only the participant knows.

    Args:
        home: the model's folder.
    """
    teachers = _teachers(run, model)
    trained = _trained_for(run, model)
    words = run.corpus.get("train", {}).get("total", {}).get("words")
    return {
        "model_name": f"{run.recipe.name}-{model.name}",
        "hf_repo": None,
        "revision": "main",
        "track": track,
        "main_contributions": ["Training objective innovations"] if teachers else [],
        "model_type": "Decoder only",
        **_shape(home),
        **_training(model),
        "num_parameters": model.facts.get("parameters"),
        "flops": _total(each.facts.get("flops") for each in trained),
        "gpu_dev": None,
        "gpu_train": _total(_gpu_hours(each) for each in trained),
        **_data(run),
        "num_words_data": words,
        "other_hyp": _other(run, model),
        "model_description": None,
        "teacher_models": "; ".join(_described(run, each) for each in teachers),
        **_languages(run, words),
    }


def unknown_fields(form: Facts) -> list[str]:
    """The fields that only the participant can fill."""
    return [name for name, value in form.items() if value is None]


def _teachers(run: Run, model: Model) -> list[Model]:
    if model.name not in run.recipe.taught:
        return []
    taught_by = run.recipe.teachers_of(model.name)
    return [each for each in run.models if each.name in taught_by]


def _trained_for(run: Run, model: Model) -> list[Model]:
    """The model, its teachers and, if they are distilled, theirs: all have to be trained first."""
    is_taught = model.name in run.recipe.taught
    before = run.recipe.trained_before(model.name) if is_taught else []
    return [model, *(each for each in run.models if each.name in before)]


def _described(run: Run, teacher: Model) -> str:
    """A teacher in words; what its manifest does not say is left out."""
    recipe = teacher.manifest.get("recipe", {})
    shape = recipe.get("student", recipe).get("model", {})
    parameters, words = teacher.facts.get("parameters"), teacher.facts.get("words_seen")
    is_given = teacher.name in run.recipe.given
    parts = [
        shape.get("architecture") or shape.get("model_type"),
        None if parameters is None else f"{parameters:,} parameters",
        "trained before this run" if is_given else "trained on the same words",
        None if words is None else f"{words:,} words with repetitions",
    ]
    return f"{teacher.name} ({', '.join(part for part in parts if part)})"


def _shape(home: Path) -> Facts:
    config: Mapping[str, Any] = read_json(home / "config.json")
    tokenizer: Mapping[str, Any] = read_json(home / "tokenizer.json")

    def first(*names: str) -> Any:
        return next((config[name] for name in names if name in config), None)

    return {
        "architecture": config.get("model_type"),
        "tokenizer": _tokenizer_kind(tokenizer),
        "token_set_size": config.get("vocab_size"),
        "num_layers": first("num_hidden_layers", "n_layer"),
        "num_heads": first("num_attention_heads", "n_head"),
    }


def _tokenizer_kind(tokenizer: Mapping[str, Any]) -> str | None:
    kind = tokenizer.get("model", {}).get("type")
    before = tokenizer.get("pre_tokenizer") or {}
    steps = before.get("pretokenizers", [before])
    is_bytes = any(step.get("type") == "ByteLevel" for step in steps)
    return f"byte-level {kind}" if kind and is_bytes else kind


def _training(model: Model) -> Facts:
    training = model.manifest.get("recipe", {}).get("training", {})
    return {
        "optimizer": training.get("optimizer", {}).get("kind"),
        "learning_rate": training.get("learning_rate"),
        "learning_rate_scheduler": training.get("schedule", {}).get("kind"),
        "training_epochs": model.facts.get("epochs"),
        "batch_size": training.get("batch_size"),
        "seed": model.manifest.get("seed"),
        "max_seq_length": training.get("window"),
    }


def _total(parts: Iterator[float | None]) -> float | None:
    """The sum; None if a part is unknown."""
    found = list(parts)
    return None if None in found else sum(each for each in found if each is not None)


def _gpu_hours(model: Model) -> float | None:
    """Hours of all GPUs of a training; 0 on a processor."""
    device, seconds = model.facts.get("device"), model.manifest.get("wall_seconds")
    if not isinstance(device, str) or seconds is None:
        return None
    if device.startswith(_PROCESSOR):
        return 0.0
    return float(seconds) * int(model.facts.get("processes", 1)) / 3600


def _data(run: Run) -> Facts:
    source = run.recipe.corpus.source
    domains = run.corpus.get("train", {}).get("domains", {})
    is_synthetic = source.kind == "synthetic"
    return {
        "training_data": "synthetic text of babyllama" if is_synthetic else None,
        "data_genre": ", ".join(domains) or None,
        "data_preprocessing": f"cleaned by babyllama's rules `{run.recipe.corpus.rules}`",
        "data_human_annotation": "No" if is_synthetic else None,
        "data_syn_aug": "All text is synthetic" if is_synthetic else None,
    }


def _languages(run: Run, words: int | None) -> Facts:
    """English, since both tracks are, unless the recipe's card states something else."""
    if not set(run.recipe.card.language) <= {"en"}:
        return dict.fromkeys(("languages", *_WORDS_BY_LANGUAGE))
    return {"languages": "English", **dict.fromkeys(_WORDS_BY_LANGUAGE, 0), "num_words_en": words}


def _other(run: Run, model: Model) -> str:
    training = model.manifest.get("recipe", {}).get("training", {})
    parts = [
        f"{name} {training[name]}" for name in ("warmup_steps", "clip_norm") if name in training
    ]
    if "weight_decay" in training.get("optimizer", {}):
        parts.append(f"weight_decay {training['optimizer']['weight_decay']}")
    student = run.recipe.students.get(model.name)
    if isinstance(student, DistilledStudent):
        parts.append(
            f"distillation: alpha {student.alpha:g}, temperature {student.temperature:g}, "
            f"reduction {student.reduction}"
        )
    if isinstance(student, SequenceStudent):
        parts.append(f"trained on text sampled from its teachers: {student.sampling}")
    return "; ".join(parts)
