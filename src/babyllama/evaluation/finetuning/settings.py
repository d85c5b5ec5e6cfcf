"""How a model is fine-tuned: settings by year, and what a task changes of them."""

from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from babyllama.errors import InputError
from babyllama.evaluation.finetuning.tasks import TASKS, Metric, Task
from babyllama.recipe import Cosine, Frozen, Linear, parse
from babyllama.recipe.base import nearest
from babyllama.recipe.reading import read_yaml, set_field


class LoraSettings(Frozen):
    """Low-rank updates beside frozen weights, of the matrices peft chooses (Hu et al. 2021)."""

    rank: int = Field(8, ge=1, description="Rank of each update.")
    alpha: int = Field(16, gt=0, description="The update is scaled by alpha / rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="On what an update reads.")


class FinetuningSettings(Frozen):
    """One fine-tuning: a task, a seed."""

    learning_rate: float = Field(gt=0, description="The peak.")
    batch_size: int = Field(ge=1, description="Rows an update learns from.")
    epochs: int = Field(ge=1, description="Passes over the training rows, at most.")
    schedule: Annotated[Linear | Cosine, Field(discriminator="kind")] = Field(
        Linear(kind="linear"), description="From the peak to the end."
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="Share of the updates up to the peak.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's, of matrices.")
    evaluate_every: Annotated[int, Field(ge=1)] | Literal["epoch"] = Field(
        "epoch", description="When the choosing rows are looked at: updates, or each epoch."
    )
    patience: int | None = Field(
        None, ge=1, description="Looks without improvement before it ends; null: all epochs."
    )
    threshold: float = Field(0.0, ge=0, description="What counts as improvement, for patience.")
    choose_by: Metric = Field("accuracy", description="The model that is best by this is kept.")
    score: Metric | None = Field(None, description="What is reported; null: the task's own.")
    max_length: int = Field(ge=8, description="Tokens; the longer of two texts is cut first.")
    head: Literal["linear", "mlp"] = Field(
        "linear",
        description="linear: the architecture's own, of AutoModelForSequenceClassification. "
        "mlp: LayerNorm, Linear, GELU, LayerNorm, dropout, Linear, as BabyLM 2025.",
    )
    seed: int = Field(ge=0, lt=2**31, description="Of the head, the order and dropout.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 products on a card that has them, else float32."
    )
    lora: LoraSettings | None = Field(None, description="Train low-rank updates alone.")


class SettingsRecipe(Frozen):
    """Settings for all tasks: general ones, and what a suite or a task changes."""

    general: dict[str, Any] = Field(description="Fields of the settings, for every task.")
    tasks: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Fields that a task, or `msgs` as a whole, changes."
    )
    notes: dict[str, str] = Field(
        default_factory=dict, description="What a user should know, by task or `msgs`."
    )


def built_in_settings() -> list[str]:
    """Names of the shipped settings."""
    return ["2023", "2024", "2025", "authors"]


def load_settings(name_or_path: str) -> SettingsRecipe:
    """Read shipped settings by name, or a YAML file of the same form.

    Raises:
        InputError: no such settings, broken YAML, tasks that do not exist.
    """
    where, text = _settings_text(name_or_path)
    recipe = parse(SettingsRecipe, read_yaml(text, where), where)
    known = [*TASKS, "msgs"]
    for name in [*recipe.tasks, *recipe.notes]:
        if name not in known:
            raise InputError(
                f"{where}: tasks.{name} is no task",
                why=f"Known here: {', '.join(known)}.",
                mend=nearest(name, known),
            )
    return recipe


def settings_for(
    task: Task, recipe: SettingsRecipe, changes: tuple[str, ...] = (), *, where: str
) -> FinetuningSettings:
    """What holds for a task: general, then its suite's, then its own, then the user's changes.

    Args:
        changes: `field=value` for every task, or `TASK.field=value` for one.

    Raises:
        InputError: an unknown field, a value out of range, a change for an unknown task.
    """
    suite = recipe.tasks.get("msgs", {}) if task.is_msgs else {}
    tree = deepcopy({**recipe.general, **suite, **recipe.tasks.get(task.name, {})})
    own = []
    for change in changes:
        name, dot, _ = change.partition("=")[0].partition(".")
        if not dot or name in FinetuningSettings.model_fields:
            set_field(tree, change)
        elif name == task.name or (name == "msgs" and task.is_msgs):
            own.append(change[len(name) + 1 :])
        elif name not in (*TASKS, "msgs"):
            raise InputError(
                f"--set {change}: {name} is neither a field nor a task",
                why=f"Fields: {', '.join(FinetuningSettings.model_fields)}.",
                mend=nearest(name, [*FinetuningSettings.model_fields, *TASKS]),
            )
    for change in own:  # what is said of one task outweighs what is said of all
        set_field(tree, change)
    return parse(FinetuningSettings, tree, f"{where}, {task.name}")


def note_on(task: Task, recipe: SettingsRecipe) -> str:
    """What the settings' author should have said of a task; "" if nothing."""
    return recipe.notes.get(task.name) or (recipe.notes.get("msgs", "") if task.is_msgs else "")


def _settings_text(name_or_path: str) -> tuple[str, str]:
    if name_or_path in built_in_settings():
        folder = resources.files("babyllama.recipe") / "shipped" / "finetuning"
        return f"settings {name_or_path}", (folder / f"{name_or_path}.yaml").read_text("utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        raise InputError(
            f"there are no settings {name_or_path!r}",
            why="They are neither a file nor one of " + ", ".join(built_in_settings()) + ".",
            mend=nearest(name_or_path, built_in_settings()),
        )
    try:
        return str(path), path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8") from None
