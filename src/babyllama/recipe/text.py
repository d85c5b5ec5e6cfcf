"""From raw text to tokens: cleaning, tokenizer, layout of the tokens."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from babyllama.recipe.base import NOT_RECORDED_AT_DEFAULT, Frozen
from babyllama.recipe.sources import AnySource

_FEWEST_UNIGRAM = 300
BYTE_TOKENS = 259  # the bytes and <pad> <s> </s>
NEAR_DUPLICATE = 0.7  # Jaccard similarity of the shingles of two lines
ENGLISH = "en"


def _language(code: str) -> str:
    """A code of a language; the codes of English are one."""
    if not re.fullmatch("[a-z]{2,3}", code):
        raise ValueError(f"{code!r} is not a code of two or three small letters, such as de")
    return ENGLISH if code == "eng" else code


class CorpusRecipe(Frozen):
    """The source of the text, and how it is cleaned."""

    source: Annotated[AnySource, Field(discriminator="kind")]
    rules: Literal["paper", "thorough"] = Field(
        "thorough",
        description="`paper` repeats the paper's cleaners step by step. `thorough` also does what "
        "the paper describes but its code does not: it separates paragraphs and removes mark-up, "
        "cues and credits.",
    )
    language: Annotated[str, AfterValidator(_language)] = Field(
        ENGLISH,
        description="The language of the text, as a code such as `de`. Of `thorough`, any other "
        "than `en` gets only the rules that hold for every language; `paper` does not look at it.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    words: int | None = Field(
        None,
        ge=1,
        description="Train on so many words of the text: documents drawn by `words_seed`, in "
        "proportion from each domain. Dev text stays as it is. Default: all.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    words_seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="Decides which documents `words` keeps; the recipe's seed does not.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    drop_leaks: bool = Field(
        False,
        description="Drop the lines of train that also occur in dev or in a benchmark of this "
        "recipe; `corpus/removed.jsonl` keeps them. Dev stays as it is.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    drop_duplicates: bool = Field(
        False,
        description="Drop the lines of train that repeat an earlier one, exactly or nearly; "
        "`corpus/removed.jsonl` keeps them.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    near_duplicate: float = Field(
        NEAR_DUPLICATE,
        gt=0,
        le=1,
        description="Two lines are near-duplicates from this Jaccard similarity of their shingles "
        "on.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )


class TokenizerRecipe(Frozen):
    """A tokenizer that is trained on the training text; `<pad>`, `<s>`, `</s>` are 0, 1, 2."""

    union_tag = "made"

    kind: Literal["bpe", "unigram", "characters", "bytes"] = Field(
        "bpe",
        description="`bpe`: byte-level BPE, the paper's. `unigram`: the likeliest tokens for each "
        "word. `characters`: one token each; rare ones are written as bytes. `bytes`: the "
        "256 bytes of UTF-8.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    vocab_size: int = Field(
        16_000,
        ge=BYTE_TOKENS,
        le=1_000_000,
        description="Tokens at most, special ones and the 256 bytes included. `bytes` has 259.",
    )
    pad_vocab_to: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Reserved tokens that no text has make the number of tokens a multiple of "
        "this, for servers and kernels that want one: 64, for example.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )
    min_frequency: int = Field(
        2,
        ge=1,
        description="`bpe`: pairs seen less often are not merged. `unigram` and `characters`: "
        "characters seen less often are written as bytes.",
    )
    normalization: Literal["nfkc", "nfc", "none"] = Field(
        "nfkc",
        description="Unicode form of all text before it is split. `nfkc`, the paper's, also turns "
        "full-width and other variants of a character into the plain one: Chinese and Japanese "
        "punctuation becomes ASCII. `nfc` keeps it, and `none` changes nothing.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )

    @model_validator(mode="before")
    @classmethod
    def _bytes_need_no_size(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and tree.get("kind") == "bytes":
            return {"vocab_size": BYTE_TOKENS, **tree}
        return tree

    @field_validator("vocab_size")
    @classmethod
    def _bytes_are_given(cls, vocab_size: int, info: Any) -> int:
        if info.data.get("kind") == "bytes" and vocab_size != BYTE_TOKENS:
            raise ValueError(f"kind is bytes, which always has {BYTE_TOKENS}: leave it out")
        if info.data.get("kind") == "unigram" and vocab_size < _FEWEST_UNIGRAM:
            raise ValueError(f"kind is unigram, which needs at least {_FEWEST_UNIGRAM}")
        return vocab_size

    @field_validator("min_frequency")
    @classmethod
    def _kind_counts(cls, least: int, info: Any) -> int:
        is_bytes = info.data.get("kind") == "bytes"
        if is_bytes and least != cls.model_fields["min_frequency"].default:
            raise ValueError("kind is bytes, which has no such limit: leave it out")
        return least

    def padded(self, vocab_size: int) -> int:
        """`vocab_size` rounded up to a multiple of `pad_vocab_to`."""
        multiple = self.pad_vocab_to or 1
        return -(-vocab_size // multiple) * multiple


class TokensRecipe(Frozen):
    """How text becomes a stream of tokens."""

    layout: Literal["lines", "stream"] = Field(
        "lines",
        description="`lines`: `<s>` before every line and `</s>` after every document, so that a "
        "sentence scored alone begins as in training. `stream`: a file is one text without marks "
        "between documents, as in the paper; `<s>` and `</s>` are then never trained.",
    )
    documents: Literal["attend", "separate"] = Field(
        "attend",
        description="What a token sees of other documents in its window. `attend`: all of them, as "
        "in the paper. `separate`: none; attention and positions begin anew with every document, "
        "for teachers, signal, students and dev scores alike. Needs layout `lines`.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )

    @field_validator("documents")
    @classmethod
    def _layout_has_documents(cls, documents: str, info: Any) -> str:
        if documents == "separate" and info.data.get("layout") == "stream":
            raise ValueError("layout is stream, where a file is one document: use layout lines")
        return documents
