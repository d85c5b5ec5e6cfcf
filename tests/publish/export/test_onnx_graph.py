"""The graph has named dynamic axes, a stated opset and nothing of this machine."""

from pathlib import Path

import onnx

import babyllama
from babyllama.publish.export.onnx_graph import OPSET, weight_bytes


def axes(value):
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


def test_inputs_and_outputs_are_named_with_dynamic_axes(graph):
    read = onnx.load(graph).graph
    found = {value.name: axes(value) for value in [*read.input, *read.output]}
    assert found == {
        "input_ids": ["batch", "sequence"],
        "attention_mask": ["batch", "sequence"],
        "logits": ["batch", "sequence", 320],
    }


def test_the_opset_is_the_stated_one(graph):
    assert {each.domain: each.version for each in onnx.load(graph).opset_import}[""] == OPSET


def test_the_file_describes_the_model_and_names_no_path(graph):
    read = onnx.load(graph)
    said = {each.key: each.value for each in read.metadata_props}
    assert said == {"name": "two models", "description": "A mean.", "license": "mit"}
    content = graph.read_bytes()
    for path in (graph.parent, Path(babyllama.__file__).parent, Path(onnx.__file__).parent):
        assert str(path).encode() not in content
    assert b".py" not in content


def test_the_weights_of_all_models_count(ensemble):
    each = [sum(p.numel() for p in model.parameters()) for model in ensemble.models]
    assert weight_bytes(ensemble) == 4 * sum(each)
