"""A small run with a finished student, and all that a submission of it needs."""

import dataclasses
import json

from babyllama.publish.submission import write_submission
from babyllama.publish.submission.checking import PREDICTIONS
from babyllama.publish.submission.official import SubmissionFormat, ZeroShotBenchmark

WORDS_SEEN = 2_000_000
STEPS = ["chck_1M", "chck_2M"]
SMALL = SubmissionFormat(
    year="2025",
    zero_shot=(
        ZeroShotBenchmark(
            "blimp", {"one": 2, "two": 1}, ("blimp_filtered", "blimp"), ("blimp_fast",),
            {"one": 4, "two": 4},
        ),
        ZeroShotBenchmark("ewok", {"social": 1}, ("ewok",), ("ewok",), {"social": 2}),
        ZeroShotBenchmark("entity_tracking", {"regular_0_ops": 2}, ("entity_tracking",)),
        ZeroShotBenchmark("wug_adj", {"wug_adj": 2}, ("wug_adj",), ("wug_adj",), {"wug_adj": 2}),
        ZeroShotBenchmark("comps", {"base": 1}, ("comps",)),
        ZeroShotBenchmark("reading", {"reading": 2}, ("reading",), ("reading",), {"reading": 2}),
    ),
    aoa_key="aoa",
    aoa_contexts=3,
    keeps_nothing=True,
    glue={"boolq": 2, "mnli": 1},
)  # fmt: skip


def format_2026():
    """The small format as of 2026: EWoK by contexts, Global PIQA, no `nothing`, ages."""
    entities = ZeroShotBenchmark(
        "entity_tracking_filtered", {"regular_0_ops": 1}, ("entity_tracking",)
    )
    piqa = ZeroShotBenchmark(
        "global_piqa_parallel", {"global_piqa_parallel": 2}, ("global_piqa_parallel",),
        ("global_piqa_parallel",), {"global_piqa_parallel": 2}, is_by_example=True,
    )  # fmt: skip
    dropped = ("entity_tracking", "wug_adj")
    kept = [_of_2026(each) for each in SMALL.zero_shot if each.key not in dropped]
    return dataclasses.replace(
        SMALL, year="2026", zero_shot=(*kept, piqa, entities), aoa_key="aoa_surprisals",
        keeps_nothing=False, has_aoa_score=True, has_form=True,
    )  # fmt: skip


def _of_2026(benchmark):
    if benchmark.key != "ewok":
        return benchmark
    return dataclasses.replace(benchmark, our_names=("ewok_2026",), our_fast_names=("ewok_2026",))


EWOK = {"Domain": "social", "Context1": "Ann helps Ben.", "Context2": "Ann hits Ben.",
        "Target1": "Ben likes Ann.", "Target2": "Ben fears Ann.", "ContextType": "direct",
        "ContextDiff": "helps", "TargetDiff": "likes"}  # fmt: skip
ENTITIES = [
    {"input_prefix": "Box 0 has ", "options": ["nothing.", "the cat.", "the dog."], "numops": 0},
    {"input_prefix": "Box 1 has ", "options": ["the cat.", "the dog.", "snow."], "numops": 0},
]


def choice(uid, number, good, bad, values):
    return {"UID": uid, "pairID": str(number), "group": uid, "sentence_good": good,
            "sentence_bad": bad, "log_likelihood_good": values[0],
            "log_likelihood_bad": values[1], "correct": 1.0}  # fmt: skip


def private(uid, number, values):
    return {"UID": uid, "pairID": str(number), "group": uid, "log_likelihood_good": values[0],
            "log_likelihood_bad": max(values[1:]), "correct": 1.0,
            **({"log_likelihoods": values} if len(values) > 2 else {})}  # fmt: skip


def solved(number, good, bad, values):
    """A line of Global PIQA: the mean log-likelihoods of the right and the likeliest wrong one."""
    line = choice("eng_latn", number, f"Ask.{good}", f"Ask.{bad}", values)
    return line | {"solution_good": good, "solution_bad": bad}


OURS = {
    "blimp_filtered": [
        choice("one", 0, "It is.", "It are.", (-1.0, -2.0)),
        choice("two", 0, "A dog.", "A dogs.", (-3.0, -2.0)),
        choice("one", 1, "Snow.", "Snow.", (-2.0, -2.0)),
    ],
    "ewok": [private("social", 0, [-4.0, -3.0])],
    "ewok_2026": [private("social", 0, [-4.0, -3.0])],
    "global_piqa_parallel": [
        solved("ex_7", " Rinse it.", " Dry it.", (-1.5, -2.0)),
        solved("ex_2", " Bake it.", " Chill it.", (-3.0, -2.5)),
    ],
    "entity_tracking": [
        private("regular_0_ops", 0, [-1.0, -2.0, -3.0]),
        private("regular_0_ops", 1, [-2.0, -3.0, -1.0]),
    ],
    "wug_adj": [
        {"first": "a wugity", "second": "a wugness", "log_likelihood_first": -5.0,
         "log_likelihood_second": -4.0, "share": 0.27, "ratio": 0.4},
        {"first": "b", "second": "c", "log_likelihood_first": -4.0,
         "log_likelihood_second": -5.0, "share": 0.73, "ratio": 0.6},
    ],
    "comps": [choice("base", 0, "A cat can purr", "A car can purr", (-1.0, -2.0))],
    "reading": [
        {"sentence": "1", "context": "The", "word": "cat", "surprisal": 3.5,
         "prev_surprisal": None},
        {"sentence": "1", "context": "The cat", "word": "sat", "surprisal": 2.5,
         "prev_surprisal": 3.5},
    ],
    "boolq": [{"id": "boolq_0", "pred": 1}, {"id": "boolq_1", "pred": 0}],
    "mnli": [{"id": "mnli_0", "pred": 2}],
}  # fmt: skip
_MONTHS = range(16, 31)
CHILDREN = "\n".join(
    [
        ",".join(["word", *map(str, _MONTHS)]),
        *(
            ",".join([word, *(f"{1 / (1 + 2.0 ** (age - month)):.4f}" for month in _MONTHS)])
            for word, age in (("cat", 20), ("dog", 24))
        ),
    ]
)
CONTEXTS = [{"word": "cat", "context": "the", "surprisal": 4.0},
            {"word": "cat", "context": "a", "surprisal": 5.0},
            {"word": "dog", "context": "a", "surprisal": 6.0}]  # fmt: skip


def result(model, **scores):
    shape = {"stderr": 1.0, "interval": [48.0, 52.0], "n": 3, "chance": 50.0, "unit": "percent"}
    return {"model": model, "rules": {"name": "2025"},
            "benchmarks": {name: shape | each for name, each in scores.items()}}  # fmt: skip


def part(decisions):
    """A part of a benchmark's result with these decisions."""
    return {
        "score": 100 * decisions.count("1") / len(decisions),
        "n": len(decisions),
        "decisions": decisions,
    }


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def submit(run, given, out, **changes):
    """Write a submission in the small format; what is missing, and the file of predictions."""
    missing = write_submission(run, out, **{"year_format": SMALL} | given | changes)
    return missing, json.loads((out / PREDICTIONS).read_text("utf-8"))
