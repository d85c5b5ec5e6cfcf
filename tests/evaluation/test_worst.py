"""The choices lost by most and their words' surprisals, against sums over tokens by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_likelihoods import assert_near, near
from random_models import random_model, variant
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import likelihoods, load_scorer
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.worst import word_surprisals, worst_choices

# Each with its words; most of them are of several tokens.
TEXTS = {
    Text("The cat sees a zebra."): ["The", "cat", "sees", "a", "zebra."],
    Text("Bär, \u2014 zebras  sleep"): ["Bär,", "\u2014", "zebras", "sleep"],
    Text("zebra"): ["zebra"],
    Text(" a purple zebra.", context="The cat sees"): ["a", "purple", "zebra."],
    Text("a zebra", context="Where? The cat sees "): ["a", "zebra"],
}


@pytest.fixture(scope="module")
def scorer_of(tokenizer, tmp_path_factory):
    made = {}

    def scorer(kind, name, *, seed=0, **more):
        key = (kind, seed, *more.items())
        if key not in made:
            framed = variant(tokenizer, masks=kind != "llama", **more)
            made[key] = random_model(kind, framed, tmp_path_factory.mktemp(kind), seed=seed)
        return load_scorer([made[key]], rules_named(name), device=torch.device("cpu"))

    return scorer


def plain_words(tokenizer, whole, log_p):
    """Byte-level tokens of which those that begin with a space begin a word; the last are scored.

    A space that is a token of its own among others begins none.
    """
    pieces = tokenizer.tokenize(whole)
    pieces = pieces[len(pieces) - len(log_p) :]
    words = []
    for at, (piece, value) in enumerate(zip(pieces, log_p, strict=True)):
        follows_bare_space = at > 0 and pieces[at - 1] == "Ġ"
        if not words or (piece[0] == "Ġ" and not follows_bare_space):
            words.append(([], []))
        words[-1][0].append(piece)
        words[-1][1].append(value)
    return [
        [tokenizer.convert_tokens_to_string(parts).strip(), -sum(values)] for parts, values in words
    ]


def agree(found, expected):
    assert [word for word, _ in found] == [word for word, _ in expected]
    nats, right = ([nats for _, nats in words] for words in (found, expected))
    assert_near(nats, right)


@pytest.mark.parametrize("name", ["honest", "2024"])
@pytest.mark.parametrize(
    ("kind", "adds_space"), [("llama", True), ("llama", False), ("bert", True), ("t5", False)]
)
def test_a_words_surprisal_is_the_sum_over_its_tokens(scorer_of, kind, adds_space, name):
    scorer = scorer_of(kind, name, adds_space=adds_space)
    found = likelihoods(scorer, list(TEXTS))
    said = word_surprisals(scorer, list(TEXTS))
    for at, (text, words) in enumerate(TEXTS.items()):
        space = " " if name == "2024" and kind != "t5" and not text.context else ""
        whole = text.target if kind == "t5" else space + text.context + text.target
        log_p = found[at : at + 1].values
        agree(said[at], plain_words(scorer.tokenizer, whole, log_p))
        assert [word for word, _ in said[at]] == words
    sums = [sum(nats for _, nats in words) for words in said]
    assert_near(sums, -found.sums())


def test_a_word_whose_first_token_is_not_scored_has_the_rest(scorer_of):
    scorer = scorer_of("llama", "2025")
    texts = [Text("zebra sees"), Text("The zebra"), Text("The")]
    said = word_surprisals(scorer, texts)
    assert [[word for word, _ in words] for words in said] == [["zebra", "sees"], ["zebra"], []]
    sums = [sum(nats for _, nats in words) for words in said]
    assert_near(sums, -likelihoods(scorer, texts).sums())


@pytest.mark.parametrize("name", ["honest", "2025"])
def test_spaces_at_the_end_move_no_words_number(tokenizer, tmp_path, name):
    from transformers import AutoTokenizer

    # Spaces at the end are tokens of their own, with empty spans: they belong to the last word.
    folder = random_model("llama", AutoTokenizer.from_pretrained(tokenizer), tmp_path)
    scorer = load_scorer([folder], rules_named(name), device=torch.device("cpu"))
    plain, spaced = word_surprisals(scorer, [Text("The cat sees"), Text("The cat sees  ")])
    found = likelihoods(scorer, [Text("The cat sees  ")])
    agree(spaced[:-1], plain[:-1])
    rest = -found.sums()[0] - sum(nats for _, nats in plain[:-1])
    agree(spaced[-1:], [["sees", rest]])


def test_a_text_of_spaces_has_no_words(scorer_of):
    assert word_surprisals(scorer_of("llama", "honest"), [Text("  ")]) == [[]]


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_special_tokens_that_the_rules_of_2023_score_belong_to_no_word(scorer_of, kind):
    scorer = scorer_of(kind, "2023")
    found = likelihoods(scorer, list(TEXTS))
    said = word_surprisals(scorer, list(TEXTS))
    for at, (text, words) in enumerate(TEXTS.items()):
        log_p = found[at : at + 1].values[1:-1]  # between <s> and </s>
        agree(said[at], plain_words(scorer.tokenizer, text.target, log_p))
        assert [word for word, _ in said[at]] == words


def choice(item_id, *options, is_private=False):
    return Choice("uid " + item_id, item_id, "group " + item_id, "term",
                  tuple(map(Text, options)), is_private=is_private)  # fmt: skip


# The log-likelihood of each option, the right one's first.
CHOICES = {
    "pairs": [
        (choice("by 2", "The cat sees.", "The cat see."), [-5.0, -3.0]),
        (choice("right", "A dog sees.", "A dog see."), [-1.0, -9.0]),
        (choice("by 5", "The cats see.", "The cats sees."), [-9.0, -4.0]),
    ],
    "options": [
        (choice("by 7", "a zebra", "the ball", "the snow", "a cat"), [-9.0, -8.0, -2.0, -3.0]),
        (choice("tie", "a dog", "dogs a", "a"), [-3.0, -3.0, -8.0]),
        (choice("private", "my cat", "cat my", is_private=True), [-99.0, -1.0]),
        (choice("by 3", "two apples", "apples two", "two apple"), [-6.0, -9.0, -3.0]),
    ],
}
LOST = [  # with the likeliest wrong option
    ("options", "by 7", 7.0, "a zebra", "the snow"),
    ("pairs", "by 5", 5.0, "The cats see.", "The cats sees."),
    ("options", "by 3", 3.0, "two apples", "two apple"),
    ("pairs", "by 2", 2.0, "The cat sees.", "The cat see."),
]


@pytest.mark.parametrize("most", [0, 1, 3, 50])
def test_the_choices_lost_by_most_come_first(scorer_of, most):
    scorer = scorer_of("llama", "honest")
    choices = {name: [each for each, _ in rows] for name, rows in CHOICES.items()}
    values = {name: np.concatenate([v for _, v in rows]) for name, rows in CHOICES.items()}
    found = worst_choices(scorer, choices, values, most=most)
    assert len(found) == min(most, len(LOST))
    for each, (benchmark, item, margin, right, preferred) in zip(found, LOST, strict=False):
        facts = each.model_dump(exclude={"right", "preferred"})
        assert facts == {
            "benchmark": benchmark, "UID": "uid " + item, "pairID": item, "group": "group " + item,
            "margin": margin,
        }  # fmt: skip
        for key, text in (("right", right), ("preferred", preferred)):
            agree(getattr(each, key), word_surprisals(scorer, [Text(text)])[0])


def test_the_worst_of_each_uid_come_before_second_ones(scorer_of):
    scorer = scorer_of("llama", "honest")
    texts = [Text("The cat sees."), Text("The cat see.")]
    of = {"a": [9.0, 8.0, 7.0], "b": [2.0, 1.0], "c": [3.0]}
    choices = [Choice(uid, f"{uid}{margin}", "g", "t", tuple(texts))
               for uid, margins in of.items() for margin in margins]  # fmt: skip
    values = np.concatenate([[0.0, margin] for margins in of.values() for margin in margins])

    def margins(most):
        found = worst_choices(scorer, {"x": choices}, {"x": values}, most=most, of_each_uid=True)
        return [each.margin for each in found]

    assert margins(3) == [9.0, 3.0, 2.0]
    assert margins(5) == [9.0, 8.0, 3.0, 2.0, 1.0]
    assert margins(50) == [9.0, 8.0, 7.0, 3.0, 2.0, 1.0]


PAIRS = {
    "zebras": [("The cat sees a zebra.", "The cat see a zebra."), ("A zebra sees.", "A zebra see."),
               ("Where is the ball?", "Where the ball is?"), ("It is.", "It are.")],
    "snow": [("Anna has seen snow.", "Anna have seen snow."), ("the old house", "the house old"),
             ("two red apples", "two red apple"), ("the cats", "cats the")],
}  # fmt: skip


@pytest.fixture
def arguments(tokenizer, tmp_path):
    """`evaluate` of two models that are wrong about half of two benchmarks."""
    models = [
        random_model("llama", variant(tokenizer), tmp_path / name, seed=seed)
        for seed, name in enumerate(("one", "other"))
    ]
    named = []
    for name, pairs in PAIRS.items():
        # Either way round, so that every model loses some.
        both = [order for pair in pairs for order in (pair, pair[::-1])]
        rows = [{"sentence_good": good, "sentence_bad": bad} for good, bad in both]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        named += ["--benchmark", f"{name}={path}"]
    return ["evaluate", *map(str, models), *named, "--out", str(tmp_path / "scores.json")]


def evaluated(arguments, *more):
    ran = CliRunner().invoke(app, [*arguments, *map(str, more)])
    assert ran.exit_code == 0, ran.output
    return " ".join(ran.output.split()), json.loads(Path(arguments[-1]).read_text("utf-8"))


def shown(words):
    """A line of words, and a line with the surprisal below each."""
    lines = [word for word, _ in words], [f"{nats:.1f}" for _, nats in words]
    return " ".join(" ".join(line) for line in lines)


def test_the_command_shows_so_many_choices_a_model_and_writes_them(arguments, tmp_path):
    said, scores = evaluated(arguments, "--worst", 3, "--predictions", tmp_path / "items")
    for model in ("one", "other"):
        lost = []
        for name in PAIRS:
            lines = (tmp_path / "items" / model / f"{name}.jsonl").read_text("utf-8").splitlines()
            lost += [(line["log_likelihood_bad"] - line["log_likelihood_good"], name, line)
                     for line in map(json.loads, lines)]  # fmt: skip
        lost = sorted(lost, key=lambda row: -row[0])[:3]
        worst = scores[model]["worst"]
        assert f"Worst errors of {model}; the number below a word is its surprisal in nats" in said
        for each, (margin, name, line) in zip(worst, lost, strict=True):
            assert margin > 0
            assert (each["benchmark"], each["pairID"]) == (name, line["pairID"])
            assert each["margin"] == near(margin)
            for key, which in (("right", "good"), ("preferred", "bad")):
                assert [word for word, _ in each[key]] == line[f"sentence_{which}"].split()
                nats = sum(nats for _, nats in each[key])
                assert nats == near(-line[f"log_likelihood_{which}"])
            assert (
                f"{name} {each['UID']} {each['pairID']}: {margin:.1f} nats "
                f"right {shown(each['right'])} preferred {shown(each['preferred'])}"
            ) in said
    assert said.count(" preferred ") == 6


def test_without_worst_none_are_shown_or_written(arguments):
    said, scores = evaluated(arguments)
    assert "Worst errors" not in said
    assert all("worst" not in of_model for of_model in scores.values())
