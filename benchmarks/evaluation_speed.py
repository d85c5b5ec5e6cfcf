"""How fast minimal pairs are scored, beside lm-evaluation-harness, minicons and the bare model.

    python -m benchmarks.evaluation_speed --data $BABYLLAMA_DATA/benchmarks/blimp
        --corpus CLEANED [--pairs 67000] [--rounds 3]
        [--precision float32 bfloat16] [--masked-pairs 2000] [--memory]
        [--recipe strict-small --vocab-size 16000]

It uses a recipe's student, laptop's by default, with random weights (speed does not depend on the
weights) and a tokenizer trained on the corpus (without one on the benchmark's own sentences, which
have too few words for 6,000 tokens). Measured in turns in one process, each from sentences to
decisions; of several rounds the fastest counts:

- ours, under the harness's scoring rules (2024); in bfloat16 close pairs again in float32, as
  `babyllama evaluate` does;
- lm-evaluation-harness's `hf` model at several batch sizes; the fastest counts;
- the floor: the model's forward pass, logits included, over as many tokens as the trees leave, in
  full rows without padding.

Then a masked model of the same width, beside minicons. `--memory` adds the peak memory of a process
that scores few pairs and of one that scores all. Writes build/benchmarks/evaluation_speed.json.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from babyllama.console import format_bytes, print_result, table
from babyllama.data.tokenizer import load_tokenizer, train_tokenizer
from babyllama.evaluation.close_choices import rescore_close
from babyllama.evaluation.likelihood.decoders import pack
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import Scorer, likelihoods, load_scorer
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites.choices import Choice
from babyllama.evaluation.suites.minimal_pairs import read_pairs
from babyllama.models.build import new_model
from babyllama.models.precision import computing_in, pick_device
from babyllama.recipe import TokenizerRecipe, load_recipe

VOCAB_SIZE = 6000
MASKED_VOCAB_SIZES = (6000, 16_000)  # the laptop recipe's tokenizer and the paper's
RULES = "2024"
Decisions = Sequence[bool]


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="BLiMP, or other minimal pairs.")
    parser.add_argument(
        "--corpus", type=Path, help="Text for the tokenizer: a folder of `corpus clean`."
    )
    parser.add_argument("--recipe", default="laptop", help="Whose student is scored.")
    parser.add_argument("--vocab-size", type=int, default=VOCAB_SIZE)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=67_000, help="Of more, every n-th is used.")
    parser.add_argument("--precision", nargs="*", default=["float32"])
    parser.add_argument("--batch-sizes", type=int, nargs="*", default=[16, 64, 256])
    parser.add_argument("--masked-pairs", type=int, default=0)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/evaluation_speed.json"))
    parser.add_argument("--only-score", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    pairs = _sentences(asked.data, asked.pairs)
    if asked.only_score:
        _score(load(asked.only_score, "float32"), pairs)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return
    result: dict[str, Any] = {
        "pairs": len(pairs),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "device": str(pick_device()),
    }
    with tempfile.TemporaryDirectory() as place:
        folder = write_student(
            Path(place), pairs, asked.corpus, recipe=asked.recipe, vocab_size=asked.vocab_size
        )
        result["vocab_size"] = len(load_tokenizer(folder))
        for precision in asked.precision:
            result[precision] = decoders(folder, pairs, precision, asked.batch_sizes, asked.rounds)
        if asked.masked_pairs:
            chosen = _every(pairs, asked.masked_pairs)
            result["masked"] = [
                masked(Path(place), folder, chosen, asked.batch_sizes, vocab_size)
                for vocab_size in MASKED_VOCAB_SIZES
            ]
        if asked.memory:
            result["peak_memory"] = {
                str(count): _peak_memory(folder, asked.data, count) for count in (2000, len(pairs))
            }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    _show(result)


def decoders(
    folder: Path,
    pairs: list[tuple[str, str]],
    precision: str,
    batch_sizes: Sequence[int],
    rounds: int,
) -> dict[str, Any]:
    """Measure the seconds of each way, whether decisions agree, and how many tokens remain."""
    scorer = load(folder, precision)
    exact = None if precision == "float32" else _score(load(folder, "float32"), pairs)
    tokens, left = _tokens_left(scorer, pairs)
    ours = floor = float("inf")
    theirs = dict.fromkeys(batch_sizes, float("inf"))
    for _ in range(max(1, rounds)):
        seconds, found = _timed(lambda: _score(scorer, pairs))
        ours = min(ours, seconds)
        floor = min(floor, _timed(lambda: _forward(scorer, left))[0])
        for size in batch_sizes:
            seconds, values = _timed(partial(_harness, folder, pairs, precision, size))
            theirs[size] = min(theirs[size], seconds)
    best = min(theirs.values())
    same = (found[:, 0] > found[:, 1]) == (values[:, 0] > values[:, 1])
    near = np.abs(values[:, 0] - values[:, 1]) < 1e-4
    return {
        "ours": ours,
        "harness": theirs,
        "forward_of_what_is_left": floor,
        "times_faster": best / ours,
        "times_the_forward_pass": ours / floor,
        "tokens": tokens,
        "tokens_left": left,
        "decisions_that_differ": int((~same & ~near).sum()),
        "decisions_that_differ_from_float32": 0
        if exact is None
        else int(((found[:, 0] > found[:, 1]) != (exact[:, 0] > exact[:, 1])).sum()),
        "decisions_that_differ_below_1e-4_nats": int((~same & near).sum()),
        "largest_difference_in_nats": float(np.abs(found - values).max()),
    }


def masked(
    place: Path,
    student: Path,
    pairs: list[tuple[str, str]],
    batch_sizes: Sequence[int],
    vocab_size: int,
) -> dict[str, Any]:
    """Measure the same for the pseudo-log-likelihood of a masked model."""
    from minicons.scorer import MaskedLMScorer

    folder = write_masked(place / f"masked_{vocab_size}", student, vocab_size)
    scorer = load_scorer([folder], rules_named("honest"), device=pick_device())
    ours, found = _timed(lambda: _score(scorer, pairs))
    sentences = [sentence for pair in pairs for sentence in pair]
    peer = MaskedLMScorer(str(folder), device=str(pick_device()))

    def score(size: int) -> np.ndarray:
        values: list[float] = []
        for start in range(0, len(sentences), size):
            # We encode for it, since it calls a method that transformers 5 removed.
            encoded = peer.tokenizer(sentences[start : start + size], padding=True)
            values += peer.sequence_score(encoded, _summed, PLL_metric="original")
        return np.reshape(values, (-1, 2))

    theirs = {}
    for size in batch_sizes:
        theirs[size], values = _timed(partial(score, size))
    return {
        "pairs": len(pairs),
        "vocab_size": vocab_size,
        "ours": ours,
        "minicons": theirs,
        "times_faster": min(theirs.values()) / ours,
        "largest_difference_in_nats": float(np.abs(found - values).max()),
    }


def _summed(values: torch.Tensor) -> float:
    return float(values.sum())


# --- the models -------------------------------------------------------------------------------


def write_student(
    place: Path,
    pairs: list[tuple[str, str]],
    corpus: Path | None,
    *,
    recipe: str,
    vocab_size: int,
) -> Path:
    """A recipe's student, with weights of the std that training leaves.

    Args:
        corpus: the tokenizer's text; without it the benchmark's own sentences.
    """
    if corpus is None:
        corpus = place / "corpus"
        for split in ("train", "dev"):
            (corpus / split).mkdir(parents=True)
            lines = "".join(f"{sentence}\n" for pair in pairs[:20_000] for sentence in pair)
            (corpus / split / "sentences.txt").write_text(lines, encoding="utf-8")
    folder = place / "student"
    train_tokenizer(corpus, TokenizerRecipe(vocab_size=vocab_size), folder)
    size = len(load_tokenizer(folder))
    shape = load_recipe(recipe).distilled["distilled"].model
    model = new_model(shape, size, seed=0, separators=True)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(5)
    model.save_pretrained(folder)
    return folder


def write_masked(folder: Path, student: Path, vocab_size: int) -> Path:
    """A BERT of the student's width and depth, with its tokenizer and special tokens.

    What its vocabulary has beyond the tokenizer's is never read, but scored like the rest.
    """
    from transformers import BertConfig, BertForMaskedLM

    tokenizer = load_tokenizer(student)
    tokenizer.add_special_tokens({"mask_token": "<mask>", "cls_token": "<s>", "sep_token": "</s>"})
    _frame(tokenizer)
    config = BertConfig(
        vocab_size=max(vocab_size, len(tokenizer)), hidden_size=256, intermediate_size=704,
        num_hidden_layers=4, num_attention_heads=4, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _frame(tokenizer: Any) -> None:
    """Put <s> before and </s> after each text, as masked models expect."""
    from tokenizers import processors

    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B </s>",
        special_tokens=[("<s>", tokenizer.bos_token_id), ("</s>", tokenizer.eos_token_id)],
    )


def load(folder: Path, precision: str) -> Scorer:
    """Load the student as `babyllama evaluate` does."""
    dtype = getattr(torch, precision)
    return load_scorer([folder], rules_named(RULES), device=pick_device(), dtype=dtype)


# --- the timed parts ----------------------------------------------------------------------------


def _score(scorer: Scorer, pairs: list[tuple[str, str]]) -> np.ndarray:
    texts = [Text(sentence) for pair in pairs for sentence in pair]
    found = likelihoods(scorer, texts)
    if scorer.model.dtype != torch.float32:
        choices = [
            Choice("uid", str(number), "group", "term", (Text(good), Text(bad)))
            for number, (good, bad) in enumerate(pairs)
        ]
        exact = replace(scorer, model=scorer.model.in_float32())
        found = rescore_close(exact, choices, texts, found).found
    return found.sums().reshape(-1, 2)


def _harness(
    folder: Path, pairs: list[tuple[str, str]], precision: str, batch_size: int
) -> np.ndarray:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = _HARNESS.get((folder, precision))
    if model is None:
        model = HFLM(str(folder), device=str(pick_device()), dtype=precision)
        _HARNESS[folder, precision] = model
    model.batch_size_per_gpu = batch_size
    requests = [
        Instance("loglikelihood", {}, ("", f" {sentence}"), 0)
        for pair in pairs
        for sentence in pair
    ]
    answers = model.loglikelihood(requests, disable_tqdm=True)
    return np.array([value for value, _ in answers]).reshape(-1, 2)


_HARNESS: dict[tuple[Path, str], Any] = {}  # loaded once, outside of what is compared


def _tokens_left(scorer: Scorer, pairs: list[tuple[str, str]]) -> tuple[int, int]:
    encoded = {
        each.key: each
        for each in scorer.encode([Text(sentence) for pair in pairs for sentence in pair])
    }
    ordered = [encoded[key] for key in sorted(encoded)]
    width = scorer.model.width  # type: ignore[attr-defined]
    left = sum(len(row.tokens) for row in pack(ordered, width=width))
    both = [sentence for pair in pairs for sentence in pair]
    return sum(each.input_length for each in scorer.encode([Text(each) for each in both])), left


@torch.no_grad()
def _forward(scorer: Scorer, tokens: int) -> None:
    decoders: Any = scorer.model
    model, device = decoders.ensemble.models[0], decoders.ensemble.device
    rows = decoders.tokens_at_once // decoders.width
    ids = torch.randint(0, decoders.vocab_size, (rows, decoders.width), device=device)
    with computing_in(decoders.dtype, device):
        for _ in range(tokens // ids.numel()):
            model(input_ids=ids, use_cache=False)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    found = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, found


def _peak_memory(folder: Path, data: Path, pairs: int) -> int:
    command = [
        sys.executable, "-m", "benchmarks.evaluation_speed", "--data", str(data),
        "--pairs", str(pairs), "--only-score", str(folder),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


# --- input and output --------------------------------------------------------------------------


def _sentences(data: Path, most: int) -> list[tuple[str, str]]:
    pairs = [(pair.options[0].target, pair.options[1].target) for pair in read_pairs(data)]
    return _every(pairs, most)


def _every(pairs: list[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """At most this many, evenly spaced."""
    chosen = np.linspace(0, len(pairs), min(len(pairs), most), endpoint=False).astype(int)
    return [pairs[at] for at in chosen]


def _show(result: dict[str, Any]) -> None:
    rows = []
    for precision in ("float32", "bfloat16"):
        if (found := result.get(precision)) is None:
            continue
        rows += [
            (f"{precision}: ours", f"{found['ours']:.1f} s", ""),
            *(
                (
                    f"harness, batches of {size}",
                    f"{seconds:.1f} s",
                    f"{seconds / found['ours']:.2f}",
                )
                for size, seconds in found["harness"].items()
            ),
            _beside(
                f"forward pass of the {found['tokens_left'] / found['tokens']:.0%} left",
                found["forward_of_what_is_left"],
                found["ours"],
            ),
            ("decisions that differ from the harness's", str(found["decisions_that_differ"]), ""),
            (
                "decisions that differ from ours in float32",
                str(found["decisions_that_differ_from_float32"]),
                "",
            ),
        ]
    for masked_ in result.get("masked", ()):
        rows += [
            (
                f"masked, {masked_['pairs']:,} pairs, {masked_['vocab_size']:,} tokens: ours",
                f"{masked_['ours']:.1f} s",
                "",
            ),
            *(
                (
                    f"minicons, batches of {size}",
                    f"{seconds:.1f} s",
                    f"{seconds / masked_['ours']:.2f}",
                )
                for size, seconds in masked_["minicons"].items()
            ),
        ]
    for pairs, peak in result.get("peak_memory", {}).items():
        rows.append((f"peak memory, {int(pairs):,} pairs", format_bytes(peak), ""))
    title = (
        f"{result['pairs']:,} pairs, {result['vocab_size']:,} tokens in the vocabulary, "
        f"{result['threads']} threads, {result['device']}"
    )
    print_result(table(title, ("", "took", "times ours"), rows))


def _beside(title: str, seconds: float, ours: float) -> tuple[str, str, str]:
    return title, f"{seconds:.1f} s", f"{seconds / ours:.2f}"


if __name__ == "__main__":
    main()
