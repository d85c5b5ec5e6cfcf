"""Optimisers: AdamW, Muon with AdamW for the rest, and the ascent of SAM around either."""

from collections.abc import Callable, Iterator
from itertools import chain

import torch
from torch import Tensor, nn

from babyllama.errors import InputError
from babyllama.recipe import AdamW, Muon, Sam, TrainingRecipe


class Optimizer:
    """One or two of torch's optimisers that make an update together."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> Iterator[dict[str, object]]:
        """The parameter groups of all parts."""
        return chain.from_iterable(part.param_groups for part in self.parts)

    def state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        """What is kept for a parameter between updates; a checkpoint fills it in place."""
        part = next(part for part in self.parts if _has(part, parameter))
        state: dict[str, Tensor] = part.state[parameter]
        return state

    def set_learning_rate(self, value: float) -> None:
        """Set the learning rate of the next update."""
        for group in self.param_groups:
            group["lr"] = value

    def step(self, skip_if: Tensor) -> None:
        """Make the update, unless `skip_if`, a number on the device, is 1.

        Fused kernels read it on the device. Others have no such switch, so the host must wait.
        """
        for part in self.parts:
            if part.defaults.get("fused"):
                part.found_inf = skip_if  # type: ignore[attr-defined]
                part.step()
            elif not bool(skip_if):
                part.step()

    def forget(self) -> None:
        """Empty the state, as before the first update."""
        for part in self.parts:
            part.state.clear()

    def zero_grad(self) -> None:
        """Delete the gradients."""
        for part in self.parts:
            part.zero_grad()


def make_optimizer(model: nn.Module, recipe: TrainingRecipe) -> Optimizer:
    """The recipe's optimiser for a model's parameters.

    Raises:
        InputError: Muon with a torch that does not have it.
    """
    refuse_missing_optimizer(recipe)
    chosen = recipe.optimizer
    if isinstance(chosen, Sam):
        chosen = chosen.around
    matrices, others = _split(model)
    rate = recipe.learning_rate
    if isinstance(chosen, AdamW):
        return Optimizer([_adamw(matrices, others, chosen, rate)])
    inner, rest = _of_blocks(model, matrices)
    if not inner:
        raise InputError(
            "training.optimizer is muon, but the model has no repeated blocks of matrices",
            mend="Use training.optimizer={kind: adamw} for this architecture.",
        )
    return Optimizer([_muon(inner, chosen, rate), _adamw(rest, others, chosen.rest, rate)])


def sam_ascent(model: nn.Module, rho: float) -> Callable[[], None]:
    """Move the weights by `rho` along their gradient, and delete it.

    Returns:
        a function that moves them back, to the same bits: the old weights are kept.

    Source: Foret et al. 2021 (arXiv 2010.01412), equation 2.
    """
    moved = [parameter for parameter in model.parameters() if parameter.grad is not None]
    before = [parameter.detach().clone() for parameter in moved]
    gradients = [parameter.grad for parameter in moved if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    with torch.no_grad():
        for parameter, gradient in zip(moved, gradients, strict=True):
            parameter.add_(gradient * (rho / (norm + 1e-12)))
            parameter.grad = None

    def restore() -> None:
        with torch.no_grad():
            for parameter, kept in zip(moved, before, strict=True):
                parameter.copy_(kept)

    return restore


def _adamw(
    matrices: list[nn.Parameter], others: list[nn.Parameter], recipe: AdamW, rate: float
) -> torch.optim.AdamW:
    others_decay = recipe.weight_decay if recipe.decay == "all" else 0.0
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": others_decay},
    ]
    return torch.optim.AdamW(
        groups, lr=rate, betas=(recipe.beta1, recipe.beta2), eps=recipe.epsilon, fused=True
    )


def refuse_missing_optimizer(recipe: TrainingRecipe) -> None:
    """Check that this torch has the recipe's optimiser.

    Raises:
        InputError: Muon with a torch before 2.9.
    """
    chosen = recipe.optimizer.around if isinstance(recipe.optimizer, Sam) else recipe.optimizer
    if isinstance(chosen, Muon) and not hasattr(torch.optim, "Muon"):
        raise InputError(
            f"training.optimizer is muon, which torch {torch.__version__} does not have",
            mend="Install torch 2.9 or later, or use training.optimizer={kind: adamw}",
        )


def _muon(matrices: list[nn.Parameter], recipe: Muon, rate: float) -> torch.optim.Optimizer:
    made: torch.optim.Optimizer = torch.optim.Muon(
        matrices,
        lr=rate,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        adjust_lr_fn="match_rms_adamw",
    )
    return made


def _split(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Weight matrices (the head too, unless it is tied to the embedding), and all else."""
    embeddings = set(_embeddings(model))
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in model.parameters():
        decays = parameter.ndim >= 2 and parameter not in embeddings
        (matrices if decays else others).append(parameter)
    return matrices, others


def _of_blocks(
    model: nn.Module, matrices: list[nn.Parameter]
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Matrices of two dimensions inside the repeated blocks, and the others."""
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    inside = {parameter for blocks in lists for parameter in blocks.parameters()}
    inner = [each for each in matrices if each in inside and each.ndim == 2]
    chosen = set(inner)
    return inner, [each for each in matrices if each not in chosen]


def _embeddings(model: nn.Module) -> Iterator[Tensor]:
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            yield module.weight


def _has(part: torch.optim.Optimizer, parameter: Tensor) -> bool:
    return any(parameter is each for group in part.param_groups for each in group["params"])
