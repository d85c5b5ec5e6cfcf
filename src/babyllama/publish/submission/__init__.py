"""A submission to BabyLM, made from a run: predictions, checkpoints as revisions, a model card.

`official` says what the pipelines of 2025 and 2026 expect, `predictions` converts ours to their
form, `checking` finds what is wrong or missing, and `writing` puts these together with a
model card.
"""

from babyllama.publish.submission.checking import check_submission
from babyllama.publish.submission.official import Track, Year
from babyllama.publish.submission.writing import write_submission

__all__ = ["Track", "Year", "check_submission", "write_submission"]
