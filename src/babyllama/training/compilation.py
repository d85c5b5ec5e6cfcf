"""torch.compile for a model's blocks, where a C++ compiler is installed."""

import shutil
from typing import TYPE_CHECKING

import torch
from torch import nn

from babyllama.console import print_status

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_COMPILER = ("torch._dynamo", "torch._inductor")


def can_compile() -> bool:
    """Whether the compiler that torch.compile needs is installed: C++, and C for a GPU."""
    compilers = ("gcc", "cc", "clang") if torch.cuda.is_available() else ("g++", "clang++")
    return any(map(shutil.which, compilers))


def is_of_compiler(error: BaseException) -> bool:
    """Whether torch's compiler raised an error, or another error because of one of its own.

    A signal that asks a process to stop may also end the programs that compile for it.
    """
    modules = (each.__module__ for each in type(error).__mro__)
    if any(module.startswith(_COMPILER) for module in modules):
        return True
    earlier = error.__cause__ or error.__context__
    return earlier is not None and is_of_compiler(earlier)


def compile_blocks(model: "PreTrainedModel") -> None:
    """Compile each repeated block; equal blocks share one compilation.

    Without a compiler the blocks run uncompiled, and a line says so.
    """
    if not can_compile():
        print_status("  no C++ compiler found: blocks run uncompiled, somewhat slower", style="dim")
        return
    for module in model.modules():
        if isinstance(module, nn.ModuleList):
            for block in module:
                block.compile()
