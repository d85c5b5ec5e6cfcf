"""The picture of the answer: models on both measures, with chance and the entropy of the text."""

import itertools
import json

import pytest

from babyllama.report.answer import answer_figure, answer_of, caption_of, is_far, spaced
from babyllama.report.scored_run import scored_run
from babyllama.runs.run import read_run


def read(folder):
    return scored_run(read_run(folder))


def test_every_trained_model_stands_where_the_table_has_it(make_run):
    scored = read(make_run(items=20))
    found = answer_of(scored)
    assert [each.model.name for each in found.places] == [
        "llama", "gpt2", "ensemble", "distilled", "twin",
    ]  # fmt: skip
    for each in found.places:
        assert each.score == scored.result(each.model, "grammar").score
        assert each.nats.value == pytest.approx(each.model.dev_loss)
        low, high = each.nats.interval
        assert low < each.nats.value < high
    assert found.floor == pytest.approx(1.8 / 1.4)  # a word has 1.4 times the nats of a token
    assert found.chance == 50.0
    drawn = answer_figure(scored)
    axis = "unseen text, nats per token (lower is better)"
    for words in ("distilled (student)", "twin", "grammar, percent", axis):
        assert f">{words}</text>" in drawn


def test_a_text_of_unknown_entropy_has_no_floor(make_run):
    folder = make_run(items=20)
    (folder / "source/entropy.json").write_text("{}")
    scored = read(folder)
    found = answer_of(scored)
    assert found.floor is None
    assert "entropy" not in caption_of(scored)
    assert "Dotted: guessing." in caption_of(scored)


def test_a_reference_far_from_all_models_is_told_and_not_drawn(make_run):
    folder = make_run(items=20)
    (folder / "source/entropy.json").write_text(
        json.dumps({"dev": {"all": {"words": 9, "nats": 9, "nats_per_word": 0.001}}})
    )
    for path in (folder / "evaluation").glob("*.json"):
        found = json.loads(path.read_text())
        if "dev" in found:
            found["dev"] |= {"cross_entropy": 3.0, "nats_per_word": 4.2}
            path.write_text(json.dumps(found))
    caption = caption_of(read(folder))
    assert "The entropy of the text is 0.001 nats per token, too far away to be drawn." in caption
    assert is_far(0.0, (4.0, 4.5))
    assert not is_far(4.0, (4.0, 4.5))


def test_one_model_is_no_picture(make_run):
    folder = make_run(items=20)
    for name in ("twin", "llama", "gpt2", "ensemble"):
        (folder / "evaluation" / f"{name}.json").unlink()
    scored = read(folder)
    assert answer_figure(scored) is None
    assert caption_of(scored) == ""


def test_labels_keep_their_order_and_their_distance():
    found = spaced([0.5, 0.5, 0.5, 0.95, 1.0], 0.1)
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert min(gaps) == pytest.approx(0.1)
    assert max(found) <= 1.0
    assert spaced([], 0.1) == []
