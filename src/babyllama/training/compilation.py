"""torch.compile for a model's blocks, where a C++ compiler is there."""

import shutil
from typing import TYPE_CHECKING

import torch
from torch import nn

from babyllama.console import say

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def compile_blocks(model: "PreTrainedModel") -> None:
    """Compile each repeated block; equal blocks share one compilation.

    Without a C++ compiler a processor runs the blocks as they are, and that is said once.
    """
    if not torch.cuda.is_available() and not (shutil.which("g++") or shutil.which("clang++")):
        say("  no C++ compiler found: blocks run uncompiled, somewhat slower", style="dim")
        return
    for module in model.modules():
        if isinstance(module, nn.ModuleList):
            for block in module:
                block.compile()
