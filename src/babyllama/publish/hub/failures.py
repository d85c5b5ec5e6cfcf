"""What the hub's library raises, as a message that says what to do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from babyllama.errors import InputError

_LOGIN = "Log in with `hf auth login`, or set HF_TOKEN to a token from {}/settings/tokens"
_OTHER_TOKEN = "Correct HF_TOKEN ({}/settings/tokens), or unset it and run `hf auth login`"
_ENDPOINT = (
    "Try again later. If that does not help, check HF_ENDPOINT, and whether the network wants a "
    "login in a browser first."
)
_AGAIN = "The same command goes on: uploaded files are not uploaded again."


@contextmanager
def explaining(endpoint: str, repository: str, *, uploaded: str) -> Iterator[None]:
    """Turn failures of requests to the hub into messages.

    Args:
        uploaded: how much was uploaded if these requests fail, in a sentence.

    Raises:
        InputError: no token, no network, no permission, or what the hub says.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        found = (_explained(each, endpoint, repository, uploaded) for each in _chain(error))
        known = next(filter(None, found), None)
        if known is None:
            raise
        raise known from error


def _explained(
    error: BaseException, endpoint: str, repository: str, uploaded: str
) -> InputError | None:
    if isinstance(error, LocalTokenNotFoundError):
        return InputError(f"there is no token for {endpoint}", mend=_LOGIN.format(endpoint))
    if isinstance(error, OfflineModeIsEnabled):
        return InputError(
            "HF_HUB_OFFLINE is set, so nothing can be published",
            mend="Unset it, or add --dry-run to see what would be published.",
        )
    if isinstance(error, HfHubHTTPError):
        return _answered(error, endpoint, repository, uploaded)
    if isinstance(error, ValueError) and "Invalid metadata in README.md" in str(error):
        return InputError(
            f"{endpoint} refuses the metadata of the card: {_one_line(error)}",
            mend="Correct the part `card` of the recipe, or the README.md that you edited.",
        )
    if isinstance(error, json.JSONDecodeError):
        return InputError(
            f"{endpoint} does not answer like a hub: its answer is not JSON", mend=_ENDPOINT
        )
    if _is_of_network(error):
        return InputError(
            f"the connection to {endpoint} failed: {_one_line(error) or type(error).__name__}",
            why=uploaded,
            mend=f"Check the network and HF_ENDPOINT. {_AGAIN}",
        )
    return None


def _answered(error: HfHubHTTPError, endpoint: str, repository: str, uploaded: str) -> InputError:
    """What a status of the hub means here."""
    status = error.response.status_code
    said = _one_line(error.server_message or "")
    if status == 401:
        is_from_environment = "HF_TOKEN environment variable" in str(error)
        return InputError(
            f"{endpoint} does not accept the token",
            why="It is from HF_TOKEN, which overrides a login." if is_from_environment else "",
            mend=(_OTHER_TOKEN if is_from_environment else _LOGIN).format(endpoint),
        )
    if status in (403, 409) or isinstance(error, RepositoryNotFoundError):
        return InputError(
            f"{endpoint} does not let you write {repository}{f': {said}' if said else ''}",
            why="It belongs to somebody else, or the token may not write it.",
            mend="Choose a --repo of your own, or a token with the right to write.",
        )
    if status == 404:
        return InputError(
            f"{endpoint} does not answer like a hub: it has no such address", mend=_ENDPOINT
        )
    if status in (400, 413, 422):
        return InputError(
            f"{endpoint} refuses {repository}: {said or f'status {status}'}",
            mend="If it is about the card: correct the part `card` of the recipe.",
        )
    what = "limits the rate of requests" if status == 429 else f"has an error, status {status}"
    return InputError(
        f"{endpoint} {what}{f': {said}' if said else ''}",
        why=uploaded,
        mend=f"Try again {'in a few minutes' if status == 429 else 'later'}. {_AGAIN}",
    )


def _one_line(said: object) -> str:
    return " ".join(str(said).split())


def _is_of_network(error: BaseException) -> bool:
    # The library's HTTP client differs between its releases; each has these as its own classes.
    is_of_client = type(error).__module__.partition(".")[0].startswith(("httpx", "requests"))
    return is_of_client or isinstance(error, ConnectionError | TimeoutError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
