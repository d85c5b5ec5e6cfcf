"""A card's metadata, as the Hugging Face hub reads them, by the hub's own classes."""

from collections.abc import Iterator, Sequence

import yaml
from huggingface_hub import (
    EvalResult,
    EvalResultEntry,
    ModelCardData,
    eval_result_entries_to_yaml,
)

from babyllama.report.model_card.facts import CardFacts
from babyllama.scores.results import BenchmarkResult

_GLUE = ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst2")
_SUPERGLUE = ("boolq", "multirc", "wsc")
# The data set on the hub that holds a benchmark, and its part. Others have none there, or several.
_ON_THE_HUB = {
    "blimp": ("nyu-mll/blimp", None),
    "blimp_nl": ("jmichaelov/blimp_nl", None),
    "ewok": ("ewok-core/ewok-core-1.0", None),
    "lambada": ("EleutherAI/lambada_openai", None),
    "turblimp": ("juletxara/turblimp", None),
    "zhoblimp": ("Junrui1202/zhoblimp", None),
    **{task: ("nyu-mll/glue", task) for task in _GLUE},
    **{task: ("aps/super_glue", task) for task in _SUPERGLUE},
}  # fmt: skip


def card_metadata(facts: CardFacts, tags: Sequence[str]) -> ModelCardData:
    """The metadata at the top of a card. What nobody stated is left out."""
    stated = facts.recipe.card if facts.recipe else None
    results = [_eval_result(facts, name, result) for name, result in facts.results.items()]
    datasets = [each.partition("@")[0] for each in stated.datasets] if stated else []
    return ModelCardData(
        license=stated.license if stated else None,
        language=list(facts.languages) or None,
        datasets=datasets or None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["babyllama", *tags],
        model_name=facts.name if results else None,
        eval_results=results or None,
    )


def eval_results_yaml(facts: CardFacts) -> str:
    """`.eval_results/*.yaml`: the scores on benchmarks that are data sets on the hub.

    Only scores of a complete benchmark are there: the hub compares models by them.

    Returns:
        "" if there are none.
    """
    entries = [
        EvalResultEntry(
            dataset_id=_ON_THE_HUB[name][0],
            task_id=_ON_THE_HUB[name][1] or name,
            value=round(result.score, 4),
            notes=", ".join(_notes(facts, result)),
        )
        for name, result in facts.results.items()
        if name in _ON_THE_HUB and result.part is None
    ]
    written = eval_result_entries_to_yaml(entries)
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True) if written else ""


def _eval_result(facts: CardFacts, name: str, result: BenchmarkResult) -> EvalResult:
    dataset, part = _ON_THE_HUB.get(name, (name, None))
    kind = result.metric or ("accuracy" if result.unit == "percent" else result.unit)
    known = {
        "interval_95": [round(edge, 4) for edge in result.interval] if result.interval else None,
        "chance": result.chance,
        "items": result.n,
    }
    return EvalResult(
        task_type="text-generation",
        dataset_type=dataset,
        dataset_name=name,
        dataset_config=part,
        dataset_args={"rules": facts.rules["name"]} if "name" in facts.rules else None,
        metric_type=kind,
        metric_value=round(result.score, 4),
        metric_args={key: value for key, value in known.items() if value is not None} or None,
    )


def _notes(facts: CardFacts, result: BenchmarkResult) -> Iterator[str]:
    if "name" in facts.rules:
        yield f"babyllama, rules {facts.rules['name']}"
    if result.interval:
        yield "95% interval {:.1f} to {:.1f}".format(*result.interval)
    if result.chance is not None:
        yield f"chance {result.chance:g}"
    if result.n is not None:
        yield f"{result.n} items"
