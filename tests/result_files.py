"""Result files of models whose decisions are written out."""

from babyllama.scores.certainty import clustered_interval, decode_decisions, weighted_mean


def benchmark(uids, items="digest", **more):
    """As `evaluate` writes it, from UID to decisions; the headline is the mean over UIDs."""
    parts = {uid: decode_decisions(text) for uid, text in uids.items()}
    estimate = weighted_mean([*parts.values()], [1 / len(parts)] * len(parts)).in_percent()
    clustered = clustered_interval([*parts.values()])
    return {
        **estimate,
        **({"interval_clustered": [100 * edge for edge in clustered]} if clustered else {}),
        "unit": "percent",
        "higher_is_better": True,
        "chance": 50.0,
        "subtasks": {
            uid: {**weighted_mean([part], [1.0]).in_percent(), "group": "g", "decisions": uids[uid]}
            for uid, part in parts.items()
        },
        "items": items,
        **more,
    }


def result(model, benchmarks, **rules):
    """One model's file."""
    return {"model": model, "rules": {"name": "honest", **rules}, "benchmarks": benchmarks}
