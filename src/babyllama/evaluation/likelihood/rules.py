"""Scoring rules of each year: the token before a sentence, ties, averages.

A model gets different scores under the rules of different years, so every result repeats its rules.

Source: the official pipelines, babylm/evaluation-pipeline-2023 (lm_eval/api/model.py, task.py),
-2024 (lm_eval/models/huggingface.py, evaluator.py) and -2025 (sentence_zero_shot/dataset.py,
run.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from babyllama.errors import InputError
from babyllama.models.vocabulary import first_token

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast


@dataclass(frozen=True)
class ScoringRules:
    """One set of scoring rules.

    Attributes:
        context: the context token, which precedes a sentence so that its first token can be
            scored. `eos`: the tokenizer's EOS. `bos_eos_pad`: the first of these that the
            tokenizer has. `tokenizer`: what the tokenizer adds itself, if anything. `config`: the
            BOS, or else the EOS, of the model's configuration, if any (ours names only tokens that
            the model saw in training).
        leading_space: whether a space is put before the sentence. Tokenizers with
            add_prefix_space do not add a second one.
        tie: the score of a pair whose sentences are equally likely, between 0 and 1.
        average: the headline score. `uids`: the mean over UIDs. `groups`: the mean over groups,
            after the mean over all pairs of a group.
        masked: whether a masked model's log-probabilities are summed over tokens or averaged.
    """

    name: str
    context: Literal["eos", "bos_eos_pad", "tokenizer", "config"]
    leading_space: bool
    tie: float
    average: Literal["uids", "groups"]
    masked: Literal["sum", "mean"] = "sum"


# `honest` adds no space: in training, too, a text follows BOS or EOS without one, whether or not
# the tokenizer adds a leading space itself.
_RULES = {
    "honest": ScoringRules("honest", "config", leading_space=False, tie=0.5, average="uids"),
    "2023": ScoringRules("2023", "eos", leading_space=True, tie=1.0, average="groups"),
    "2024": ScoringRules(
        "2024", "bos_eos_pad", leading_space=True, tie=1.0, average="uids", masked="mean"
    ),
    "2025": ScoringRules("2025", "tokenizer", leading_space=False, tie=1.0, average="uids"),
}
_TIES = {0.5: "a tie counts half", 1.0: "a tie counts as correct"}
_AVERAGES = {
    "uids": "mean over UIDs",
    "groups": "mean over groups, all pairs of a group pooled",
}


def rules_named(name: str) -> ScoringRules:
    """The rules with this name.

    Raises:
        InputError: unknown rules.
    """
    if name not in _RULES:
        raise InputError(f"unknown rules {name!r}", mend=f"Choose one of {', '.join(_RULES)}.")
    return _RULES[name]


def context_token(
    rules: ScoringRules,
    tokenizer: "PreTrainedTokenizerFast",
    configs: Sequence["PretrainedConfig"],
    *,
    known: int,
) -> int | None:
    """The token before every sentence, or None if the rules put none there.

    Args:
        configs: of all models of an ensemble. Under `config` they must name the same token.
        known: the size of the models' vocabulary.

    Raises:
        InputError: the tokenizer lacks the token that the rules need; what `first_token` raises.
    """
    if rules.context == "config":
        return first_token(configs, tokenizer, known=known)
    if rules.context == "tokenizer":
        sample = tokenizer("a", return_special_tokens_mask=True)
        return sample["input_ids"][0] if sample["special_tokens_mask"][0] else None
    names = {"eos": ("eos",), "bos_eos_pad": ("bos", "eos", "pad")}[rules.context]
    ids = (getattr(tokenizer, f"{name}_token_id") for name in names)
    found: int | None = next((id_ for id_ in ids if id_ is not None), None)
    if found is None:
        raise InputError(
            f"the tokenizer has no {' or '.join(name.upper() for name in names)} token",
            why=f"The rules {rules.name} put it before every sentence.",
            mend="Use --rules honest, or name the token in tokenizer_config.json.",
        )
    return found


def describe_rules(
    rules: ScoringRules, *, context: str | None, leading_space: bool, dtype: str, likelihood: str
) -> dict[str, Any]:
    """The rules as results repeat them.

    Args:
        context: the context token as text; None: no such token.
        leading_space: whether a space precedes each text.
        dtype: the data type in which the models computed.
        likelihood: a description of a text's score.
    """
    return {
        "name": rules.name,
        "context": context,
        "leading_space": leading_space,
        "ties": _TIES[rules.tie],
        "average": _AVERAGES[rules.average],
        "dtype": dtype,
        "likelihood": likelihood,
    }
