"""The report's tables: plain text in cells, decimals alike within a column, for page and Markdown.

Scores are in percent where no unit is named, losses in nats. A column that no row can fill is left
out.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from babyllama.console import format_bytes, format_count, format_duration
from babyllama.report.claims import (
    Estimate,
    by_novelty,
    comparisons,
    differences_by_uid,
    group_score,
    spoken,
    unit_of,
)
from babyllama.report.figures import frontier_temperatures, models_shown
from babyllama.report.signatures import dev_loss, signatures
from babyllama.runs.run import Items, Model, Run, main_student, twin_of

NONE = "–"
_EXTREMES = 6  # UIDs listed on either side
_ORDER = ("student", "twin", "ensemble", "teacher")


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; the first cell of a row names it.

    Attributes:
        words: columns that hold words and start at the left; all others end at the right.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    words: tuple[int, ...] = (0,)


def models_table(run: Run) -> Table | None:
    """Every model: its size, its best epoch, its dev loss, its scores."""
    models = sorted(run.models, key=lambda model: _ORDER.index(model.role))
    models = [model for model in models if model.manifest or model.evaluation]
    if not models:
        return None
    columns: list[tuple[str, Callable[[Model], str]]] = [
        *((_with_unit(run, name), _score_column(name)) for name in run.benchmarks),
        ("dev, nats a token", lambda m: _with(dev_loss(m), "{:.3f}")),
        ("perplexity", lambda m: _with(_exp(dev_loss(m)), "{:.2f}")),
        ("nats a word", lambda m: _with(_per_word(m), "{:.3f}")),
        ("above the grammar", lambda m: _with(_excess(run, m), "{:.3f}")),
        ("parameters", lambda m: _with(m.facts.get("parameters"), "{:,.0f}")),
        ("best epoch", _best_epoch),
    ]
    named = [(titled(m), m) for m in models]
    if run.benchmarks:
        named.append(("guessing at random", _guessing(run)))
    return _table("Models", "model", named, columns)


def curves_table(run: Run, benchmark: str) -> Table | None:
    """Scores at checkpoints: a row a number of words seen, a column a model."""
    found = {
        name: {p.place.words: p.scores for p in points if p.benchmark == benchmark}
        for name, points in run.points.items()
    }
    found = {name: points for name, points in found.items() if points}
    rows = tuple(
        (
            format_count(words),
            *(_with(points.get(words), _scored) for points in found.values()),
        )
        for words in sorted({words for points in found.values() for words in points})
    )
    title = f"{_with_unit(run, benchmark)} by words seen"
    return Table(title, ("words seen", *found), rows) if rows else None


def differences_table(run: Run, items: Callable[[str, str], Items | None]) -> Table | None:
    """Each distilled student against its twin, teachers and ensemble, on every benchmark."""
    students = [model for model in run.models if model.role == "student"]
    rows = [
        (f"{student.name} − {each.other.name}", _spoken(each.difference), each.benchmark)
        for student in students
        for benchmark in run.benchmarks
        for each in comparisons(run, benchmark, items, student)
    ]
    note = "Paired over items; means over UIDs. Intervals at 95%, for items alone."
    head = ("difference", "student is", "benchmark")
    return Table("Differences", head, tuple(rows), note, (0, 1, 2)) if rows else None


def extremes_table(run: Run, items: Callable[[str, str], Items | None]) -> Table | None:
    """The UIDs in which the student gains most on its twin, and those in which it loses most."""
    student = main_student(run)
    twin = twin_of(run, student.name) if student else None
    benchmark = next(iter(run.benchmarks), "")
    if not student or not twin:
        return None
    found = differences_by_uid(items(student.name, benchmark), items(twin.name, benchmark))
    gains = [pair for pair in found if pair[1].value > 0][:_EXTREMES]
    losses = [pair for pair in found if pair[1].value < 0][-_EXTREMES:]
    rows = [
        (uid, _signed(estimate), *(_uid_score(model, benchmark, uid) for model in (student, twin)))
        for uid, estimate in [*gains, *losses]
    ]
    shown = sum(estimate.is_shown for _, estimate in found)
    by_chance = 0.05 * len(found)
    note = (
        f"{shown} of {len(found)} intervals leave out zero; about {by_chance:.0f} would where "
        "nothing differs."
    )
    head = ("UID", "difference (95%)", student.name, twin.name)
    title = f"Largest gains and losses on {benchmark}, {student.name} against {twin.name}"
    return Table(title, head, tuple(rows), note) if rows else None


def novelty_table(run: Run, items: Callable[[str, str], Items | None]) -> Table | None:
    """Scores on pairs of words seen in that construction, and on pairs with a withheld word."""
    rows = []
    for benchmark in run.benchmarks:
        for model in models_shown(run, benchmark):
            answers = items(model.name, benchmark)
            parts = by_novelty(answers) if answers else None
            if parts:
                rows.append((model.name, *(_interval(part) for part in parts), benchmark))
    head = ("model", "all words seen in it", "with a withheld word", "benchmark")
    note = (
        "Withheld: the corpus uses the word, but never in the construction that the pair tests. "
        "Means over UIDs, with 95% intervals; UIDs may differ between the two columns."
    )
    return Table("Words in a construction", head, tuple(rows), note, (0, 3)) if rows else None


def groups_table(run: Run, benchmark: str) -> Table | None:
    """The figure's numbers: a row a group, a column a model."""
    models = [m for m in models_shown(run, benchmark) if m.benchmarks[benchmark].get("groups")]
    names = dict.fromkeys(name for m in models for name in m.benchmarks[benchmark]["groups"])
    rows = [
        (name, *(_with(group_score(m, benchmark, name), _interval) for m in models))
        for name in names
    ]
    head = ("group", *(model.name for model in models))
    return Table(f"Scores on {benchmark} by group", head, tuple(rows)) if rows else None


def fidelity_table(run: Run) -> Table | None:
    """How close what was stored comes to the teachers, at each temperature."""
    measured = run.fidelity.get("temperatures", {})
    columns: list[tuple[str, Callable[[Any], str]]] = [
        ("KL, nats a token", lambda m: _with(m["kl"], _small)),
        ("gradient's angle", lambda m: _with(m["gradient_angle"], "{:.1f}°")),
        ("its length", lambda m: _with(m["gradient_norm_ratio"], "{:.3f}")),
    ]
    named = [(f"T = {temperature}", each) for temperature, each in measured.items()]
    made = _table("What was stored", "temperature", named, columns)
    note = (
        "On held-out text. KL: from the teachers' distribution to what is read back. Gradient: a "
        "stand-in student's, against that from the teachers themselves; length 1 is theirs."
    )
    return made and Table(made.title, made.head, made.rows, note)


def frontier_table(run: Run) -> Table | None:
    """The figure's numbers: a row a form."""
    columns: list[tuple[str, Callable[[Any], str]]] = [
        ("bytes a token", lambda row: f"{row['bytes_per_token']:,}")
    ]
    for temperature in frontier_temperatures(run):
        for title, key, form in (
            (f"KL, T = {temperature}", "kl", _small),
            (f"angle, T = {temperature}", "gradient_angle", "{:.1f}°"),
        ):
            columns.append((title, _measured(temperature, key, form)))
    named = [(str(row["name"]), row) for row in run.frontier]
    made = _table("Every kind at several sizes", "form", named, columns)
    note = "KL in nats a token. A sketch of drawn tokens has no KL. B: bytes; else tokens kept."
    return made and Table(made.title, made.head, made.rows, note)


def bill_table(run: Run) -> Table | None:
    """What each stage took."""
    columns: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("wall time", lambda m: _with(m.get("wall_seconds"), format_duration)),
        ("FLOPs", lambda m: _with(m["facts"].get("flops"), scientific)),
        ("peak memory", lambda m: _with(m["facts"].get("peak_memory_bytes"), format_bytes)),
        ("tokens/s", lambda m: _with(m["facts"].get("tokens_per_second"), "{:,.0f}")),
        ("of plain products", lambda m: _with(m["facts"].get("products_share"), "{:.0%}")),
    ]
    note = (
        "Of plain products: speed as a share of what matrix products of the same shapes alone "
        "reach on that machine. Peak memory is the largest while it trained, "
        "with mapped files that were resident."
    )
    made = _table("Stages", "stage", list(manifests(run)), columns)
    return made and Table(made.title, made.head, made.rows, note)


def totals_table(run: Run) -> Table | None:
    """All that the student needs, against its twin alone."""
    student = main_student(run)
    twin = twin_of(run, student.name) if student else None
    if not student or not student.manifest:
        return None
    teachers = [model.manifest for model in run.models if model.role == "teacher"]
    signal = [run.stages["signal"]] if "signal" in run.stages else []
    whole = [*teachers, *signal, student.manifest]
    parts = "student, teachers and signal" if signal else "student and teachers"
    sums = [(parts, _sum(whole)), ("student alone", _sum(whole[-1:]))]
    if twin and twin.manifest:
        sums.append(("twin alone", _sum([twin.manifest])))
    rows = [(name, format_duration(s), scientific(flops)) for name, (s, flops) in sums]
    if twin and twin.manifest:
        (s, flops), (twin_s, twin_flops) = sums[0][1], sums[-1][1]
        rows.append(("all of it, in twins", _ratio(s, twin_s), _ratio(flops, twin_flops)))
    return Table("Totals", ("what", "wall time", "FLOPs"), tuple(rows))


def signatures_table(run: Run, items: Callable[[str, str], Items | None]) -> Table | None:
    """The paper's failures, looked for."""
    rows = tuple(signatures(run, items))
    head = ("looked for", "", "values")
    return Table("Failure signatures", head, rows, words=(0, 1, 2)) if rows else None


def corpus_table(run: Run) -> Table | None:
    """Domains of train and dev, and how much of dev train has seen."""
    if not run.corpus:
        return None
    train, dev, overlap = (run.corpus.get(part, {}) for part in ("train", "dev", "overlap"))
    names = [*train["domains"], *(name for name in dev["domains"] if name not in train["domains"])]
    pairs = [(n, [part["domains"].get(n, {}) for part in (train, dev, overlap)]) for n in names]
    pairs.append(("total", [part["total"] for part in (train, dev, overlap)]))
    rows = [
        (
            name,
            _with(of_train.get("words"), "{:,}"),
            _with(of_train.get("share_of_words"), "{:.1%}"),
            _with(of_train.get("distinct_words"), "{:,}"),
            _with(of_dev.get("words"), "{:,}"),
            _with(seen.get("in_train"), "{:,}"),
            _with(seen.get("share"), "{:.3%}"),
        )
        for name, (of_train, of_dev, seen) in pairs
    ]
    head = (
        "domain", "train words", "share of train", "distinct",
        "dev words", "dev in train", "share of dev",
    )  # fmt: skip
    note = (
        f"Dev in train: sequences of {overlap.get('words', 13)} words of dev that stand in train, "
        "and their share of dev's."
    )
    return Table("Corpus", head, tuple(rows), note)


def artefacts_table(run: Run) -> Table | None:
    """Where and how each model was trained, and which file it is."""
    models = [(titled(model), model) for model in run.models if model.manifest]
    columns: list[tuple[str, Callable[[Model], str]]] = [
        ("seed", lambda m: _with(m.manifest.get("seed"), "{}")),
        ("steps", lambda m: _with(m.facts.get("steps"), "{:,}")),
        ("words seen", lambda m: _with(m.facts.get("words_seen"), "{:,}")),
        ("device", lambda m: _with(m.facts.get("device"), "{}")),
        ("precision", lambda m: _with(m.facts.get("precision"), "{}")),
        ("weights, sha256", lambda m: weights_hash(m) or NONE),
    ]
    made = _table("Models trained", "model", models, columns)
    return made and Table(made.title, made.head, made.rows, words=(0, 4, 5, 6))


def manifests(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every finished stage in the order in which they were made."""
    order = ("source", "corpus", "tokenizer", "tokens")
    yield from ((n, _safe(run.stages[n])) for n in order if n in run.stages)
    trained = [model for model in run.models if model.manifest]
    yield from ((titled(m), _safe(m.manifest)) for m in trained if m.role == "teacher")
    if "signal" in run.stages:
        yield "signal", _safe(run.stages["signal"])
    yield from ((titled(m), _safe(m.manifest)) for m in trained if m.role != "teacher")
    if "evaluation" in run.stages:
        yield "evaluation", _safe(run.stages["evaluation"])


def titled(model: Model) -> str:
    """A model's name with its role, where the name does not say it."""
    return model.name if model.name == model.role else f"{model.name} ({model.role})"


def weights_hash(model: Model) -> str:
    """The first 12 hex digits of the weights' sha256."""
    record = model.manifest.get("files", {}).get("model.safetensors", {})
    return str(record.get("sha256", ""))[:12]


def scientific(value: float) -> str:
    """A count of operations in digits that line up: 3.70e14."""
    return f"{value:.2e}".replace("e+", "e") if value else "0"


def _table(
    title: str,
    first: str,
    named: Sequence[tuple[str, Any]],
    columns: Sequence[tuple[str, Callable[[Any], str]]],
) -> Table | None:
    columns_of_cells = [(head, [cell(each) for _, each in named]) for head, cell in columns]
    filled = [(head, cells) for head, cells in columns_of_cells if set(cells) != {NONE}]
    rows = [(name, *(cells[row] for _, cells in filled)) for row, (name, _) in enumerate(named)]
    return Table(title, (first, *(head for head, _ in filled)), tuple(rows)) if rows else None


def _safe(manifest: Any) -> dict[str, Any]:
    return {"facts": {}, **manifest}


def _with(value: Any, form: str | Callable[[Any], str]) -> str:
    if value is None:
        return NONE
    return form.format(value) if isinstance(form, str) else form(value)


def _measured(temperature: str, key: str, form: str | Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda row: _with(row["temperatures"].get(temperature, {}).get(key), form)


def _small(kl: float) -> str:
    """Four decimals, which is more than a KL of a few thousand tokens knows."""
    return f"{max(kl, 0.0):.4f}"


def _best_epoch(model: Model) -> str:
    best, epochs = model.facts.get("best_epoch"), model.facts.get("epochs")
    return NONE if best is None else f"{best} of {epochs}"


def _exp(loss: float | None) -> float | None:
    return None if loss is None else math.exp(min(loss, 700.0))


def _per_word(model: Model) -> float | None:
    found = model.evaluation.get("dev", {}).get("nats_per_word")
    return None if found is None else float(found)


def _excess(run: Run, model: Model) -> float | None:
    """Nats a word above the entropy of the grammar's own dev text: 0 is a perfect model."""
    entropy = run.entropy.get("dev", {}).get("all", {}).get("nats_per_word")
    found = _per_word(model)
    return None if entropy is None or found is None else found - float(entropy)


def _score_column(benchmark: str) -> Callable[[Model], str]:
    def cell(model: Model) -> str:
        found = model.benchmarks.get(benchmark)
        if found is None:
            return NONE
        return _scored(found) if "score" in found else f"{found['chance']:.1f}"

    return cell


def _scored(scores: dict[str, Any]) -> str:
    return _interval(Estimate(scores["score"], *scores["interval"]))


def _with_unit(run: Run, benchmark: str) -> str:
    unit = unit_of(run, benchmark)
    return f"{benchmark}, {unit}" if unit else benchmark


def _guessing(run: Run) -> Model:
    """What a random model would score, as far as the evaluations say."""
    chances = {
        name: {"chance": model.benchmarks[name]["chance"]}
        for model in run.models
        for name in model.benchmarks
        if "chance" in model.benchmarks[name]
    }
    return Model("", "student", {}, {"benchmarks": chances}, None)


def _interval(found: Estimate) -> str:
    return f"{found.value:.1f} ({found.low:.1f} to {found.high:.1f})"


def _signed(found: Estimate) -> str:
    return f"{found.value:+.1f} ({found.low:+.1f} to {found.high:+.1f})"


def _spoken(found: Estimate | None) -> str:
    return spoken(found) if found else "not comparable: their items differ or were not kept"


def _uid_score(model: Model, benchmark: str, uid: str) -> str:
    found = model.benchmarks.get(benchmark, {}).get("subtasks", {}).get(uid, {}).get("score")
    return _with(found, "{:.1f}")


def _sum(parts: Sequence[Any]) -> tuple[float, float]:
    found = [_safe(part) for part in parts]
    seconds = sum(float(part.get("wall_seconds", 0)) for part in found)
    return seconds, sum(float(part["facts"].get("flops", 0)) for part in found)


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.1f}" if theirs else NONE
