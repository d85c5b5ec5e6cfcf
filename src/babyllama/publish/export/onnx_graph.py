"""Models as one ONNX graph: token ids in, logits out, no cache.

    input_ids, attention_mask (batch, sequence), int64  ->  logits (batch, sequence, vocab), float32

Batch and sequence may have any size, the sequence up to the model's positions. The mask is 0 at
padding, on either side: positions are counted from the first token that is none. An ensemble's
models and their mean are in the same graph; a single model is an ensemble of one.
"""

import inspect
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from babyllama.models.ensemble import Ensemble
from babyllama.publish.export.about import About

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

OPSET = 18
LARGEST_FILE = 1_900_000_000  # bytes of weights; protobuf ends at 2 GiB


class _Graph(nn.Module):
    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.members = nn.ModuleList(ensemble.models)
        self.ensemble = ensemble
        if ensemble.mixture.is_linear:
            # Made here: the exporter would leave tensors of its own in the ensemble's.
            self.register_buffer("head", ensemble.mixture.head.weight)

    def forward(
        self,
        input_ids: Int64[Tensor, "batch window"],
        attention_mask: Int64[Tensor, "batch window"],
    ) -> Float[Tensor, "batch window vocab"]:
        context = {"attention_mask": attention_mask}
        if _reads_positions(self.ensemble):
            context["position_ids"] = (attention_mask.cumsum(-1) - 1).clamp(min=0)
        states = self.ensemble.states(input_ids, **context)
        flat = self.ensemble.mixture.logits(states.flatten(0, 1))
        return flat.reshape(*input_ids.shape, -1)


def write_onnx(path: Path, ensemble: Ensemble, about: About) -> None:
    """Write the graph; weights beyond 1.9 GB go into a file beside it."""
    ids = torch.arange(3, 17).reshape(2, 7) % ensemble.mixture.vocab_size
    batch, sequence = torch.export.Dim("batch"), torch.export.Dim("sequence")
    axes = {0: batch, 1: sequence}
    with _quiet():
        program = torch.onnx.export(
            _Graph(ensemble).eval(),
            (ids, torch.ones_like(ids)),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": axes, "attention_mask": axes},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    _describe(program, about)
    program.save(str(path), external_data=weight_bytes(ensemble) > LARGEST_FILE)


def weight_bytes(ensemble: Ensemble) -> int:
    """The size of all weights."""
    return sum(4 * each.numel() for model in ensemble.models for each in model.parameters())


def _describe(program: "ONNXProgram", about: About) -> None:
    """Replace what the exporter noted, which names files of this machine, by our description."""
    graph = program.model.graph
    parts: list[Any] = [program.model, graph, *graph.all_nodes(), *graph.initializers.values()]
    for part in parts:
        part.metadata_props.clear()
        part.doc_string = None
    for node in graph.all_nodes():
        for value in node.outputs:
            value.metadata_props.clear()
    said = {"name": about.name, "description": about.description, "license": about.license}
    program.model.metadata_props.update({key: value for key, value in said.items() if value})


def _reads_positions(ensemble: Ensemble) -> bool:
    """Whether all models take the positions of tokens; those with other means count themselves."""
    return all(
        "position_ids" in inspect.signature(model.base_model.forward).parameters
        for model in ensemble.models
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch's exporter and its libraries say about themselves."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
