"""One or several models as one model of lm-evaluation-harness, so that any of its tasks runs on it.

    babyllama lm-eval run --model babyllama-ensemble \\
        --model_args pretrained=DIR1+DIR2,mean_of=logits --tasks lambada_openai

Release 0.4.13 of the harness finds models in its own registry alone (it looks for no entry points),
hence a command that adds this one and then runs the harness's own command line. What tokens stand
before a text, and everything else about a task, is the harness's; log-likelihoods and generation
are its class for Hugging Face models, which reads the ensemble's logits here.
"""

import inspect
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from transformers import DynamicCache, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.models.build import shortest_positions
from babyllama.models.ensemble import Ensemble, load_ensemble
from babyllama.models.precision import pick_device
from babyllama.recipe import MeanOf, Mixing, parse

try:
    from lm_eval.api.registry import model_registry
    from lm_eval.models.huggingface import HFLM
except ModuleNotFoundError as error:
    raise InputError(
        f"lm-evaluation-harness is not installed: there is no {error.name}",
        why="Its tasks are run by itself.",
        mend="Run: pip install 'babyllama[harness]'",
    ) from None

NAME = "babyllama-ensemble"
# What generation calls the cache that it hands to a model: the library changed the name.
_CACHE = next(
    name
    for name in ("cache", "past_key_values")
    if name in inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
)
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class EnsembleModel(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """An ensemble under the face of one Hugging Face model: tokens in, the mixture's logits out."""

    config_class = PretrainedConfig

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__(_shared_config(ensemble))
        self.members = nn.ModuleList(ensemble.models)
        self.ensemble = ensemble

    def tie_weights(self, *_: Any, **__: Any) -> None:
        """Nothing: the members come with their weights tied."""

    def new_cache(self) -> DynamicCache:
        """What the members will remember of the tokens before: all their layers in a row.

        Raises:
            InputError: a member that remembers something else than keys and values.
        """
        layers = []
        for model in self.ensemble.models:
            cache = DynamicCache(config=model.config)
            takes = inspect.signature(model.base_model.forward).parameters
            if _CACHE not in takes or len(cache.layers) != model.config.num_hidden_layers:
                raise InputError(
                    f"{model.config.name_or_path} is a {model.config.model_type}",
                    why="What it remembers between tokens is not kept a layer at a time, so that "
                    "nothing is generated from ensembles with it.",
                    mend="Choose tasks of likelihoods alone, or leave the model out.",
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
            logits_to_keep: of the last so many tokens alone; 0: of all.
            more: the cache, as `new_cache` makes it, where only the tokens that follow are given;
                whatever else generation hands on.
        """
        seen = {"attention_mask": attention_mask, "position_ids": position_ids}
        given = {name: value for name, value in seen.items() if value is not None}
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
    """The harness's model for one or several model folders.

    Args:
        pretrained: folders joined by `+`, or a list of them.
        weights: of the models, as `0.7+0.3` or a list; equal by default.
        mean_of: what is averaged over them.
        dtype: float32 or bfloat16. Logits and sums are float32 under both.
        device: cuda, cpu and the like; the graphics card where there is one.
        batch_size: sequences at once, `auto` for as many as fit.
        max_length: longest input in tokens; that of the shortest member by default.
        add_bos_token: whether BOS stands before contexts; what the tokenizer does by default.
        prefix_token_id: the token before texts without context; BOS or else EOS by default.

    Raises:
        InputError: what `load_ensemble` raises, or arguments that are not as above.
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
        _refuse_other("mean_of", mean_of, get_args(MeanOf))
        _refuse_other("dtype", dtype, tuple(_DTYPES))
        ensemble = load_ensemble(
            folders,
            device=torch.device(device) if device else pick_device(),
            mixing=parse(
                Mixing, {"weights": _weights(weights), "mean_of": mean_of}, "--model_args"
            ),
            dtype=_DTYPES[dtype],
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
    """Make the harness know the model by its name, in this process."""
    import lm_eval.models  # noqa: F401  the harness lists its own models only while it lists none

    model_registry.register(NAME, target=EnsembleLM)


def run_harness(arguments: Sequence[str]) -> None:
    """Run the harness's own command line, which knows `babyllama-ensemble` then.

    Args:
        arguments: as for the command `lm-eval`.
    """
    from lm_eval.__main__ import cli_evaluate

    register()
    before = sys.argv
    sys.argv = ["lm-eval", *arguments]  # where it reads them, and writes to
    try:
        cli_evaluate()
    finally:
        sys.argv = before


def _shared_config(ensemble: Ensemble) -> PretrainedConfig:
    """What the harness and generation ask of a configuration, as it holds for all members."""
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
    text = str(pretrained)  # the harness reads a folder's name as a number where it can
    return [Path(text)] if Path(text).is_dir() else [Path(each) for each in text.split("+")]


def _weights(weights: str | float | Sequence[float] | None) -> list[float] | None:
    if weights is None:
        return None
    if isinstance(weights, str | float | int):
        weights = str(weights).split("+")  # type: ignore[assignment]
    try:
        return [float(weight) for weight in weights]  # type: ignore[union-attr]
    except ValueError:
        raise InputError(
            f"--model_args weights={weights}: not numbers",
            mend="One weight a model, for example: weights=0.7+0.3",
        ) from None


def _refuse_other(name: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise InputError(
            f"--model_args {name}={given}: there is no such {name}",
            mend=f"Choose one of {', '.join(known)}.",
        )
