"""The tokenizer in the report: how it cuts lines of the dev text, and how its tokens are used."""

from collections.abc import Iterator
from itertools import accumulate, pairwise
from textwrap import shorten

import numpy as np
from jaxtyping import Int64
from matplotlib.figure import Figure

from babyllama.console import visible_cell
from babyllama.report import alt_texts
from babyllama.report.figures import STYLES, WIDTH, drawing, svg_of
from babyllama.report.section import Section, drawn_of
from babyllama.report.text_section import label_axes
from babyllama.runs.layout import stream_file
from babyllama.runs.run import Run

_READ = 2**23  # tokens of the training text that are counted
_LINES, _SHOWN_CHARACTERS = 4, 90


def tokenizer_section(run: Run) -> Section | None:
    """How words become tokens; None without token streams."""
    counts = _counts(run)
    if counts is None:
        return None
    words, tokens = run.tokens["train_words"], run.tokens["train_tokens"]
    unseen, rare = int((counts == 0).sum()), int(((counts > 0) & (counts < 10)).sum())
    where = "it" if tokens <= _READ else f"its first {_READ:,} tokens"
    text = [
        f"A word of the training text takes {tokens / max(words, 1):.2f} tokens on average, marks "
        f"of lines and documents included. Of {len(counts):,} tokens {unseen:,} do not occur in "
        f"{where}, and {rare:,} occur fewer than ten times: a model learns little about them."
    ]
    lines = tuple(_cut_lines(run))
    if lines:
        text.append("Lines of the dev text, cut into tokens at the bars:")
    drawn = drawn_of(
        (
            "tokens.svg",
            _ranks(counts),
            alt_texts.of_tokens(counts),
            "How often the token of each rank occurs in the training text. Both axes are "
            "logarithmic. The line falls steeply where a vocabulary is too large for the text.",
        )
    )
    return Section("The tokenizer", tuple(text), figures=drawn, points=lines)


def _counts(run: Run) -> Int64[np.ndarray, " vocab"] | None:
    """How often each token occurs in the training text, or in the beginning of a long one."""
    file = stream_file(run.layout.tokens, "train")
    if "dtype" not in run.tokens or not file.is_file():
        return None
    stream = np.memmap(file, np.dtype(run.tokens["dtype"]), mode="r")[:_READ]
    return np.bincount(stream, minlength=run.tokens["vocab_size"])


def _ranks(counts: Int64[np.ndarray, " vocab"]) -> str:
    ordered = np.sort(counts[counts > 0])[::-1]
    places = np.unique(np.geomspace(1, len(ordered), 60).round().astype(int))
    colour, _, line = STYLES[0]
    with drawing():
        figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.plot(places, ordered[places - 1], line, color=colour)
        label_axes(axes, "rank of the token", "occurrences")
        return svg_of(figure)


def _cut_lines(run: Run) -> Iterator[str]:
    """The first long line of some dev files: `The| chil|dren| have`.

    A character that has several tokens stands in the first of them.
    """
    from tokenizers import Tokenizer

    file = run.layout.tokenizer / "tokenizer.json"
    if not file.is_file():
        return
    tokenizer = Tokenizer.from_file(str(file))
    for path in sorted(run.layout.corpus.glob("dev/*.txt"))[:_LINES]:
        with path.open(encoding="utf-8", errors="replace") as lines:
            line = next((each.strip() for each in lines if len(each) > _SHOWN_CHARACTERS // 3), "")
        shown = shorten(line, _SHOWN_CHARACTERS)
        ends = [end for _, end in tokenizer.encode(shown, add_special_tokens=False).offsets]
        if ends:
            # The space before a word is a part of its token, whatever the library's offsets say.
            parts = [shown[start:end] for start, end in pairwise([0, *accumulate(ends, max)])]
            yield f"{path.stem}: " + visible_cell("|".join(parts))
