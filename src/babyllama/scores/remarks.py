"""What limits a score, in sentences: parts of benchmarks, ties, unknown text, texts cut short."""

from collections.abc import Iterator

from babyllama.scores.results import BenchmarkResult, PartOfSuite


def remarks(benchmark: str, result: BenchmarkResult) -> list[str]:
    """One sentence for each limit of a score; none if there is nothing to say."""
    return [f"{benchmark}: {sentence}." for sentence in _sentences(result)]


def with_part(benchmark: str, result: BenchmarkResult) -> str:
    """A benchmark's name wherever its score is announced, with the part of it that was scored."""
    part = result.part
    return benchmark if part is None else f"{benchmark} ({share(part)})"


def share(part: PartOfSuite) -> str:
    """`2 of 67 UIDs, 1,500 of 67,000 items`."""
    items = f"{part.items:,} of {part.of_items:,} items"
    return items if part.uids is None else f"{part.uids:,} of {part.of_uids:,} UIDs, {items}"


def _sentences(result: BenchmarkResult) -> Iterator[str]:
    n = result.n or 0
    if result.part is not None:
        yield f"{share(result.part)} of the published benchmark were scored"
    if result.ties:
        yield (
            f"{result.ties:,} of {n:,} items are ties: the right text and the best wrong one are "
            "equally likely"
        )
    if result.unknown:
        yield f"{result.unknown:,} of {n:,} items have text that the tokenizer does not know"
    if result.cut is not None:
        cut = result.cut
        yield (
            f"{cut.texts:,} of {cut.of_texts:,} texts were longer than the model's positions and "
            f"lost their beginning, {cut.tokens:,} of {cut.of_tokens:,} tokens"
        )
