"""The answers of the page, and what it says until its models are loaded.

torch and the models take several seconds, so the server starts before they are imported.
"""

from typing import TYPE_CHECKING, Any

from babyllama.errors import InputError
from babyllama.play.finding import Found

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from babyllama.play.models import Cast


class Opening:
    """An ASGI application that answers 503 until it is given the answers.

    Attributes:
        doing: what is being loaded.
        answers: the application that answers; None until the models are loaded.
        fault: why they cannot be loaded.
        is_closed: whether the server is being ended.
    """

    def __init__(self) -> None:
        self.doing = "starting"
        self.answers: ASGIApp | None = None
        self.fault: InputError | None = None
        self.is_closed = False

    @property
    def is_over(self) -> bool:
        """Whether nothing is being loaded any more."""
        return self.answers is not None or self.fault is not None or self.is_closed

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        from starlette.responses import JSONResponse

        if self.answers is not None:
            await self.answers(scope, receive, send)
            return
        fault = self.fault or InputError(
            "the models are not loaded yet", why=f"It is {self.doing}.", mend="Wait for it."
        )
        await JSONResponse(as_json(fault), status_code=503)(scope, receive, send)


def as_json(error: InputError) -> dict[str, Any]:
    """An error as the page shows it."""
    return {"what": error.what, "why": error.why, "mend": error.mend}


def load(found: Found, opening: Opening) -> "Cast":
    """Load the models, saying which one it is at.

    Raises:
        InputError: a model that cannot be loaded or shown.
    """
    opening.doing = "loading the libraries"
    from babyllama.models.precision import pick_device
    from babyllama.play.models import cast_of, load_shown

    device = pick_device()
    shown = []
    for number, model in enumerate(found.models, start=1):
        opening.doing = f"loading {number} of {len(found.models)}: {model.place}"
        shown.append(load_shown(model, device=device))
    return cast_of(found, shown)
