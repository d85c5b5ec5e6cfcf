"""Text that all models of a group write, step by step, from the same random numbers."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from babyllama.data.tokenizer import reserved_tokens
from babyllama.errors import InputError
from babyllama.models.sampling import Drawing, steps_of
from babyllama.models.vocabulary import control_token
from babyllama.play.models import Group, Shown
from babyllama.play.reading import Forced, Token, read, tokens_of

MOST_TOKENS = 200


@dataclass(frozen=True)
class Wish:
    """What is to be written.

    Attributes:
        seed: decides the random number of each step; the same for all models.
        temperature: what the logits are divided by.
        tokens: new ones at most.
    """

    seed: int
    temperature: float
    tokens: int


@dataclass(frozen=True)
class Written:
    """One event: a model's next token, or its end.

    Attributes:
        step: the number of the token, from 0.
        token: None at the end.
        end: why the model stops: `eos`, `positions` or `length`; "" of a token.
    """

    model: str
    step: int
    token: Token | None
    end: str = ""


def chances(wish: Wish) -> Float64[Tensor, "1 steps"]:
    """The uniform number of each step; all models draw with the same ones."""
    generator = torch.Generator().manual_seed(wish.seed)
    return torch.rand(1, wish.tokens, dtype=torch.float64, generator=generator)


def written(
    group: Group, text: str, wish: Wish, forced: Sequence[Forced] = ()
) -> Generator[Written, None, None]:
    """What each model writes after a text: the first token of all, then the second, and so on.

    A text is continued where it would be cut for length.

    Raises:
        InputError: what `read` raises; a text that fills the positions.
    """
    ids = read(group, text, forced).ids
    tokens = wish.tokens
    if group.positions is not None:
        # The last new token needs no position.
        tokens = min(tokens, group.positions - len(ids) + 1)
    if tokens < 1:
        raise InputError(
            f"the text fills all {group.positions} positions of the models",
            mend="Shorten it, so that something can be written after it.",
        )
    end = "length" if tokens == wish.tokens else "positions"
    going = [_going(model, ids, wish, tokens) for model in group.models]
    for step in range(tokens):
        for number, model in enumerate(group.models):
            state = going[number]
            if state is None:
                continue
            token = int(next(state.steps)[0])
            if token == state.eos:
                going[number] = None
                yield Written(model.name, step, None, "eos")
            else:
                yield Written(model.name, step, tokens_of(group.tokenizer, [token])[0])
    for number, model in enumerate(group.models):
        if going[number] is not None:
            yield Written(model.name, tokens, None, end)


@dataclass(frozen=True)
class _Going:
    """A model that is still writing."""

    steps: Iterator[Tensor]
    eos: int | None


def _going(model: Shown, ids: Sequence[int], wish: Wish, tokens: int) -> _Going | None:
    ensemble, tokenizer = model.ensemble, model.scorer.tokenizer
    known = ensemble.mixture.vocab_size
    ends = {
        control_token(member.config, tokenizer, "eos", known=known) for member in ensemble.models
    }
    eos = ends.pop() if len(ends) == 1 else None
    drawing = Drawing(wish.temperature, None, tuple(reserved_tokens(tokenizer)))
    context = torch.tensor([ids], dtype=torch.int64, device=ensemble.device)
    steps = steps_of(ensemble, context, chances(wish)[:, :tokens], drawing, ends=eos)
    return _Going(steps, eos)
