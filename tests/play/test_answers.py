"""What the page says of a text, against plain passes of the models in float64."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from babyllama.errors import InputError
from babyllama.play.answers import position_answer, text_answer
from babyllama.play.reading import Forced, read

TEXT = "The children have never seen any snow."
NEAR = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def plain(play_run, group):
    """The logits of each model after each token of the text, in float64."""
    ids = torch.tensor([read(group, TEXT).ids])
    found = {}
    for folder in (*play_run.folder.glob("teachers/*"), *play_run.folder.glob("students/*")):
        model = AutoModelForCausalLM.from_pretrained(folder).double()
        with torch.no_grad():
            found[folder.name] = model(ids).logits[0]
    found["ensemble"] = (found["llama"] + found["gpt2"]) / 2
    return found


def test_surprisals_and_kl_are_those_of_plain_passes(group, plain):
    answer = text_answer(group, TEXT)
    labels = torch.tensor([token.id for token in answer.tokens[answer.first :]])
    logs = {name: z[:-1].log_softmax(-1) for name, z in plain.items()}
    assert [strip.model for strip in answer.strips] == [model.name for model in group.models]
    for strip in answer.strips:
        expected = -logs[strip.model].gather(1, labels[:, None])[:, 0]
        found = torch.tensor(strip.surprisals, dtype=torch.float64)
        torch.testing.assert_close(found, expected, **NEAR)
        assert strip.total == pytest.approx(float(expected.sum()), rel=1e-5)
        assert strip.per_token == pytest.approx(float(expected.mean()), rel=1e-5)
        assert list(strip.worst) == [1 + at for at in expected.topk(3).indices.tolist()]
        if strip.model == "ensemble":
            assert strip.kl is None
            continue
        ours = logs["ensemble"]
        kl = (ours.exp() * (ours - logs[strip.model])).sum(-1)
        torch.testing.assert_close(torch.tensor(strip.kl, dtype=torch.float64), kl, **NEAR)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("at", [1, 4, "end"])
def test_distributions_are_those_of_plain_passes(group, plain, at, temperature):
    tokens = text_answer(group, TEXT).tokens
    at = len(tokens) if at == "end" else at
    answer = position_answer(group, TEXT, at=at, temperature=temperature)
    softened = {name: (z[at - 1] / temperature).softmax(-1) for name, z in plain.items()}
    mean = torch.stack([softened[model.name] for model in group.models]).mean(0)
    rows = mean.topk(15).indices.tolist()
    own = tokens[at].id if at < len(tokens) else None
    if own is not None and own not in rows:
        rows[-1] = own
    assert [token.id for token in answer.rows] == rows
    for bars in answer.bars:
        p = softened[bars.model]
        torch.testing.assert_close(torch.tensor(bars.probabilities).double(), p[rows], **NEAR)
        assert bars.rest == pytest.approx(1 - float(p[rows].sum()), abs=1e-5)
        assert bars.entropy == pytest.approx(float(-(p * p.log()).sum()), rel=1e-4)
        rank = None if own is None else int((p > p[own]).sum()) + 1
        assert bars.rank == rank
    assert (answer.own.id if answer.own else None) == own


def test_the_viewers_guess_is_shown_with_its_rank_however_unlikely(group, plain):
    p = {name: z[3].softmax(-1) for name, z in plain.items()}
    mean = torch.stack([p[model.name] for model in group.models]).mean(0)
    for guess in (int(mean.argmin()), int(mean.argmax())):
        answer = position_answer(group, TEXT, at=4, temperature=1.0, guess=guess)
        assert answer.guess.id == guess
        ids = [token.id for token in answer.rows]
        assert len(set(ids)) == 15
        assert {guess, answer.own.id} <= set(ids)
        assert ids == sorted(ids, key=lambda token: -float(mean[token]))
        for bars in answer.bars:
            assert bars.guess_rank == 1 + int((p[bars.model] > p[bars.model][guess]).sum())
    with pytest.raises(InputError, match="there is no token 99999"):
        position_answer(group, TEXT, at=4, temperature=1.0, guess=99_999)


def test_a_forced_token_changes_what_follows_and_nothing_before(group):
    whole = text_answer(group, TEXT)
    branch = text_answer(group, TEXT, [Forced(4, 9, True)])
    assert branch.tokens[4].id == 9
    for before, after in zip(whole.strips, branch.strips, strict=True):
        assert before.surprisals[:3] == pytest.approx(after.surprisals[:3], rel=1e-5)
        assert before.surprisals[3:] != pytest.approx(after.surprisals[3:], rel=1e-2)


def test_a_place_that_the_text_does_not_have_is_refused(group):
    for at in (0, 99):
        with pytest.raises(InputError, match=f"nothing is predicted at place {at}"):
            position_answer(group, TEXT, at=at, temperature=1.0)
    full = text_answer(group, "cat " * 400)
    assert (full.may_continue, full.cut > 0) == (False, True)
    with pytest.raises(InputError, match="nothing is predicted at place 257"):
        position_answer(group, "cat " * 400, at=257, temperature=1.0)
