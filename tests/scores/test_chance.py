"""A score whose interval holds chance says nothing, whatever it is compared with."""

import pytest

from babyllama.scores.chance import is_at_chance, shows_nothing
from babyllama.scores.results import BenchmarkResult


def scored(score, *, error=1.0, chance=50.0, **more):
    interval = None if error is None else (score - error, score + error)
    return BenchmarkResult(score=score, interval=interval, chance=chance, **more)


@pytest.mark.parametrize(
    ("score", "expected"), [(49.0, True), (50.9, True), (51.1, False), (48.9, False)]
)
def test_a_score_is_at_chance_if_its_interval_holds_chance(score, expected):
    assert is_at_chance(scored(score)) is expected
    assert is_at_chance(scored(0.0), mean=score) is expected


def test_without_chance_or_interval_nothing_is_said():
    assert not is_at_chance(scored(50.0, chance=None))
    assert not is_at_chance(scored(50.0, error=None))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(50.5, 50.0, True), (50.5, 40.0, True), (60.0, 50.0, False), (40.0, 30.0, False),
     (50.0, 50.0, True)],
)  # fmt: skip
def test_the_better_score_decides(one, other, expected):
    assert shows_nothing(scored(one), scored(other)) is expected
    assert shows_nothing(scored(other), scored(one)) is expected


def test_where_lower_is_better_the_lower_score_decides():
    near, far = scored(49.5, higher_is_better=False), scored(60.0, higher_is_better=False)
    assert shows_nothing(near, far)
    assert shows_nothing(far, near)
    assert not shows_nothing(scored(40.0, higher_is_better=False), near)
