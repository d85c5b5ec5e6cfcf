"""The two domains of the corpus. Each is a program that says one document."""

from babyllama.data.synthetic.child_talk import child_talk
from babyllama.data.synthetic.stories import story

DOMAINS = {"child_talk": child_talk, "stories": story}
