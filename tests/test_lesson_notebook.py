"""The lesson's notebook, run from top to bottom on two runs of random models, and its numbers."""

import json
import re

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from random_models import random_run
from result_files import benchmark, result
from scipy.stats import ttest_1samp
from transformers import AutoModelForCausalLM

from babyllama import lesson
from babyllama.runs.layout import Layout

CELLS = [
    "".join(cell["source"])
    for cell in json.loads(lesson.paper(lesson.NOTEBOOK))["cells"]
    if cell["cell_type"] == "code"
]
POOL = next(n for n, source in enumerate(CELLS) if "\nTYPED = []\n" in source)


def execute(cells, names):
    for source in cells:
        exec(source, names)
    return names


# What the models of each seed get right of six sentence pairs, and their dev cross-entropy.
SCORES = {
    0: {"distilled": ("110110", 2.50), "twin": ("110100", 2.56)},
    1: {"distilled": ("111000", 2.46), "twin": ("111100", 2.49)},
}


@pytest.fixture(scope="module")
def trial(tiny_recipe, tokens, tokenizer, tmp_path_factory):
    """The first of two runs of random models, with scores."""
    folder = tmp_path_factory.mktemp("class")
    for seed, models in SCORES.items():
        recipe = tiny_recipe.model_copy(update={"seed": seed})
        layout = random_run(folder / f"seed-{seed}", recipe, tokens, tokenizer)
        layout.evaluation.mkdir()
        for name, (decisions, loss) in models.items():
            grammar = benchmark({"agreement": decisions[:3], "polarity": decisions[3:]})
            scores = result(name, {"grammar": grammar}, average="mean over uids")
            scores["dev"] = {"cross_entropy": loss, "tokens": 100}
            layout.scores(name).write_text(json.dumps(scores))
    return Layout(folder / "seed-0")


@pytest.fixture(scope="module")
def notebook(trial):
    """The names that the notebook has defined at its end."""
    matplotlib.use("Agg")
    names = execute(CELLS[:1], {})
    assert names["RUN"] == "runs/mini"
    names["RUN"] = str(trial.folder)
    yield execute(CELLS[1:], names)
    pyplot.close("all")


def test_the_bars_are_the_models_own_predictions(notebook, trial):
    text, tokenizer = notebook["BEGINNING"], notebook["tokenizer"]
    ids = torch.tensor(
        [[tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False)]]
    )
    logits = {}
    for folder in (*trial.folder.glob("teachers/*"), *trial.folder.glob("students/*")):
        with torch.no_grad():
            model = AutoModelForCausalLM.from_pretrained(folder)
            logits[folder.name] = model(ids).logits[0, -1]
    logits["ensemble"] = (logits["llama"] + logits["gpt2"]) / 2
    found = notebook["next_token"](text, T=2)
    assert list(found) == ["llama", "gpt2", "ensemble", "distilled", "twin"]
    for name, p in found.items():
        torch.testing.assert_close(p, (logits[name] / 2).softmax(-1), rtol=1e-4, atol=1e-6)

    pyplot.close("all")
    notebook["bars"](text, rows=5)
    panels = pyplot.gcf().axes
    assert [panel.get_title() for panel in panels] == list(found)
    for panel in panels:
        widths = [bar.get_width() for bar in panel.patches]
        assert widths == pytest.approx(
            [float(logits[panel.get_title()].softmax(-1)[token]) for token in tops(logits, 5)],
            rel=1e-4,
        )


def tops(logits, rows):
    mean = sum(z.softmax(-1) for z in logits.values())
    return mean.topk(rows).indices.tolist()


def test_softening_and_its_slope_are_as_the_answers_say(notebook):
    assert notebook["softmax"]([2.0, 0.5, -1.0], 2).round(2).tolist() == [0.59, 0.28, 0.13]
    assert [round(T**2 * notebook["slope"](T), 2) for T in (2, 4, 8)] == [0.5, 0.51, 0.5]
    assert notebook["of_logits"] == pytest.approx(notebook["product"] / sum(notebook["product"]))


def test_only_teachers_tell_words_apart_that_the_text_does_not_have(notebook):
    targets, token = notebook["targets"], notebook["token"]
    near, far = token(" sad"), token(" behind")
    for name, target in targets.items():
        assert float(target.sum()) == pytest.approx(1, abs=1e-4)
        assert (float(target[near]) == float(target[far])) == (name.startswith("the text"))


def right(scored):
    return 100 * scored[0].count("1") / len(scored[0])


def test_the_seeds_are_pooled_as_pairs(notebook):
    losses = [seed["distilled"][1] - seed["twin"][1] for seed in SCORES.values()]
    pairs = [right(seed["distilled"]) - right(seed["twin"]) for seed in SCORES.values()]
    expected = ttest_1samp(losses, 0.0).confidence_interval(0.95)
    assert notebook["seeds"].tolist() == [0, 1]
    assert notebook["unseen"].value == pytest.approx(np.mean(losses))
    assert notebook["unseen"].interval == pytest.approx((expected.low, expected.high))
    assert notebook["pairs"].value == pytest.approx(np.mean(pairs))
    assert notebook["why"] == ""
    low, high = notebook["pairs"].interval
    assert (notebook["verdicts"]["pairs"] == "cannot tell") == (low <= 0 <= high)


def test_the_order_follows_from_the_seed_as_the_answers_draw_it(notebook, capsys):
    execute([each for each in CELLS if "Windows(" in each], dict(notebook))
    starts = re.findall(r"seed \d: reads first at tokens (\[.*\])", capsys.readouterr().out)
    assert starts[0] == starts[1] != starts[2]
    windows = notebook["windows"]
    drawn = np.random.default_rng((7, 0)).permutation(windows.count)[:6] * windows.window
    assert starts[0] == str(drawn)


def test_without_folders_of_the_class_plan_b_is_the_demo(notebook, tmp_path):
    names = execute(CELLS[POOL:], {**notebook, "RUN": str(tmp_path / "mini")})
    assert names["verdicts"] == {"unseen text": "yes", "pairs": "cannot tell"}
    assert names["unseen"].value == pytest.approx(-0.156, abs=5e-4)
    assert names["unseen"].interval == pytest.approx((-0.171, -0.141), abs=1e-3)


def test_numbers_that_are_typed_in_come_before_all_others(notebook):
    typed = CELLS[POOL].replace(
        "TYPED = []",
        "TYPED = [(1, 2.5, 2.4, 63, 60), (2, 2.6, 2.5, 62, 60), (3, 2.5, 2.39, 64, 60)]",
    )
    names = execute([typed, *CELLS[POOL + 1 :]], dict(notebook))
    assert names["seeds"].tolist() == [1, 2, 3]
    assert names["verdicts"] == {"unseen text": "no", "pairs": "yes"}
