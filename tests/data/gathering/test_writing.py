"""Documents become files by domain; some are drawn for dev."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babyllama.data.gathering import writing
from babyllama.data.gathering.documents import Document
from babyllama.data.gathering.writing import drawn, write_documents
from babyllama.errors import InputError


def written(out: Path, *documents: Document, draw=None) -> dict[str, str]:
    write_documents(documents, out, draw=draw)
    return {str(p.relative_to(out)): p.read_text("utf-8") for p in sorted(out.rglob("*.txt"))}


def test_documents_are_parted_by_one_blank_line_and_a_single_one_stays_as_it_is(tmp_path):
    parts = [("a", ["one"]), ("b", ["x", "\n\n", "y\n\n\n"]), ("a", ["two\n"]), ("a", ["three"])]
    documents = [Document(domain, "train", pieces) for domain, pieces in parts]
    assert written(tmp_path, *documents, Document("a", "dev", ["four\n"])) == {
        "dev/a.txt": "four\n",
        "train/a.txt": "one\n\ntwo\n\nthree",
        "train/b.txt": "x\n\ny\n\n\n",
    }


@given(st.integers(0, 99), st.floats(0.01, 0.9), st.integers(1, 300))
def test_the_draw_takes_its_share_and_is_decided_by_the_seed(seed, fraction, count):
    document = Document("a", None, [])
    splits = [drawn(seed, fraction)(document, number) for number in range(count)]
    assert splits == [drawn(seed, fraction)(document, number) for number in range(count)]
    assert abs(splits.count("dev") - count * fraction) < 1 + 1e-9


def test_another_seed_or_domain_draws_other_documents():
    def dev(seed, domain):
        draw = drawn(seed, 0.05)
        return [n for n in range(200) if draw(Document(domain, None, []), n) == "dev"]

    assert len({tuple(dev(seed, domain)) for seed in (0, 1) for domain in "ab"}) == 4


def test_all_parts_of_a_named_document_are_of_one_split():
    draw = drawn(1, 0.5)
    splits = [{draw(Document("a", None, [], name), n) for n in range(9)} for name in "abcdefgh"]
    assert {"train"} in splits
    assert {"dev"} in splits
    assert all(len(each) == 1 for each in splits)


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        (["a/b", "a b"], "the domains 'a/b' and 'a b' would get one file, a_b.txt"),
        (["Wiki", "wiki"], "would get one file"),
        (["///"], "cannot be the name of a file"),
        (["wiki.dev"], "cannot be the name of a file"),
        (["x" * 101], "cannot be the name of a file"),
        (["a", "b", "c"], "more than 2 domains"),
        ([], "holds no text"),
    ],
)
def test_domains_that_cannot_be_files_are_refused(tmp_path, monkeypatch, domains, message):
    monkeypatch.setattr(writing, "MOST_DOMAINS", 2)
    with pytest.raises(InputError, match=message):
        written(tmp_path, *(Document(each, "train", ["x"]) for each in domains))


def test_too_few_documents_to_draw_from_are_refused_with_a_share_that_would_do(tmp_path):
    documents = [Document("a", None, [str(n)]) for n in range(8)]
    with pytest.raises(InputError, match=r"has 8 documents, which leaves no dev(.|\n)*0\.25"):
        written(tmp_path, *documents, draw=drawn(1, 0.01))
    with pytest.raises(InputError, match=r"has one document, which leaves no train"):
        written(tmp_path, documents[0], draw=lambda _document, _number: "dev")
