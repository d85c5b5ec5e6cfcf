"""What a student's loss sees at one place."""

import dataclasses

import pytest
import torch
from references import plain_loss
from transformers import AutoModelForCausalLM

from babyllama.errors import InputError
from babyllama.play.losses import chosen_checkpoints, epochs_in_words, loss_answer
from babyllama.play.reading import read

TEXT = "The children have never seen any snow."
AT = 4


@pytest.fixture(scope="module")
def answer(cast, group):
    return loss_answer(group, cast.lessons["distilled"], TEXT, at=AT)


@pytest.fixture(scope="module")
def plain(play_run, group):
    """The state at the place and the head of each model, in float64."""
    found = {}
    student = play_run.student("distilled")
    folders = [*play_run.folder.glob("teachers/*"), student, *student.glob("chck_*")]
    for folder in folders:
        model = AutoModelForCausalLM.from_pretrained(folder).double()
        ids = torch.tensor([read(group, TEXT).ids[:AT]])
        with torch.no_grad():
            states = model.base_model(ids).last_hidden_state[:, -1:]
        found[folder.name] = states, model.get_output_embeddings().weight.detach()
    return found


def test_the_terms_are_those_of_the_textbooks_loss(answer, plain, group):
    labels = torch.tensor([[read(group, TEXT).ids[AT]]])
    z_bar = sum(states @ head.T for states, head in (plain["llama"], plain["gpt2"])) / 2
    moments = ["chck_1K", "chck_2K", "chck_11K", "distilled"]
    assert [each.title for each in answer.terms] == [
        "after 1 epoch", "after 2 epochs", "after 11 epochs", "finished",
    ]  # fmt: skip
    for name, each in zip(moments, answer.terms, strict=True):
        expected = plain_loss(
            *plain[name], labels, z_bar,
            temperature=answer.temperature, alpha=answer.alpha, reduction="token_mean",
        )  # fmt: skip
        found = (each.loss, each.cross_entropy, each.kl)
        assert found == pytest.approx([float(term) for term in expected], rel=1e-4)


def test_the_columns_are_the_targets_and_the_student_over_training(answer, plain):
    titles = [column.title for column in answer.columns]
    assert titles == [
        "the text: one-hot",
        "teachers, T = 1", "teachers, T = 2 (this loss)",
        "teachers, T = 4", "llama, T = 1", "gpt2, T = 1",
        "distilled, after 1 epoch", "distilled, after 2 epochs",
        "distilled, after 11 epochs", "distilled, finished",
    ]  # fmt: skip
    rows = [token.id for token in answer.rows]
    z_bar = sum(states @ head.T for states, head in (plain["llama"], plain["gpt2"])) / 2
    for temperature, column in zip((1, 2, 4), answer.columns[1:4], strict=True):
        expected = (z_bar[0, 0] / temperature).softmax(-1)[rows].tolist()
        assert column.probabilities == pytest.approx(expected, rel=1e-4)
    one_hot = answer.columns[0]
    assert [p for p, token in zip(one_hot.probabilities, answer.rows, strict=True)
            if token.id == answer.own.id] == [1.0]  # fmt: skip
    assert (sum(one_hot.probabilities), one_hot.rest) == (1.0, 0.0)
    assert answer.notes == ()


@pytest.mark.parametrize(
    ("epochs", "words"),
    [(1.01, "1 epoch"), (0.5, "0.5 epochs"), (3.04, "3 epochs"), (10, "10 epochs")],
)
def test_epochs_are_told_as_one_would_say_them(epochs, words):
    assert epochs_in_words(epochs) == words


def test_the_student_that_kept_no_checkpoints_is_shown_as_it_is_and_the_page_says_so(
    cast, group, play_run
):
    assert chosen_checkpoints(play_run.student("twin")) == {}
    lesson = dataclasses.replace(cast.lessons["distilled"], folder=play_run.student("twin"))
    answer = loss_answer(group, lesson, TEXT, at=AT)
    assert [each.title for each in answer.terms] == ["finished"]
    assert "its training kept no checkpoints" in answer.notes[0]
    assert "after 1 and 3 epochs as well, train it again" in answer.notes[0]
    assert "students.twin.training.word_checkpoints=[1000, 3000]" in answer.notes[0]


def test_the_end_of_a_text_has_no_target(cast, group):
    end = len(read(group, TEXT).ids)
    with pytest.raises(InputError, match="there is no target"):
        loss_answer(group, cast.lessons["distilled"], TEXT, at=end)
