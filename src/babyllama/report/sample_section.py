"""Text that the models wrote: the same beginning, and how every model goes on."""

import re
import unicodedata

from babyllama.console import format_count
from babyllama.report.scored_run import ScoredRun
from babyllama.report.section import Section
from babyllama.report.table import Table
from babyllama.runs.run import Model
from babyllama.scores.samples import Sample, are_of_one_line, read_samples

_ORDER = ("student", "twin", "ensemble", "teacher")
_LINE_END = " ⏎ "  # in a title, which is one line


def samples_section(scored: ScoredRun) -> Section | None:
    """The real text and every model's, for each beginning."""
    run = scored.run
    models = [model for model in run.models if model.role in _ORDER]
    models.sort(key=lambda model: _ORDER.index(model.role))
    read = [(model, read_samples(run.layout.samples(model.name))) for model in models]
    written = [(model, samples) for model, samples in read if samples]
    if not written:
        return None
    first = written[0][1]
    tables = tuple(
        _table(sample, [(model, samples[n]) for model, samples in written])
        for n, sample in enumerate(first)
        if all(len(samples) == len(first) for _, samples in written)
    )
    text = (_how(scored, written[0][0]), _expect(scored))
    return Section("What the models write", text, tables) if tables else None


def _table(sample: Sample, written: list[tuple[Model, Sample]]) -> Table:
    rows = [("the real text", _shown(sample.real, is_ended=_real_is_ended(sample)))]
    rows += [(_called(model), _shown(s.written, is_ended=s.is_ended)) for model, s in written]
    given = _LINE_END.join(sample.given.strip().splitlines())
    return Table(f"“{given} …”", ("who", "goes on"), tuple(rows), words=(0, 1))


def _called(model: Model) -> str:
    return model.name if model.name == model.role else f"{model.name} ({model.role})"


def _shown(text: str, *, is_ended: bool) -> str:
    """A text as it was written; one that was cut ends after a full word, with an ellipsis.

    A text that goes on in a new line begins with an empty one.
    """
    shown = text.rstrip() if is_ended else f"{_cut_at_word(text)} …"
    return shown.lstrip(" ")


def _cut_at_word(text: str) -> str:
    """Without the last word, which may be a part of one; all of a text without spaces."""
    is_whole = not text or unicodedata.category(text[-1])[0] not in "LMNS"
    return (text if is_whole else re.sub(r"(?<=\S)\s+\S*$", "", text)).rstrip()


def _real_is_ended(sample: Sample) -> bool:
    """Whether the real text ends there; samples of version 1 do not say so."""
    if sample.real_is_ended is not None:
        return sample.real_is_ended
    return sample.real.rstrip().endswith((".", "!", "?"))


def _how(scored: ScoredRun, model: Model) -> str:
    """How the samples were drawn."""
    text = (
        "Each model goes on from the same beginning of a dev text, a token at a time at "
        "temperature 1, with the same random numbers; nothing was chosen. "
    )
    if scored.run.tokens.get("layout") != "lines":
        return f"{text}An ellipsis marks where a text was cut."
    if are_of_one_line(scored.run.layout.samples(model.name)):
        return (
            f"{text}An earlier version of babyllama drew them: no model could begin a new line, so "
            "most texts end after one. An ellipsis marks where a text was cut."
        )
    return (
        f"{text}A model may begin a new line and end its text. An ellipsis marks where a text was "
        "cut."
    )


def _expect(scored: ScoredRun) -> str:
    """What models of this size and this much text can do."""
    sizes = [int(n) for model in scored.run.models if (n := model.facts.get("parameters"))]
    words = scored.run.tokens.get("train_words")
    of = f" of at most {format_count(max(sizes))} parameters" if sizes else ""
    text = f", trained on {words:,} words," if words else ""
    return (
        f"From models{of}{text} expect words and short phrases in a likely order, and a thread "
        "that is lost within a sentence or two."
    )
