"""Where documents begin and which domain they are from, recounted from the text."""

import json

import numpy as np

from babyllama.data.documents import document_starts, domains_of_documents
from babyllama.data.statistics import corpus_statistics
from babyllama.data.tokenizer import load_tokenizer
from babyllama.runs.layout import STATISTICS


def test_documents_of_the_training_text_have_their_file_as_domain(
    corpus, tokens, tokenizer, tmp_path
):
    for split in ("train", "dev"):
        (tmp_path / split).symlink_to(corpus / split)
    assert domains_of_documents(tokens, tmp_path, "train")[0] == ()
    (tmp_path / STATISTICS).write_text(json.dumps(corpus_statistics(corpus)), encoding="utf-8")
    names, of_document = domains_of_documents(tokens, tmp_path, "train")
    assert names == ("tales", "talk")
    starts = document_starts(tokens, "train")
    ids = np.fromfile(tokens / "train.bin", np.uint16)
    library = load_tokenizer(tokenizer)
    tales = int(np.sum(of_document == 0))
    for number in (0, tales - 1, tales, len(starts) - 1):
        first = starts[number]
        beginning = library.decode(ids[first : first + 6].tolist(), skip_special_tokens=True)
        of_domain = (corpus / "train" / f"{names[of_document[number]]}.txt").read_text("utf-8")
        documents = of_domain.strip().split("\n\n")
        assert documents[number - tales * of_document[number]].startswith(beginning.strip())


def test_tokens_written_by_hand_have_no_documents(tmp_path):
    assert document_starts(tmp_path, "train").tolist() == []
