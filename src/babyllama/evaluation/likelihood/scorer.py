"""Load models of any kind, and score texts with them.

Apart from the last bits, a text's score does not depend on the other texts, their order or the
batch. Texts with the same tokens are scored once, so that they tie exactly.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float64, Int64

from babyllama.console import ProgressBar
from babyllama.data.tokenizer import load_tokenizer, refuse_control_tokens
from babyllama.errors import InputError
from babyllama.evaluation.likelihood.decoders import Decoders
from babyllama.evaluation.likelihood.encoder_decoders import EncoderDecoders
from babyllama.evaluation.likelihood.encoding import (
    EncodedText,
    encode_causal,
    encode_masked,
    encode_with_source,
    tokenized_anew,
    unknown_token,
)
from babyllama.evaluation.likelihood.masked import MaskedModels, Masking
from babyllama.evaluation.likelihood.model_group import ModelGroup
from babyllama.evaluation.likelihood.rules import ScoringRules, context_token
from babyllama.evaluation.likelihood.texts import Inputs, Likelihoods, Text
from babyllama.models.build import shortest_positions
from babyllama.models.ensemble import (
    Ensemble,
    load_ensemble,
    refuse_other_vocabulary,
    weights_of,
)
from babyllama.models.loading import Kind, kind_of, load_as
from babyllama.models.vocabulary import shared_vocabulary
from babyllama.recipe import EQUAL_WEIGHTS, Mixing

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_MANY_TEXTS = 20_000  # whose scoring takes seconds: then a collection of all garbage costs little

_MASKING = {"original": "one mask a position", "within_word": "later tokens of a word masked"}


@runtime_checkable
class LikelihoodModel(Protocol):
    """One kind of model, as far as scoring needs it."""

    @property
    def vocab_size(self) -> int:
        """The number of tokens that the model knows."""

    @property
    def dtype(self) -> torch.dtype:
        """The data type in which it computes."""

    def in_float32(self) -> "LikelihoodModel":
        """The same model, computing in float32."""

    def score_tokens(
        self, sequences: Sequence[EncodedText]
    ) -> Iterator[tuple[int, Float64[np.ndarray, " scored"], np.ndarray]]:
        """Score the tokens of distinct texts, which are sorted by their keys.

        Returns:
            for each text, in any order: its number, log p of its scored tokens in nats, and
            whether each of these had the highest probability at its position.
        """


@dataclass(frozen=True)
class Scorer:
    """A model or an ensemble that scores texts under some rules.

    Attributes:
        encode: turns texts into the tokens that this kind of model reads.
        positions: the longest input in tokens that every model can see; None: no limit.
        truncate: whether longer texts lose their beginning instead of being refused.
        context: the context token as text; None: no such token, and a decoder does not score a
            text's first token.
        leading_space: whether a space precedes each text.
        likelihood: a description of a text's score.
        is_averaged: whether that score is a mean over tokens, not a sum.
    """

    model: LikelihoodModel
    tokenizer: "PreTrainedTokenizerFast"
    encode: Callable[[Sequence[Text]], Iterator[EncodedText]]
    rules: ScoringRules
    positions: int | None
    truncate: bool
    context: str | None
    leading_space: bool
    likelihood: str
    is_averaged: bool = False


# --- loading ----------------------------------------------------------------------------------


def load_scorer(
    folders: Sequence[Path],
    rules: ScoringRules,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    mixing: Mixing = EQUAL_WEIGHTS,
    masking: Masking = "original",
    truncate: bool = False,
    tokens_at_once: int | None = None,
) -> Scorer:
    """Load a model folder, or several folders of one kind as an ensemble.

    The kind of a model is read from its config.json.

    Args:
        masking: how masked models are scored; other kinds must have the default.
        truncate: whether texts longer than the model's positions lose their beginning.
        tokens_at_once: tokens of a batch, with padding. It changes only speed and memory.

    Raises:
        InputError: folders that cannot be loaded or hold different kinds of models; tokenizers
            that differ, have more tokens than the model, or lack a token that the rules need.
    """
    kind = _common_kind(folders)
    if masking != "original" and kind != "masked":
        raise InputError(
            f"{folders[0]} is {kind}, and masking is {masking}",
            why="Only masked models are scored by masking.",
            mend="Omit --masking.",
        )
    if kind == "causal":
        ensemble = load_ensemble(folders, device=device, mixing=mixing, dtype=dtype)
        scorer = scorer_of(
            ensemble, load_tokenizer(folders[0]), rules, tokens_at_once=tokens_at_once
        )
    else:
        tokenizer = load_tokenizer(folders[0])
        models = _load_models(folders, kind, device, tokenizer)
        group = ModelGroup(models, weights_of(mixing, len(models)), mixing.mean_of, dtype)
        if kind == "masked":
            scorer = _masked(group, tokenizer, rules, masking, tokens_at_once)
        else:
            scorer = _encoder_decoder(group, tokenizer, rules, tokens_at_once)
    return replace(scorer, truncate=truncate)


def _common_kind(folders: Sequence[Path]) -> Kind:
    kinds = [kind_of(folder) for folder in folders]
    if len(set(kinds)) > 1:
        raise InputError(
            f"{folders[0]} is {kinds[0]}, {folders[kinds.index(kinds[-1])]} is {kinds[-1]}",
            why="Log-likelihoods of different kinds of models cannot be averaged.",
            mend="Score them one by one, without --ensemble.",
        )
    return kinds[0]


def scorer_of(
    ensemble: Ensemble,
    tokenizer: "PreTrainedTokenizerFast",
    rules: ScoringRules,
    *,
    tokens_at_once: int | None = None,
) -> Scorer:
    """The scorer of causal models that are loaded already.

    Raises:
        InputError: a token that the rules need is missing.
    """
    configs = [model.config for model in ensemble.models]
    context = context_token(rules, tokenizer, configs, known=ensemble.mixture.vocab_size)
    return Scorer(
        model=Decoders(ensemble, tokens_at_once=tokens_at_once),
        tokenizer=tokenizer,
        encode=lambda texts: encode_causal(texts, tokenizer, rules, context),
        rules=rules,
        positions=shortest_positions(configs),
        truncate=False,
        context=None if context is None else str(tokenizer.convert_ids_to_tokens(context)),
        leading_space=rules.leading_space,
        likelihood="log-likelihood, summed over tokens",
    )


def _masked(
    group: ModelGroup,
    tokenizer: "PreTrainedTokenizerFast",
    rules: ScoringRules,
    masking: Masking,
    tokens_at_once: int | None,
) -> Scorer:
    mask = _mask_token(tokenizer, group.vocab_size)
    is_averaged = rules.masked == "mean"
    way = f"({_MASKING[masking]}), {'averaged' if is_averaged else 'summed'} over tokens"
    return Scorer(
        model=MaskedModels(group, mask=mask, masking=masking, tokens_at_once=tokens_at_once),
        tokenizer=tokenizer,
        encode=lambda texts: encode_masked(texts, tokenizer, rules),
        rules=rules,
        positions=shortest_positions(model.config for model in group.models),
        truncate=False,
        context=tokenizer.eos_token if is_averaged else None,
        leading_space=rules.leading_space,
        likelihood=f"pseudo-log-likelihood {way}",
        is_averaged=is_averaged,
    )


def _encoder_decoder(
    group: ModelGroup,
    tokenizer: "PreTrainedTokenizerFast",
    rules: ScoringRules,
    tokens_at_once: int | None,
) -> Scorer:
    start = group.models[0].config.decoder_start_token_id
    with_eos = rules.name == "2023"
    return Scorer(
        model=EncoderDecoders(group, tokens_at_once=tokens_at_once),
        tokenizer=tokenizer,
        encode=lambda texts: encode_with_source(texts, tokenizer, rules, start),
        rules=rules,
        positions=shortest_positions(model.config for model in group.models),
        truncate=False,
        context=tokenizer.eos_token if with_eos else None,
        leading_space=False,
        likelihood="log-likelihood of the decoder, summed over tokens" + ", EOS too" * with_eos,
    )


def _load_models(
    folders: Sequence[Path],
    kind: Kind,
    device: torch.device,
    tokenizer: "PreTrainedTokenizerFast",
) -> "list[PreTrainedModel]":
    from transformers import AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    for folder in folders[1:]:
        refuse_other_vocabulary(folders[0], folder)
    auto = AutoModelForMaskedLM if kind == "masked" else AutoModelForSeq2SeqLM
    title = "a masked language model" if kind == "masked" else "an encoder-decoder"
    models = [load_as(auto, folder, title).to(device) for folder in folders]
    for folder, model in zip(folders, models, strict=True):
        shared_vocabulary(model.config, tokenizer)
        if kind != "masked" and model.config.decoder_start_token_id is None:
            raise InputError(
                f"{folder}/config.json has no decoder_start_token_id",
                why="The decoder's first token is predicted from this token.",
                mend="Add the token with which decoding began in training.",
            )
    return models


def _mask_token(tokenizer: "PreTrainedTokenizerFast", known: int) -> int:
    if tokenizer.mask_token_id is None:
        raise InputError(
            "the tokenizer has no mask token",
            why="A masked model is scored by masking one position at a time.",
            mend="Set mask_token in tokenizer_config.json.",
        )
    if tokenizer.mask_token_id >= known:
        raise InputError(
            f"the mask token {tokenizer.mask_token!r} is {tokenizer.mask_token_id}, but the model "
            f"knows only 0 to {known - 1}",
            mend="Set mask_token in tokenizer_config.json to the one of the training.",
        )
    return int(tokenizer.mask_token_id)


# --- scoring ----------------------------------------------------------------------------------


def log_likelihoods(scorer: Scorer, texts: Sequence[str | Text]) -> Float64[np.ndarray, " texts"]:
    """log p of each text in nats: the sums of `likelihoods` over its tokens."""
    found = likelihoods(scorer, [Text(text) if isinstance(text, str) else text for text in texts])
    return found.sums()


def likelihoods(scorer: Scorer, texts: Sequence[Text]) -> Likelihoods:
    """Log-likelihoods of the scored tokens of each text, in the order of the texts.

    Raises:
        InputError: before anything is scored: a text longer than the model's positions, or with
            a token that the model does not know. Later: a log-likelihood that is not finite.
    """
    if any(text.scored == "anew" for text in texts):
        parts = [_parts(scorer, text) for text in texts]
        of_parts = likelihoods(scorer, [part for of_text in parts for part in of_text])
        return of_parts.joined([len(of_text) for of_text in parts])
    if len(texts) < _MANY_TEXTS:
        return _likelihoods(scorer, texts)
    with _collecting_only_new_objects():
        return _likelihoods(scorer, texts)


def _likelihoods(scorer: Scorer, texts: Sequence[Text]) -> Likelihoods:
    distinct, number_of, inputs = _distinct(scorer, texts)
    sequences = [each for each, _ in distinct]
    counts = np.array([each.stop - each.first for each in sequences], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])
    values = np.empty(starts[-1])
    is_top = np.empty(starts[-1], dtype=bool)
    with ProgressBar("scoring", int(starts[-1]), "tokens") as bar:
        for number, found, tops in scorer.model.score_tokens(sequences):
            if not np.isfinite(found).all():
                # A NaN may come from another text of the batch, so score this one alone.
                _, found, tops = next(scorer.model.score_tokens([sequences[number]]))
                if not np.isfinite(found).all():
                    _refuse_not_finite(texts[distinct[number][1]])
            values[starts[number] : starts[number + 1]] = found
            is_top[starts[number] : starts[number + 1]] = tops
            bar.advance(len(found))
    return replace(_of_every_text(Likelihoods(values, is_top, starts), number_of), inputs=inputs)


@contextmanager
def _collecting_only_new_objects() -> Iterator[None]:
    """Exempt the objects that exist from garbage collection.

    Scoring makes many small objects, after which Python looks through all objects for cycles, those
    of the loaded libraries too: 0.25 s each time, 4% of scoring BLiMP with a small model. One
    collection at the end finds what the others would have found.
    """
    if gc.get_freeze_count():  # by the caller, who would lose it by `unfreeze`
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.collect()


def _parts(scorer: Scorer, text: Text) -> list[Text]:
    """The texts that are scored for a text: one, unless its target is tokenized anew."""
    if text.scored != "anew":
        return [text]
    parts = list(tokenized_anew(text, scorer.tokenizer))
    if not parts:
        raise _cannot_encode(text, "The result has no tokens.")
    return parts


def scored_bytes(
    scorer: Scorer, texts: Sequence[Text], counts: Int64[np.ndarray, " texts"]
) -> Int64[np.ndarray, " texts"]:
    """UTF-8 bytes of the part of each text that its scored tokens stand for.

    It is the text after the last of its tokens that is not scored, because tokens were cut away or
    because there is no context token before the first. If only some tokens of a character are
    scored, its bytes do not count.

    Args:
        texts: without contexts.
        counts: the number of scored tokens of each.
    """
    space = " " if scorer.leading_space else ""
    spans = scorer.tokenizer(
        [space + text.target for text in texts],
        add_special_tokens=False, return_offsets_mapping=True, verbose=False,
    )["offset_mapping"]  # fmt: skip
    found = np.zeros(len(texts), dtype=np.int64)
    for number, encoded in enumerate(scorer.encode(texts)):
        scored = encoded.stop - encoded.first  # before anything is cut away; may include an EOS
        own = spans[number]
        unscored = max(0, len(own) - scored) + scored - int(counts[number])
        begin = max(0, own[unscored - 1][1] - len(space)) if unscored else 0
        found[number] = len(texts[number].target[begin:].encode())
    return found


def _distinct(
    scorer: Scorer, texts: Sequence[Text]
) -> tuple[list[tuple[EncodedText, int]], np.ndarray, Inputs]:
    """The distinct encoded texts, sorted, each with the number of its first text; which of them
    each text is; and how each text was read."""
    first: dict[tuple[bytes, int, int, bytes], tuple[EncodedText, int]] = {}
    keys = []
    inputs = Inputs(*(np.zeros(len(texts), dtype) for dtype in (np.int64, np.int64, np.bool_)))
    unknown = unknown_token(scorer.tokenizer)
    for number, encoded in enumerate(_encoded(scorer, texts)):
        inputs.tokens[number] = encoded.input_length + len(encoded.source)
        inputs.has_unknown[number] = unknown is not None and encoded.has(unknown)
        encoded = _within_positions(scorer, encoded, texts[number])
        inputs.cut[number] = inputs.tokens[number] - encoded.input_length - len(encoded.source)
        _refuse_unknown_token(scorer, encoded, texts[number])
        keys.append(encoded.key)
        first.setdefault(keys[-1], (encoded, number))
    order = {key: number for number, key in enumerate(sorted(first))}
    number_of = np.array([order[key] for key in keys], dtype=np.int64)
    return [first[key] for key in order], number_of, inputs


def _encoded(scorer: Scorer, texts: Sequence[Text]) -> Iterator[EncodedText]:
    """Encode texts.

    Raises:
        InputError: a text without tokens, that cannot be tokenized, or that spells a control token.
    """
    refuse_control_tokens(scorer.tokenizer, (text.context + text.target for text in texts))
    try:
        for text, encoded in zip(texts, scorer.encode(texts), strict=True):
            if encoded.stop == encoded.first:
                _refuse_no_tokens(scorer, text)
            yield encoded
    except Exception as error:  # tokenizers raises no more specific exception
        if isinstance(error, InputError):
            raise
        for text in texts:
            try:
                list(scorer.encode([text]))
            except Exception as of_text:
                raise _cannot_encode(text, str(of_text)) from None
        raise


def _refuse_no_tokens(scorer: Scorer, text: Text) -> None:
    """A text of one token may have no scored token, but a text without any token has no score."""
    if not scorer.tokenizer(text.target, add_special_tokens=False)["input_ids"]:
        raise _cannot_encode(text, "The result has no tokens.")


def _cannot_encode(text: Text, why: str) -> InputError:
    return InputError(
        f"the tokenizer cannot encode {shortened(text)}",
        why=why,
        mend="Remove the item, or use a tokenizer that knows all characters: a byte-level one.",
    )


def _of_every_text(found: Likelihoods, number_of: np.ndarray) -> Likelihoods:
    """Repeat the likelihoods of distinct texts for every text."""
    counts = found.counts()[number_of]
    starts = np.concatenate([[0], np.cumsum(counts)])
    tokens = np.arange(starts[-1]) - np.repeat(starts[:-1] - found.starts[number_of], counts)
    return Likelihoods(found.values[tokens], found.is_top[tokens], starts)


def _within_positions(scorer: Scorer, encoded: EncodedText, text: Text) -> EncodedText:
    inputs = max(encoded.input_length, len(encoded.source))
    if scorer.positions is None or inputs <= scorer.positions:
        return encoded
    if not scorer.truncate:
        raise InputError(
            f"a text needs {inputs} positions, the model has {scorer.positions}: {shortened(text)}",
            why="The score of a part cannot be compared with the score of a full text.",
            mend="Remove it, use a model with more positions, or cut beginnings: --truncate",
        )
    return encoded.keep_last(scorer.positions)


def _refuse_unknown_token(scorer: Scorer, encoded: EncodedText, text: Text) -> None:
    known = scorer.model.vocab_size
    largest = int(max(encoded.ids.max(initial=0), encoded.source.max(initial=0)))
    if largest >= known:
        token = scorer.tokenizer.convert_ids_to_tokens(largest)
        raise InputError(
            f"the tokenizer gives token {largest}, {token!r}, but the model knows only 0 to "
            f"{known - 1}: {shortened(text)}",
            mend="Use the tokenizer that the model was trained with.",
        )


def _refuse_not_finite(text: Text) -> None:
    raise InputError(
        f"the model gives no finite log-likelihood to {shortened(text)}",
        why="Its weights probably have NaN or infinite values.",
        mend="Train it again, or use an earlier checkpoint.",
    )


def shortened(text: Text) -> str:
    """A text as error messages show it."""
    joined = text.context + text.target
    return repr(joined if len(joined) <= 80 else joined[:77] + "...")
