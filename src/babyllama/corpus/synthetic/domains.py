"""The two domains of the corpus, each a program that says one document."""

from babyllama.corpus.synthetic.child_talk import child_talk
from babyllama.corpus.synthetic.stories import story

DOMAINS = {"child_talk": child_talk, "stories": story}
