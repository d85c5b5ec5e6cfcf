"""The embedded corpus: English-like text from a probabilistic grammar of our own.

Because the grammar is ours, we know what is unknown for a natural corpus: the true probability of
every document, hence the lowest cross-entropy that any model can reach, and which sentences are
ungrammatical.
"""

from babyllama.data.synthetic.parsing import log_probability
from babyllama.data.synthetic.writing import synthesize

__all__ = ["log_probability", "synthesize"]
