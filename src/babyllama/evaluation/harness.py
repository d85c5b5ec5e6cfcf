"""An ensemble as a model of lm-evaluation-harness, so that any of its tasks can score it.

    babyllama lm-eval run --model babyllama-ensemble \\
        --model_args pretrained=DIR1+DIR2,mean_of=logits --tasks lambada_openai

Release 0.4.13 of the harness knows only the models in its registry and has no entry points for
others, so `babyllama lm-eval` registers the ensemble and then runs the harness's own command line.
Tasks are entirely the harness's, context tokens included. Its class for Hugging Face models
computes log-likelihoods and generates, from the ensemble's logits.
"""

import difflib
import inspect
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn
from transformers import DynamicCache, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError, command
from babyllama.models.build import shortest_positions
from babyllama.models.ensemble import Ensemble, load_ensemble
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.recipe import Mixing, parse

try:
    from lm_eval.api.registry import model_registry
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
except ModuleNotFoundError as error:
    raise InputError(
        f"lm-evaluation-harness is not installed: module {error.name} not found",
        why="It is an optional dependency.",
        mend="Run: pip install 'babyllama[harness]'",
    ) from None

NAME = "babyllama-ensemble"
# The name of the argument with which generation passes the cache; transformers has changed it.
_CACHE = next(
    name
    for name in ("cache", "past_key_values")
    if name in inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
)


class _ModelArguments(Mixing):
    """The `--model_args` of the ensemble."""

    dtype: Literal["float32", "bfloat16"] = Field("float32", description="Data type of products.")


class EnsembleModel(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """An ensemble with the interface of a Hugging Face model: token ids in, mixed logits out."""

    config_class = PretrainedConfig

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__(_shared_config(ensemble))
        self.members = nn.ModuleList(ensemble.models)
        self.ensemble = ensemble

    def tie_weights(self, *_: Any, **__: Any) -> None:
        """Do nothing: the members' weights are tied already."""

    def new_cache(self) -> DynamicCache:
        """An empty cache with the layers of all members, in order.

        Raises:
            InputError: a member whose cache is not one of keys and values for each layer.
        """
        layers = []
        for model in self.ensemble.models:
            cache = DynamicCache(config=model.config)
            takes = inspect.signature(model.base_model.forward).parameters
            if _CACHE not in takes or len(cache.layers) != model.config.num_hidden_layers:
                raise InputError(
                    f"ensembles with {model.config.name_or_path} cannot generate text",
                    why=f"It is a {model.config.model_type}, whose cache is not one of keys and "
                    "values for each layer.",
                    mend="Choose tasks that need only likelihoods, or omit this model.",
                )
            layers += cache.layers
        joint = DynamicCache()
        joint.layers = layers
        return joint

    def forward(
        self,
        input_ids: Int64[Tensor, "batch window"],
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        logits_to_keep: int = 0,
        **more: Any,
    ) -> CausalLMOutput:
        """The ensemble's logits; see `babyllama.models.ensemble`.

        Args:
            logits_to_keep: return logits of so many last tokens; 0: of all tokens.
            more: a cache made by `new_cache`, if `input_ids` are the tokens after those in it;
                and other arguments of generation, which are ignored.
        """
        optional = {"attention_mask": attention_mask, "position_ids": position_ids}
        given = {name: value for name, value in optional.items() if value is not None}
        states = self._states(input_ids, more.get(_CACHE), given)[:, -logits_to_keep:]
        logits = self.ensemble.mixture.logits(states.flatten(0, 1))
        return CausalLMOutput(logits=logits.view(*states.shape[:2], -1))

    def _states(
        self, input_ids: Tensor, cache: DynamicCache | None, given: dict[str, Any]
    ) -> Float[Tensor, "batch window hidden"]:
        if cache is None:
            return self.ensemble.states(input_ids, **given)
        parts = []
        start = 0
        for model in self.ensemble.models:
            own = DynamicCache()
            own.layers = cache.layers[start : start + model.config.num_hidden_layers]
            start += len(own.layers)
            alone = replace(self.ensemble, models=(model,))
            parts.append(alone.states(input_ids, **given, **{_CACHE: own}))
        return torch.cat(parts, dim=-1)


class EnsembleLM(HFLM):  # type: ignore[misc]
    """The harness's model for one or more model folders.

    Args:
        pretrained: folders joined by `+`, or a list of them.
        weights: of the models, as `0.7+0.3` or a list; equal by default.
        mean_of: `logits` or `probabilities`.
        dtype: float32 or bfloat16. Logits and sums are float32 in either case.
        device: cpu, cuda and the like; by default the GPU if there is one.
        batch_size: sequences of a batch; `auto`: as many as fit.
        max_length: longest input in tokens; by default that of the member with fewest positions.
        add_bos_token: whether BOS precedes contexts; by default what the tokenizer does.
        prefix_token_id: the token before texts without context; by default BOS, or else EOS.

    Raises:
        InputError: what `load_ensemble` raises, or arguments other than the above.
    """

    def __init__(
        self,
        pretrained: str | Sequence[str],
        *,
        weights: str | float | Sequence[float] | None = None,
        mean_of: str = "logits",
        dtype: str = "float32",
        device: str | None = None,
        batch_size: int | str = 1,
        max_batch_size: int = 64,
        max_length: int | None = None,
        add_bos_token: bool | None = None,
        prefix_token_id: int | None = None,
    ) -> None:
        folders = _folders(pretrained)
        given = {"weights": _weights(weights), "mean_of": mean_of, "dtype": dtype}
        arguments = parse(_ModelArguments, given, "--model_args")
        chosen = _device(device)
        ensemble = load_ensemble(
            folders,
            device=chosen,
            mixing=arguments,
            dtype=compute_dtype(arguments.dtype, chosen),
        )
        super().__init__(
            EnsembleModel(ensemble).eval(),
            backend="causal",
            tokenizer=load_tokenizer(folders[0]),
            batch_size=batch_size,
            max_batch_size=max_batch_size,
            max_length=max_length,
            add_bos_token=add_bos_token,
            prefix_token_id=prefix_token_id,
        )

    def _model_generate(
        self, context: Tensor, max_length: int, stop: list[str], **settings: Any
    ) -> Tensor:
        cache = {_CACHE: self.model.new_cache()}
        generated: Tensor = super()._model_generate(context, max_length, stop, **cache, **settings)
        return generated


def register() -> None:
    """Add the model to the harness's registry, in this process."""
    import lm_eval.models  # noqa: F401  the harness adds its own models only to an empty registry

    model_registry.register(NAME, target=EnsembleLM)


def run_harness(arguments: Sequence[str]) -> None:
    """Run the harness's command line, with the model `babyllama-ensemble` added.

    Args:
        arguments: those of the command `lm-eval`.

    Raises:
        InputError: tasks that the harness does not know, each with names that are close.
    """
    from lm_eval.__main__ import cli_evaluate

    register()
    before = sys.argv
    sys.argv = ["lm-eval", *arguments]  # the harness reads and changes it
    try:
        cli_evaluate()
    except ValueError as error:
        unknown = re.fullmatch(r"Tasks not found: (.*)", str(error))
        if unknown is None:
            raise
        raise unknown_tasks(unknown[1].split(", ")) from None
    finally:
        sys.argv = before


def unknown_tasks(tasks: Sequence[str]) -> InputError:
    """The message for tasks that the harness does not know."""
    known = TaskManager().all_tasks
    close = [name for task in tasks for name in difflib.get_close_matches(task, known)]
    return InputError(
        f"lm-evaluation-harness has no task {', '.join(map(repr, tasks))}",
        why=f"Names that are close: {', '.join(close)}." if close else "",
        mend=f"List all: {command('lm-eval', 'ls', 'tasks')}",
    )


def _shared_config(ensemble: Ensemble) -> PretrainedConfig:
    """A configuration that holds for all members, as the harness and generation need it."""
    configs = [model.config for model in ensemble.models]
    positions = shortest_positions(configs)
    config = PretrainedConfig(
        name_or_path="+".join(str(config.name_or_path) for config in configs),
        bos_token_id=configs[0].bos_token_id,
        eos_token_id=configs[0].eos_token_id,
        pad_token_id=configs[0].pad_token_id,
    )
    config.vocab_size = ensemble.mixture.vocab_size
    config.num_hidden_layers = sum(config.num_hidden_layers for config in configs)
    if positions is not None:
        config.max_position_embeddings = positions
    return config


def _folders(pretrained: str | Sequence[str]) -> list[Path]:
    if not isinstance(pretrained, str) and isinstance(pretrained, Sequence):
        return [Path(folder) for folder in pretrained]
    text = str(pretrained)  # the harness turns a name of digits into a number
    return [Path(text)] if Path(text).is_dir() else [Path(each) for each in text.split("+")]


def _weights(weights: str | float | Sequence[float] | None) -> list[float] | None:
    if weights is None:
        return None
    each = str(weights).split("+") if isinstance(weights, str | float | int) else weights
    try:
        return [float(weight) for weight in each]
    except ValueError:
        raise InputError(
            f"--model_args weights={weights}: not numbers",
            mend="Give one weight for each model, for example: weights=0.7+0.3",
        ) from None


def _device(name: str | None) -> torch.device:
    if name is None:
        return pick_device()
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # an unknown name, or no such device here
        raise InputError(
            f"device {name} cannot be used",
            why=str(error).strip().splitlines()[0],
            mend="Choose cpu, or cuda on a machine with a GPU.",
        ) from None
