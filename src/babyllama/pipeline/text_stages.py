"""The stages of a run that make its text: source -> corpus -> tokenizer -> tokens.

As in `stages`, which puts them in line, each function describes one folder.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from babyllama.errors import InputError
from babyllama.recipe import (
    DEV_FRACTION,
    CorpusRecipe,
    FolderSource,
    Frozen,
    GatheredSource,
    Given,
    HubSource,
    SyntheticSource,
    TokenizerRecipe,
    TokensRecipe,
    names,
)
from babyllama.recipe.base import NOT_RECORDED_AT_DEFAULT
from babyllama.recipe.text import ENGLISH
from babyllama.runs.artefact import Facts, Stage, status
from babyllama.runs.manifests import read_manifest

# Added to the version of a corpus that `thorough` cleans: since the rules are small and named, they
# remove more of the dirt of real text, so finished corpora have other bytes.
_NEW_RULES = 10


class Gathering(Frozen):
    """The settings of gathered text.

    Attributes:
        name: of the file or folder, which names domains; its place does not count.
    """

    source: GatheredSource
    name: str


class Cleaning(Frozen):
    """The settings of a clean corpus: together with the source they determine its contents."""

    rules: str
    dev_fraction: float
    domain: str | None
    language: str = Field(ENGLISH, json_schema_extra=NOT_RECORDED_AT_DEFAULT)
    words: int | None = Field(None, json_schema_extra=NOT_RECORDED_AT_DEFAULT)
    words_seed: int = Field(0, json_schema_extra=NOT_RECORDED_AT_DEFAULT)
    drop_leaks: bool = Field(False, json_schema_extra=NOT_RECORDED_AT_DEFAULT)
    drop_duplicates: bool = Field(False, json_schema_extra=NOT_RECORDED_AT_DEFAULT)
    near_duplicate: float | None = Field(None, json_schema_extra=NOT_RECORDED_AT_DEFAULT)


def source_stage(recipe: SyntheticSource, out: Path, *, seed: int) -> Stage:
    """Text from the embedded grammar, with its entropy and minimal pairs.

    Args:
        seed: the recipe's; the source's own wins.
    """
    seed = seed if recipe.seed is None else recipe.seed
    part = recipe.model_copy(update={"seed": None})  # the same text, whichever seed was meant

    def build(folder: Path) -> Facts:
        from babyllama.data.synthetic import synthesize

        synthesize(folder, words=recipe.words, dev_words=recipe.dev_words, seed=seed)
        return {}

    return Stage(names.SOURCE, out, "synthetic", 2, part, {}, build, seed)


def gathered_stage(recipe: GatheredSource, out: Path) -> Stage:
    """Raw text by domain, from a table, a dataset, a zip, folders in folders or source code."""
    local = recipe.local

    def build(folder: Path) -> Facts:
        from babyllama.data.gathering.gather import gather

        return gather(recipe, folder)

    update = {"expected_words": type(recipe).model_fields["expected_words"].default}
    if local is not None:  # its contents are an input
        update |= {"path": "" if isinstance(recipe, HubSource) else Path()}
    name = local.resolve().name if local is not None else recipe.path
    part = Gathering(source=recipe.model_copy(update=update), name=str(name))
    inputs = {} if local is None else {"text": local}
    return Stage(
        names.SOURCE, out, "gathered", 1, part, inputs, build, may_be_gone=frozenset(inputs)
    )


def gathered_text(recipe: GatheredSource, out: Path) -> Path | None:
    """The folder of gathered text; None if it is not complete, or is of other settings."""
    return out if status(gathered_stage(recipe, out)).state == "complete" else None


def corpus_stage(
    source: Path,
    recipe: CorpusRecipe,
    out: Path,
    *,
    domain: str | None = None,
    benchmarks: Mapping[str, Path] | None = None,
) -> Stage:
    """Clean text, one file per domain, with its statistics.

    Args:
        benchmarks: whose texts are leaks, if leaks are dropped.
    """
    given = recipe.source
    drop: dict[Literal["leak", "duplicate"], bool] = {
        "leak": recipe.drop_leaks,
        "duplicate": recipe.drop_duplicates,
    }
    texts = benchmarks if benchmarks and recipe.drop_leaks else {}
    dev_fraction = DEV_FRACTION if isinstance(given, SyntheticSource) else given.dev_fraction

    def build(folder: Path) -> Facts:
        from babyllama.data.corpus import clean_corpus

        if texts:  # their suites take time to import
            from babyllama.evaluation.leaks import benchmark_texts

        return clean_corpus(
            source,
            folder,
            rules=recipe.rules,
            dev_fraction=dev_fraction,
            domain=domain,
            language=recipe.language,
            words=recipe.words,
            words_seed=recipe.words_seed,
            drop=frozenset(kind for kind, is_asked in drop.items() if is_asked),
            near=recipe.near_duplicate,
            benchmarks=[*benchmark_texts(texts)] if texts else (),
        )

    # Not the source's path: the digest of the input identifies the text.
    named = domain or _domain_of_file(source, out)
    part = Cleaning(
        rules=recipe.rules,
        dev_fraction=dev_fraction,
        domain=named,
        language=ENGLISH if recipe.rules == "paper" else recipe.language,
        words=recipe.words,
        words_seed=recipe.words_seed if recipe.words else 0,
        drop_leaks=recipe.drop_leaks,
        drop_duplicates=recipe.drop_duplicates,
        near_duplicate=recipe.near_duplicate if any(drop.values()) else None,
    )
    inputs = {"source": source} | {f"benchmark {name}": path for name, path in texts.items()}
    # The grammar's text has nothing that a rule would change.
    is_new = recipe.rules == "thorough" and not isinstance(given, SyntheticSource)
    rules = _NEW_RULES if is_new else 0
    if not isinstance(given, FolderSource) or given.is_gathered:
        return Stage(out.name, out, "corpus", 1 + rules, part, inputs, build)
    return Stage(
        out.name, out, "corpus", _reading_of(source, out, rules), part, inputs, build,
        may_be_gone=frozenset({"source"}),
    )  # fmt: skip


def tokenizer_stage(corpus: Path, recipe: TokenizerRecipe, out: Path) -> Stage:
    """Byte-level BPE trained on the clean training text."""

    def build(folder: Path) -> Facts:
        from babyllama.data.tokenizer import train_tokenizer

        return {**train_tokenizer(corpus, recipe, folder)}

    return Stage(out.name, out, "tokenizer", 1, recipe, {"corpus": corpus}, build)


def given_tokenizer_stage(given: Given, out: Path) -> Stage:
    """A tokenizer that was given, not trained here: links to its files."""

    def build(folder: Path) -> Facts:
        from babyllama.models.given import link_tokenizer

        return link_tokenizer(given, folder, "tokenizer")

    return Stage(out.name, out, "given", 1, given, {}, build)


def tokens_stage(corpus: Path, tokenizer: Path, recipe: TokensRecipe, out: Path) -> Stage:
    """Memory-mapped token streams."""

    def build(folder: Path) -> Facts:
        from babyllama.data.tokens import tokenize

        return {**tokenize(corpus, tokenizer, recipe, folder)}

    inputs = {"corpus": corpus, "tokenizer": tokenizer}
    return Stage(out.name, out, "tokens", 2, recipe, inputs, build)


def _domain_of_file(source: Path, corpus: Path) -> str | None:
    """The domain of a source that is one file, if its corpus was not made under that name.

    The digest of a single file leaves out its name, which selects the cleaner: without this a
    renamed file would keep the text that another cleaner made.
    """
    manifest = read_manifest(corpus)
    if manifest is None or not source.is_file():
        return None
    from babyllama.data.file_names import parse_name

    domain = parse_name(source.name).domain
    is_known = f"train/{domain}.txt" in manifest["files"]
    was = manifest.get("recipe", {}).get("domain")
    return None if is_known and was != domain else domain


def _reading_of(source: Path, corpus: Path, rules: int) -> int:
    """The version of a corpus: 2 only if the first releases read this kind of source differently.

    Corpora of all other sources stay complete, since their text is the same. If the source is gone,
    the version is the one in the corpus's manifest.

    Args:
        rules: added to the version; above 0 if newer rules clean the text.
    """
    from babyllama.data.sources import read_source

    if not source.exists():
        return int((read_manifest(corpus) or {}).get("version", 1))
    try:
        return read_source(source).reading + rules
    except InputError:  # building the corpus reports it
        return 1 + rules
