import pytest
from raw_recipes import changed, refusal

from babyllama.recipe import DEV_FRACTION, FolderSource, SyntheticSource


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_a_share_for_dev_leaves_text_on_both_sides(fraction):
    source = {"kind": "folder", "path": "text", "dev_fraction": fraction}
    error = refusal(changed("corpus.source", source))
    assert error.what == f"mine.yaml: corpus.source.dev_fraction is {fraction}"
    assert error.why == "Permitted: above 0 and below 1."


def test_the_default_share_for_dev_is_that_of_a_folder():
    assert FolderSource(kind="folder", path="text").dev_fraction == DEV_FRACTION == 0.05


@pytest.mark.parametrize(("words", "dev_words"), [(999, 200), (1_000, 199)])
def test_a_synthetic_corpus_has_enough_words_to_learn_from(words, dev_words):
    with pytest.raises(ValueError, match="greater than or equal to"):
        SyntheticSource(kind="synthetic", words=words, dev_words=dev_words)
