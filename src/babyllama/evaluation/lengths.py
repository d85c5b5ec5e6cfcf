"""Whether the models of a recipe have room for a benchmark's texts: known before any is trained."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation.likelihood.encoding import encode_causal, tokenized_anew
from babyllama.evaluation.likelihood.rules import context_token, rules_named
from babyllama.evaluation.likelihood.scorer import shortened
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for
from babyllama.models.build import positions_of

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

_SURELY_FITS = 4  # a text of fewer bytes than positions, divided by this, is not encoded


def refuse_long_texts(
    benchmarks: Mapping[str, Path],
    tokenizer: Path,
    configs: "Mapping[str, PretrainedConfig]",
    *,
    rules: str,
) -> None:
    """Check that every text of some benchmarks fits into every model.

    Args:
        configs: of the models that will be scored, by their names.

    Raises:
        InputError: names the benchmark, the text and the model with the fewest positions.
    """
    limits = {name: positions_of(config) for name, config in configs.items()}
    known = {name: limit for name, limit in limits.items() if limit is not None}
    if not known or not benchmarks:
        return
    shortest = min(known, key=lambda name: known[name])
    library, chosen = load_tokenizer(tokenizer), rules_named(rules)
    context = context_token(chosen, library, [configs[shortest]], known=len(library))
    for name, path in benchmarks.items():
        suite = suite_for(name)
        texts = suite.texts(suite.read(path), chosen)
        long = list(_perhaps_long(texts, library, known[shortest]))
        for text, encoded in zip(long, encode_causal(long, library, chosen, context), strict=True):
            if encoded.input_length > known[shortest]:
                raise InputError(
                    f"evaluation.benchmarks.{name}: a text needs {encoded.input_length} positions, "
                    f"{shortest} has {known[shortest]}: {shortened(text)}",
                    why="The score of a part cannot be compared with the score of a full text.",
                    mend="Leave the benchmark out of the run and score it afterwards with "
                    "`babyllama evaluate --truncate`, or give the models more positions.",
                )


def _perhaps_long(
    texts: Iterable[Text], tokenizer: "PreTrainedTokenizerFast", positions: int
) -> Iterator[Text]:
    for text in texts:
        if _SURELY_FITS * len((text.context + text.target).encode()) < positions:
            continue
        yield from tokenized_anew(text, tokenizer) if text.scored == "anew" else [text]
