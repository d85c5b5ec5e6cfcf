"""A model card for people: what the model is, how to use it, what it scores, read and cost."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from babyllama.console import format_duration, format_flops, visible
from babyllama.errors import command, quoted
from babyllama.recipe import Given, HubSource, Recipe, SyntheticSource, TwinStudent, to_yaml
from babyllama.recipe.names import GRAMMAR
from babyllama.report.markdown import aligned, code, escaped
from babyllama.report.model_card.facts import CardFacts, Tree
from babyllama.report.model_card.metadata import card_metadata
from babyllama.report.table import Table
from babyllama.report.wording import NONE, bounds_of, joined, order_in_words
from babyllama.runs.layout import Layout, default_folder, resume_command
from babyllama.scores.chance import is_at_chance
from babyllama.scores.results import BenchmarkResult

_SOFTWARE = "babyllama"
_LIMITS = (
    "It was trained on little text, and not to answer questions, to follow instructions or to "
    "refuse. What it writes is more often grammatical than true."
)
_NO_LICENSE = "No licence is stated, so nobody but its authors may use the model."


def model_card(
    facts: CardFacts,
    *,
    name: str,
    tags: Sequence[str] = (),
    is_repository: bool = False,
    report: str = "",
) -> str:
    """README.md of a model: metadata for the hub, then Markdown.

    Args:
        name: by which the model is loaded: a folder, or a repository on the hub.
        tags: for the hub, besides those that follow from the model.
        is_repository: whether the models along the way are branches and not folders.
        report: the path of the run's report beside the card; "" if it is not there.
    """
    more = [*tags, *(["knowledge-distillation"] if facts.role == "student" else [])]
    sections = {
        "Scores": _scores(facts, report),
        "How to load it": _loading(name),
        "How to score it": _scoring(facts, name, is_repository),
        "Models along the way": _checkpoints(facts, name, is_repository),
        "What it has read": _exposure(facts),
        "What it cost": _bill(facts),
        "Licence": _license(facts, is_repository),
        "How to make it again": _making(facts),
    }
    parts = ["---", card_metadata(facts, more).to_yaml(), "---", "", f"# {escaped(facts.name)}", ""]
    parts += [_description(facts), "", _LIMITS, ""]
    for title, lines in sections.items():
        found = list(lines)
        parts += [f"## {title}", "", *found, ""] if found else []
    return "\n".join(parts).rstrip("\n") + "\n"


def _description(facts: CardFacts) -> str:
    parameters = facts.training.get("parameters")
    size = "" if parameters is None else f" of {parameters:,} parameters"
    shape = _shape(facts)
    kind = f"A {code(shape)} language model{size}" if shape else f"A language model{size}"
    words = f"{facts.corpus_words:,} words of text" if facts.corpus_words else "text"
    recipe = facts.recipe
    if facts.role == "student":
        names = joined([escaped(name) for name in facts.teachers], "and")
        count = len(facts.teachers)
        teachers = "its teachers" if count == 0 else (
            f"an ensemble of {count} teachers ({names})" if count > 1 else f"its teacher {names}"
        )  # fmt: skip
        teachers += _where_trained(facts, count)
        if recipe is not None and facts.name in recipe.sequences:
            return (
                f"{kind}. It is a student: trained from random weights {_on_samples(facts)} "
                f"sampled from {teachers}."
            )
        return (
            f"{kind}. It is a student: trained from random weights on {words}, and at the same "
            f"time distilled from {teachers}."
        )
    if facts.role == "twin" and recipe is not None:
        return f"{kind}, trained from random weights on {words}. {_twin(facts.name, recipe)}"
    if facts.role == "teacher" and recipe is not None:
        students = joined([escaped(name) for name in recipe.taught], "and")
        kind_of = "student" if len(recipe.taught) == 1 else "students"
        taught = f", to teach the {kind_of} {students}" if students else ""
        return f"{kind}. It is a teacher: trained from random weights on {words}{taught}."
    return f"{kind}, trained from random weights on {words}."


def _on_samples(facts: CardFacts) -> str:
    """`on 60,000 words of text, 75% of it`: what of its text teachers have written."""
    assert facts.recipe is not None
    words = facts.sampled.get("facts", {}).get("train_words")
    text = "on text" if words is None else f"on {words:,} words of text"
    real = facts.recipe.sequences[facts.name].sampling.real_share
    return text + f", {1 - real:.0%} of it" * bool(real)


def _twin(name: str, recipe: Recipe) -> str:
    """Whose twin a model is, and what it changes."""
    twin = recipe.students[name]
    of, changes = escaped(twin.of) if isinstance(twin, TwinStudent) else "", recipe.changes(name)
    if changes:
        return (
            f"It is a control for the student {of}: the same shape and the same initial weights "
            f"without teachers, but with {escaped(joined(changes, 'and'))}."
        )
    return (
        f"It is the twin of the student {of}: the same shape, the same initial weights and the "
        "same text in the same order, without teachers. What the student scores above it is what "
        "the teachers add."
    )


def _shape(facts: CardFacts) -> str:
    part = facts.manifest.get("recipe", {})
    model = part.get("student", part).get("model", {})
    return str(model.get("architecture") or model.get("model_type") or "")


def _scores(facts: CardFacts, report: str) -> Iterator[str]:
    if facts.results:
        rules = facts.rules.get("name")
        by_rules = f", by the rules {code(str(rules))} of {_SOFTWARE}" if rules else ""
        yield (
            f"Scored without examples{by_rules}. An interval covers the choice of the items, not "
            "that of the seed; chance is the score of guessing."
        )
        yield ""
        yield aligned(_score_table(facts))
        notes = [f"{name}: {note}." for name, each in facts.results.items() for note in each.notes]
        yield from ("", *(f"- {escaped(note)}" for note in notes)) if notes else ()
    else:
        yield "The model has not been scored yet."
    loss = facts.dev.cross_entropy if facts.dev else facts.training.get("dev_cross_entropy")
    if loss is not None:
        per_word = facts.dev.nats_per_word if facts.dev else None
        words = f", {per_word:.3f} nats per word" if per_word is not None else ""
        yield ""
        yield f"Cross-entropy on dev text: {loss:.3f} nats per token{words}."
    if report:
        yield ""
        yield f"[The report]({report}) compares all models of the run."


def _score_table(facts: CardFacts) -> Table:
    head = ("benchmark", "score", "95% interval", "chance", "items")
    rows = tuple(_score_row(name, result) for name, result in facts.results.items())
    return Table("Scores", head, rows)


def _score_row(name: str, result: BenchmarkResult) -> tuple[str, ...]:
    unit = "" if result.unit == "percent" else f" ({result.unit})"
    part = result.part
    some = f", {part.items:,} of {part.of_items:,} items" if part else ""
    return (
        f"{name}{unit}{some}",
        f"{result.score:.1f}",
        bounds_of(result) + ", at chance" * is_at_chance(result),
        NONE if result.chance is None else f"{result.chance:.1f}",
        NONE if result.n is None else f"{result.n:,}",
    )


def _loading(name: str) -> Iterator[str]:
    yield from (
        "```python",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f"name = {json.dumps(name, ensure_ascii=False)}",
        "tokenizer = AutoTokenizer.from_pretrained(name)",
        "model = AutoModelForCausalLM.from_pretrained(name)",
        "```",
    )


def _scoring(facts: CardFacts, name: str, is_repository: bool) -> Iterator[str]:
    rules = facts.rules.get("name")
    by = ("--rules", rules) if rules else ()
    benchmark = next(iter(facts.results), "blimp")
    data, where = _benchmark_data(facts, benchmark)
    folder = Path(Path(name).name if is_repository else name)
    yield (
        f"{_SOFTWARE} scores it on a benchmark's data, {where}; "
        "lm-evaluation-harness has tasks of its own:"
    )
    yield from ("", "```")
    if is_repository:
        yield f"hf download {quoted(name)} --local-dir {quoted(folder)}"
    yield command("evaluate", folder, *by, "--benchmark", f"{benchmark}={data}")
    yield f"lm_eval --model hf --model_args {quoted(f'pretrained={name}')} --tasks blimp"
    yield "```"


def _benchmark_data(facts: CardFacts, benchmark: str) -> tuple[Path, str]:
    """Where a benchmark's data are, and the same in words."""
    recipe = facts.recipe
    is_synthetic = recipe is not None and isinstance(recipe.corpus.source, SyntheticSource)
    if recipe is None or not is_synthetic or benchmark != GRAMMAR:
        return Path("PATH"), "a file or folder"
    pairs = Layout(default_folder(recipe.name)).minimal_pairs
    return pairs, "which the run of the last section makes with its text"


def _checkpoints(facts: CardFacts, name: str, is_repository: bool) -> Iterator[str]:
    found = facts.checkpoints
    if not found:
        return
    first = found[0]
    named = code(first) if len(found) == 1 else f"{code(first)} to {code(found[-1])}"
    if is_repository:
        yield (
            f"The branches {named} hold the model after that many words, repetitions included; "
            f"`main` holds the finished one. `from_pretrained(name, revision={first!r})` loads one."
        )
    else:
        yield (
            f"The folders {named} hold the model after that many words, repetitions included. "
            f"`from_pretrained({f'{name}/{first}'!r})` loads one."
        )


def _exposure(facts: CardFacts) -> Iterator[str]:
    if facts.recipe is not None:
        yield f"- Text: {_text(facts)}"
        if facts.sampled:
            yield f"- In its place, text that its teachers wrote: {_sampled(facts)}"
        yield f"- Language: {', '.join(facts.languages) or 'not stated'}"
        if facts.recipe.card.datasets:
            yield f"- Data sets: {', '.join(map(escaped, facts.recipe.card.datasets))}"
    training = facts.training
    if "epochs" in training:
        yield f"- Epochs: {training['epochs']:g}{_kept(training)}"
    if facts.recipe is not None and facts.name in facts.recipe.trained:
        order = order_in_words(facts.recipe.pretraining(facts.name).training, training)
        if order:
            yield f"- Order of the text: {escaped(order)}"
    seen = training.get("words_seen")
    if seen is not None:
        yield f"- Words seen in training, repetitions included: {seen:,}"
    manifests = facts.teachers.items()
    words = {name: each.get("facts", {}).get("words_seen") for name, each in manifests}
    known = {name: int(count) for name, count in words.items() if count is not None}
    if known:
        listed = ", ".join(f"{escaped(name)} {count:,}" for name, count in known.items())
        yield f"- Words seen by its teachers: {listed}"
    if known and len(known) == len(words) and seen is not None:
        yield f"- Words seen by model and teachers together: {seen + sum(known.values()):,}"


def _where_trained(facts: CardFacts, count: int) -> str:
    """What is known of the text that the teachers were trained on."""
    stated = facts.recipe.given if facts.recipe is not None else {}
    given = [name for name in facts.teachers if name in stated]
    which = f", which {'were' if count > 1 else 'was'} trained"
    if count == 0:
        return ""
    if not given:
        return f"{which} on the same text"
    if count == len(given):
        return f"{which} before this run"
    return f"; trained before this run: {' and '.join(map(escaped, given))}"


def _text(facts: CardFacts) -> str:
    assert facts.recipe is not None
    corpus = facts.recipe.corpus
    count = "" if facts.corpus_words is None else f"{facts.corpus_words:,} words, "
    if isinstance(corpus.source, SyntheticSource):
        kind = "synthetic, from the grammar of babyllama"
    elif corpus.source.local is None:
        kind = f"from the dataset {escaped(str(corpus.source.path))}"
    else:
        kind = f"from {escaped(_last(corpus.source.local).name)}"
    return f"{count}{kind}, cleaned by the rules {code(corpus.rules)}"


def _sampled(facts: CardFacts) -> str:
    """How the text of its teachers was sampled."""
    assert facts.recipe is not None
    made, sampling = facts.sampled["facts"], facts.recipe.sequences[facts.name].sampling
    return (
        f"{made['sampled_tokens']:,} tokens in {made['texts']:,} texts, sampled at {sampling} "
        f"(seed {facts.sampled['seed']}), and {made['real_tokens']:,} real tokens"
    )


def _kept(training: Tree) -> str:
    best = training.get("best_epoch")
    if best is None:
        return "; the best one on dev text is kept"
    averaged = ", averaged weights" if training.get("best_is_averaged") else ""
    return f"; the weights after epoch {best} are kept, the best on dev text{averaged}"


def _bill(facts: CardFacts) -> Iterator[str]:
    spent = [("this model", facts.manifest)]
    spent += [(f"teacher {name}", each) for name, each in facts.teachers.items() if each]
    spent += [(f"teacher's teacher {name}", each) for name, each in facts.earlier.items() if each]
    spent += [("the teachers' signal", facts.signal)] if facts.signal else []
    spent += [("the teachers' text", facts.sampled)] if facts.sampled else []
    rows = [
        (name, _flops(each), _time(each), str(each.get("facts", {}).get("device", NONE)))
        for name, each in spent
    ]
    if len(spent) > 1:
        parts = [each for _, each in spent]
        rows.append(("together", _flops(*parts), _time(*parts), NONE))
    head = ("part", "FLOPs", "wall time", "device")
    yield aligned(Table("Cost", head, tuple(rows), words=(0, 3)))
    yield ""
    yield (
        "FLOPs are those of matrix products, forward and backward. Wall time includes interrupted "
        "attempts."
    )
    precision = facts.training.get("precision")
    if precision:
        count = facts.training.get("processes", 1)
        yield f"Trained in {precision} by {count} process{'es' if count > 1 else ''}."


def _flops(*manifests: Tree) -> str:
    found = [float(each.get("facts", {}).get("flops", 0)) for each in manifests]
    return format_flops(sum(found)) if sum(found) else NONE


def _time(*manifests: Tree) -> str:
    found = [float(each.get("wall_seconds", 0)) for each in manifests]
    return format_duration(sum(found)) if sum(found) else NONE


def _license(facts: CardFacts, is_repository: bool) -> Iterator[str]:
    if facts.recipe is None:
        yield f"{_NO_LICENSE} They can add a line such as `license: mit` to the metadata above."
    elif facts.recipe.card.license is None and is_repository:
        yield _NO_LICENSE
    elif facts.recipe.card.license is None:
        again = resume_command(default_folder(facts.recipe.name), "--set", "card.license=mit")
        yield f"{_NO_LICENSE} They can state one, which trains nothing again: {code(again)}"
    else:
        yield code(facts.recipe.card.license)


def _making(facts: CardFacts) -> Iterator[str]:
    versions = facts.manifest.get("versions", {})
    made = ", ".join(f"{name} {number}" for name, number in versions.items())
    if facts.recipe is None:
        yield "It was trained outside a run, with this part of a recipe:"
        text = yaml.safe_dump(dict(facts.manifest.get("recipe", {})), sort_keys=False)
    else:
        yield (
            "Save this recipe as `recipe.yaml`. The command makes everything from the text to the "
            "scores. Paths in the recipe are shortened to their last part: write your own."
        )
        yield from ("", "```", "babyllama run recipe.yaml", "```")
        text = to_yaml(portable(facts.recipe))
    text = visible(text.rstrip())
    fence = _fence(text)
    yield from ("", f"{fence}yaml", text, fence)
    if made:
        yield from ("", f"Made with {made}; seed {facts.manifest.get('seed', 0)}.")


def portable(recipe: Recipe, shorten: Callable[[Path], Path] | None = None) -> Recipe:
    """The recipe with shortened paths: the rest says how one machine is set up.

    Args:
        shorten: what becomes of a path; by default its last part is kept.
    """
    shorten = shorten or _last
    corpus, evaluation = recipe.corpus, recipe.evaluation
    if corpus.source.local is not None:
        path = shorten(corpus.source.local)
        shown = str(path) if isinstance(corpus.source, HubSource) else path
        source = corpus.source.model_copy(update={"path": shown})
        corpus = corpus.model_copy(update={"source": source})
    benchmarks = {name: shorten(path) for name, path in evaluation.benchmarks.items()}
    update: dict[str, Any] = {
        "corpus": corpus,
        "evaluation": evaluation.model_copy(update={"benchmarks": benchmarks}),
    }
    if isinstance(recipe.tokenizer, Given):
        update["tokenizer"] = _shortened(recipe.tokenizer, shorten)
    given = {name: _shortened(each, shorten) for name, each in recipe.given.items()}
    return recipe.model_copy(update=update | {"teachers": {**recipe.teachers, **given}})


def _shortened(given: Given, shorten: Callable[[Path], Path]) -> Given:
    """The same with a shortened path; a name on the hub is kept."""
    if given.local is None:
        return given
    return given.model_copy(update={"path": str(shorten(given.local))})


def _last(path: Path) -> Path:
    """The last part of a path; `PATH` if that is the name of a home folder, or empty."""
    is_home = path.parent.name.lower() in ("home", "homes", "users", "") and path.is_absolute()
    return Path("PATH") if is_home or not path.name else Path(path.name)


def _fence(text: str) -> str:
    """A code fence that is longer than any run of backticks in the text."""
    longest = max((len(row) for row in re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
