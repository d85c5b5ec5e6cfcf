"""Points of learning curves on disk."""

import hashlib
import json

from babyllama.runs.points import Place, Point, keep_point, places, point_file, read_points

PLACE = Place("twin", "chck_1M", 1_000_000, "3f9c")
KEY = {"data": "81ab", "rules": "honest", "truncate": False}
SCORES = {"score": 61.25, "n": 2}


def test_a_point_is_scored_once_and_then_read(tmp_path):
    calls = []

    def score():
        calls.append(1)
        return SCORES

    points = [keep_point(tmp_path, PLACE, "pairs", KEY, score) for _ in range(2)]
    assert points == [Point(PLACE, "pairs", KEY, SCORES)] * 2
    assert len(calls) == 1
    assert read_points(tmp_path, PLACE) == points[:1]
    keep_point(tmp_path, PLACE, "pairs", {**KEY, "rules": "2024"}, score)
    assert len(calls) == 2


def test_points_of_a_model_that_has_changed_are_not_read(tmp_path):
    keep_point(tmp_path, PLACE, "pairs", KEY, lambda: SCORES)
    changed = Place("twin", "chck_1M", 1_000_000, "3f9d")
    assert read_points(tmp_path, changed) == []
    assert keep_point(tmp_path, changed, "pairs", KEY, lambda: {"score": 2.0}).scores == {
        "score": 2.0
    }


def test_points_that_earlier_versions_wrote_are_kept(tmp_path):
    place = {"model": "twin", "point": "chck_1M", "words": 1_000_000, "digest": "3f9c"}
    point = {"place": place, "benchmark": "pairs", "key": KEY, "scores": SCORES}
    sha256 = hashlib.sha256(json.dumps(point, sort_keys=True).encode()).hexdigest()
    path = point_file(tmp_path, PLACE, "pairs")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**point, "sha256": sha256}, indent=1) + "\n")

    def never():
        raise AssertionError("scored again")

    assert keep_point(tmp_path, PLACE, "pairs", KEY, never) == Point(PLACE, "pairs", KEY, SCORES)
    assert read_points(tmp_path, PLACE) == [Point(PLACE, "pairs", KEY, SCORES)]


def test_places_are_the_checkpoints_by_words_seen_and_then_the_model():
    names = ("model.safetensors", "chck_1M/model.safetensors", "training.jsonl")
    files = {name: {"sha256": "a"} for name in names}
    found = places("m", {"files": files, "facts": {"words_seen": 9, "steps": 3}}, {})
    assert [(place.point, place.words) for place in found] == [("chck_1M", 1_000_000), ("final", 9)]
