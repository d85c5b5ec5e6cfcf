"""Each kind of tokenizer: what it knows, that it writes any text, and words counted in tokens."""

import pytest
from token_streams import TALES, TALKS, stream, word_starts

from babyllama.data.text_pieces import can_split_before_spaces
from babyllama.data.tokenizer import load_tokenizer, train_tokenizer
from babyllama.data.tokenizer_kinds import LONGEST_WORD, UNIGRAM_WORDS, _cut
from babyllama.data.tokens import tokenize
from babyllama.errors import InputError
from babyllama.recipe import TokenizerRecipe, TokensRecipe, parse

SIZES = {"bpe": 330, "unigram": 400, "characters": 400, "bytes": 259}
KINDS = list(SIZES)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for split in ("train", "dev"):
        (folder / split).mkdir()
        (folder / split / "tales.txt").write_text(TALES * 4 + TALKS, encoding="utf-8")
    return folder


def recipe(kind, **changes):
    return TokenizerRecipe(kind=kind, vocab_size=SIZES[kind], normalization="nfc", **changes)


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    """A folder with a tokenizer of each kind."""
    folder = tmp_path_factory.mktemp("tokenizers")
    for kind in KINDS:
        train_tokenizer(corpus, recipe(kind), folder / kind)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_has_at_most_the_tokens_asked_for_and_ours_first(trained, kind):
    library = load_tokenizer(trained / kind)
    assert 259 <= len(library) <= SIZES[kind]
    assert library.convert_ids_to_tokens([0, 1, 2]) == ["<pad>", "<s>", "</s>"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text", ["The fox jumps.", "x y  \t z", "狐狸 ﬁ ½ 🦊 \u0301", "</s> <0x41> <s>"]
)
def test_every_text_comes_back_whatever_its_characters(trained, kind, text):
    library = load_tokenizer(trained / kind)
    ids = library(text, add_special_tokens=False)["input_ids"]
    assert not set(ids) & {0, 1, 2}
    assert library.decode(ids, clean_up_tokenization_spaces=False).lstrip() == text


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_of_a_corpus_is_counted_in_one_token(corpus, trained, kind, tmp_path):
    facts = tokenize(corpus, trained / kind, TokensRecipe(), tmp_path)
    words = len((TALES * 4 + TALKS).split())
    assert facts["train_words"] == sum(word_starts(tmp_path)) == words
    assert len(stream(tmp_path)) == facts["train_tokens"]


def test_a_character_is_a_token_unless_it_is_rare(trained):
    library = load_tokenizer(trained / "characters")
    assert library.tokenize("dog 🦊") == ["d", "o", "g", " ", "🦊"]
    assert library.tokenize("q") == ["q"]
    assert library.tokenize("Ω") == ["<0xCE>", "<0xA9>"]


def test_the_most_frequent_characters_are_kept_and_the_limit_counts_the_bytes(corpus, tmp_path):
    train_tokenizer(corpus, TokenizerRecipe(kind="characters", vocab_size=261), tmp_path)
    library = load_tokenizer(tmp_path)
    counts = {each: (TALES * 4 + TALKS).count(each) for each in "\n e"}
    assert counts[" "] > counts["e"] > counts["\n"]
    assert library.convert_ids_to_tokens([259, 260]) == [" ", "e"]


def test_characters_rarer_than_the_minimum_are_bytes(corpus, tmp_path):
    train_tokenizer(corpus, recipe("characters", min_frequency=5), tmp_path)
    assert load_tokenizer(tmp_path).tokenize("🦊") == ["<0xF0>", "<0x9F>", "<0xA6>", "<0x8A>"]


def test_a_byte_is_a_token(trained):
    library = load_tokenizer(trained / "bytes")
    assert len(library("aé", add_special_tokens=False)["input_ids"]) == len(" aé".encode())


def test_bytes_need_no_size():
    assert parse(TokenizerRecipe, {"kind": "bytes"}, "tokenizer").vocab_size == 259


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["lines", "stream"])
def test_a_long_text_is_encoded_in_pieces_that_change_no_token(
    corpus, trained, kind, layout, tmp_path
):
    assert can_split_before_spaces(load_tokenizer(trained / kind).backend_tokenizer)
    for size in (16, 10_000):
        (tmp_path / str(size)).mkdir()
        tokenize(
            corpus, trained / kind, TokensRecipe(layout=layout), tmp_path / str(size),
            characters_at_once=size,
        )  # fmt: skip
    assert stream(tmp_path / "16") == stream(tmp_path / "10000")
    assert word_starts(tmp_path / "16") == word_starts(tmp_path / "10000")


def test_two_trainings_of_characters_write_the_same_bytes(corpus, trained, tmp_path):
    train_tokenizer(corpus, recipe("characters"), tmp_path)
    for file in (trained / "characters").iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"kind": "bytes", "vocab_size": 16_000}, "always has 259"),
        ({"kind": "bytes", "min_frequency": 3}, "no such limit"),
        ({"kind": "unigram", "vocab_size": 299}, "at least 300"),
        ({"kind": "wordpiece"}, "kind"),
        ({"vocab_size": 258}, "vocab_size"),
    ],
)
def test_settings_that_a_kind_does_not_have_are_refused(tree, message):
    with pytest.raises(InputError, match=message):
        parse(TokenizerRecipe, tree, "tokenizer")


def test_unigram_has_tokens_of_several_characters_and_bytes_for_rare_ones(trained):
    library = load_tokenizer(trained / "unigram")
    assert len(library.tokenize("the dog jumps")) < len("the dog jumps")
    assert library.tokenize("Ω") == ["▁", "<0xCE>", "<0xA9>"]
    assert "狐" in library.get_vocab()


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_very_long_word_is_cut_before_training_and_named(tmp_path, capsys, kind):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.txt").write_text(TALES + "so " + "a" * 8192 + " it is\n", "utf-8")
    train_tokenizer(tmp_path, recipe(kind, min_frequency=1), tmp_path / "out")
    said = " ".join(capsys.readouterr().err.split())
    lines = len(TALES.splitlines())
    assert "words of more than 1,000 characters are cut into pieces to train on: 1" in said
    assert f"train/a.txt, line {lines + 1}" in said
    longest = max(load_tokenizer(tmp_path / "out").get_vocab(), key=len)
    assert len(longest) <= LONGEST_WORD + 1  # with a space before it


def test_text_without_very_long_words_is_trained_on_as_it_is(corpus):
    lines = (corpus / "train" / "tales.txt").read_text("utf-8").splitlines(keepends=True)
    assert [*_cut(UNIGRAM_WORDS, lines)] == lines
    word = "b" * 2500
    assert [*_cut(UNIGRAM_WORDS, [f"a {word} c"])] == [
        f"a {'b' * 999}",
        "b" * 1000,
        f"{'b' * 501} c",
    ]
