"""What a run would do with each stage: keep it, make it, or replace it; nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from babyllama.runs import artefact
from babyllama.runs.artefact import Stage
from babyllama.runs.aside import free_name
from babyllama.runs.manifests import read_manifest

Does = Literal["keep", "make", "resume", "rebuild", "replace", "take back"]


@dataclass(frozen=True)
class Action:
    """What a run would do with a stage.

    Attributes:
        does: `keep` what is complete, `make` what is new, `resume` what was begun, `rebuild` what
            has changed, `replace` a changed training and keep the earlier one aside, `take back` a
            training kept aside whose settings are asked for again.
        why: what changed, which renewed stages this one reads, or the name of the folder that is
            kept aside or taken back.
    """

    stage: Stage
    does: Does
    why: str = ""


def preview(line: Sequence[Stage]) -> list[Action]:
    """The actions for stages in their order; what follows from an earlier action is included.

    A damaged folder gives the same files again, so that the stages after it are kept.
    """
    actions: list[Action] = []
    renewed: list[Stage] = []
    for stage in line:
        now = artefact.status(stage)
        before = [
            other.name
            for other in renewed
            if any(path.is_relative_to(other.out) for path in stage.inputs.values())
        ]
        action = _action(stage, now, before)
        actions.append(action)
        if action.does != "keep" and now.state != "damaged":
            renewed.append(stage)
    return actions


def _action(stage: Stage, now: artefact.Status, before: Sequence[str]) -> Action:
    is_made = read_manifest(stage.out) is not None
    if not before:
        if now.state == "complete":
            return Action(stage, "keep")
        if now.state == "aside":
            return Action(stage, "take back", f"{now.reason} has these settings")
        if now.state == "unfinished":
            return Action(stage, "resume")
        why = now.reason
    else:
        why = f"depends on {', '.join(before)}"
    if not is_made and now.state != "damaged":
        return Action(stage, "make", "" if now.reason == "new" else why)
    if stage.keeps and now.state != "damaged":
        kept = free_name(stage.out).name
        return Action(stage, "replace", f"{why}; the earlier one is kept as {kept}")
    return Action(stage, "rebuild", why)
