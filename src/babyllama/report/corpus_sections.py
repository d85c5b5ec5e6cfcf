"""Sections about the text: the corpus, leaks, and what teachers wrote."""

from pathlib import Path
from textwrap import shorten

from babyllama.console import visible_cell
from babyllama.recipe.names import SAMPLED_TEXT
from babyllama.report import alt_texts, leaks, stage_tables, text_section
from babyllama.report.section import Section, drawn_of, given
from babyllama.report.wording import joined
from babyllama.runs.layout import SAMPLE
from babyllama.runs.run import Run

_SHOWN_TEXTS, _SHOWN_CHARACTERS = 5, 240


def corpus(run: Run) -> Section | None:
    """What the text is: sizes, words, and lines to read."""
    drawn = drawn_of(
        ("words.svg", text_section.spread_of_words(run), alt_texts.of_words(run.linguistics),
         "Left: how many different words a text of this length has. Right: how often the word of "
         "each rank occurs. All axes are logarithmic."),
        ("unknown.svg", text_section.unknown_words(run),
         alt_texts.of_unknown(run.linguistics.get("unknown", {})),
         "Of the running words of one domain (row), the percentage that does not occur in another "
         "(column)."),
    )  # fmt: skip
    found = given(stage_tables.corpus_table(run), text_section.words_table(run.linguistics))
    text, lines = _about_corpus(run), tuple(text_section.telling_lines(run))
    if lines:
        text += ("The lines with the most and the least frequent words of each domain:",)
    return Section("The corpus", text, found, drawn, points=lines) if text or found else None


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


def leaks_section(run: Run) -> Section | None:
    """What dev and benchmarks share with train; None for a run of an earlier version."""
    if not run.leaks:
        return None
    sentences, made = leaks.leak_sentences(run.leaks), leaks.leak_tables(run.leaks)
    samples = tuple(leaks.leak_samples(run.leaks))
    return Section("Leaks and duplicates", tuple(sentences), tuple(made), points=samples)


def sampled_texts(run: Run) -> Section | None:
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
