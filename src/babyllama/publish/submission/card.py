"""A model's card: what it is, how it was trained and on what, its scores with intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from babyllama.publish.submission.official import Track
from babyllama.recipe import DistilledStudent, to_yaml
from babyllama.runs.run import Model, Run
from babyllama.scores.results import BenchmarkResult


def model_card(
    run: Run, model: Model, benchmarks: Mapping[str, BenchmarkResult], *, track: Track
) -> str:
    """README.md of a model's repository: a head for the hub, then Markdown.

    Args:
        benchmarks: its scores, as result files hold them.
    """
    return "\n".join(
        [
            *_head(track, is_distilled=model.role == "student"),
            f"# {model.name}",
            "",
            _what_it_is(run, model),
            "",
            "## Scores",
            "",
            *_scores(model, benchmarks),
            "",
            "## Training",
            "",
            *(f"- {line}" for line in _training(run, model)),
            "",
            "## Checkpoints",
            "",
            "The branch `main` holds the final weights. The branches `chck_1M` and so on hold the "
            "model as it was after so many words, counted with their repetitions.",
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
            "It writes grammatical English more often than true English: it has read as many words "
            "as a child hears, and was never taught to answer or to refuse.",
            "",
            "## Recipe",
            "",
            "`babyllama run recipe.yaml` repeats everything from the text to these scores.",
            "",
            "```yaml",
            to_yaml(run.recipe).rstrip(),
            "```",
            "",
        ]
    )


def _head(track: Track, *, is_distilled: bool) -> list[str]:
    tags = ["babylm", track, *(["knowledge-distillation"] if is_distilled else [])]
    head = {
        "language": "en",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": tags,
    }
    return [
        "---",
        "# The licence is yours to choose. A line such as `license: mit` names it on the hub.",
        yaml.safe_dump(head, sort_keys=False).rstrip(),
        "---",
        "",
    ]


def _what_it_is(run: Run, model: Model) -> str:
    parameters = f"{model.facts.get('parameters', 0):,} parameters"
    words = _words(run)
    data = f"{words:,} words of English" if words else "English text"
    if model.role == "student":
        teachers = " and ".join(run.recipe.teachers)
        return (
            f"A language model of {parameters}, trained on {data} and on what an ensemble of "
            f"{len(run.recipe.teachers)} teachers ({teachers}), trained on the same words, says "
            "of them."
        )
    return f"A language model of {parameters}, trained on {data}."


def _words(run: Run) -> int:
    total: Mapping[str, Any] = run.corpus.get("train", {}).get("total", {})
    return int(total.get("words", 0))


def _training(run: Run, model: Model) -> Iterator[str]:
    facts, source = model.facts, run.recipe.corpus.source
    where = "synthetic" if source.kind == "synthetic" else getattr(source, "path", source.kind)
    yield f"Text: {where}, cleaned by the rules `{run.recipe.corpus.rules}`, {_words(run):,} words"
    yield f"Words seen, repetitions counted: {facts.get('words_seen', 0):,}"
    yield f"Epochs: {facts.get('epochs', 0):g}; the best on dev text is kept"
    if "dev_cross_entropy" in facts:
        yield f"Cross-entropy on dev text: {facts['dev_cross_entropy']:.3f} nats a token"
    student = run.recipe.students.get(model.name)
    if isinstance(student, DistilledStudent):
        yield (
            f"Distillation: alpha {student.alpha:g}, temperature {student.temperature:g}, "
            f"reduction `{student.reduction}`"
        )
        seen = [f"{each.name} {each.facts['words_seen']:,}" for each in run.models
                if each.role == "teacher" and "words_seen" in each.facts]  # fmt: skip
        if seen:
            yield f"Words that the teachers saw: {', '.join(seen)}"
    if "flops" in facts:
        yield f"Floating-point operations, teachers not counted: {facts['flops']:.2e}"


def _scores(model: Model, benchmarks: Mapping[str, BenchmarkResult]) -> Iterator[str]:
    if not benchmarks:
        yield "None were computed."
        return
    rules = model.evaluation.get("rules", {}).get("name")
    if rules:
        yield f"Zero-shot scores by the rules `{rules}`."
        yield ""
    yield "| benchmark | score | 95% interval | a random model | items |"
    yield "|---|---|---|---|---|"
    for name, scores in benchmarks.items():
        interval = "{:.1f} to {:.1f}".format(*scores.interval) if scores.interval else ""
        chance = "" if scores.chance is None else f"{scores.chance:.1f}"
        unit = "" if scores.unit == "percent" else f" ({scores.unit})"
        items = "" if scores.n is None else f"{scores.n:,}"
        yield f"| {name}{unit} | {scores.score:.1f} | {interval} | {chance} | {items} |"
