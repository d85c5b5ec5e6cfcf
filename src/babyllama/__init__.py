"""Small language models from little data, distilled from an ensemble of teacher models.

    recipe = babyllama.load_recipe("mini")
    run = babyllama.run(recipe, "runs/mini")
    run.scores.frame()

Importing the package loads nothing heavy; each name below is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babyllama.api import Run, Study, compare, evaluate, run, study
    from babyllama.models.ensemble import Ensemble
    from babyllama.models.loss import distillation_loss
    from babyllama.recipe import load_recipe
    from babyllama.signals import Signal

__version__ = "0.1.0"

_HOME = {
    "Ensemble": "babyllama.models.ensemble",
    "Run": "babyllama.api",
    "Signal": "babyllama.signals",
    "Study": "babyllama.api",
    "compare": "babyllama.api",
    "distillation_loss": "babyllama.models.loss",
    "evaluate": "babyllama.api",
    "load_recipe": "babyllama.recipe",
    "run": "babyllama.api",
    "study": "babyllama.api",
}

__all__ = [
    "Ensemble",
    "Run",
    "Signal",
    "Study",
    "compare",
    "distillation_loss",
    "evaluate",
    "load_recipe",
    "run",
    "study",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'babyllama' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
