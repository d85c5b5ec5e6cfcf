import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from token_streams import (
    TALES,
    TALKS,
    dropping_tokenizer,
    put_corpus,
    put_tales,
    stream,
    word_starts,
    word_tokenizer,
)

from babyllama.console import ProgressBar
from babyllama.data.tokenizer import load_tokenizer, vocabulary_digest
from babyllama.data.tokens import tokenize
from babyllama.data.windows import read_header
from babyllama.errors import InputError
from babyllama.recipe import TokensRecipe

LINES = TokensRecipe(layout="lines")
STREAM = TokensRecipe(layout="stream")
PAD, BOS, EOS = 0, 1, 2


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return put_tales(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def library(place):
    return load_tokenizer(place / "tokenizer")


def tokenized(
    place: Path,
    recipe: TokensRecipe,
    out: Path,
    *,
    corpus: Path | None = None,
    tokenizer: Path | None = None,
    **sizes: int,
) -> Path:
    out.mkdir(exist_ok=True)
    tokenize(corpus or place / "corpus", tokenizer or place / "tokenizer", recipe, out, **sizes)
    return out


def test_lines_begin_with_bos_and_documents_end_with_eos(place, library, tmp_path):
    def ids(text: str) -> list[int]:
        return library.backend_tokenizer.encode(text, add_special_tokens=False).ids

    out = tokenized(place, LINES, tmp_path / "out")

    assert stream(out) == stream(out, "dev")
    assert stream(out) == [
        *(BOS, *ids("The quick brown fox jumps over the lazy dog.")),
        *(BOS, *ids("The dog does not jump."), EOS),
        *(BOS, *ids("Füchse springen über Hunde.  It's 12 o'clock!"), EOS),
        *(BOS, *ids("狐狸跳过懒狗。 🦊"), EOS),
        *(BOS, *ids("the dog    jumps")),
        *(BOS, *ids("the fox doesn't"), EOS),
    ]
    assert not set(stream(out)) & set(library.encode("\n")[1:])


def test_documents_say_where_each_one_starts(place, tmp_path):
    out = tokenized(place, LINES, tmp_path / "out")
    starts = np.load(out / "train.documents.npy")
    ids = np.array(stream(out))

    ends = np.flatnonzero(ids == EOS) + 1
    assert starts.tolist() == [0, *ends[:-1]]
    assert ends[-1] == len(ids)


def test_a_stream_has_the_tokens_of_each_files_text_encoded_at_once(place, library, tmp_path):
    out = tokenized(place, STREAM, tmp_path / "out")

    tales, talks = library.encode(TALES), library.encode(TALKS)
    assert stream(out) == tales + talks
    assert np.load(out / "train.documents.npy").tolist() == [0, len(tales)]
    assert not {PAD, BOS, EOS} & set(stream(out))


def test_a_stream_decodes_to_the_text(place, library, tmp_path):
    out = tokenized(place, STREAM, tmp_path / "out")
    starts = np.load(out / "train.documents.npy")
    ids = stream(out)

    assert library.decode(ids[: starts[1]]) == " " + unicodedata.normalize("NFKC", TALES)
    assert library.decode(ids[starts[1] :]) == " " + TALKS


def test_lines_decode_to_the_text_without_its_blank_lines(place, library, tmp_path):
    out = tokenized(place, LINES, tmp_path / "out")

    text = library.decode(stream(out)).replace("</s>", "").replace("<s> ", "\n").strip()

    written = [line for line in [*TALES.split("\n"), *TALKS.split("\n")] if line.strip()]
    assert text == unicodedata.normalize("NFKC", "\n".join(written))


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
def test_facts_and_header_count_tokens_and_words(place, library, tmp_path, recipe):
    facts = tokenize(place / "corpus", place / "tokenizer", recipe, tmp_path)

    count = len(stream(tmp_path))
    assert facts == {
        "vocab_size": len(library),
        "train_tokens": count,
        "train_words": len((TALES + " " + TALKS).split()),
        "dev_tokens": count,
        "dev_words": len((TALES + " " + TALKS).split()),
    }
    assert read_header(tmp_path) == {
        "dtype": "uint16",
        "layout": recipe.layout,
        "vocabulary_sha256": vocabulary_digest(place / "tokenizer"),
        **facts,
    }


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
def test_how_much_is_read_at_once_changes_nothing(place, tmp_path, recipe, size):
    at_once = tokenized(place, recipe, tmp_path / "at_once")

    parts = tokenized(
        place, recipe, tmp_path / "parts", lines_at_once=size, characters_at_once=size
    )

    files = ("train.bin", "train.words.bin", "train.documents.npy", "dev.bin", "tokens.json")
    for name in files:
        assert (parts / name).read_bytes() == (at_once / name).read_bytes()


def test_progress_ends_at_100_percent(place, tmp_path, monkeypatch):
    shares = []
    end = ProgressBar.__exit__
    monkeypatch.setattr(
        ProgressBar, "__exit__", lambda bar, *why: (shares.append(bar.share), end(bar, *why))[1]
    )
    tokenized(place, STREAM, tmp_path / "out")

    assert shares == [1.0, 1.0]  # of train and of dev


@pytest.mark.parametrize(("size", "dtype"), [(2**16, "uint16"), (2**16 + 1, "uint32")])
def test_tokens_take_two_bytes_while_the_vocabulary_fits(tmp_path, size, dtype):
    for split in ("train", "dev"):
        (tmp_path / "corpus" / split).mkdir(parents=True)
        (tmp_path / "corpus" / split / "a.txt").write_text(f"w3 w{size - 1}\n", encoding="utf-8")
    tokenizer = word_tokenizer(tmp_path / "tokenizer", size)

    tokenize(tmp_path / "corpus", tokenizer, LINES, tmp_path)

    assert read_header(tmp_path)["dtype"] == dtype
    assert stream(tmp_path) == [0, 3, size - 1, 1]
    assert (tmp_path / "train.bin").stat().st_size == 4 * np.dtype(dtype).itemsize


# Emoji in parts, marks that join or stand alone, wide letters, every kind of space, no letters.
HARD = """👩‍👩‍👧 waves🏳️‍🌈 👍🏽\tto ｆｕｌｌ　ｗｉｄｔｈ\u00a0letters\u2003here\x1cand\x85there.
--- *** ... !!! @#$ \u200b \u00ad
e\u0301te\u0301 \u0301 a\u0301\u0323\u0307b ¨ \ufdfa ½ ﬁ ﬁn \u1100\u1161\u11a8 <s> x</s>y

 \u3000 \t
狐狸跳过 懒狗。狐狸，　跑！\r
 lead and trail\u00a0
"""


def test_a_word_counts_at_its_first_token_and_separators_have_none(place, library, tmp_path):
    corpus = put_corpus(tmp_path / "corpus", "the dog  foxy\n🦊 é\n")
    out = tokenized(place, LINES, tmp_path / "out", corpus=corpus)

    tokens = library.convert_ids_to_tokens(stream(out))

    assert list(zip(tokens, word_starts(out), strict=True)) == [
        *[("<s>", 0), ("Ġthe", 1), ("Ġdog", 1), ("Ġ", 0), ("Ġfox", 1), ("y", 0)],
        *[("<s>", 0), ("ĠðŁ¦Ĭ", 1), ("Ġ", 0), ("Ã", 1), ("©", 0), ("</s>", 0)],
    ]


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_words_of_tokens_add_up_to_the_words_of_the_text(place, tmp_path, recipe, size):
    corpus = put_corpus(tmp_path / "corpus", HARD)

    out = tokenized(
        place,
        recipe,
        tmp_path / "out",
        corpus=corpus,
        lines_at_once=size,
        characters_at_once=size,
    )

    header = read_header(out)
    for split in ("train", "dev"):
        assert len(word_starts(out, split)) == len(stream(out, split)) == header[f"{split}_tokens"]
        assert sum(word_starts(out, split)) == header[f"{split}_words"] == len(HARD.split())


def test_a_word_without_a_token_counts_at_the_next_token_of_its_line_or_else_at_the_last(tmp_path):
    corpus = put_corpus(tmp_path / "corpus", "a x b xx xx\nx\nx xa\n")
    tokenizer = dropping_tokenizer(tmp_path / "tokenizer")

    lines = tokenized(tmp_path, LINES, tmp_path / "lines", corpus=corpus, tokenizer=tokenizer)
    one_text = tokenized(tmp_path, STREAM, tmp_path / "stream", corpus=corpus, tokenizer=tokenizer)

    assert stream(lines) == [0, 2, 2, 0, 0, 2, 1]
    assert word_starts(lines) == [0, 1, 4, 1, 0, 2, 0]
    assert stream(one_text) == [2, 2, 2]
    assert word_starts(one_text) == [1, 2, 5]
    assert read_header(lines)["train_words"] == read_header(one_text)["train_words"] == 8


def test_text_without_a_token_has_no_words(tmp_path):
    corpus = put_corpus(tmp_path / "corpus", "xx x\n")
    (corpus / "train" / "b.txt").write_text("a a", encoding="utf-8")
    tokenizer = dropping_tokenizer(tmp_path / "tokenizer")

    with pytest.raises(InputError, match="corpus/dev holds no text to tokenize"):
        tokenized(tmp_path, STREAM, tmp_path, corpus=corpus, tokenizer=tokenizer)

    assert word_starts(tmp_path) == [1, 1]


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
def test_a_token_of_more_words_than_fit_into_a_byte_is_refused(tmp_path, recipe):
    tokenizer = dropping_tokenizer(tmp_path / "tokenizer")
    most = put_corpus(tmp_path / "most", "a" + 254 * " x")
    more = put_corpus(tmp_path / "more", "a" + 255 * " x")

    out = tokenized(tmp_path, recipe, tmp_path / "out", corpus=most, tokenizer=tokenizer)
    assert max(word_starts(out)) == 255
    with pytest.raises(InputError, match="tokenizer puts 256 words into one token"):
        tokenized(tmp_path, recipe, tmp_path / "out", corpus=more, tokenizer=tokenizer)


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
@pytest.mark.parametrize("text", [None, "", " \n\n"])
def test_a_split_without_text_is_refused(place, tmp_path, recipe, text):
    (tmp_path / "corpus" / "train").mkdir(parents=True)
    (tmp_path / "corpus" / "train" / "a.txt").write_text("the dog", encoding="utf-8")
    (tmp_path / "corpus" / "dev").mkdir()
    if text is not None:
        (tmp_path / "corpus" / "dev" / "a.txt").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match="corpus/dev holds no text to tokenize"):
        tokenized(place, recipe, tmp_path, corpus=tmp_path / "corpus")


@pytest.mark.parametrize("recipe", [LINES, STREAM], ids=lambda recipe: recipe.layout)
def test_text_that_is_not_utf8_is_refused_with_its_file(place, tmp_path, recipe):
    (tmp_path / "corpus" / "train").mkdir(parents=True)
    (tmp_path / "corpus" / "train" / "a.txt").write_bytes("the Größe".encode("latin-1"))

    with pytest.raises(InputError, match=r"corpus/train/a\.txt is not UTF-8 text"):
        tokenized(place, recipe, tmp_path, corpus=tmp_path / "corpus")


def test_lines_need_a_tokenizer_with_a_start_and_an_end(place, tmp_path):
    tokenizer = word_tokenizer(tmp_path / "tokenizer", 10)
    config = json.loads((tokenizer / "tokenizer_config.json").read_text(encoding="utf-8"))
    del config["bos_token"]
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")

    with pytest.raises(InputError, match="has no token for the start or the end of a text"):
        tokenized(place, LINES, tmp_path / "lines", tokenizer=tokenizer)
    tokenized(place, STREAM, tmp_path / "stream", tokenizer=tokenizer)


@pytest.mark.parametrize(("size", "is_said"), [(8, False), (20, True)])
def test_it_is_said_if_most_of_a_vocabulary_does_not_occur(tmp_path, capsys, size, is_said):
    corpus = put_corpus(tmp_path / "corpus", "w3 w4 zz w5")
    tokenized(tmp_path, LINES, tmp_path / "out", corpus=corpus,
              tokenizer=word_tokenizer(tmp_path / "tokenizer", size))  # fmt: skip
    message = f"{size - 6} of the tokenizer's {size} tokens"
    assert (message in capsys.readouterr().err) == is_said


def test_the_header_says_whether_documents_are_separate(place, tmp_path):
    separate = TokensRecipe(documents="separate")
    assert read_header(tokenized(place, separate, tmp_path / "one"))["documents"] == "separate"
    assert "documents" not in read_header(tokenized(place, LINES, tmp_path / "other"))
    with pytest.raises(ValueError, match="a file is one document"):
        TokensRecipe(layout="stream", documents="separate")
