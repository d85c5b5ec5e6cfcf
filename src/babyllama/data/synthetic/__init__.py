"""The embedded corpus: English-like text from a probabilistic grammar of our own.

Because we wrote the grammar, we know what nobody knows of a natural corpus: the true probability
of every document, hence the entropy that no model can go below, and which sentences are wrong.
"""

from babyllama.data.synthetic.parsing import log_probability
from babyllama.data.synthetic.writing import synthesize

__all__ = ["log_probability", "synthesize"]
