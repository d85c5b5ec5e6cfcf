"""Models that llama.cpp does not compute as transformers does are refused."""

import pytest
import torch
from transformers import AutoConfig, GPTNeoXConfig

from babyllama.errors import InputError
from babyllama.models.loading import load_model
from babyllama.publish.export.gguf_weights import refuse_unknown_architecture, write_weights


def test_an_architecture_that_was_not_compared_is_named(tmp_path):
    with pytest.raises(InputError, match="is a gpt_neox model, which is not exported to GGUF"):
        refuse_unknown_architecture(tmp_path, GPTNeoXConfig())


@pytest.mark.parametrize(
    ("kind", "settings", "named"),
    [
        ("llama", {"hidden_act": "gelu"}, "hidden_act is gelu"),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
         "rope_type is linear"),
        ("mistral", {"sliding_window": 16}, "sliding_window is 16"),
        ("gpt2", {"activation_function": "relu"}, "activation_function is relu"),
        ("gpt2", {"scale_attn_weights": False}, "scale_attn_weights is false"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "inverse_layer_idx is true"),
    ],
)  # fmt: skip
def test_a_setting_that_llama_cpp_leaves_out_is_named(tmp_path, kind, settings, named):
    with pytest.raises(InputError, match=named):
        refuse_unknown_architecture(tmp_path, AutoConfig.for_model(kind, **settings))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2", "qwen3"])
def test_default_settings_are_accepted(tmp_path, kind):
    refuse_unknown_architecture(tmp_path, AutoConfig.for_model(kind))


def test_a_weight_that_float16_cannot_hold_is_named(llama):
    class Writer:
        def add_tensor(self, *_, **__):
            pass

    model = load_model(llama)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = 1e6
    write_weights(Writer(), model, 320, "f32")
    with pytest.raises(InputError, match=r"blk.1.ffn_up.weight has a weight of 1e\+06"):
        write_weights(Writer(), model, 320, "f16")
