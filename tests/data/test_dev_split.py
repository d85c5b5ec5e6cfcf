import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babyllama.data.dev_split import blocks_before, blocks_from, dev_start
from babyllama.errors import InputError


def split_dev(text: str, *, fraction: float, name: str, size: int = 7) -> tuple[str, str]:
    """Train and dev of a text that is read in blocks of some size."""

    def read():
        return (text[start : start + size] for start in range(0, len(text), size))

    start = dev_start(read, fraction=fraction, name=name)
    return "".join(blocks_before(read, start)), "".join(blocks_from(read, start))


def test_dev_starts_between_documents_if_one_ends_near_the_share():
    text = "".join(f"document {i:02}\n" + "another line\n" * 5 + "\n" for i in range(100))

    # The wanted share ends within a document, nearer to a line's end than to the document's.
    train, dev = split_dev(text, fraction=0.104, name="x")

    assert dev.startswith("document 90\n")
    assert train.endswith("\n\n")


def test_dev_starts_between_lines_if_no_document_ends_near():
    text = "one\n\n" + "a line of words\n" * 100

    train, dev = split_dev(text, fraction=0.1, name="x")

    assert dev == "a line of words\n" * 10
    assert train + dev == text


def test_dev_starts_between_words_if_there_is_one_line():
    train, dev = split_dev("word " * 100 + "\n", fraction=0.1, name="x")

    assert train.endswith("word ")
    assert dev == "word " * 10 + "\n"


def test_a_text_that_cannot_be_split_is_refused():
    with pytest.raises(InputError, match=r"tale\.txt is too short"):
        split_dev("indivisible\n", fraction=0.1, name="tale.txt")


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 2.0])
def test_a_dev_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(InputError, match="dev_fraction is"):
        split_dev("one\ntwo\n", fraction=fraction, name="x")


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["word", "a few words", "", " "]), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
    st.integers(1, 9),
)
def test_no_character_is_lost_and_neither_split_is_blank(lines, fraction, size):
    text = "\n".join(lines)
    try:
        train, dev = split_dev(text, fraction=fraction, name="x", size=size)
    except InputError:
        assert len(text.split()) < 2
        return

    assert train + dev == text
    assert train.strip()
    assert dev.strip()
    assert len(train) == plain_start(text, fraction)


def plain_start(text: str, fraction: float) -> int:
    """The same of a text in memory."""
    first, end = len(text) - len(text.lstrip()), len(text.rstrip())
    target = min(max(round(len(text) * (1 - fraction)), first), end)
    for boundary in ("\n\n", "\n", " "):
        before = text.rfind(boundary, first, target)
        after = text.find(boundary, max(target - len(boundary), first), end)
        cuts = [at + len(boundary) for at in (before, after) if at >= 0]
        cut = min(cuts, key=lambda cut: abs(cut - target), default=0)
        is_near = cut and abs((len(text) - cut) / (len(text) * fraction) - 1) <= 0.5
        if cut and (is_near or boundary != "\n\n"):
            return cut
    return 0
