"""Sections about the scores: measures of predictions, groups, learning curves."""

from babyllama.report import figures, forest, measures, tables
from babyllama.report.scored_run import ScoredRun
from babyllama.report.section import Section, drawn_of, given


def predictions_of_dev(scored: ScoredRun) -> Section | None:
    """Measures beside the benchmarks; older runs have none."""
    found = measures.RunMeasures(scored)
    made = given(measures.measures_table(found), measures.cross_entropy_table(found))
    text = tuple(measures.sentences(found))
    return Section("Predictions of unseen text", text, made) if made else None


def by_group(scored: ScoredRun) -> Section | None:
    """Scores by group, and the student against its twin on every UID."""
    benchmark = scored.main_benchmark
    if not benchmark:
        return None
    found = given(tables.groups_table(scored, benchmark), tables.uids_table(scored))
    names = ", ".join(model.name for model in figures.models_shown(scored, benchmark))
    drawn = drawn_of(
        (
            "forest.svg",
            forest.forest_figure(scored),
            f"Student minus twin on every UID of {benchmark}",
            "Student minus twin on every UID with its 95% interval, by group. Filled: the interval "
            "excludes 0. With no real difference, 1 in 20 would be filled. The diamond is the "
            f"difference on {benchmark} itself.",
        ),
        (
            "groups.svg",
            figures.scores_by_group(scored, benchmark),
            f"Scores on {benchmark} by group",
            f"Scores on {benchmark} by group with 95% intervals: {names}.",
        ),
    )
    return Section(f"Where the score comes from: {benchmark}", (), found, drawn)


def over_training(scored: ScoredRun) -> Section | None:
    """Scores over training, where `babyllama curves` has scored checkpoints."""
    names = dict.fromkeys(p.benchmark for points in scored.points.values() for p in points)
    if not names:
        return None
    caption = "Score against white-space words seen, repeats included; bands are 95% intervals."
    drawn = drawn_of(
        ("curves.svg", figures.learning_curves(scored), "Scores by words seen", caption)
    )
    found = given(*(tables.curves_table(scored, name) for name in names))
    text = ("The last point of a model is its best epoch, the one that is kept.",)
    return Section("Scores over training", text, found, drawn)
