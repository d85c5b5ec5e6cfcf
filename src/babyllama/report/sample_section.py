"""Text that the models wrote: the same beginning, and how every model goes on."""

from babyllama.console import format_count
from babyllama.report.scored_run import ScoredRun
from babyllama.report.section import Section
from babyllama.report.table import Table
from babyllama.runs.run import Model
from babyllama.scores.samples import Sample, read_samples

_ORDER = ("student", "twin", "ensemble", "teacher")


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
    return Section("What the models write", (_expect(scored),), tables) if tables else None


def _table(sample: Sample, written: list[tuple[Model, Sample]]) -> Table:
    rows = [("the real text", sample.real.strip())]
    rows += [(_called(model), _shown(each)) for model, each in written]
    return Table(f"“{sample.given.strip()} …”", ("who", "goes on"), tuple(rows), words=(0, 1))


def _called(model: Model) -> str:
    return model.name if model.name == model.role else f"{model.name} ({model.role})"


def _shown(each: Sample) -> str:
    text = each.written.strip()
    return text if each.is_ended else f"{text} …"


def _expect(scored: ScoredRun) -> str:
    """What the samples are, and what models of this size and this much text can do."""
    sizes = [int(n) for model in scored.run.models if (n := model.facts.get("parameters"))]
    words = scored.run.tokens.get("train_words")
    of = f" of at most {format_count(max(sizes))} parameters" if sizes else ""
    text = f", trained on {words:,} words," if words else ""
    return (
        "Each model goes on from the same beginning of a dev text, drawn at temperature 1 with the "
        f"same random numbers; nothing was chosen. From models{of}{text} "
        "expect words and short phrases in a likely order, and a thread that is lost within a "
        "sentence or two. An ellipsis marks where a text was cut."
    )
