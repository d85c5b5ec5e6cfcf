"""The report's tables of what the stages made: signal, cost, corpus, models."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from babyllama.console import format_bytes, format_duration, format_flops
from babyllama.recipe.names import (
    CORPUS,
    EVALUATION,
    SAMPLED_TEXT,
    SIGNAL,
    SOURCE,
    TOKENIZER,
    TOKENS,
)
from babyllama.report.frontier import frontier_temperatures
from babyllama.report.table import Table, cell, table_of
from babyllama.report.tables import titled
from babyllama.report.wording import NONE, joined
from babyllama.runs.run import Model, Run, main_student, twin_of, twins_of


def fidelity_table(run: Run) -> Table | None:
    """How close the stored signal is to the teachers, at each temperature."""
    measured = run.fidelity.get("temperatures", {})
    columns: list[tuple[str, Callable[[Any], str]]] = [
        ("KL, nats per token", lambda m: cell(m["kl"], _small)),
        ("gradient's angle", lambda m: cell(m["gradient_angle"], "{:.1f}°")),
        ("its length", lambda m: cell(m["gradient_norm_ratio"], "{:.3f}")),
    ]
    named = [(f"T = {temperature}", each) for temperature, each in measured.items()]
    made = table_of("What was stored", "temperature", named, columns)
    note = (
        "On held-out text. KL: from the teachers' distribution to the stored one. Gradient: of a "
        "reference student, compared with the exact one, whose length is 1."
    )
    return made and Table(made.title, made.head, made.rows, note)


def frontier_table(run: Run) -> Table | None:
    """The figure's numbers: one row per form."""
    columns: list[tuple[str, Callable[[Any], str]]] = [
        ("bytes per token", lambda row: f"{row['bytes_per_token']:,}")
    ]
    for temperature in frontier_temperatures(run):
        for title, key, form in (
            (f"KL, T = {temperature}", "kl", _small),
            (f"angle, T = {temperature}", "gradient_angle", "{:.1f}°"),
        ):
            columns.append((title, _measured(temperature, key, form)))
    named = [(str(row["name"]), row) for row in run.frontier]
    made = table_of("Every kind at several sizes", "form", named, columns)
    note = "KL in nats per token. Sampled signals have no KL. B: bytes; else tokens kept."
    return made and Table(made.title, made.head, made.rows, note)


def cost_table(run: Run) -> Table | None:
    """Time, FLOPs and memory of each stage."""
    columns: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("wall time", lambda m: cell(m.get("wall_seconds"), format_duration)),
        ("FLOPs", lambda m: cell(m["facts"].get("flops"), format_flops)),
        ("peak memory", lambda m: cell(m["facts"].get("peak_memory_bytes"), format_bytes)),
        ("tokens/s", lambda m: cell(m["facts"].get("tokens_per_second"), "{:,.0f}")),
        ("of matmul peak", lambda m: cell(m["facts"].get("products_share"), "{:.0%}")),
    ]
    note = (
        "Of matmul peak: speed as a share of the speed of the same matrix products alone, measured "
        "on that machine. Peak memory: during training, with resident memory-mapped files."
    )
    made = table_of("Stages", "stage", list(manifests(run)), columns)
    return made and Table(made.title, made.head, made.rows, note)


@dataclass(frozen=True)
class Cost:
    """What something took."""

    seconds: float
    flops: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds + other.seconds, self.flops + other.flops)


@dataclass(frozen=True)
class Costs:
    """What the main student took.

    Attributes:
        parts: everything that it needs, by kind: teachers, signal, sampled text, student.
        controls: of its other twins, by name. twin: of its own; None before it is trained.
    """

    parts: Mapping[str, Cost]
    controls: Mapping[str, Cost]
    twin: Cost | None


def costs_of(run: Run) -> Costs | None:
    """What the main student, all that it needs, and its twins took; None before it is trained."""
    student = main_student(run)
    if not student or not student.manifest:
        return None
    twin = twin_of(run, student.name)
    needed = run.recipe.trained_before(student.name)
    made = [model.manifest for model in run.models if model.name in needed]
    reads = any(name in run.recipe.readers for name in [*needed, student.name])
    texts = {run.recipe.text_for(n) for n in [*needed, student.name] if n in run.recipe.sequences}
    parts = {
        "teachers": made,
        "signal": [run.stages[SIGNAL]] if SIGNAL in run.stages and reads else [],
        "sampled text": [run.stages.get(f"{SAMPLED_TEXT}/{name}", {}) for name in sorted(texts)],
        "student": [student.manifest],
    }
    others = [each for each in twins_of(run, student.name) if each is not twin and each.manifest]
    return Costs(
        parts={name: _cost(part) for name, part in parts.items() if part or name == "teachers"},
        controls={each.name: _cost([each.manifest]) for each in others},
        twin=_cost([twin.manifest]) if twin and twin.manifest else None,
    )


def totals_table(run: Run) -> Table | None:
    """The cost of everything that the student needs, compared with its twin."""
    costs = costs_of(run)
    if costs is None:
        return None
    named = ["student", *(name for name in costs.parts if name != "student")]
    whole = sum(costs.parts.values(), Cost(0.0, 0.0))
    sums = {joined(named, "and"): whole, "student alone": costs.parts["student"]}
    sums |= {f"control {name} alone": cost for name, cost in costs.controls.items()}
    if costs.twin:
        sums["twin alone"] = costs.twin
    rows = [
        (name, format_duration(cost.seconds), format_flops(cost.flops))
        for name, cost in sums.items()
    ]
    if costs.twin:
        ratios = (
            _ratio(whole.seconds, costs.twin.seconds),
            _ratio(whole.flops, costs.twin.flops),
        )
        rows.append(("× the cost of the twin", *ratios))
    return Table("Totals", ("what", "wall time", "FLOPs"), tuple(rows))


def corpus_table(run: Run) -> Table | None:
    """Domains of train and dev; how much of dev is in train, if the run has no check for leaks."""
    if not run.corpus:
        return None
    is_checked = "dev" in run.leaks  # which compares scripts without spaces as well
    columns = 5 if is_checked else 7
    train, dev, overlap = (run.corpus.get(part, {}) for part in ("train", "dev", "overlap"))
    names = [*train["domains"], *(name for name in dev["domains"] if name not in train["domains"])]
    pairs = [(n, [part["domains"].get(n, {}) for part in (train, dev, overlap)]) for n in names]
    pairs.append(("total", [part["total"] for part in (train, dev, overlap)]))
    rows = [
        (
            name,
            cell(of_train.get("words"), "{:,}"),
            cell(of_train.get("share_of_words"), "{:.1%}"),
            cell(of_train.get("distinct_words"), "{:,}"),
            cell(of_dev.get("words"), "{:,}"),
            cell(seen.get("in_train"), "{:,}"),
            cell(seen.get("share"), "{:.3%}"),
        )[:columns]
        for name, (of_train, of_dev, seen) in pairs
    ]
    head = (
        "domain", "train words", "share of train", "distinct as written",
        "dev words", "dev in train", "share of dev",
    )  # fmt: skip
    notes = [
        "Distinct as written: words between white space, so that “Dog”, “dog” and “dog.” are three."
    ]
    if not is_checked:
        notes.append(
            f"Dev in train: sequences of {overlap.get('words', 13)} words of dev that occur in "
            "train, and their share of dev."
        )
    if subset := run.corpus.get("subset"):
        notes.append(
            f"Of the {subset['of']:,} words of the training text {subset['kept']:,} are used "
            f"(corpus.words), drawn by seed {subset['seed']}."
        )
    return Table("Corpus", head[:columns], tuple(rows), " ".join(notes))


def artefacts_table(run: Run) -> Table | None:
    """Where and how each model was trained, and the checksum of its weights."""
    models = [(titled(model), model) for model in run.models if model.manifest]
    columns: list[tuple[str, Callable[[Model], str]]] = [
        ("seed", lambda m: cell(m.manifest.get("seed"), "{}")),
        ("steps", lambda m: cell(m.facts.get("steps"), "{:,}")),
        ("words seen", lambda m: cell(m.facts.get("words_seen"), "{:,}")),
        ("device", lambda m: cell(m.facts.get("device"), _device)),
        ("precision", lambda m: cell(m.facts.get("precision"), "{}")),
        ("weights, sha256", lambda m: weights_hash(m) or NONE),
    ]
    made = table_of("Models trained", "model", models, columns)
    return made and Table(made.title, made.head, made.rows, words=(0, 4, 5, 6))


def manifests(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every finished stage in the order in which they were made."""
    order = (SOURCE, CORPUS, TOKENIZER, TOKENS)
    yield from ((n, _safe(run.stages[n])) for n in order if n in run.stages)
    trained = [model for model in run.models if model.manifest]
    yield from ((titled(m), _safe(m.manifest)) for m in trained if m.role == "teacher")
    if SIGNAL in run.stages:
        yield SIGNAL, _safe(run.stages[SIGNAL])
    yield from ((n, _safe(each)) for n, each in run.stages.items() if n.startswith(SAMPLED_TEXT))
    yield from ((titled(m), _safe(m.manifest)) for m in trained if m.role != "teacher")
    if EVALUATION in run.stages:
        yield EVALUATION, _safe(run.stages[EVALUATION])


def weights_hash(model: Model) -> str:
    """The first 12 hex digits of the weights' sha256."""
    record = model.manifest.get("files", {}).get("model.safetensors", {})
    return str(record.get("sha256", ""))[:12]


def _device(name: str) -> str:
    """As a reader calls it: a manifest says `processor, 4 threads`."""
    return name.replace("processor,", "CPU,")


def _safe(manifest: Any) -> dict[str, Any]:
    return {"facts": {}, **manifest}


def _measured(temperature: str, key: str, form: str | Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda row: cell(row["temperatures"].get(temperature, {}).get(key), form)


def _small(kl: float) -> str:
    """Four decimals, which is more than a KL of a few thousand tokens knows."""
    return f"{max(kl, 0.0):.4f}"


def _cost(parts: Sequence[Any]) -> Cost:
    found = [_safe(part) for part in parts]
    return Cost(
        sum(float(part.get("wall_seconds", 0)) for part in found),
        sum(float(part["facts"].get("flops", 0)) for part in found),
    )


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.1f}" if theirs else NONE
