"""Whose rules a benchmark is scored by: what stands before a sentence, ties, averages.

The same model gets different scores under the rules of different years, so every result repeats
the rules it was scored by.

Source: the official pipelines, babylm/evaluation-pipeline-2023 (lm_eval/api/model.py, task.py),
-2024 (lm_eval/models/huggingface.py, evaluator.py) and -2025 (sentence_zero_shot/dataset.py,
run.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from babyllama.errors import InputError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast


@dataclass(frozen=True)
class ScoringRules:
    """One set of rules for minimal pairs.

    Attributes:
        context: where the token comes from that stands before a sentence, unscored, so that the
            sentence's first token can be scored. `eos`: the tokenizer's EOS. `bos_eos_pad`: the
            first of these that the tokenizer names. `tokenizer`: what the tokenizer adds by
            itself, possibly nothing. `config`: BOS or else EOS, if the model's configuration
            names it (ours names none that the model never saw), possibly nothing.
        leading_space: whether a space is put before the sentence. Tokenizers that add one
            themselves (add_prefix_space) do not add a second.
        tie: what a pair counts whose sentences are equally likely, between 0 and 1.
        average: `uids`: the headline is the mean over UIDs. `groups`: the mean over groups, in
            each of which all pairs count alike.
        masked: whether a masked model's log-probabilities are summed over a sentence's tokens or
            averaged.
    """

    name: str
    context: Literal["eos", "bos_eos_pad", "tokenizer", "config"]
    leading_space: bool
    tie: float
    average: Literal["uids", "groups"]
    masked: Literal["sum", "mean"] = "sum"


# Honest takes a sentence as it stands: that is how a text begins after BOS or EOS in training,
# for tokenizers that add a leading space themselves and for those that do not.
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
    """The rules of that name.

    Raises:
        InputError: there are none.
    """
    if name not in _RULES:
        raise InputError(f"there are no rules {name!r}", mend=f"Choose one of {', '.join(_RULES)}.")
    return _RULES[name]


def context_token(
    rules: ScoringRules,
    tokenizer: "PreTrainedTokenizerFast",
    configs: Sequence["PretrainedConfig"],
    *,
    known: int,
) -> int | None:
    """The token before a sentence, or None where the rules let it start with itself.

    Args:
        configs: of all models of an ensemble; under `config` they must name the same token, since
            one that only some of them saw in training is no context for the others.
        known: tokens that the models know. A configuration's default beyond them names nothing.

    Raises:
        InputError: rules that need a token which the tokenizer does not have.
    """
    if rules.context == "config":
        bos = _named_by_all(configs, "bos_token_id", known)
        return bos if bos is not None else _named_by_all(configs, "eos_token_id", known)
    if rules.context == "tokenizer":
        sample = tokenizer("a", return_special_tokens_mask=True)
        return sample["input_ids"][0] if sample["special_tokens_mask"][0] else None
    names = {"eos": ("eos",), "bos_eos_pad": ("bos", "eos", "pad")}[rules.context]
    ids = (getattr(tokenizer, f"{name}_token_id") for name in names)
    found: int | None = next((id_ for id_ in ids if id_ is not None), None)
    if found is None:
        raise InputError(
            f"the tokenizer has no {' or '.join(name.upper() for name in names)} token",
            why=f"The rules of {rules.name} put it before every sentence.",
            mend="Use --rules honest, or name the token in tokenizer_config.json.",
        )
    return found


def describe_rules(
    rules: ScoringRules, *, context: str | None, leading_space: bool, dtype: str, likelihood: str
) -> dict[str, Any]:
    """The rules as every result repeats them, as the kind of model follows them.

    Args:
        context: what stands before each text, spelt out; None: nothing.
        leading_space: whether a space does.
        dtype: what the models computed in.
        likelihood: what a text's score is, in words.
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


def _named_by_all(configs: Sequence["PretrainedConfig"], field: str, known: int) -> int | None:
    ids = {_first(getattr(config, field, None)) for config in configs}
    id_ = ids.pop()
    return id_ if not ids and id_ is not None and id_ < known else None


def _first(ids: int | list[int] | None) -> int | None:
    """Some configurations name several EOS tokens, the usual one first."""
    return ids[0] if isinstance(ids, list) else ids
