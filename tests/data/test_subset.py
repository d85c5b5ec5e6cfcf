import pytest

from babyllama.data.subset import keep_words


def documents(count, name):
    return [f"{name}{n} begins here\nand {name}{n} ends here" for n in range(count)]


@pytest.fixture
def text(tmp_path):
    """Three domains, of 140, 70 and 5,000 words; the last is one document."""
    texts = {
        "a": "\n\n".join(documents(20, "a")) + "\n",
        "b": "\n\n".join(documents(10, "b")) + "\n",
        "long": "".join(f"line {n} of ten words and not of any other\n" for n in range(500)),
    }

    def write(name):
        folder = tmp_path / name
        folder.mkdir()
        for domain, each in texts.items():
            (folder / f"{domain}.txt").write_text(each, encoding="utf-8")
        return folder

    return write


def kept(folder):
    return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*"))}


def words(texts):
    return {name: len(text.split()) for name, text in texts.items()}


def test_each_domain_keeps_its_share_to_within_a_line(text):
    folder = text("one")
    assert keep_words(folder, 1042, seed=0)["kept"] == sum(words(kept(folder)).values())
    found = words(kept(folder))
    assert 28 <= found["a"] < 28 + 4
    assert 14 <= found["b"] < 14 + 4
    assert 1000 <= found["long"] < 1000 + 10


def test_documents_stay_whole_in_their_order_with_blank_lines_between(text):
    folder = text("one")
    keep_words(folder, 2605, seed=3)
    found = kept(folder)["a"].removesuffix("\n").split("\n\n")
    every = documents(20, "a")
    assert len(found) == 10
    assert [each for each in every if each in found] == found


def test_a_long_document_counts_in_parts_from_all_over_it(text):
    folder = text("one")
    keep_words(folder, 2605, seed=0)
    parts = kept(folder)["long"].removesuffix("\n").split("\n\n")
    assert 1 < len(parts) <= 3
    numbers = [int(line.split()[1]) for part in parts for line in part.split("\n")]
    assert numbers == sorted(numbers)
    assert len(numbers) == 250


def test_the_same_seed_keeps_the_same_text_and_another_seed_another(text):
    one, same, other = text("one"), text("same"), text("other")
    for folder, seed in ((one, 1), (same, 1), (other, 2)):
        keep_words(folder, 500, seed=seed)
    assert kept(one) == kept(same)
    assert kept(one)["a"] != kept(other)["a"]


def test_a_small_subset_is_a_part_of_a_larger_one(text):
    small, large = text("small"), text("large")
    keep_words(small, 500, seed=0)
    keep_words(large, 3000, seed=0)
    for name in ("a", "b", "long"):
        lines = [set(kept(folder)[name].split("\n")) for folder in (small, large)]
        assert lines[0] <= lines[1], name


def test_a_text_with_fewer_words_stays_as_it_is(text):
    folder = text("one")
    before = kept(folder)
    facts = keep_words(folder, 10_000, seed=0)
    assert facts == {"asked": 10_000, "seed": 0, "of": 5210, "kept": 5210}
    assert kept(folder) == before


def test_every_domain_keeps_a_line(text):
    folder = text("one")
    keep_words(folder, 3, seed=0)
    assert all(words(kept(folder)).values())
