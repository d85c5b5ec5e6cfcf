"""`babyllama corpus fetch` and `corpus identify`: the official releases of BabyLM."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from babyllama.cli.outputs import refuse_unwritable_folder
from babyllama.console import print_json, print_line
from babyllama.errors import numbered

if TYPE_CHECKING:
    from babyllama.data.releases.identifying import Found, Match


def fetch(
    name: Annotated[str, typer.Argument(help="A release; a wrong name lists all of them.")],
    out: Annotated[Path, typer.Argument(help="The folder into which its files are put.")],
) -> None:
    """Download an official release of BabyLM and check every byte of it.

    Existing files are checked and kept, so the same command resumes. HF_ENDPOINT, HF_TOKEN
    and HF_HUB_OFFLINE are respected. Without a network it names the files to download by hand.

    Example: `babyllama corpus fetch babylm-2026-strict-small raw`
    """
    from babyllama.data.releases.fetching import fetch as fetch_release

    refuse_unwritable_folder(out)
    fetch_release(name, out)
    print_line(str(out))


def identify(
    path: Annotated[Path, typer.Argument(help="A folder of files, one file, or a zip.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which official release of BabyLM some files are, byte for byte, or how they differ.

    Example: `babyllama corpus identify raw`
    """
    from babyllama.data.releases.identifying import identify as identify_files

    found = identify_files(path)
    if as_json:
        print_json(asdict(found))
        return
    same = sum(each.state == "same" for match in found.matches for each in match.found)
    said = "is an official file" if found.files == 1 else "are official files"
    print_line(f"{same:,} of {numbered(found.files, 'file')} {said} of a release, byte for byte")
    for match in found.matches:
        for line in _in_words(match):
            print_line(line)
    if found.others:
        print_line("of no release that is known here:")
        for name in found.others:
            print_line(f"  {name}")
    for name, why in found.unreadable.items():
        print_line(f"{name} could not be read: {why}")


def _in_words(match: "Match") -> list[str]:
    """A release and its files, a line for each."""
    width = max(len(each.path) for each in match.found)
    lines = [f"{match.release} ({match.title}): {_verdict(match)}"]
    lines += [f"  {each.path:<{width}}  {_state(each)}" for each in match.found]
    if match.missing and any(each.state != "differs" for each in match.found):
        lines.append(f"  missing: {', '.join(match.missing)}")
    if match.also:
        lines.append(f"  may also be: {', '.join(match.also)}")
    return lines


def _verdict(match: "Match") -> str:
    states = {each.state for each in match.found}
    if match.is_complete:
        return f"complete, all {match.total} files are here"
    if match.same:
        return f"{match.same} of its {match.total} files are here"
    if states != {"differs"}:
        return f"none of its {match.total} files is here as it was published"
    return f"no, but {len(match.found)} of its {match.total} file names are here with other bytes"


def _state(found: "Found") -> str:
    is_renamed = found.path.rpartition("/")[2] != found.official.rpartition("/")[2]
    if found.state == "same":
        return f"the official {found.official if is_renamed else 'file'}"
    return f"{found.official}: {found.how}" if is_renamed else found.how
