"""Tokens of a corpus whose writer was killed: the same bytes, and no text encoded twice."""

import json

import pytest
from token_streams import put_tales

from babyllama.data import tokens
from babyllama.data.tokens import tokenize
from babyllama.recipe import TokensRecipe
from babyllama.runs.unfinished import SCRATCH

SMALL = {"lines_at_once": 1, "characters_at_once": 8}
FILES = ("train.bin", "train.words.bin", "train.documents.npy", "dev.bin", "tokens.json")


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return put_tales(tmp_path_factory.mktemp("tales"))


@pytest.fixture(scope="module", params=["lines", "stream"])
def whole(request, place):
    """A folder that was written at once, and its recipe."""
    recipe = TokensRecipe(layout=request.param)
    out = place / request.param
    out.mkdir()
    tokenize(place / "corpus", place / "tokenizer", recipe, out, **SMALL)
    assert not (out / SCRATCH).exists()
    return out, recipe


def written(place, recipe, out, monkeypatch, *, dies_at=None, notes=3):
    """Write a folder, or die at a piece; returns how many pieces were encoded."""
    encode, calls = tokens.encode_in_groups, []

    def counted(library, piece, lines_of_pieces, known):
        calls.append(piece)
        if len(calls) == dies_at:
            raise Killed
        return encode(library, piece, lines_of_pieces, known)

    monkeypatch.setattr(tokens, "encode_in_groups", counted)
    monkeypatch.setattr(tokens, "_CHARACTERS_OF_A_GROUP", 1)  # each piece on its own
    settings = SMALL | {"pieces_between_notes": notes}
    try:
        tokenize(place / "corpus", place / "tokenizer", recipe, out, **settings)
    except Killed:
        assert dies_at
    finally:
        monkeypatch.undo()
    return len(calls)


def same(out, other):
    return all((out / name).read_bytes() == (other / name).read_bytes() for name in FILES)


@pytest.mark.parametrize("dies_at", [1, 5, 9, 20])
def test_a_killed_writer_is_gone_on_with(place, whole, tmp_path, monkeypatch, dies_at):
    out, recipe = whole
    (tmp_path / "all").mkdir()
    everything = written(place, recipe, tmp_path / "all", monkeypatch)
    written(place, recipe, tmp_path, monkeypatch, dies_at=dies_at)
    assert not (tmp_path / "tokens.json").exists()

    again = written(place, recipe, tmp_path, monkeypatch)

    assert same(tmp_path, out)
    # At most the pieces since the last note, and those that were encoded ahead.
    assert again <= everything - dies_at + 3 + tokens._GROUPS_AT_ONCE + 1


@pytest.mark.parametrize("name", ["train.bin", "train.words.bin", f"{SCRATCH}/train.documents.bin"])
def test_what_an_earlier_writer_left_is_checked(place, whole, tmp_path, monkeypatch, capsys, name):
    out, recipe = whole
    written(place, recipe, tmp_path, monkeypatch, dies_at=20)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(bytes([data[0] ^ 1]) + data[1:])

    written(place, recipe, tmp_path, monkeypatch)

    assert f"{tmp_path / name} has changed" in capsys.readouterr().err
    assert same(tmp_path, out)


@pytest.mark.parametrize("note", ["", "[]", '{"files": {"tokens": 3}}'])
def test_a_damaged_note_begins_anew(place, whole, tmp_path, monkeypatch, note):
    out, recipe = whole
    written(place, recipe, tmp_path, monkeypatch, dies_at=20)
    path = tmp_path / SCRATCH / "tokens.train.json"
    assert json.loads(path.read_text())["pieces"] > 0
    path.write_text(note)

    written(place, recipe, tmp_path, monkeypatch)

    assert same(tmp_path, out)
