"""Stage: teachers and tokens -> text that the teachers' ensemble has written, as token streams.

A folder like that of `tokens`, with the same dev text, so that a model is trained on it like on any
text: sequence-level distillation (Kim and Rush 2016). Under the layout `lines` a text begins with
<s> and ends with </s>. Under `stream`, which has no such marks, it begins with the token at some
place of the training text, and ends when it is long enough.

A text is sampled in rounds of half a window. A round starts from the tokens that the round before
added, so the teachers never see more than a window. What is drawn depends on the seed, the text's
number and the round alone. Each finished round is saved: a killed stage resumes after it.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from babyllama.console import Interrupted, ProgressBar, print_status, stoppable
from babyllama.data.tokenizer import load_tokenizer, never_written
from babyllama.data.windows import read_header, refuse_other_tokenizer
from babyllama.data.word_starts import words_in_tokens
from babyllama.models.build import flops_per_token
from babyllama.models.ensemble import Ensemble, load_ensemble, refuse_long_windows
from babyllama.models.precision import compute_dtype, pick_device
from babyllama.models.sampling import Drawing, continued
from babyllama.recipe import Mixing, Sampling
from babyllama.runs.artefact import Facts
from babyllama.runs.files import write_atomically
from babyllama.runs.kept import kept
from babyllama.runs.layout import SAMPLE, TOKENS_HEADER, stream_file
from babyllama.runs.unfinished import SCRATCH

TEXTS_AT_ONCE = 256  # through the teachers
LONGEST = 16  # windows of a text; teachers see one window, so a longer text has no longer context
_SHOWN_TEXTS = 20


@dataclass(frozen=True)
class TextSource:
    """What text is sampled from, and how.

    Attributes:
        window: tokens that the teachers see at most.
        seed: decides the text.
    """

    teachers: tuple[Path, ...]
    tokens: Path
    sampling: Sampling
    mixing: Mixing
    window: int
    seed: int
    texts_at_once: int = TEXTS_AT_ONCE


@dataclass(frozen=True)
class Marks:
    """Where texts begin and end.

    Attributes:
        begin, end: the tokens of the layout `lines`; None under `stream`.
        longest: tokens of a text at most; a longer one is cut there.
        mean: mean tokens of the training documents, each counted as `longest` at most.
    """

    begin: int | None
    end: int | None
    longest: int
    mean: float


@dataclass
class Text:
    """A text that is being sampled."""

    tokens: list[int]
    rounds: int = 0
    is_open: bool = True
    was_cut: bool = False


@dataclass
class Texts:
    """All texts, in the order of their numbers.

    Attributes:
        wanted: the present estimate of how many texts are needed.
    """

    wanted: int
    all: list[Text] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Tokens of all texts."""
        return sum(len(text.tokens) for text in self.all)


def sample_text(source: TextSource, out: Path) -> Facts:
    """Write a folder of token streams: what the teachers wrote, then the share of real text.

    Returns:
        how much was sampled and kept, and what it took, for the manifest.

    Raises:
        InputError: teachers of another vocabulary, or with fewer positions than a window.
        Interrupted: after Ctrl-C or SIGTERM, with all finished rounds saved.
    """
    header = read_header(source.tokens)
    stream = np.memmap(stream_file(source.tokens, "train"), dtype=header["dtype"], mode="r")
    starts = np.load(source.tokens / "train.documents.npy")
    target = round(source.sampling.sampled * len(stream))
    found: list[Text] = []
    facts: Facts = {}
    if target:
        found, facts = _sampled(source, out, stream, starts, target)
    real = _real_documents(source, stream, starts)
    pieces = [np.array(text.tokens, np.int64) for text in found] + real
    facts |= _write_streams(source, out, pieces, header)
    return facts | {
        "texts": len(found),
        "cut_texts": sum(text.was_cut for text in found),
        "sampled_tokens": sum(len(text.tokens) for text in found),
        "real_tokens": sum(map(len, real)),
    }


def _sampled(
    source: TextSource,
    out: Path,
    stream: np.ndarray,
    starts: Int64[np.ndarray, " documents"],
    target: int,
) -> tuple[list[Text], Facts]:
    """Texts with at least so many tokens, and what they took."""
    device = pick_device()
    ensemble = load_ensemble(
        source.teachers, device=device, mixing=source.mixing, dtype=compute_dtype("auto", device)
    )
    refuse_other_tokenizer(source.tokens, source.teachers[0])
    refuse_long_windows(ensemble, source.window)
    marks = marks_of(source, len(stream), starts)
    rounds = Rounds(source, ensemble, marks, stream)
    texts = Texts(wanted=_count(target, marks.mean))
    number = 0
    with stoppable() as stop, ProgressBar("sampled text", target, "tokens") as bar:
        while chosen := rounds.next(texts, target):
            path = out / SCRATCH / f"round-{number:06d}.json"
            resumes, before = path.exists(), min(texts.tokens, target)
            key = {"round": number, "texts": chosen}
            rounds.apply(texts, chosen, kept(path, key, partial(rounds.draw, texts, chosen)))
            done = min(texts.tokens, target)  # more is sampled: the texts that are open are ended
            if resumes:
                bar.start_at(done)
            else:
                bar.advance(done - before)
            number += 1
            if stop.requested:
                raise Interrupted
    found, sampled = [], 0
    for text in texts.all:  # in their order: those that ended first are shorter than others
        if sampled < target:
            found.append(text)
            sampled += len(text.tokens)
    if cut := sum(text.was_cut for text in found):
        print_status(f"  {cut:,} of {len(found):,} texts were cut at {marks.longest:,} tokens")
    read = rounds.tokens_read(texts)
    return found, {
        "flops": float(read * sum(flops_per_token(model) for model in ensemble.models)),
    }


def marks_of(source: TextSource, tokens: int, starts: Int64[np.ndarray, " documents"]) -> Marks:
    """Where texts begin and end in the layout of some tokens."""
    longest = LONGEST * source.window
    if read_header(source.tokens)["layout"] != "lines":
        return Marks(None, None, longest, float(longest))
    tokenizer = load_tokenizer(source.teachers[0])
    lengths = np.diff(np.append(starts, tokens))
    mean = float(np.minimum(lengths, longest).mean())
    return Marks(tokenizer.bos_token_id, tokenizer.eos_token_id, longest, mean)


class Rounds:
    """The rounds in which texts are sampled; the next one depends on earlier rounds alone."""

    def __init__(
        self, source: TextSource, ensemble: Ensemble, marks: Marks, stream: np.ndarray
    ) -> None:
        self._ensemble, self._marks, self._stream = ensemble, marks, stream
        self._steps = source.window // 2
        self._at_once = source.texts_at_once
        self._seed = source.seed
        tokenizer = load_tokenizer(source.teachers[0])
        never = never_written(
            tokenizer, marks=(marks.begin, marks.end), vocab_size=ensemble.mixture.vocab_size
        )
        self.drawing = Drawing(source.sampling.temperature, source.sampling.top_k, never)

    def next(self, texts: Texts, target: int) -> list[int]:
        """The numbers of the texts of the next round; none if there is enough text.

        Their contexts are equally long. Texts that were begun go on once they fill a round.
        """
        begun = [n for n, text in enumerate(texts.all) if text.is_open]
        if not begun and len(texts.all) >= texts.wanted and texts.tokens < target:
            missing = target - texts.tokens
            texts.wanted += _count(missing, texts.tokens / len(texts.all))
        new = min(self._at_once, texts.wanted - len(texts.all))
        if new and len(begun) < self._at_once:
            return [*range(len(texts.all), len(texts.all) + new)]
        return begun[: self._at_once]

    def draw(self, texts: Texts, chosen: Sequence[int]) -> Facts:
        """The tokens that a round adds to each text, and the first ones of new texts."""
        contexts, uniforms = self.contexts(texts, chosen), self.uniforms(texts, chosen)
        device = self._ensemble.device
        added = continued(
            self._ensemble,
            torch.from_numpy(contexts).to(device),
            torch.from_numpy(uniforms),
            self.drawing,
            ends=self._marks.end,
        )
        return {"first": contexts[:, 0].tolist(), "added": added.tolist()}

    def contexts(self, texts: Texts, chosen: Sequence[int]) -> Int64[np.ndarray, "texts context"]:
        """What the teachers see of each text when its round begins."""
        return np.array(
            [
                texts.all[n].tokens[-self._steps :] if n < len(texts.all) else [self._first(n)]
                for n in chosen
            ]
        )

    def uniforms(self, texts: Texts, chosen: Sequence[int]) -> Float64[np.ndarray, "texts steps"]:
        """The uniform numbers by which the tokens of a round are drawn."""
        rounds = [texts.all[n].rounds if n < len(texts.all) else 0 for n in chosen]
        return np.stack(
            [
                np.random.default_rng((self._seed, number, 1 + played)).random(self._steps)
                for number, played in zip(chosen, rounds, strict=True)
            ]
        )

    def apply(self, texts: Texts, chosen: Sequence[int], drawn: Facts) -> None:
        """Add what a round has drawn to its texts."""
        for number, first, added in zip(chosen, drawn["first"], drawn["added"], strict=True):
            if number == len(texts.all):
                texts.all.append(Text([first]))
            self._extend(texts.all[number], added)

    def tokens_read(self, texts: Texts) -> int:
        """Tokens that the teachers have read: a round also reads its context."""
        return sum(
            1 + text.rounds * self._steps + (text.rounds - 1) * self._steps for text in texts.all
        )

    def _first(self, number: int) -> int:
        """The token that a text begins with."""
        if self._marks.begin is not None:
            return self._marks.begin
        place = np.random.default_rng((self._seed, number)).integers(len(self._stream))
        return int(self._stream[place])

    def _extend(self, text: Text, added: Sequence[int]) -> None:
        end, longest = self._marks.end, self._marks.longest
        text.rounds += 1
        is_ended = end in added
        text.tokens += added[: added.index(end) + 1] if end is not None and is_ended else added
        if len(text.tokens) > longest:
            text.was_cut = end is not None
            text.tokens = text.tokens[:longest]
            if end is not None:  # the layout's mark, without which the next text would follow on
                text.tokens[-1] = end
            is_ended = True
        text.is_open = not is_ended


def _count(tokens: int, mean: float) -> int:
    """How many texts of a mean length have so many tokens."""
    return max(1, -int(-tokens // mean))


def _real_documents(
    source: TextSource, stream: np.ndarray, starts: Int64[np.ndarray, " documents"]
) -> list[np.ndarray]:
    """Real documents for the student's share of them: drawn by the seed, in the text's order.

    Under the layout `stream`, where a document is as long as a file, windows are drawn instead.
    """
    sampling = source.sampling
    target = round(sampling.amount * sampling.real_share * len(stream))
    if read_header(source.tokens)["layout"] != "lines":
        starts = np.arange(0, len(stream), source.window)
    stops = np.append(starts[1:], len(stream))
    order = np.random.default_rng((source.seed, 0, 0, 1)).permutation(len(starts))
    before = np.cumsum((stops - starts)[order]) - (stops - starts)[order]
    chosen = np.sort(order[before < target])
    return [np.asarray(stream[starts[n] : stops[n]]) for n in chosen]


def _write_streams(
    source: TextSource, out: Path, pieces: Sequence[np.ndarray], header: Facts
) -> Facts:
    """Write the documents as the training text, and the dev text of the real tokens beside it."""
    tokenizer = load_tokenizer(source.teachers[0])
    joined = np.concatenate(pieces).astype(np.int64)
    words = words_in_tokens(tokenizer, joined)
    stream_file(out, "train").write_bytes(joined.astype(header["dtype"]).tobytes())
    (out / "train.words.bin").write_bytes(words.tobytes())
    ends = np.cumsum([len(piece) for piece in pieces])
    np.save(out / "train.documents.npy", np.append(0, ends[:-1]).astype(np.int64))
    for name in (stream_file(out, "dev").name, "dev.words.bin", "dev.documents.npy"):
        shutil.copyfile(source.tokens / name, out / name)
    facts = {"train_tokens": len(joined), "train_words": int(words.sum())}
    write_atomically(out / TOKENS_HEADER, json.dumps({**header, **facts}, indent=1) + "\n")
    shown = [tokenizer.decode(piece, skip_special_tokens=False) for piece in pieces[:_SHOWN_TEXTS]]
    write_atomically(out / SAMPLE, "".join(f"{text.strip()}\n\n" for text in shown))
    return facts
