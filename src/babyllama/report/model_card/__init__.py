"""What a model's folder says of itself: the card README.md, and scores as the hub reads them.

`facts` reads what is known, `metadata` writes it for the Hugging Face hub, `text` for people, and
`files` puts both into a model's folder.
"""

from babyllama.report.model_card.facts import CardFacts, card_facts, with_scores_of_run
from babyllama.report.model_card.files import SCORES, write_card
from babyllama.report.model_card.metadata import eval_results_yaml
from babyllama.report.model_card.text import model_card, portable

__all__ = [
    "SCORES",
    "CardFacts",
    "card_facts",
    "eval_results_yaml",
    "model_card",
    "portable",
    "with_scores_of_run",
    "write_card",
]
