"""The words that a page uses, each explained in a line, for a reader who is new to them."""

from collections.abc import Iterator

from babyllama.recipe.names import GRAMMAR
from babyllama.report.scored_run import ScoredRun
from babyllama.runs.run import main_student, twin_of


def terms_of(scored: ScoredRun) -> tuple[tuple[str, str], ...]:
    """The words that this run's page uses, with what they mean."""
    return tuple(_terms(scored))


def _terms(scored: ScoredRun) -> Iterator[tuple[str, str]]:
    run = scored.run
    student = main_student(run)
    roles = {model.role for model in run.models}
    if "teacher" in roles:
        yield "teacher", "a model that was trained on the text first, and that the student imitates"
    if "ensemble" in roles:
        yield "ensemble", "the teachers together: their predictions averaged into one"
    if student:
        yield (
            "student",
            "a model that learns from the text and, for every token, from the whole distribution "
            "that its teachers predict",
        )
    if student and twin_of(run, student.name):
        yield "twin", "the student's recipe trained on the text alone: what teachers add is the gap"
    if "untrained" in roles:
        yield "untrained", "a model of the student's shape with random weights"
    yield (
        "unseen text",
        "the dev part of the corpus, on which no model is trained, and how badly a model predicts "
        "it: the cross-entropy in nats (1 nat is 1.44 bits) per token; lower is better, and "
        "perplexity is its exponential",
    )
    if run.dev_entropy is not None:
        yield (
            "the text's entropy",
            "the cross-entropy of the grammar that generated the text: no model can be expected to "
            "do better; it is counted by word, so the table compares it with nats per word",
        )
    if GRAMMAR in run.benchmarks:
        yield (
            GRAMMAR,
            "pairs of sentences from that grammar, one right and one wrong by a word or two; the "
            "score is the percentage of pairs whose right sentence the model finds more likely",
        )
    if run.benchmarks:
        yield "UID", "one kind of item in a benchmark, such as agreement across a relative clause"
        yield "guessing", "the score of a model that knows nothing"
    yield (
        "95% interval",
        "the values that the data do not rule out: of intervals made this way, 95 of 100 hold the "
        "value over all items or documents of the kind; other seeds of a training are not covered",
    )
