"""What can go wrong with a download, as a message that says what to get by hand."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from babyllama.data.releases.downloading import CutShortError
from babyllama.data.releases.known import Release, ReleaseFile
from babyllama.errors import InputError, command, quoted

_MOST_ADDRESSES = 10


@contextmanager
def explaining(release: Release, out: Path, missing: Sequence[ReleaseFile]) -> Iterator[None]:
    """Turn a failed download into a message.

    Args:
        missing: the files that are not in `out` yet; none if only the hub knows them.

    Raises:
        InputError: no network, offline mode, a gated repository, or what the server says; with the
            files to get by hand and where to put them.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        found = _explained(error, release)
        if found is None:
            raise
        what, why, first = found
        mend = "\n  ".join(filter(None, [first, *_by_hand(release, out, missing)]))
        raise InputError(
            f"{release.name} cannot be downloaded: {what}", why=why, mend=mend
        ) from error


def address(release: Release, file: ReleaseFile) -> str:
    """Where the hub has a file of a release."""
    assert release.repository is not None
    return hf_hub_url(release.repository, file.name, repo_type="dataset", revision=release.revision)


def page(release: Release) -> str:
    """Where a person finds the files in a browser."""
    if release.archive:
        return release.archive.page
    revision = release.revision or "main"
    return f"{constants.ENDPOINT}/datasets/{release.repository}/tree/{revision}"


def _by_hand(release: Release, out: Path, missing: Sequence[ReleaseFile]) -> Iterator[str]:
    """Which files to get, where to put them, and the command that goes on."""
    again = command("corpus", "fetch", release.name, out)
    if release.archive:
        yield (
            f"By hand: download {release.archive.name} from {page(release)} (its address is "
            f"{release.archive.address}) and put it into {quoted(out)}."
        )
    elif missing and len(missing) <= _MOST_ADDRESSES:
        yield f"By hand: download these files and put them into {quoted(out)}:"
        yield from (f"  {address(release, each)}" for each in missing)
    else:
        yield f"By hand: download the files of {page(release)} and put them into {quoted(out)}."
    if missing:
        yield f"Then the same command checks them and goes on: {again}"
    else:
        yield (
            "No size or hash of these files is known here, so they can be checked only with the "
            f"hub: {again}"
        )


def _explained(error: Exception, release: Release) -> tuple[str, str, str] | None:
    """What happened, why, and what to try first; None for a mistake of ours."""
    host = _host(release)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set", "", "Unset it where there is a network."
    if isinstance(error, HfHubHTTPError):
        return _answered(error, release, host)
    if isinstance(error, json.JSONDecodeError):
        return f"{host} does not answer like a hub", "Its answer is not JSON.", "Check HF_ENDPOINT."
    is_of_client = type(error).__module__.partition(".")[0].startswith(("httpx", "requests"))
    if isinstance(error, CutShortError) or is_of_client or isinstance(error, TimeoutError):
        said, endpoint = _one_line(error) or type(error).__name__, _endpoint(release)
        return (
            f"the connection to {host} failed: {said}",
            "What has arrived is kept.",
            f"Check the network{endpoint}; then the same command goes on.",
        )
    return None


def _answered(error: HfHubHTTPError, release: Release, host: str) -> tuple[str, str, str]:
    """What a status of the server means here."""
    status = error.response.status_code
    if release.repository and status in (401, 403):
        return (
            f"{host} does not let you read {release.repository}",
            "It is gated, or the token may not read it, or it does not exist.",
            f"Accept its conditions on {constants.ENDPOINT}/datasets/{release.repository}, and log "
            "in with `hf auth login` or set HF_TOKEN.",
        )
    if status in (404, 410):
        return (
            f"{host} does not have it, or not any more",
            "It answers with status 404." if status == 404 else "",
            f"Check the name of the release{_endpoint(release)}.",
        )
    what = "limits how often it may be asked" if status == 429 else f"answers with status {status}"
    said = _one_line(error.server_message or "")
    return f"{host} {what}{f': {said}' if said else ''}", "What has arrived is kept.", "Try later."


def _host(release: Release) -> str:
    return release.archive.address if release.archive else constants.ENDPOINT


def _endpoint(release: Release) -> str:
    """What else to check where the hub has the files."""
    return ", and HF_ENDPOINT if it is set" if release.repository else ""


def _one_line(said: object) -> str:
    return " ".join(str(said).split())
