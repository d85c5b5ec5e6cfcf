"""Result files of models whose decisions are written out."""

from babyllama.scores.certainty import clustered_interval, weighted_mean
from babyllama.scores.decisions import decode_decisions


def benchmark(uids, items="digest", **more):
    """As `evaluate` writes it, from UID to decisions; the headline is the mean over UIDs."""
    parts = {uid: decode_decisions(text) for uid, text in uids.items()}
    estimate = weighted_mean([*parts.values()], [1 / len(parts)] * len(parts))
    clustered = clustered_interval([*parts.values()])
    return {
        **estimate.in_percent().written(),
        **({"interval_clustered": [100 * edge for edge in clustered]} if clustered else {}),
        "unit": "percent",
        "higher_is_better": True,
        "chance": 50.0,
        "subtasks": {
            uid: {
                **weighted_mean([part], [1.0]).in_percent().written(),
                "group": "g",
                "decisions": uids[uid],
            }
            for uid, part in parts.items()
        },
        "items": items,
        **more,
    }


def result(model, benchmarks, **rules):
    """One model's file."""
    return {"model": model, "rules": {"name": "honest", **rules}, "benchmarks": benchmarks}
