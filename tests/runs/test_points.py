"""Points of learning curves on disk."""

from babyllama.runs.points import places


def test_places_are_the_checkpoints_by_words_seen_and_then_the_model():
    names = ("model.safetensors", "chck_1M/model.safetensors", "training.jsonl")
    files = {name: {"sha256": "a"} for name in names}
    found = places("m", {"files": files, "facts": {"words_seen": 9, "steps": 3}}, {})
    assert [(place.point, place.words) for place in found] == [("chck_1M", 1_000_000), ("final", 9)]
