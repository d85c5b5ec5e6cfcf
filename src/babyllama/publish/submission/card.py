"""A model card: what the model is, how and on what it was trained, its scores with intervals."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from babyllama.console import visible
from babyllama.publish.submission.official import Track
from babyllama.recipe import DistilledStudent, to_yaml
from babyllama.report.markdown import code, escaped
from babyllama.runs.run import Model, Run
from babyllama.scores.chance import is_at_chance
from babyllama.scores.results import BenchmarkResult

CARD = "README.md"


def model_card(
    run: Run, model: Model, benchmarks: Mapping[str, BenchmarkResult], *, track: Track
) -> str:
    """README.md of a model's repository: metadata for the hub, then Markdown.

    Args:
        benchmarks: the model's results.
    """
    recipe = visible(to_yaml(run.recipe).rstrip())
    fence = _fence(recipe)
    return "\n".join(
        [
            "---",
            "# Choose a licence: add a line such as `license: mit`.",
            _metadata(model, benchmarks, track).to_yaml(),
            "---",
            "",
            f"# {escaped(model.name)}",
            "",
            _description(run, model),
            "",
            "## Scores",
            "",
            *_score_table(model, benchmarks),
            "",
            "## Training",
            "",
            *(f"- {line}" for line in _training(run, model)),
            "",
            "## Checkpoints",
            "",
            "The branch `main` holds the final weights. The branches `chck_1M` and so on hold the "
            "model after that many words, repetitions included.",
            "",
            "## Use",
            "",
            "```python",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'name = "ORGANISATION/NAME"',
            "tokenizer = AutoTokenizer.from_pretrained(name)",
            'model = AutoModelForCausalLM.from_pretrained(name, revision="main")',
            "```",
            "",
            "The model writes grammatical English more often than true English: it has read about "
            "as many words as a child hears, and was not trained to answer or to refuse.",
            "",
            "## Recipe",
            "",
            "`babyllama run recipe.yaml` repeats everything from the text to these scores.",
            "",
            f"{fence}yaml",
            recipe,
            fence,
            "",
        ]
    )


def _metadata(
    model: Model, benchmarks: Mapping[str, BenchmarkResult], track: Track
) -> ModelCardData:
    tags = ["babylm", track, *(["knowledge-distillation"] if model.role == "student" else [])]
    results = [_eval_result(name, result) for name, result in benchmarks.items()]
    return ModelCardData(
        language="en",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=tags,
        model_name=model.name if results else None,
        eval_results=results or None,
    )


def _eval_result(name: str, result: BenchmarkResult) -> EvalResult:
    kind = result.metric or ("accuracy" if result.unit == "percent" else result.unit)
    return EvalResult(
        task_type="text-generation",
        dataset_type=name,
        dataset_name=name,
        metric_type=kind,
        metric_value=round(result.score, 4),
    )


def _description(run: Run, model: Model) -> str:
    parameters = f"{model.facts.get('parameters', 0):,} parameters"
    words = _corpus_words(run)
    data = f"{words:,} words of English" if words else "English text"
    if model.role == "student":
        teachers = " and ".join(map(escaped, run.recipe.teachers))
        return (
            f"A language model of {parameters}, trained on {data} and distilled from an ensemble "
            f"of {len(run.recipe.teachers)} teachers ({teachers}), which were trained on the same "
            "words."
        )
    return f"A language model of {parameters}, trained on {data}."


def _corpus_words(run: Run) -> int:
    total: Mapping[str, Any] = run.corpus.get("train", {}).get("total", {})
    return int(total.get("words", 0))


def _training(run: Run, model: Model) -> Iterator[str]:
    facts, source = model.facts, run.recipe.corpus.source
    where = "synthetic" if source.kind == "synthetic" else getattr(source, "path", source.kind)
    yield (
        f"Text: {escaped(str(where))}, cleaned by the rules `{run.recipe.corpus.rules}`, "
        f"{_corpus_words(run):,} words"
    )
    yield f"Words seen, repetitions included: {facts.get('words_seen', 0):,}"
    yield f"Epochs: {facts.get('epochs', 0):g}; the best one on dev text is kept"
    if "dev_cross_entropy" in facts:
        yield f"Cross-entropy on dev text: {facts['dev_cross_entropy']:.3f} nats per token"
    student = run.recipe.students.get(model.name)
    if isinstance(student, DistilledStudent):
        yield (
            f"Distillation: alpha {student.alpha:g}, temperature {student.temperature:g}, "
            f"reduction `{student.reduction}`"
        )
        seen = [f"{escaped(each.name)} {each.facts['words_seen']:,}" for each in run.models
                if each.role == "teacher" and "words_seen" in each.facts]  # fmt: skip
        if seen:
            yield f"Words seen by the teachers: {', '.join(seen)}"
    if "flops" in facts:
        yield f"Floating-point operations, without the teachers': {facts['flops']:.2e}"


def _score_table(model: Model, benchmarks: Mapping[str, BenchmarkResult]) -> Iterator[str]:
    if not benchmarks:
        yield "The model has not been scored."
        return
    rules = model.evaluation.get("rules", {}).get("name")
    if rules:
        yield f"Zero-shot scores by the rules {code(str(rules))}."
        yield ""
    yield "| benchmark | score | 95% interval | guessing | items |"
    yield "|---|---|---|---|---|"
    for name, result in benchmarks.items():
        interval = "{:.1f} to {:.1f}".format(*result.interval) if result.interval else ""
        interval += ", at chance" * is_at_chance(result)
        chance = "" if result.chance is None else f"{result.chance:.1f}"
        unit = "" if result.unit == "percent" else f" ({result.unit})"
        items = "" if result.n is None else f"{result.n:,}"
        benchmark = escaped(f"{name}{unit}")
        yield f"| {benchmark} | {result.score:.1f} | {interval} | {chance} | {items} |"
    notes = [f"{name}: {note}." for name, result in benchmarks.items() for note in result.notes]
    yield from ("", *(f"- {escaped(note)}" for note in notes)) if notes else ()


def _fence(text: str) -> str:
    """A code fence that is longer than any run of backticks in the text."""
    longest = max((len(row) for row in re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
