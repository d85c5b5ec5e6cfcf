"""Check a run's results against their manifests, before they are shown."""

from pathlib import Path

from babyllama.errors import InputError, command
from babyllama.runs.layout import Layout, resume_command
from babyllama.runs.manifests import damaged, read_manifest

_READ = (".json", ".jsonl")  # scores, predictions, logs, counts; weights and text are not read


def refuse_damaged(folder: Path, example: str) -> None:
    """Compare the results in a run's finished folders with their manifests.

    Args:
        example: a command that reads a run, shown if the folder is not a run.

    Raises:
        InputError: not a run, or a result or manifest that is missing or has changed (names it).
    """
    layout = Layout(folder)
    recipe = layout.load_recipe(example)
    for place in layout.stages(recipe).values():
        manifest = None if place == layout.report else read_manifest(place)
        if manifest is None:
            continue
        read = {name: record for name, record in manifest["files"].items() if name.endswith(_READ)}
        damage = next(damaged(place, {**manifest, "files": read}), None)
        if damage is not None:
            raise InputError(
                damage,
                why="The file was changed or damaged after it was made, so no results are shown.",
                mend=rebuild(folder),
            )


def rebuild(folder: Path) -> str:
    """How to make the damaged parts of a run again."""
    verify, again = command("verify", folder), resume_command(folder)
    return f"Find all damage, then make the damaged parts again:\n  {verify}\n  {again}"
