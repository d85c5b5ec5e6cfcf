"""The tokenizer: trained on the clean training text, or anybody's, as a Hugging Face folder.

The defaults are the paper's settings (arXiv 2308.02019, section 3): byte-level BPE, NFKC, a leading
space, 16,000 tokens, merges of pairs seen at least twice, `<pad> <s> </s>` as ids 0, 1, 2.

A tokenizer is loaded as its tokenizer.json says, since that is what a model was trained with.
transformers 5 rebuilds some classes (GPT2Tokenizer, RobertaTokenizer) from the vocabulary alone,
without the file's normaliser and leading space.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer

from babyllama.console import print_status
from babyllama.data import tokenizer_kinds
from babyllama.data.foreign_files import read_object, refuse_own_code
from babyllama.data.sources import clean_files, read_source
from babyllama.data.tokenizer_folder import save_tokenizer
from babyllama.data.tokenizer_kinds import BOS, EOS, PAD
from babyllama.errors import InputError, command
from babyllama.recipe import TokenizerRecipe, TokensRecipe
from babyllama.runs.git_lfs import refuse_pointer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_RESERVED = "<|reserved_{}|>"  # tokens that no text has: padding of the vocabulary
_FILE = "tokenizer.json"
_PARTS = ("normalizer", "pre_tokenizer", "model", "decoder", "post_processor")
_ROLES = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
)  # fmt: skip
_SETTINGS = ("model_input_names", "padding_side", "truncation_side", "model_max_length")


def train_tokenizer(corpus: Path, recipe: TokenizerRecipe, out: Path) -> dict[str, int]:
    """Train on `corpus/train/*.txt`, or on one file, and write what `AutoTokenizer` loads.

    Returns:
        `vocab_size`, which is smaller than the recipe's if the text has too few pairs, and larger
        with reserved tokens.

    Raises:
        InputError: no training text, or a file that is not UTF-8.
    """
    files = training_files(corpus)
    try:
        tokenizer = _interruptible(lambda: tokenizer_kinds.train(recipe, files))
    except Exception as error:  # the library's only exception, or Python's
        why = "not all of it is UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise InputError(
            f"{corpus if corpus.is_file() else corpus / 'train'} cannot be read: {why}",
            mend="Clean the text first: babyllama corpus clean SRC CORPUS",
        ) from None
    size = tokenizer.get_vocab_size()
    if size < recipe.vocab_size:
        print_status(
            f"  the tokenizer has {size:,} tokens, not {recipe.vocab_size:,}: no others occur at "
            f"least {recipe.min_frequency} times in its text",
            style="yellow",
        )
    reserved = range(recipe.padded(size) - size)
    tokenizer.add_special_tokens([_RESERVED.format(number) for number in reserved])
    save_tokenizer(_as_hugging_face(tokenizer), out)
    return {"vocab_size": tokenizer.get_vocab_size()}


def training_files(corpus: Path) -> list[Path]:
    """The files that a tokenizer is trained on: a clean corpus's training text, or one text file.

    Raises:
        InputError: no training text, or one that has to be cleaned first.
    """
    if corpus.is_file():
        read_source(corpus)  # refuses tables and zips
        refuse_pointer(corpus)
        if corpus.suffix != ".txt":
            raise InputError(
                f"{corpus} is not a .txt file",
                why="A tokenizer is trained on plain text that is not compressed.",
                mend=f"Make a corpus of it: {command('corpus', 'clean', corpus, 'CORPUS')}",
            )
        return [corpus]
    files = clean_files(corpus, "train")
    if not files:
        raise InputError(
            f"{corpus} has no text in train/ to train a tokenizer on",
            why="A tokenizer is trained on a clean corpus, with train/*.txt, or on one .txt file.",
            mend=f"Make a corpus of it: {command('corpus', 'clean', corpus, 'CORPUS')}",
        )
    return files


def reserved_tokens(tokenizer: "PreTrainedTokenizerFast") -> list[int]:
    """The tokens with which `pad_vocab_to` padded the vocabulary."""
    names = {_RESERVED.format(number) for number in range(len(tokenizer.added_tokens_decoder))}
    added = tokenizer.added_tokens_decoder
    return [token for token, each in added.items() if str(each) in names]


def never_written(
    tokenizer: "PreTrainedTokenizerFast", *, marks: Iterable[int | None], vocab_size: int
) -> tuple[int, ...]:
    """Tokens that no text has: special ones, but for some marks, and those that pad the vocabulary.

    Args:
        marks: special tokens that a text may have, such as that for its end.
        vocab_size: tokens from this one on are left out.
    """
    special = {*tokenizer.all_special_ids, *reserved_tokens(tokenizer)} - {*marks}
    return tuple(sorted(token for token in special if token < vocab_size))


def _interruptible(work: Callable[[], Tokenizer]) -> Tokenizer:
    """Do a library's work in a thread: Ctrl-C and SIGTERM act at once, though it ignores them."""
    made: list[Tokenizer] = []
    raised: list[Exception] = []

    def do() -> None:
        try:
            made.append(work())
        except Exception as error:
            raised.append(error)

    thread = Thread(target=do, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)  # without a limit it would answer no signal either
    if raised:
        raise raised[0]
    return made[0]


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """Load a tokenizer folder: ours, or any fast Hugging Face tokenizer.

    Control tokens that are spelt out in a text are encoded as text, and no text is cut or padded,
    whatever the folder says.

    Raises:
        InputError: the folder has no tokenizer, one with code of its own, or one that cannot be
            read.
    """
    own = _own_tokenizer(folder)
    config = _configuration(folder)
    tokenizer = _by_its_class(folder)
    differing = ["class"] if tokenizer is None else _differing(own, tokenizer, config)
    if tokenizer is None or differing:
        name = config.get("tokenizer_class", "its class")
        _say(
            f"  {folder}: transformers would make {type(tokenizer).__name__} without the "
            f"{', '.join(differing)} of {_FILE}; the file itself is read"
            if tokenizer is not None
            else f"  {folder}: transformers cannot make {name}; {_FILE} itself is read"
        )
        tokenizer = _from_file(folder, own, tokenizer, config)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    if getattr(backend.model, "dropout", None):
        backend.model.dropout = None  # merges left out at random, for training alone
    tokenizer.split_special_tokens = backend.encode_special_tokens = True
    return tokenizer


def refuse_control_tokens(tokenizer: "PreTrainedTokenizerFast", texts: Iterable[str]) -> None:
    """Check that no text spells a control token that the tokenizer would encode as that token.

    Most tokenizers encode `</s>` in a text as text. A tokenizer cannot if its model looks up whole
    words or pieces and `</s>` is one of them.

    Raises:
        InputError: names the token and the text.
    """
    is_taken: dict[str, bool] = {}
    special = tokenizer.all_special_tokens
    for text in texts:
        for token in special:
            if token not in text:
                continue
            if token not in is_taken:
                is_taken[token] = _takes_text_for(tokenizer, token)
            if not is_taken[token]:
                continue
            at = max(0, text.index(token) - 30)
            raise InputError(
                f"a text spells the control token {token!r}: {text[at : at + 80]!r}",
                why="The tokenizer would take it for the token itself, which no text may contain.",
                mend="Remove it from the text, or use a byte-level tokenizer.",
            )


def refuse_missing_marks(
    tokenizer: "PreTrainedTokenizerFast", recipe: TokensRecipe, name: str
) -> None:
    """Check that a tokenizer has the special tokens of a layout.

    Args:
        name: of the tokenizer, for the message.

    Raises:
        InputError: `lines`, and no token for the start or the end of a text.
    """
    if recipe.layout == "lines" and None in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        raise InputError(
            f"{name} has no token for the start or the end of a text",
            why="The layout `lines` puts one before every line and one after every document.",
            mend="Name its bos_token and eos_token in tokenizer_config.json, or use layout: stream",
        )


def differing_tokens(one: Path, other: Path, *, most: int = 3) -> list[str]:
    """Describe the first ids that mean different tokens in two tokenizers; empty if none do.

    Tokens that a configuration adds to those of tokenizer.json do not count: no text has them.
    """
    first, second = (
        {token_id: token for token, token_id in _own_tokenizer(folder).get_vocab().items()}
        for folder in (one, other)
    )
    differing = (
        token_id
        for token_id in sorted(first.keys() | second.keys())
        if first.get(token_id) != second.get(token_id)
    )
    return [
        f"{token_id} is {_quoted(first.get(token_id))} in one and "
        f"{_quoted(second.get(token_id))} in the other"
        for token_id in islice(differing, most)
    ]


def vocabulary_digest(folder: Path) -> str:
    """sha256 of all tokens with their ids: equal if ids mean the same in both tokenizers."""
    return _digest(load_tokenizer(folder).get_vocab())


def has_vocabulary(folder: Path, digest: str) -> bool:
    """Whether a `vocabulary_digest` is that of this folder.

    A configuration may name special tokens that tokenizer.json lacks, which no text has. The digest
    may be that with or without these.
    """
    return digest in (vocabulary_digest(folder), _digest(_own_tokenizer(folder).get_vocab()))


def _configuration(folder: Path) -> dict[str, Any]:
    """What a folder's files say about special tokens and about the tokenizer's class.

    Raises:
        InputError: a file that cannot be read, or that names code of its own.
    """
    found: dict[str, Any] = {}
    # config.json may name a tokenizer, too, and later files count more.
    for name in ("config.json", "special_tokens_map.json", "tokenizer_config.json"):
        path = folder / name
        if path.is_file():
            part = read_object(path)
            refuse_own_code(path, part)
            found |= part if name != "config.json" else {}
    return found


def _own_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer that tokenizer.json itself describes."""
    path = folder / _FILE
    if not folder.exists():
        raise InputError(f"{folder} does not exist", mend="Check the path.")
    if not path.is_file():
        raise InputError(
            f"{folder} holds no {_FILE}",
            why="A fast Hugging Face tokenizer is stored in this file.",
            mend="Train one: babyllama tokenizer train CORPUS OUT",
        )
    refuse_pointer(path)
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library's only exception
        raise InputError(
            f"{path} cannot be read: {error}",
            mend="Train it again: babyllama tokenizer train CORPUS OUT",
        ) from None


def _by_its_class(folder: Path) -> "PreTrainedTokenizerFast | None":
    """The tokenizer as the library makes it; None if it makes none of this kind."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception:  # the library raises many kinds; the file itself is read instead
        return None
    return made if isinstance(made, PreTrainedTokenizerFast) else None


def _differing(
    own: Tokenizer, by_class: "PreTrainedTokenizerFast", config: Mapping[str, Any]
) -> list[str]:
    """The parts in which the tokenizer that its class makes differs from tokenizer.json."""
    file, made = (json.loads(each.to_str()) for each in (own, by_class.backend_tokenizer))
    parts = [part for part in _PARTS if _settings(file[part]) != _settings(made[part])]
    if _names_what_it_adds(config) and "post_processor" in parts:
        parts.remove("post_processor")
    named = {_text_of(config.get(role)) for role in _ROLES}
    known = [token["content"] for token in file["added_tokens"]]
    kept = [token for token in made["added_tokens"] if token["content"] in known]
    added = {token["content"] for token in made["added_tokens"]} - {*known, *own.get_vocab()}
    if kept != file["added_tokens"] or added - named - set(_extra_tokens(config)):
        parts.append("added tokens")
    return parts


def _from_file(
    folder: Path,
    own: Tokenizer,
    by_class: "PreTrainedTokenizerFast | None",
    config: Mapping[str, Any],
) -> "PreTrainedTokenizerFast":
    """The tokenizer of tokenizer.json, with the special tokens that the configuration names.

    A token that only its class names is kept if the file has it.
    """
    from transformers import PreTrainedTokenizerFast

    special = {role: config.get(role) for role in _ROLES}
    if by_class is not None:
        for role in _ROLES:
            token = getattr(by_class, role)
            if role not in config and token and own.token_to_id(token) is not None:
                special[role] = token
    settings = {name: config[name] for name in _SETTINGS if name in config}
    try:
        made = PreTrainedTokenizerFast(
            tokenizer_object=own,
            name_or_path=str(folder),
            **{role: _token(value) for role, value in special.items() if value},
            **settings,
        )
    except Exception as error:  # the library raises many kinds
        raise InputError(
            f"{folder}/tokenizer_config.json cannot be used",
            why=str(error).strip()[:200],
            mend="Correct its special tokens.",
        ) from None
    if by_class is not None and _names_what_it_adds(config):
        made.backend_tokenizer.post_processor = by_class.backend_tokenizer.post_processor
    return made


def _names_what_it_adds(config: Mapping[str, Any]) -> bool:
    """Whether the configuration, not the file, decides if BOS and EOS are put around a text."""
    return config.get("add_bos_token") is not None or config.get("add_eos_token") is not None


def _extra_tokens(config: Mapping[str, Any]) -> list[str]:
    """Further tokens that the configuration adds to those of the file."""
    fields = ("extra_special_tokens", "additional_special_tokens", "added_tokens_decoder")
    found: list[Any] = []
    for field in fields:
        tokens = config.get(field)
        found += tokens.values() if isinstance(tokens, dict) else tokens or []
    return [_text_of(token) for token in found]


def _settings(part: Any) -> Any:
    """A part of a tokenizer without the settings that are off or empty: releases omit them."""
    if isinstance(part, dict):
        plain = {name: _settings(each) for name, each in part.items()}
        return {name: each for name, each in plain.items() if each or isinstance(each, int)}
    return part


def _text_of(token: Any) -> str:
    """A special token's text: a configuration has it plain or with settings."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _token(token: Any) -> Any:
    """A special token as the library takes it."""
    if not isinstance(token, dict):
        return str(token)
    flags = ("lstrip", "rstrip", "single_word", "normalized")
    return AddedToken(
        _text_of(token), special=True, **{flag: bool(token.get(flag)) for flag in flags}
    )


@cache
def _say(text: str) -> None:
    """Print a line once: a folder is read many times."""
    print_status(text)


def _digest(vocabulary: Mapping[str, int]) -> str:
    return hashlib.sha256(json.dumps(sorted(vocabulary.items())).encode()).hexdigest()


def _takes_text_for(tokenizer: "PreTrainedTokenizerFast", token: str) -> bool:
    """Whether a control token's own text is encoded as that token; punctuation is no control."""
    is_control = len(token) > 2 and (token[0], token[-1]) in {("<", ">"), ("[", "]")}
    if not is_control or token == tokenizer.unk_token:
        return False
    try:
        ids = tokenizer(token, add_special_tokens=False)["input_ids"]
    except Exception:  # a tokenizer without an unknown token cannot encode the characters
        return False
    return tokenizer.convert_tokens_to_ids(token) in ids


def _quoted(token: str | None) -> str:
    return "no token" if token is None else repr(token)


def _as_hugging_face(tokenizer: Tokenizer) -> "PreTrainedTokenizerFast":
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BOS, eos_token=EOS
    )
