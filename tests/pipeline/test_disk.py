"""What a run leaves on the disk is planned, each part of it."""

import pytest

from babyllama.pipeline.disk import peak_bytes

PARAMETERS = {"llama": 1000, "gpt2": 2000, "distilled": 1500, "twin": 1500}
TOKENS = 30_000  # 20,000 words, and two epochs of them


@pytest.fixture
def planned(changed):
    """The bytes of the tiny recipe with fields of its parts set."""

    def plan(**parts):
        return peak_bytes(changed(**parts), PARAMETERS, TOKENS, 0)

    return plan


def test_models_kept_along_the_way_are_counted_if_their_words_are_reached(planned):
    marks = planned(teachers__llama__training__word_checkpoints=[1_000, 40_000, 40_001])
    assert marks - planned() == 2 * 4 * 1000
    marks = planned(students__distilled__training__word_checkpoints=[1_000])
    assert marks - planned() == 4 * (1500 + 1500)  # its twin is trained alike


def test_what_models_that_train_side_by_side_resume_from_is_added_up(planned):
    keep = {f"teachers__{name}__training__keep": 5 for name in ("llama", "gpt2")}
    # A checkpoint is weights and two moments, with a best model beside it; two are kept by default.
    assert planned(**keep) - planned() == 3 * 16 * 3000
    average = {"teachers__llama__training__average": {"kind": "ema"}}
    assert planned(**average) - planned() == 3 * 4 * 1000
    average = {"teachers__llama__training__average": {"kind": "last", "epochs": 2}}
    assert planned(**average) - planned() == 2 * 4 * 1000


def test_predictions_and_a_synthetic_source_are_counted(planned, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.jsonl").write_text("x" * 1000)
    benchmark = {"evaluation__benchmarks": {"own": str(tmp_path / "own")}}
    assert planned(**benchmark) - planned() == 6 * 2 * 1000
    folder = {"corpus__source": {"kind": "folder", "path": "text"}}
    assert planned() - planned(**folder) == 8 * TOKENS + 1_200_000 * (1 + 2 * 6)
