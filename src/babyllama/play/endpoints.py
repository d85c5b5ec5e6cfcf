"""The answers of the page as JSON, and what models write as server-sent events.

Answers are computed one at a time, whoever asks: the models use all cores as it is. Text that
models write is streamed, and waits for its turn at every token, so that other answers come in
between. Whoever stops listening stops the writing, and so does the end of the server.
"""

import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import closing
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar

from babyllama.errors import InputError
from babyllama.play.answers import position_answer, text_answer
from babyllama.play.beginning import beginning_of
from babyllama.play.losses import loss_answer
from babyllama.play.models import Cast, Group
from babyllama.play.opening import Opening, as_json
from babyllama.play.pairs import pair_answer
from babyllama.play.predictions import Filter, benchmarks_of, pairs_answer
from babyllama.play.requests import (
    BEGIN_AGAIN,
    Asked,
    LossAsked,
    PairAsked,
    PairsAsked,
    PositionAsked,
    TextAsked,
    TokenAsked,
    WritingAsked,
    parsed,
)
from babyllama.play.vocabulary import first_token, token_answer
from babyllama.play.writing import Wish, Written, written

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_LARGEST_BODY = 2_000_000  # bytes: more than any text that is read

Body = TypeVar("Body", bound=Asked)
Answer = TypeVar("Answer")


def endpoints(cast: Cast, opening: Opening) -> "Starlette":
    """The answers about some models as an ASGI application.

    Args:
        opening: says when the server is being ended.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    answers = _Answers(cast, opening)
    posts = {
        "/text": answers.of_text,
        "/position": answers.of_position,
        "/token": answers.of_token,
        "/loss": answers.of_loss,
        "/pair": answers.of_pair,
        "/pairs": answers.of_pairs,
        "/write": answers.of_writing,
    }
    return Starlette(
        routes=[
            Route("/models", answers.of_models),
            *(Route(path, answer, methods=["POST"]) for path, answer in posts.items()),
        ],
        exception_handlers={InputError: _refused},
    )


async def _refused(_request: "Request", error: Exception) -> "Response":
    from starlette.responses import JSONResponse

    assert isinstance(error, InputError)
    return JSONResponse(as_json(error), status_code=400)


class _Answers:
    """The handlers of the requests, round one lock."""

    def __init__(self, cast: Cast, opening: Opening) -> None:
        self._cast = cast
        self._opening = opening
        self._lock = threading.Lock()

    async def of_models(self, _request: "Request") -> "Response":
        """What there is to show."""
        return await self._answered(lambda: overview(self._cast))

    async def of_text(self, request: "Request") -> "Response":
        """Surprisals of a text."""
        asked = await _body(request, TextAsked)
        group = _group(self._cast, asked.group)
        return await self._answered(lambda: text_answer(group, asked.text, asked.forced_tokens()))

    async def of_position(self, request: "Request") -> "Response":
        """Distributions at one place."""
        asked = await _body(request, PositionAsked)
        group = _group(self._cast, asked.group)
        return await self._answered(
            lambda: position_answer(
                group, asked.text, asked.forced_tokens(),
                at=asked.at, temperature=asked.temperature, guess=asked.guess,
            )
        )  # fmt: skip

    async def of_token(self, request: "Request") -> "Response":
        """The token of a text that is one token, or the first one of a word."""
        asked = await _body(request, TokenAsked)
        group = _group(self._cast, asked.group)
        answer = first_token if asked.begins else token_answer
        return await self._answered(lambda: answer(group, asked.text))

    async def of_loss(self, request: "Request") -> "Response":
        """A student's loss at one place."""
        asked = await _body(request, LossAsked)
        group = _group(self._cast, asked.group)
        lesson = self._cast.lessons.get(asked.student)
        if lesson is None:
            raise InputError(
                f"{asked.student!r} was not distilled from models on this page",
                mend="Choose a distilled student of a run.",
            )
        return await self._answered(
            lambda: loss_answer(group, lesson, asked.text, asked.forced_tokens(), at=asked.at)
        )

    async def of_pair(self, request: "Request") -> "Response":
        """Two sentences compared."""
        asked = await _body(request, PairAsked)
        group = _group(self._cast, asked.group)
        return await self._answered(lambda: pair_answer(group, asked.first, asked.second))

    async def of_pairs(self, request: "Request") -> "Response":
        """A page of a run's own pairs."""
        asked = await _body(request, PairsAsked)
        if asked.run not in self._cast.runs:
            raise InputError(f"there is no run {asked.run!r} here", mend=BEGIN_AGAIN)
        run = self._cast.runs[asked.run]
        wanted = Filter(asked.right, asked.wrong, asked.uid, asked.words)
        return await self._answered(
            lambda: pairs_answer(run, asked.benchmark, wanted, start=asked.start)
        )

    async def of_writing(self, request: "Request") -> "Response":
        """Text of all models, as server-sent events."""
        from starlette.responses import StreamingResponse

        asked = await _body(request, WritingAsked)
        group = _group(self._cast, asked.group)
        wish = Wish(asked.seed, asked.temperature, asked.tokens)
        steps = written(group, asked.text, wish, asked.forced_tokens())
        # The first step says whether anything can be written: its refusal is an ordinary answer.
        first = await self._computed(lambda: next(steps, None))
        return StreamingResponse(self._events(first, steps), media_type="text/event-stream")

    async def _events(
        self, first: Written | None, steps: Generator[Written, None, None]
    ) -> AsyncIterator[str]:
        event = first
        with closing(steps):  # also if nobody listens any more
            while event is not None:
                if self._opening.is_closed:
                    return  # without the event at the end: the page says that the server stopped
                yield f"data: {json.dumps(asdict(event))}\n\n"
                event = await self._computed(lambda: next(steps, None))
        yield "event: end\ndata: {}\n\n"

    async def _answered(self, compute: Callable[[], Any]) -> "Response":
        from starlette.responses import JSONResponse

        found = await self._computed(compute)
        return JSONResponse(found if isinstance(found, dict) else asdict(found))

    def _computed(self, compute: Callable[[], Answer]) -> Awaitable[Answer]:
        """Compute in a thread, while no other answer is being computed."""
        from starlette.concurrency import run_in_threadpool

        def alone() -> Answer:
            with self._lock:
                return compute()

        return run_in_threadpool(alone)


async def _body(request: "Request", kind: type[Body]) -> Body:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST_BODY:
            raise InputError("the text is too long to be sent", mend="Shorten it.")
        parts.append(part)
    return parsed(kind, b"".join(parts))


def _group(cast: Cast, number: int) -> Group:
    if number >= len(cast.groups):
        raise InputError(f"there is no group {number} here", mend=BEGIN_AGAIN)
    return cast.groups[number]


def overview(cast: Cast) -> dict[str, Any]:
    """What the page shows before a text is read: models, students' losses, runs, notes."""
    return {
        "version": metadata.version("babyllama"),
        "text": beginning_of(cast.runs.values()),
        "notes": cast.notes,
        "groups": [
            {
                "models": [{"name": each.name, "role": each.role} for each in group.models],
                "reference": group.reference,
                "positions": group.positions,
                "vocabulary": group.models[0].ensemble.mixture.vocab_size,
                "rules": group.models[0].scorer.rules.name,
                "marks": _marks(group),
            }
            for group in cast.groups
        ],
        "lessons": [
            {
                "student": each.student,
                "temperature": each.recipe.temperature,
                "group": _group_of(cast, each.student),
            }
            for each in cast.lessons.values()
        ],
        "runs": [
            {
                "prefix": prefix,
                "name": folder.absolute().name,
                "benchmarks": benchmarks_of(folder),
                "group": _group_of(cast, prefix),
            }
            for prefix, folder in cast.runs.items()
        ],
    }


def _group_of(cast: Cast, prefix: str) -> int:
    """The number of the first group with a model whose name begins with the prefix."""
    return next(
        number
        for number, group in enumerate(cast.groups)
        if any(model.name.startswith(prefix) for model in group.models)
    )


def _marks(group: Group) -> dict[str, str | None] | None:
    """The tokens at the start of a line and at the end of a document, if training had them."""
    if not group.marks_lines:
        return None
    return {"line": group.tokenizer.bos_token, "document": group.tokenizer.eos_token}
