"""What the tasks are: the texts that a model reads, the labels it predicts, the metric.

The eleven (Super)GLUE tasks of the BabyLM pipelines, and the eleven sets of MSGS.

Source: the texts are those of BabyLM 2023 (finetune_classification.py) and 2025
(finetune/dataset.py); MSGS: Warstadt et al. 2020.
"""

from dataclasses import dataclass
from string import Formatter
from typing import Literal

from babyllama.errors import InputError
from babyllama.recipe.base import nearest

Metric = Literal["accuracy", "f1", "mcc"]


@dataclass(frozen=True)
class Task:
    """A classification task.

    Attributes:
        first: the text, or the first of two, as a template over a row's keys.
        second: the template of the second text; None if the task has a single text.
        labels: what 0, 1, ... mean.
        metric: what is reported: accuracy, binary F1 of class 1, or Matthews correlation.
        train: the task whose training file is used, if it has none of its own.
        scored_condition: only rows with this `condition` are scored; None: all rows are.
    """

    name: str
    first: str
    second: str | None
    labels: tuple[str, ...]
    metric: Metric = "accuracy"
    train: str | None = None
    scored_condition: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a row that the templates use, in order."""
        template = self.first + (self.second or "")
        return tuple(key for _, key, _, _ in Formatter().parse(template) if key)

    @property
    def is_msgs(self) -> bool:
        """Whether it is one of the sets of MSGS."""
        return self.scored_condition is not None

    @property
    def label_list(self) -> str:
        """Every label with its meaning, for messages."""
        return ", ".join(f"{number} ({meaning})" for number, meaning in enumerate(self.labels))


@dataclass(frozen=True)
class Example:
    """One labelled text, or a pair of texts.

    Attributes:
        second: None if the task has a single text.
        condition: the row's `condition`, which MSGS has.
    """

    first: str
    second: str | None
    label: int
    condition: str | None = None


_ENTAILMENT = ("entailment", "neutral", "contradiction")
_MNLI = ("{premise}", "{hypothesis}", _ENTAILMENT)

GLUE = (
    Task("cola", "{sentence}", None, ("unacceptable", "acceptable"), "mcc"),
    Task("sst2", "{sentence}", None, ("negative", "positive")),
    Task("mrpc", "{sentence1}", "{sentence2}", ("different", "equivalent"), "f1"),
    Task("qqp", "{question1}", "{question2}", ("different", "duplicate"), "f1"),
    Task("mnli", *_MNLI),
    Task("mnli-mm", *_MNLI, train="mnli"),
    Task("qnli", "{question}", "{sentence}", ("entailment", "not_entailment")),
    Task("rte", "{sentence1}", "{sentence2}", ("entailment", "not_entailment")),
    Task("boolq", "{question}", "{passage}", ("no", "yes")),
    Task(
        "multirc", "Question: {question} Answer: {answer}", "{paragraph}",
        ("wrong answer", "right answer"),
    ),
    Task(
        "wsc", 'Does "{span2_text}" refer to "{span1_text}" in this passage?', "{text}",
        ("another referent", "same referent"),
    ),
)  # fmt: skip

MSGS = tuple(
    Task(name, "{sentence}", None, ("absent", "present"), "mcc", scored_condition="test")
    for name in (
        "control_raising_control", "lexical_content_the_control", "main_verb_control",
        "relative_position_control", "syntactic_category_control",
        "control_raising_lexical_content_the", "control_raising_relative_token_position",
        "main_verb_lexical_content_the", "main_verb_relative_token_position",
        "syntactic_category_lexical_content_the", "syntactic_category_relative_position",
    )
)  # fmt: skip

TASKS = {task.name: task for task in (*GLUE, *MSGS)}
# Names that stand for all tasks whose files a folder has.
SUITES = {"glue": GLUE, "msgs": MSGS}
_ALIASES = {"sst-2": "sst2", "mnli_mm": "mnli-mm", "mnli-m": "mnli"}


def task_named(name: str) -> Task:
    """The task with this name, in upper or lower case.

    Raises:
        InputError: an unknown task; suggests the nearest name.
    """
    lower = name.lower()
    task = TASKS.get(_ALIASES.get(lower, lower))
    if task is None:
        raise InputError(
            f"unknown task {name!r}",
            why="GLUE: " + ", ".join(t.name for t in GLUE) + "; "
            "MSGS: " + ", ".join(t.name for t in MSGS) + "; `glue` and `msgs` name them all.",
            mend=nearest(lower, [*TASKS, *SUITES]),
        )
    return task
