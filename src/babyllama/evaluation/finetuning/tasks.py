"""What the tasks are: which texts a model sees, which labels it may give, how it is scored.

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
        second: the second text; None: there is one text alone.
        labels: what 0, 1, ... mean.
        metric: what is reported: accuracy, binary F1 of class 1, or Matthews correlation.
        train: whose training file it uses, where that is another task's.
        scored_condition: rows of this `condition` alone give the score; None: all do.
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
        """The keys of a row that the texts are made of, in order."""
        template = self.first + (self.second or "")
        return tuple(key for _, key, _, _ in Formatter().parse(template) if key)

    @property
    def is_msgs(self) -> bool:
        """Whether it is one of the sets of MSGS."""
        return self.scored_condition is not None


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
# A folder of either, named at once.
SUITES = {"glue": GLUE, "msgs": MSGS}
_SPELT_OTHERWISE = {"sst-2": "sst2", "mnli_mm": "mnli-mm", "mnli-m": "mnli"}


def task_named(name: str) -> Task:
    """A task by its name, in either case.

    Raises:
        InputError: no such task; names the one that comes closest.
    """
    lower = name.lower()
    task = TASKS.get(_SPELT_OTHERWISE.get(lower, lower))
    if task is None:
        raise InputError(
            f"there is no task {name!r}",
            why="GLUE: " + ", ".join(t.name for t in GLUE) + "; "
            "MSGS: " + ", ".join(t.name for t in MSGS) + "; `glue` and `msgs` name them all.",
            mend=nearest(lower, [*TASKS, *SUITES]),
        )
    return task
