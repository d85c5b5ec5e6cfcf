"""Which domain each document of a token stream is from."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from babyllama.data.sources import Split, clean_files
from babyllama.data.windows import document_starts, read_header
from babyllama.runs.layout import STATISTICS


def domains_of_documents(
    tokens: Path, corpus: Path, split: Split
) -> tuple[tuple[str, ...], Int64[np.ndarray, " documents"]]:
    """The names of a corpus's domains, and the number of each document's domain.

    Args:
        corpus: the clean corpus of these tokens.

    Returns:
        no names if the corpus does not say which documents are whose.
    """
    starts = document_starts(tokens, split)
    unknown = (), np.zeros(len(starts), np.int64)
    if not (corpus / STATISTICS).is_file():
        return unknown
    names = tuple(path.stem for path in clean_files(corpus, split))
    counted = json.loads((corpus / STATISTICS).read_text("utf-8"))[split]["domains"]
    is_stream = read_header(tokens).get("layout") == "stream"  # a file is one document
    documents = [1 if is_stream else counted.get(name, {}).get("documents", 0) for name in names]
    if sum(documents) != len(starts):
        return unknown
    return names, np.repeat(np.arange(len(names)), documents)
