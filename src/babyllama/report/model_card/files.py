"""A model's card and scores in its folder; files that a person has edited are kept."""

from pathlib import Path

from babyllama.console import print_status
from babyllama.report.model_card.facts import card_facts, with_scores_of_run
from babyllama.report.model_card.metadata import eval_results_yaml
from babyllama.report.model_card.text import model_card
from babyllama.runs.layout import CARD, EVAL_RESULTS, default_folder, run_of
from babyllama.runs.sealed import is_edited, sealed, write_unless_edited

SCORES = f"{EVAL_RESULTS}/babyllama.yaml"


def write_card(folder: Path) -> None:
    """Write README.md and .eval_results/ of a trained model, as far as things are known now.

    The bytes follow from the run alone. An edited file is kept, which is said.

    Raises:
        InputError: a file of the run that the card needs cannot be read.
    """
    facts = with_scores_of_run(card_facts(folder), folder)
    name = folder.absolute().name
    if facts.recipe is not None:
        home = folder.absolute().relative_to(run_of(folder))
        name = (default_folder(facts.recipe.name) / home).as_posix()
    _write(folder / CARD, sealed(model_card(facts, name=name), "markdown"))
    scores = eval_results_yaml(facts)
    if scores:
        (folder / EVAL_RESULTS).mkdir(exist_ok=True)
        _write(folder / SCORES, sealed(scores, "yaml"))
    elif not is_edited(folder / SCORES):
        (folder / SCORES).unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    if not write_unless_edited(path, text):
        print_status(
            f"  {path} was edited: it is kept as it is; remove it to have it written again"
        )
