"""The sections of the page and their order; the templates define their layout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from babyllama.console import format_bytes, format_duration, visible_cell
from babyllama.recipe import DistilledStudent, TwinStudent
from babyllama.recipe.names import SAMPLED_TEXT, SIGNAL
from babyllama.report import figures, leaks, measures, stage_tables, tables, text_section
from babyllama.report.claims import cross_entropy_share, first_sentence
from babyllama.report.scored_run import ScoredRun
from babyllama.report.table import Table
from babyllama.report.wording import joined, order_in_words
from babyllama.runs import manifests
from babyllama.runs.layout import SAMPLE, default_folder, resume_command
from babyllama.runs.run import Run, main_student, twin_of
from babyllama.scores.results import WrongChoice

_SHOWN_MISSING = 12
_SHOWN_TEXTS, _SHOWN_CHARACTERS = 5, 240


@dataclass(frozen=True)
class Shown:
    """A figure.

    Attributes:
        file: its name in figures/. svg: the file's text. inline: the same for within the page.
        label: a few words for screen readers; the caption has the rest.
    """

    file: str
    svg: str
    inline: str
    label: str
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading and its content; `code` is a command to paste."""

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Shown, ...] = ()
    code: str = ""
    points: tuple[str, ...] = ()
    lost: tuple["LostChoice", ...] = ()


@dataclass(frozen=True)
class Word:
    """A word with its surprisal in nats, and how dark it is shown: 0 to 3."""

    text: str
    nats: str
    shade: int


@dataclass(frozen=True)
class LostChoice:
    """A choice that a model decides wrongly: what it should prefer and what it does."""

    about: str
    right: tuple[Word, ...]
    preferred: tuple[Word, ...]


@dataclass(frozen=True)
class Page:
    """The report on one run.

    Attributes:
        missing: what the run has not made yet; empty for a complete run.
    """

    name: str
    sentence: str
    missing: str
    sections: tuple[Section, ...]


def page_of(scored: ScoredRun, *, prefix: str = "") -> Page:
    """The page about one run.

    Args:
        prefix: of its figures' names, which keeps those of several runs apart.
    """
    run = scored.run
    results = _given(tables.models_table(scored), tables.differences_table(scored))
    cost = _given(stage_tables.totals_table(run), stage_tables.cost_table(run))
    sections = [
        _section("Results", results),
        _losses(run, prefix),
        _measures(scored),
        _scores(scored, prefix),
        _section("Words new to a construction", _given(tables.novelty_table(scored))),
        _curves(scored, prefix),
        _most_wrong(scored),
        _section("Cost", cost),
        _signal(run, prefix),
        _loss_weights(run),
        _sampled_texts(run),
        _controls(run),
        _orders(run),
        _section("The paper's failure signatures", _given(tables.signatures_table(scored))),
        _corpus(run, prefix),
        _leaks(run),
        _section("What ran", _given(stage_tables.artefacts_table(run)), _what_ran(scored)),
        Section("What this does not show", points=tuple(_limits(run))),
        Section("Reproduce", code=resume_command(default_folder(run.recipe.name))),
    ]
    return Page(
        name=run.recipe.name,
        sentence=first_sentence(scored),
        missing=_missing(run),
        sections=tuple(section for section in sections if section),
    )


def _section(title: str, found: tuple[Table, ...], text: tuple[str, ...] = ()) -> Section | None:
    return Section(title, text, found) if found or text else None


def _given(*found: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in found if table)


def _losses(run: Run, prefix: str) -> Section | None:
    drawn = _drawn(
        (f"{prefix}loss.svg", figures.loss_curves(run), "Loss curves, one panel per model",
         "Training cross-entropy (smoothed) and dev cross-entropy after each epoch, in nats per "
         "token. The ring marks the best epoch. The first, steep steps are cut off."),
        (f"{prefix}overfitting.svg", figures.overfitting(run), "Dev loss of student and twin",
         "Dev cross-entropy of the student and of its twin after each epoch: where a curve turns "
         "up, the model has begun to overfit."),
    )  # fmt: skip
    text = (
        "Each model is kept at the epoch with the lowest dev cross-entropy. The paper chose the "
        "student's epoch by its mixed loss instead, which includes the teachers.",
    )
    return Section("Training", text, figures=drawn) if drawn else None


def _measures(scored: ScoredRun) -> Section | None:
    """Measures beside the benchmarks; older runs have none."""
    found = measures.RunMeasures(scored)
    made = _given(measures.measures_table(found), measures.cross_entropy_table(found))
    text = tuple(measures.sentences(found))
    return Section("Predictions of dev text", text, made) if made else None


def _scores(scored: ScoredRun, prefix: str) -> Section | None:
    benchmark = scored.main_benchmark
    if not benchmark:
        return None
    found = _given(tables.groups_table(scored, benchmark), tables.extremes_table(scored))
    names = ", ".join(model.name for model in figures.models_shown(scored, benchmark))
    drawn = _drawn(
        (
            f"{prefix}groups.svg",
            figures.scores_by_group(scored, benchmark),
            f"Scores on {benchmark} by group",
            f"Scores on {benchmark} by group with 95% intervals: {names}.",
        )
    )
    return Section(f"Where the score comes from: {benchmark}", (), found, drawn)


def _curves(scored: ScoredRun, prefix: str) -> Section | None:
    """Scores over training, where `babyllama curves` has scored checkpoints."""
    names = dict.fromkeys(p.benchmark for points in scored.points.values() for p in points)
    if not names:
        return None
    caption = "Score against white-space words seen, repeats included; bands are 95% intervals."
    drawn = _drawn(
        (f"{prefix}curves.svg", figures.learning_curves(scored), "Scores by words seen", caption)
    )
    found = _given(*(tables.curves_table(scored, name) for name in names))
    text = ("The last point of a model is its best epoch, the one that is kept.",)
    return Section("Scores over training", text, found, drawn)


def _most_wrong(scored: ScoredRun) -> Section | None:
    student = main_student(scored.run)
    result = scored.results.get(student.name) if student else None
    if not student or not result or not result.worst:
        return None
    found = result.worst
    text = (
        f"The {len(found)} worst errors of {student.name}. The number after "
        "a word is its surprisal in nats; the shade changes at 2, 4 and 8 nats.",
    )
    lost = tuple(map(_lost, found))
    return Section(f"Worst errors of {student.name}", text, lost=lost)


def _lost(each: WrongChoice) -> LostChoice:
    about = f"{each.benchmark}, {each.UID}: {each.margin:.1f} nats"
    return LostChoice(about, _words(each.right), _words(each.preferred))


def _words(found: Sequence[tuple[str, float]]) -> tuple[Word, ...]:
    return tuple(
        Word(text, f"{nats:.1f}", sum(nats >= limit for limit in (2, 4, 8))) for text, nats in found
    )


def _drawn(*given: tuple[str, str | None, str, str]) -> tuple[Shown, ...]:
    return tuple(
        Shown(file, svg, figures.inline(svg, label, ids=file.removesuffix(".svg")), label, caption)
        for file, svg, label, caption in given
        if svg
    )


def _signal(run: Run, prefix: str) -> Section | None:
    """The stored signal, and how close it is to the teachers."""
    if SIGNAL not in run.stages:
        return None
    facts = run.stages[SIGNAL].get("facts", {})
    kind, size, tokens = (facts.get(name) for name in ("kind", "bytes_per_token", "tokens"))
    text = []
    if kind and size and tokens:
        text.append(
            f"Kind {kind}: {size:,} bytes per token, {format_bytes(size * tokens)} for "
            f"{tokens:,} tokens."
        )
    drawn = _drawn(
        (f"{prefix}frontier.svg", figures.signal_frontier(run), "What each kind of signal loses",
         "KL from the teachers and angle between a stand-in student's gradient and the exact one, "
         "against bytes per token, on held-out text; both axes logarithmic. The ring marks what "
         "this run stored. Sampled signals have no KL."),
    )  # fmt: skip
    found = _given(stage_tables.fidelity_table(run), stage_tables.frontier_table(run))
    return Section("The stored signal", tuple(text), found, drawn) if text or found else None


def _loss_weights(run: Run) -> Section | None:
    """How text and teachers are weighted, for every distilled student."""
    lines = []
    for name, student in run.recipe.distilled.items():
        window = " · window" if student.reduction == "window_sum" else ""
        size = f" · {student.training.window}" if window else ""
        T, alpha = student.temperature, student.alpha
        lines.append(
            f"{name}: {_own_teachers(student)}reduction {student.reduction}, alpha {alpha:g}, "
            f"T {T:g}. Cross-entropy has "
            f"{cross_entropy_share(student):.2%} of the loss's weight: alpha against "
            f"(1 - alpha) · T²{window}, here {alpha:g} against {1 - alpha:g} · {T**2:g}{size}. "
            "This is a share of weights: what each term adds to the gradient depends on its size "
            "as well."
        )
    return Section("How text and teachers are weighted", tuple(lines)) if lines else None


def _own_teachers(student: DistilledStudent) -> str:
    """Whose student it is, if not the recipe's teachers'."""
    return f"taught by {joined(student.teachers, 'and')}; " if student.teachers else ""


def _sampled_texts(run: Run) -> Section | None:
    """What teachers wrote for students to learn: how much, how it was drawn, and how it begins."""
    text, points = [], []
    for name in run.recipe.sampled_texts:
        manifest = run.stages.get(f"{SAMPLED_TEXT}/{name}")
        if manifest is None:
            continue
        facts = manifest["facts"]
        readers = [each for each in run.recipe.sequences if run.recipe.text_for(each) == name]
        text.append(
            f"{joined(readers, 'and')}: trained on {facts['train_tokens']:,} tokens "
            f"({facts['train_words']:,} words), of which {facts['sampled_tokens']:,} are "
            f"{facts['texts']:,} texts that {joined(run.recipe.teachers_of(name), 'and')} wrote, "
            f"and {facts['real_tokens']:,} are real. Sampled at "
            f"{run.recipe.sequences[name].sampling}; seed {manifest['seed']}. Some of it:"
        )
        points += _first_lines(run.layout.sampled_text(name) / SAMPLE)
    return Section("Text that teachers wrote", tuple(text), points=tuple(points)) if text else None


def _first_lines(sample: Path) -> list[str]:
    if not sample.is_file():
        return []
    texts = sample.read_text("utf-8", errors="replace").split("\n\n")
    return [shorten(visible_cell(text), _SHOWN_CHARACTERS) for text in texts[:_SHOWN_TEXTS]]


def _controls(run: Run) -> Section | None:
    """The twins that differ from their student in more than the teachers, and in what."""
    lines = tuple(
        f"{name}: the twin of {student.of} with {joined(changes, 'and')}{_smoothing(run, name)}."
        for name, student in run.recipe.students.items()
        if isinstance(student, TwinStudent) and (changes := run.recipe.changes(name))
    )
    return Section("Controls", lines) if lines else None


def _orders(run: Run) -> Section | None:
    """The curricula of the trained models."""
    lines = []
    for name in run.recipe.trained:
        model = run.model(name)
        words = order_in_words(run.recipe.pretraining(name).training, model.facts if model else {})
        if words:
            lines.append(f"{name}: {words}.")
    return Section("The order of the text", tuple(lines)) if lines else None


def _smoothing(run: Run, name: str) -> str:
    """The epsilon that a twin was trained with, if it was measured."""
    model = run.model(name)
    found = model.facts.get("smoothing") if model else None
    if not found:
        return ""
    return f" ({found['epsilon']:.4f}; mean entropy of the target {found['entropy']:.3f} nats)"


def _corpus(run: Run, prefix: str) -> Section | None:
    """What the text is: sizes, words, and lines to read."""
    drawn = _drawn(
        (f"{prefix}words.svg", text_section.spread_of_words(run), "How words are spread",
         "Left: how many different words so many words have, on average over all orders of them. "
         "Right: how often the word of each rank occurs. All axes are logarithmic."),
        (f"{prefix}unknown.svg", text_section.unknown_words(run), "Words that a domain lacks",
         "Of the running words of one domain (row), the percentage that does not occur in another "
         "(column)."),
    )  # fmt: skip
    found = _given(stage_tables.corpus_table(run), text_section.words_table(run.linguistics))
    text, lines = _about_corpus(run), tuple(text_section.telling_lines(run))
    if lines:
        text += ("The lines with the most and the least frequent words of each domain:",)
    return Section("The corpus", text, found, drawn, points=lines) if text or found else None


def _leaks(run: Run) -> Section | None:
    """What dev and benchmarks share with train; None for a run of an earlier version."""
    if not run.leaks:
        return None
    sentences, made = leaks.leak_sentences(run.leaks), leaks.leak_tables(run.leaks)
    samples = tuple(leaks.leak_samples(run.leaks))
    return Section("Leaks and duplicates", tuple(sentences), tuple(made), points=samples)


def _about_corpus(run: Run) -> tuple[str, ...]:
    """The numbers of tokens, and the entropy of a corpus that a grammar generated."""
    text = []
    if run.tokens:
        layout = run.tokens.get("layout", "")
        text.append(
            f"{run.tokens['train_tokens']:,} training tokens ({run.tokens['train_words']:,} "
            f"words) and {run.tokens['dev_tokens']:,} dev tokens; vocabulary "
            f"{run.tokens['vocab_size']:,}; layout {layout}."
        )
    if run.dev_entropy is not None:
        text.append(
            "A grammar generated the text. The entropy of its dev text is "
            f"{run.dev_entropy:.3f} nats per word, the lowest loss that a model can have in "
            "expectation."
        )
    return tuple(text)


def _what_ran(scored: ScoredRun) -> tuple[str, ...]:
    run = scored.run
    found = list(stage_tables.manifests(run))
    seconds = sum(float(manifest.get("wall_seconds", 0)) for _, manifest in found)
    versions = found[-1][1].get("versions", {}) if found else {}
    text = [
        f"Recipe {run.recipe.name}, seed {run.recipe.seed}, {format_duration(seconds)} in total. "
        f"Corpus cleaned by the {run.recipe.corpus.rules} rules; signal {run.recipe.signal.kind}.",
        "Contents, sha256: " + ", ".join(_digests(run)) + ".",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
    ]
    rules = next((result.rules for result in scored.results.values() if result.rules), None)
    if rules:
        text.append(
            f"Scoring rules {rules['name']}: context token {rules['context'] or 'none'}, "
            f"{'a' if rules['leading_space'] else 'no'} leading space; "
            f"{rules['ties']}; {rules['average']}."
        )
    return tuple(text)


def _digests(run: Run) -> Iterator[str]:
    """The digest of each finished stage that is not a model, as later manifests name it."""
    for name in run.stages:
        yield f"{name} {manifests.digest(run.folder / name)[:12]}"


def _limits(run: Run) -> Iterator[str]:
    """What these numbers do not show."""
    yield (
        "Only one seed was trained. Other seeds give other models; the intervals do not include "
        "this."
    )
    if run.benchmarks:
        yield (
            "Intervals are over items only, assumed to be independent within a UID; items made "
            "from one template resemble each other, so the true uncertainty is larger."
        )
        yield "Several differences are tested at 95% each, without a correction for their number."
        yield "Minimal pairs test grammar, not what the models know or how they write."
    student = main_student(run)
    if student and student.manifest:
        twin = twin_of(run, student.name)
        changes = run.recipe.changes(twin.name) if twin else []
        has = "the student's recipe" + (f" with {joined(changes, 'and')}" if changes else "")
        text = f"The twin has {has}, without the teachers' compute."
        if not any(each.of == student.name for each in run.recipe.matched_twins.values()):
            text += (
                " No twin was trained with the compute of teachers, signal and student together."
            )
        yield text
    yield "The best epoch is chosen by the dev loss shown here, so this loss is slightly too low."


def _missing(run: Run) -> str:
    if not run.missing:
        return ""
    named = ", ".join(run.missing[:_SHOWN_MISSING])
    more = len(run.missing) - _SHOWN_MISSING
    return f"Not finished yet: {named}" + (f" and {more} more" if more > 0 else "") + "."
