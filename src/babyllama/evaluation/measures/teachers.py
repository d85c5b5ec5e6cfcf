"""The teachers' states on the measured dev text: computed once, read for every model of a run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from babyllama.console import ProgressBar
from babyllama.evaluation.measures.dev_text import DevText
from babyllama.models.ensemble import Ensemble, Mixture, load_ensemble
from babyllama.models.logits import Head
from babyllama.models.precision import pick_device
from babyllama.models.tensor_files import write_tensors
from babyllama.recipe import Mixing
from babyllama.runs.artefact import Facts
from babyllama.runs.kept import kept
from babyllama.runs.manifests import digest


@dataclass(frozen=True)
class TeacherStates:
    """What the teachers' logits are computed from, at every measured token.

    Attributes:
        states: memory-mapped where they are read from a file.
    """

    mixture: Mixture
    states: Float[Tensor, "predicted hidden"]

    def logits(self, part: slice) -> Float[Tensor, "tokens vocab"]:
        """The ensemble's logits at some tokens, on the device of its heads."""
        device = self.mixture.heads[0].weight.device
        return self.mixture.logits(self.states[part].to(device))


def teacher_states(
    teachers: Sequence[Path], mixing: Mixing, text: DevText, folder: Path | None = None
) -> TeacherStates:
    """The states of teachers at each predicted token.

    Args:
        folder: where they are kept for other models, with the output heads: reading them takes no
            forward pass and none of the teachers' memory. They take 4 bytes for each column of the
            teachers' states and token: 80 MiB a 640 columns.
    """
    if folder is None:
        ensemble = load_ensemble(teachers, device=pick_device(), mixing=mixing)
        return TeacherStates(ensemble.mixture, predicted_states(ensemble, text))
    file = folder / "teachers.safetensors"

    def make() -> Facts:
        found = teacher_states(teachers, mixing, text)
        mixture = found.mixture
        heads = {
            f"head {n}": head.weight.contiguous().cpu() for n, head in enumerate(mixture.heads)
        }
        folder.mkdir(parents=True, exist_ok=True)
        # Processes that score models may write it at the same time: the same bytes.
        write_tensors(
            file, {"states": found.states.cpu(), **heads}, beside=Path(f"{file}.{os.getpid()}")
        )
        return {
            "weights": list(mixture.weights),
            "mean_of": mixture.mean_of,
            "softcaps": [head.softcap for head in mixture.heads],
        }

    key = {
        "teachers": [digest(each) for each in teachers],
        **mixing.model_dump(mode="json"),
        "tokens": digest(text.tokens),
        "window": text.window,
    }
    facts = kept(folder / "teachers.json", key, make, field="mixture", files=[file])
    tensors, device = load_file(file), pick_device()
    heads = tuple(
        Head(tensors[f"head {number}"].to(device), softcap=softcap)
        for number, softcap in enumerate(facts["softcaps"])
    )
    mixture = Mixture(heads, tuple(facts["weights"]), facts["mean_of"])
    return TeacherStates(mixture, tensors["states"])


@torch.no_grad()
def predicted_states(ensemble: Ensemble, text: DevText) -> Float[Tensor, "predicted hidden"]:
    """A model's states where it predicts a measured token."""
    parts = []
    with ProgressBar("measures", len(text.places) // (text.window - 1), "windows") as bar:
        for batch in text.batches():
            states = ensemble.states_of(batch)[:, :-1]
            parts.append(states.flatten(0, 1).cpu())
            bar.advance(len(batch.starts))
    return torch.cat(parts)
