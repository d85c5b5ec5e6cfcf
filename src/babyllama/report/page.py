"""The sections of a run's page and their order; the templates define their layout."""

from babyllama.report import (
    answer,
    closing_sections,
    corpus_sections,
    items,
    sample_section,
    score_sections,
    sides,
    stage_tables,
    strips,
    tables,
    tokenizer_section,
    training_sections,
)
from babyllama.report.cost_figure import cost_figure
from babyllama.report.opening import opening
from babyllama.report.scored_run import ScoredRun
from babyllama.report.section import Page, Section, drawn_of, given, section
from babyllama.report.terms import terms_of
from babyllama.runs.run import Run

_SHOWN_MISSING = 12


def page_of(scored: ScoredRun) -> Page:
    """The page about one run."""
    run = scored.run
    sections = [
        _results(scored),
        closing_sections.limits(run),
        training_sections.losses(run),
        score_sections.over_training(scored),
        score_sections.by_group(scored),
        sample_section.samples_section(scored),
        sides.sides_section(scored),
        strips.mended_errors(scored),
        strips.worst_errors(scored),
        items.items_section(scored),
        score_sections.predictions_of_dev(scored),
        section("Words new to a construction", [tables.novelty_table(scored)]),
        _cost(run),
        section("The paper's failure signatures", [tables.signatures_table(scored)]),
        training_sections.loss_weights(run),
        training_sections.controls(run),
        training_sections.orders(run),
        corpus_sections.sampled_texts(run),
        corpus_sections.corpus(run),
        tokenizer_section.tokenizer_section(run),
        corpus_sections.leaks_section(run),
        training_sections.stored_signal(run),
        closing_sections.what_ran(scored),
        closing_sections.reproduce(run),
    ]
    answer, others = opening(scored)
    return Page(
        name=run.recipe.name,
        sentence=answer,
        others=others,
        missing=_missing(run),
        sections=tuple(each for each in sections if each),
    )


def _results(scored: ScoredRun) -> Section | None:
    """The picture that carries the answer, then its numbers."""
    drawn = drawn_of(
        (
            "answer.svg",
            answer.answer_figure(scored),
            "Every model: cross-entropy on unseen text against its score",
            answer.caption_of(scored),
        )
    )
    found = given(tables.models_table(scored), tables.differences_table(scored))
    if not drawn and not found:
        return None
    return Section("Results", (), found, drawn, terms=terms_of(scored))


def _cost(run: Run) -> Section | None:
    """What the student took beside its twin, and what every stage did."""
    drawn = drawn_of(
        (
            "cost.svg",
            cost_figure(run),
            "Wall time and FLOPs of the student, with all that it needs, and of its twin",
            "What the student took, with everything that it needs, beside its twin. Energy is not "
            "measured.",
        )
    )
    found = given(stage_tables.totals_table(run), stage_tables.cost_table(run))
    return Section("Cost", (), found, drawn) if found else None


def _missing(run: Run) -> str:
    if not run.missing:
        return ""
    named = ", ".join(run.missing[:_SHOWN_MISSING])
    more = len(run.missing) - _SHOWN_MISSING
    return f"Not finished yet: {named}" + (f" and {more} more" if more > 0 else "") + "."
