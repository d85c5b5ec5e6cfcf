"""How a model is fine-tuned: each year's settings, and what a task or the user changes."""

from collections.abc import Iterator
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.tasks import TASKS, Metric, Task
from babyllama.recipe import Cosine, Frozen, Linear, parse
from babyllama.recipe.base import Mistake, nearest
from babyllama.recipe.mistakes import mistakes_of, refusal
from babyllama.recipe.raw_tree import Places, read_yaml, set_field


class LoraSettings(Frozen):
    """Low-rank updates of frozen weights, in the matrices that peft selects (Hu et al. 2021)."""

    rank: int = Field(8, ge=1, description="Rank of each update.")
    alpha: int = Field(16, gt=0, description="The update is scaled by alpha / rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout of an update's input.")


class FinetuningSettings(Frozen):
    """Settings of one fine-tuning, of one task with one seed."""

    learning_rate: float = Field(gt=0, description="The peak learning rate.")
    batch_size: int = Field(ge=1, description="Rows per update.")
    epochs: int = Field(ge=1, description="Passes over the training rows, at most.")
    schedule: Annotated[Linear | Cosine, Field(discriminator="kind")] = Field(
        Linear(kind="linear"), description="How the learning rate decays from its peak."
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="Fraction of the updates before the peak.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's weight decay, of matrices.")
    evaluate_every: Annotated[int, Field(ge=1)] | Literal["epoch"] = Field(
        "epoch",
        description="Evaluate the choosing rows after so many updates, or after each epoch.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Evaluations without improvement before training stops; null: all epochs.",
    )
    threshold: float = Field(
        0.0, ge=0, description="The smallest improvement that counts, for patience."
    )
    choose_by: Metric = Field("accuracy", description="Keep the model that is best by this metric.")
    score: Metric | None = Field(
        None, description="The metric that is reported; null: the task's own."
    )
    max_length: int = Field(
        ge=8, description="Longest input in tokens; the longer of two texts is truncated first."
    )
    head: Literal["linear", "mlp"] = Field(
        "linear",
        description="linear: the head of AutoModelForSequenceClassification. "
        "mlp: LayerNorm, Linear, GELU, LayerNorm, dropout, Linear, as BabyLM 2025.",
    )
    seed: int = Field(
        ge=0, lt=2**31, description="Seed of the head's weights, the order of rows and dropout."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 on a GPU that supports it, else float32."
    )
    lora: LoraSettings | None = Field(None, description="Train only low-rank updates.")


class SettingsRecipe(Frozen):
    """Settings for all tasks: general ones, and changes of a suite or a task."""

    general: dict[str, Any] = Field(description="Settings of every task.")
    tasks: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings that a task, or all of `msgs`, changes."
    )
    notes: dict[str, str] = Field(
        default_factory=dict, description="What a user should know about a task or `msgs`."
    )


def built_in_settings() -> list[str]:
    """Names of the shipped settings."""
    return ["2023", "2024", "2025", "authors"]


def load_settings(name_or_path: str) -> SettingsRecipe:
    """Read shipped settings by name, or a YAML file of the same form.

    Raises:
        InputError: unknown settings, invalid YAML, or tasks and fields that are unknown or out of
            range: lists all of them with their lines.
    """
    where, text = _settings_text(name_or_path)
    tree, places = read_yaml(text, where)
    recipe = parse(SettingsRecipe, tree, where, places=places)
    if mistakes := list(_mistakes_in(recipe)):
        raise refusal(mistakes, places)
    return recipe


def settings_for(
    task: Task, recipe: SettingsRecipe, changes: tuple[str, ...] = (), *, where: str
) -> FinetuningSettings:
    """Resolve a task's settings: general ones, then its suite's, its own, and the user's changes.

    Args:
        changes: `field=value` for every task, or `TASK.field=value` for one task.

    Raises:
        InputError: an unknown field or task, a value out of range.
    """
    suite = recipe.tasks.get("msgs", {}) if task.is_msgs else {}
    tree = deepcopy({**recipe.general, **suite, **recipe.tasks.get(task.name, {})})
    place = f"{where}, {task.name}"
    places = Places(place)
    own = []
    for change in changes:
        name, dot, _ = change.partition("=")[0].partition(".")
        if not dot or name in FinetuningSettings.model_fields:
            set_field(tree, change, places)
        elif name == task.name or (name == "msgs" and task.is_msgs):
            own.append(change[len(name) + 1 :])
        elif name not in (*TASKS, "msgs"):
            raise InputError(
                f"--set {change}: {name} is neither a field nor a task",
                why=f"Fields: {', '.join(FinetuningSettings.model_fields)}.",
                mend=nearest(name, [*FinetuningSettings.model_fields, *TASKS]),
            )
    for change in own:  # a change for one task overrides a change for all
        set_field(tree, change, places)
    return parse(FinetuningSettings, tree, place, places=places)


def note_on(task: Task, recipe: SettingsRecipe) -> str:
    """What a user should know about a task's settings; "" if nothing."""
    return recipe.notes.get(task.name) or (recipe.notes.get("msgs", "") if task.is_msgs else "")


def _mistakes_in(recipe: SettingsRecipe) -> Iterator[Mistake]:
    """Unknown tasks, and fields of the settings that are unknown or out of range."""
    known = [*TASKS, "msgs"]
    for field, named in (("tasks", recipe.tasks), ("notes", recipe.notes)):
        for name in named:
            if name not in known:
                what, why = f"{field}.{name} is not a task", f"Known here: {', '.join(known)}."
                yield Mistake((field, name), what, why, nearest(name, known))
    parts: list[tuple[tuple[str, ...], dict[str, Any]]] = [(("general",), recipe.general)]
    parts += [(("tasks", name), part) for name, part in recipe.tasks.items()]
    for keys, part in parts:
        try:
            FinetuningSettings.model_validate(part)
        except ValidationError as error:
            found = mistakes_of(FinetuningSettings, error, below=keys)
            # Each part has some of the fields; the resolved settings of a task are checked later.
            yield from (each for each in found if not (each.is_missing and each.keys[:-1] == keys))


def _settings_text(name_or_path: str) -> tuple[str, str]:
    if name_or_path in built_in_settings():
        folder = resources.files("babyllama.recipe") / "shipped" / "finetuning"
        return f"settings {name_or_path}", (folder / f"{name_or_path}.yaml").read_text("utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        raise InputError(
            f"unknown settings {name_or_path!r}",
            why="Settings are a YAML file or one of " + ", ".join(built_in_settings()) + ".",
            mend=nearest(name_or_path, built_in_settings()),
        )
    try:
        return str(path), path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not UTF-8", mend="Save the settings as UTF-8 text."
        ) from None
