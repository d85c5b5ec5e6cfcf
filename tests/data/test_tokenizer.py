import json
import shutil
import signal
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.normalizers import NFKC
from transformers import AutoTokenizer

from babyllama.data.tokenizer import (
    differing_tokens,
    has_vocabulary,
    load_tokenizer,
    refuse_control_tokens,
    reserved_tokens,
    train_tokenizer,
    vocabulary_digest,
)
from babyllama.errors import InputError
from babyllama.recipe import TokenizerRecipe

TEXT = """The quick brown fox jumps over the lazy dog.
The lazy dog does not jump over the quick brown fox.
Füchse können über Hunde springen, und Hunde über Füchse.
狐狸跳过懒狗。懒狗不跳。
The dog's 12 friends aren't foxes! 🦊🐶
"""
# Unassigned code points are left out: which of them NFKC changes depends on the year.
texts = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=40) | st.lists(
    st.sampled_from(["the", " dog", "\n", "ﬁsh", "Größe", "狐狸", "🦊", "👩‍🚀", "½", "  ", "'s"]),
    max_size=12,
).map("".join)


def corpus(place: Path, text: str = TEXT, *, times: int = 3) -> Path:
    (place / "train").mkdir(parents=True)
    (place / "train" / "tales.txt").write_text(text * times, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(corpus(place / "corpus"), TokenizerRecipe(vocab_size=400), place / "tokenizer")
    return place / "tokenizer"


@pytest.fixture(scope="module")
def library(folder):
    return load_tokenizer(folder)


def test_specials_are_0_1_2(library):
    assert library.convert_tokens_to_ids(["<pad>", "<s>", "</s>"]) == [0, 1, 2]
    assert (library.pad_token_id, library.bos_token_id, library.eos_token_id) == (0, 1, 2)


def test_a_folder_loads_through_transformers_and_gives_the_same_ids(folder, library):
    theirs = AutoTokenizer.from_pretrained(folder)

    assert theirs("The lazy fox 🦊")["input_ids"] == library("The lazy fox 🦊")["input_ids"]
    assert theirs.get_vocab() == library.get_vocab()
    assert theirs.eos_token == "</s>"


def test_no_special_token_is_added_to_a_text(library):
    assert not {0, 1, 2} & set(library("The quick fox")["input_ids"])


@settings(deadline=None)
@given(text=texts)
def test_ids_decode_to_the_normalised_text_after_its_leading_space(library, text):
    back = library.decode(library.encode(text))

    # The tokenizer's own NFKC: Python's is of a newer Unicode, with more digits to normalise.
    normal = NFKC().normalize_str(text)
    assert back == (normal if normal.startswith(" ") or not normal else " " + normal)


def test_a_word_has_the_same_token_at_the_start_as_within(library):
    start, within = library.encode("dog"), library.encode("lazy dog")

    assert start == within[-len(start) :]
    assert start == library.encode(" dog")


def test_two_trainings_write_the_same_bytes(folder, tmp_path):
    train_tokenizer(corpus(tmp_path / "corpus"), TokenizerRecipe(vocab_size=400), tmp_path / "out")

    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()


def test_a_folder_contains_no_path_of_this_machine(folder):
    for file in folder.iterdir():
        assert "/tmp" not in file.read_text(encoding="utf-8")


def test_the_vocabulary_has_the_wanted_size_or_as_many_tokens_as_the_text_gives(tmp_path):
    source = corpus(tmp_path / "corpus")

    enough = train_tokenizer(source, TokenizerRecipe(vocab_size=300), tmp_path / "small")
    too_many = train_tokenizer(source, TokenizerRecipe(vocab_size=16_000), tmp_path / "large")

    assert enough == {"vocab_size": 300}
    assert 300 < too_many["vocab_size"] < 16_000
    assert len(load_tokenizer(tmp_path / "large")) == too_many["vocab_size"]


def test_reserved_tokens_make_the_vocabulary_a_multiple_and_change_no_text(tmp_path, library):
    source, recipe = corpus(tmp_path / "corpus"), TokenizerRecipe(vocab_size=400, pad_vocab_to=64)
    facts = train_tokenizer(source, recipe, tmp_path / "padded")
    padded = load_tokenizer(tmp_path / "padded")

    assert facts == {"vocab_size": recipe.padded(len(library))}
    assert len(padded) == len(AutoTokenizer.from_pretrained(tmp_path / "padded"))
    assert len(padded) % 64 == 0
    assert reserved_tokens(padded) == [*range(len(library), len(padded))]
    assert reserved_tokens(library) == []
    for text in (TEXT, "<|reserved_0|> is text", ""):
        assert padded(text)["input_ids"] == library(text)["input_ids"]


def test_a_vocabulary_that_is_a_multiple_needs_no_reserved_token(tmp_path):
    recipe = TokenizerRecipe(vocab_size=320, pad_vocab_to=64)
    assert train_tokenizer(corpus(tmp_path / "corpus"), recipe, tmp_path / "tokenizer") == {
        "vocab_size": 320
    }


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        ("nfkc", "他說:「好,ABC!」café é"),
        ("nfc", "他說：「好，ＡＢＣ！」café é"),
        ("none", "他說：「好，ＡＢＣ！」café e\u0301"),
    ],
)
def test_text_is_normalised_as_the_recipe_says(tmp_path, normalization, expected):
    recipe = TokenizerRecipe(vocab_size=300, normalization=normalization)
    train_tokenizer(corpus(tmp_path / "corpus"), recipe, tmp_path / "tokenizer")
    library = load_tokenizer(tmp_path / "tokenizer")

    text = "他說：「好，ＡＢＣ！」café e\u0301"
    ids = library.encode(text)
    assert library.decode(ids) == f" {expected}"
    assert AutoTokenizer.from_pretrained(tmp_path / "tokenizer").encode(text) == ids


def test_pairs_rarer_than_the_minimum_are_not_merged(tmp_path):
    source = corpus(tmp_path / "corpus", "one two\n", times=3)

    kept = train_tokenizer(source, TokenizerRecipe(min_frequency=3), tmp_path / "kept")
    none = train_tokenizer(source, TokenizerRecipe(min_frequency=4), tmp_path / "none")

    assert none["vocab_size"] == 256 + 3
    assert kept["vocab_size"] > none["vocab_size"]


def test_a_tokenizer_is_trained_on_train_alone(tmp_path):
    source = corpus(tmp_path / "corpus")
    (source / "dev").mkdir()
    (source / "dev" / "tales.txt").write_text("xylophone " * 50, encoding="utf-8")
    train_tokenizer(source, TokenizerRecipe(), tmp_path / "out")

    assert len(load_tokenizer(tmp_path / "out").encode("xylophone")) > 3


def test_vocabularies_are_compared_by_their_ids_not_their_size(folder, tmp_path):
    source = corpus(tmp_path / "corpus", TEXT[::-1])
    train_tokenizer(source, TokenizerRecipe(vocab_size=300), tmp_path / "one")
    train_tokenizer(source, TokenizerRecipe(vocab_size=300), tmp_path / "again")
    source = corpus(tmp_path / "other")
    train_tokenizer(source, TokenizerRecipe(vocab_size=300), tmp_path / "two")

    assert not differing_tokens(tmp_path / "one", tmp_path / "again")
    differing = differing_tokens(tmp_path / "one", tmp_path / "two")
    assert len(differing) == 3
    one, two = (load_tokenizer(tmp_path / name) for name in ("one", "two"))
    for line in differing:
        number = int(line.split()[0])
        ours, theirs = (each.convert_ids_to_tokens(number) for each in (one, two))
        assert line == f"{number} is {ours!r} in one and {theirs!r} in the other"
        assert ours != theirs
    # Same text, same merges: a larger vocabulary differs only by the tokens that it adds.
    assert differing_tokens(tmp_path / "two", folder)[0].startswith("300 is no token in one and ")


def test_the_digest_of_a_vocabulary_depends_on_its_tokens_and_ids_alone(folder, tmp_path):
    source = corpus(tmp_path / "corpus")
    train_tokenizer(source, TokenizerRecipe(vocab_size=400), tmp_path / "same")
    train_tokenizer(source, TokenizerRecipe(vocab_size=300), tmp_path / "smaller")

    assert vocabulary_digest(tmp_path / "same") == vocabulary_digest(folder)
    assert vocabulary_digest(tmp_path / "smaller") != vocabulary_digest(folder)


def test_a_corpus_without_training_text_is_refused(tmp_path):
    with pytest.raises(InputError, match="corpus does not exist"):
        train_tokenizer(tmp_path / "corpus", TokenizerRecipe(), tmp_path / "out")
    (tmp_path / "corpus").mkdir()
    with pytest.raises(InputError, match=r"corpus has no text in train/") as caught:
        train_tokenizer(tmp_path / "corpus", TokenizerRecipe(), tmp_path / "out")

    assert f"babyllama corpus clean {tmp_path / 'corpus'} CORPUS" in caught.value.mend
    assert not (tmp_path / "out").exists()


def test_training_text_that_is_not_utf8_is_refused(tmp_path):
    source = corpus(tmp_path / "corpus")
    (source / "train" / "more.txt").write_bytes("Größe".encode("latin-1"))

    with pytest.raises(InputError, match=r"corpus/train cannot be read: .*UTF-8"):
        train_tokenizer(source, TokenizerRecipe(), tmp_path / "out")


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no tokenizer\.json") as caught:
        load_tokenizer(tmp_path)

    assert caught.value.mend == "Train one: babyllama tokenizer train CORPUS OUT"


@pytest.mark.parametrize("text", ["", "{", json.dumps({"model": "broken"})])
def test_a_broken_tokenizer_is_refused(tmp_path, text):
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=r"tokenizer\.json cannot be read: "):
        load_tokenizer(tmp_path)


@pytest.fixture
def changed(folder, tmp_path):
    """Copies the tokenizer with another configuration or another tokenizer.json."""

    def change(config=None, **parts):
        shutil.copytree(folder, tmp_path / "changed", dirs_exist_ok=True)
        if config is not None:
            path = tmp_path / "changed" / "tokenizer_config.json"
            path.write_text(json.dumps(config))
        path = tmp_path / "changed" / "tokenizer.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | parts))
        return tmp_path / "changed"

    return change


SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
HARD = ["The lazy dog", "ﬁsh ½ Größe", "  two  spaces", "\nanother line", "狐狸 dog"]


@pytest.mark.parametrize(
    "name",
    ["GPT2Tokenizer", "GPT2TokenizerFast", "RobertaTokenizer", "BartTokenizer", "CodeGenTokenizer",
     "BertTokenizer", "LlamaTokenizer", "LlamaTokenizerFast", "T5Tokenizer", "Qwen2Tokenizer",
     "PreTrainedTokenizerFast", "ByT5Tokenizer", "NoSuchTokenizer", None],
)  # fmt: skip
def test_a_tokenizer_is_what_its_file_says_whatever_its_class(changed, library, name):
    named = {} if name is None else {"tokenizer_class": name}
    loaded = load_tokenizer(changed(config=SPECIAL | named))
    assert loaded(HARD)["input_ids"] == library(HARD)["input_ids"]
    assert loaded.get_vocab() == library.get_vocab()
    assert (loaded.bos_token_id, loaded.eos_token_id, loaded.pad_token_id) == (1, 2, 0)


def test_it_is_said_where_the_file_is_read_against_its_class_and_only_there(
    changed, capsys, folder
):
    load_tokenizer(folder)
    load_tokenizer(changed(config=SPECIAL | {"tokenizer_class": "LlamaTokenizer"}))
    assert not capsys.readouterr().err
    path = changed(config=SPECIAL | {"tokenizer_class": "GPT2Tokenizer"})
    for _ in range(2):
        load_tokenizer(path)
    said = capsys.readouterr().err
    assert "would make GPT2Tokenizer without the normalizer, pre_tokenizer" in said
    assert said.count("\n") == 1


def test_special_tokens_are_those_of_the_configuration(changed, library):
    config = SPECIAL | {
        "tokenizer_class": "GPT2Tokenizer",
        "unk_token": "<|endoftext|>",  # the class's default, which train.py of BabyLlama leaves
        "eos_token": {"content": "</s>", "lstrip": False, "special": True},
        "model_max_length": 77,
    }
    loaded = load_tokenizer(changed(config=config))
    assert (loaded.unk_token_id, len(loaded)) == (len(library), len(library) + 1)
    assert (loaded.eos_token_id, loaded.model_max_length) == (2, 77)


def test_tokens_that_only_the_configuration_adds_make_no_other_vocabulary(changed, folder, library):
    more = changed(config=SPECIAL | {"unk_token": "<|endoftext|>"})
    assert len(load_tokenizer(more)) == len(library) + 1
    assert not differing_tokens(folder, more)
    assert has_vocabulary(more, vocabulary_digest(folder))
    assert has_vocabulary(more, vocabulary_digest(more))
    assert not has_vocabulary(folder, vocabulary_digest(more))


def test_truncation_padding_and_dropout_of_a_file_are_switched_off(changed, library, folder):
    saved = Tokenizer.from_file(str(folder / "tokenizer.json"))
    saved.enable_truncation(max_length=3)
    saved.enable_padding(pad_id=0, pad_token="<pad>", length=12)
    parts = json.loads(saved.to_str())
    parts["model"]["dropout"] = 0.5
    loaded = load_tokenizer(changed(**parts))
    assert loaded(HARD)["input_ids"] == library(HARD)["input_ids"]
    raw, expected = (each.backend_tokenizer.encode_batch(HARD) for each in (loaded, library))
    assert [text.ids for text in raw] == [text.ids for text in expected]


@pytest.mark.parametrize("text", ["a </s> b", "<pad>", "<s>The dog</s>"])
def test_control_tokens_that_are_spelt_out_are_text(library, text):
    for ids in (library(text)["input_ids"], library.backend_tokenizer.encode(text).ids):
        assert not {0, 1, 2} & set(ids)
        assert library.decode(ids) == " " + text
    refuse_control_tokens(library, [text])


def test_a_tokenizer_that_takes_the_text_for_the_token_refuses_the_text(tmp_path):
    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.add_special_tokens(["<pad>", "</s>", "<unk>"])
    words.save(str(tmp_path / "tokenizer.json"))
    config = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    loaded = load_tokenizer(tmp_path)
    refuse_control_tokens(loaded, ["a a", "a <unk> b"])
    with pytest.raises(InputError, match="spells the control token '</s>': 'a </s> a'"):
        refuse_control_tokens(loaded, ["a a", "a </s> a"])


@pytest.mark.parametrize("name", ["tokenizer_config.json", "config.json"])
def test_code_of_a_tokenizer_is_refused(changed, name):
    path = changed()
    code = {"auto_map": {"AutoTokenizer": ["mine.Slow", None]}, "model_type": "mine"}
    (path / name).write_text(json.dumps(code))
    with pytest.raises(InputError, match=rf"{name}: auto_map is"):
        load_tokenizer(path)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_files_that_are_git_lfs_pointers_are_named(changed, name):
    path = changed()
    (path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    with pytest.raises(InputError, match=f"{name} is a git-lfs pointer"):
        load_tokenizer(path)


def test_a_configuration_that_is_no_object_is_named(changed):
    with pytest.raises(InputError, match=r"tokenizer_config\.json cannot be read"):
        load_tokenizer(changed(config=[1]))


def test_ctrl_c_does_not_wait_for_the_end_of_a_training(corpus, tmp_path, monkeypatch):
    """The library answers no signal; here it never ends."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    ended = Event()

    def endless(*_):
        signal.raise_signal(signal.SIGINT)
        ended.wait()

    monkeypatch.setattr("babyllama.data.tokenizer_kinds.train", endless)
    with pytest.raises(KeyboardInterrupt):
        train_tokenizer(corpus, TokenizerRecipe(vocab_size=300), tmp_path)
    ended.set()
    signal.signal(signal.SIGINT, before)
    assert not list(tmp_path.iterdir())


def test_a_vocabulary_that_is_smaller_than_asked_for_is_named(tmp_path, capsys):
    source = corpus(tmp_path / "corpus")
    facts = train_tokenizer(source, TokenizerRecipe(vocab_size=16_000), tmp_path / "large")
    said = " ".join(capsys.readouterr().err.split())
    assert f"the tokenizer has {facts['vocab_size']:,} tokens, not 16,000" in said
    train_tokenizer(source, TokenizerRecipe(vocab_size=280), tmp_path / "small")
    assert not capsys.readouterr().err
