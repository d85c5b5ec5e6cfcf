"""How close each kind of stored signal is to a real ensemble, by its bytes, beside its peers.

    python -m benchmarks.signal_frontier --teacher DIR --teacher DIR --tokens DIR \\
        [--student DIR [--fresh]] [--out FILE.json]

Forms are fitted to training text and measured on dev text: the KL from the ensemble in nats per
token, and the gradient of the KL to all parameters of a student, summed over the tokens, compared
with the exact one: angle in degrees and ratio of norms. Without --student the gradient is that of
the stand-in's head (`signals/fidelity.py`); with --fresh the student has the given shape and new
weights.

Bytes are per token. For ours they are the bytes in the shards, including the normalisers of two
temperatures. Tables and heads that a signal stores once are not counted, for any form. Peers are
counted as published: plain PCA one byte per coordinate; top-k 2 bytes per token id and 2 per value
(and 4 for the normaliser if the rest has mass); sampling with replacement 3 bytes per distinct
token (id and count); DistillKit's formula, with ceil(log2 vocab) bits per token id.

Peers, each as published:
  PCA           the leading principal components of the states, 8 bits each.
  top-k         the k most likely; renormalised, or with the remaining mass spread evenly.
  drawn N       N samples with replacement, weight count / N (2503.16870).
  DistillKit    top values exact, the others as a curve of their rank (powers and a root, least
                squares), in its two recommended layouts; the missing mass is zero, or one bucket
                in which teachers and student are compared.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from babyllama.console import print_result, print_status, table
from babyllama.data.windows import Batch, Windows
from babyllama.models.ensemble import Mixture, load_ensemble
from babyllama.models.loading import load_model
from babyllama.models.logits import form_logits, hidden_states, output_head
from babyllama.models.loss import SparseTarget
from babyllama.models.precision import pick_device
from babyllama.runs.files import write_atomically
from babyllama.signals.encoding import Encoding, Sizes
from babyllama.signals.fidelity import angle, stand_in
from babyllama.signals.frontier import fitted_variants
from babyllama.signals.sampled import inclusion_scale
from benchmarks.loss_speed import machine

TEMPERATURES = (1.0, 2.0)
WINDOW = 128
WINDOWS_AT_ONCE = 8
POSTER = (  # 8 billion weights to 3 billion, T = 1, arXiv 2503.16870: angle, ratio of lengths
    ("top-k 12, renormalised", 58, 2.4),
    ("top-k 50, renormalised", 48, 1.8),
    ("top-k 300, renormalised", 30, 1.3),
    ("drawn with replacement, 12 distinct", 4, 1.0),
)


@dataclass(frozen=True)
class BucketTarget:
    """Probabilities of a few tokens; the others form one bucket, where the student is exact."""

    tokens: Tensor
    weights: Tensor


def main() -> None:
    """Measure, print and write the results."""
    asked = _arguments()
    device = pick_device()
    ensemble = load_ensemble(asked.teachers, device=device)
    mixture = ensemble.mixture

    def states_of(batches: Sequence[Batch]) -> Tensor:
        each = [ensemble.states(batch.input_ids.to(device)).flatten(0, 1) for batch in batches]
        return torch.cat(each).float()

    def inputs_of(batches: Sequence[Batch]) -> Tensor:
        return torch.cat([batch.input_ids.flatten() for batch in batches]).to(device)

    train, dev = (Windows(asked.tokens, split, WINDOW) for split in ("train", "dev"))
    read = list(train.evenly_spaced(asked.sample // WINDOW, WINDOWS_AT_ONCE))
    sample = states_of(read)
    batches = list(dev.evenly_spaced(asked.held_out // WINDOW, WINDOWS_AT_ONCE))
    held_out = states_of(batches)
    print_status(f"  {len(sample):,} tokens to fit to, {len(held_out):,} to measure on")

    forms = [(name, form) for name, _, form in fitted_variants(mixture, sample, inputs_of(read))]
    forms += list(peers(mixture, sample, held_out))
    student = open_student(asked.student, asked.fresh, mixture, held_out, batches)
    rows = measure(forms, mixture, held_out, inputs_of(batches), student)
    variances = variance_table(mixture, held_out)
    print_rows(rows, title=f"{asked.student or 'stand-in'}{', new weights' * asked.fresh}")
    print_variances(variances)
    found = {
        "machine": machine(),
        "teachers": [str(folder) for folder in asked.teachers],
        "student": {"folder": str(asked.student or ""), "fresh": asked.fresh},
        "tokens": {"sample": len(sample), "held_out": len(held_out)},
        "rows": rows,
        "variances": variances,
        "poster": POSTER,
    }
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(asked.out, json.dumps(found, indent=1) + "\n")


# --- measuring ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Student:
    """Logits of a batch of held-out windows, and the parameters to differentiate by."""

    logits: Callable[[int], Tensor]
    parameters: list[Tensor]
    tokens_a_batch: int


def open_student(
    folder: Path | None, fresh: bool, mixture: Mixture, held_out: Tensor, batches: list[Batch]
) -> Student:
    """A trained model, its shape with new weights, or the stand-in."""
    tokens = batches[0].input_ids.numel()
    if folder is None:
        states, head = stand_in(held_out, mixture.head.weight)
        head.requires_grad_()
        return Student(
            lambda number: states[number * tokens : (number + 1) * tokens] @ head.T, [head], tokens
        )
    model: Any = load_model(folder)
    if fresh:
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(model.config)
    model = model.to(held_out.device).eval().requires_grad_()

    def logits(number: int) -> Tensor:
        ids = batches[number].input_ids.to(held_out.device)
        return form_logits(hidden_states(model, ids).flatten(0, 1), output_head(model))

    return Student(logits, list(model.parameters()), tokens)


@dataclass
class Sums:
    """The sums of one form over the tokens so far."""

    gradient: Tensor
    kl: float = 0.0
    distinct: float = field(default=0.0)


def measure(
    forms: list[tuple[str, Encoding]],
    mixture: Mixture,
    held_out: Tensor,
    inputs: Tensor,
    student: Student,
) -> list[dict[str, Any]]:
    """KL, angle and ratio of every form at every temperature that it supports."""
    stored = [written(form, held_out, inputs) for _, form in forms]
    rows: list[dict[str, Any]] = [
        {"name": name, "bytes_per_token": form.sizes.bytes_per_token, "temperatures": {}}
        for name, form in forms
    ]
    size = sum(parameter.numel() for parameter in student.parameters)
    for temperature in TEMPERATURES:
        served = [
            number
            for number, (_, form) in enumerate(forms)
            if form.temperatures is None or temperature in form.temperatures
        ]
        targets = {n: forms[n][1].targets(stored[n], temperature) for n in served}
        exact, sums = torch.zeros(size), {n: Sums(torch.zeros(size)) for n in served}
        for number, start in enumerate(range(0, len(held_out), student.tokens_a_batch)):
            part = slice(start, min(start + student.tokens_a_batch, len(held_out)))
            z = student.logits(number)
            with torch.no_grad():
                q = torch.softmax(z / temperature, -1)
                teachers = mixture.logits(held_out[part], temperature)
                log_p = torch.log_softmax(teachers / temperature, -1)
            exact += pull_back(z, q - log_p.exp(), student)
            for n in served:
                with torch.no_grad():
                    kl, difference, distinct = compared(targets[n](part), log_p, q, temperature)
                sums[n].gradient += pull_back(z, difference, student)
                sums[n].kl += kl / len(held_out)
                sums[n].distinct += distinct / len(held_out)
        for n in served:
            rows[n]["temperatures"][f"{temperature:g}"] = {
                "kl": sums[n].kl if math.isfinite(sums[n].kl) else None,
                "distinct": sums[n].distinct or None,
                **angle(sums[n].gradient, exact),
            }
    for row in rows:  # what is drawn with replacement costs what is distinct in it
        each = next(iter(row["temperatures"].values()))
        row["bytes_per_token"] = row["bytes_per_token"] or 3 * each["distinct"]
    return rows


def written(form: Encoding, states: Tensor, inputs: Tensor) -> dict[str, Tensor]:
    """The stored arrays of a form, and the tokens, which a reader knows; peers ignore them."""
    seeds = torch.arange(len(states), device=states.device)
    if isinstance(form, Peer):
        return form.encode(states, seeds)
    return {**form.encode(states, seeds, inputs), "inputs": inputs}


def pull_back(z: Tensor, difference: Tensor, student: Student) -> Tensor:
    """The gradient to all parameters, as one vector."""
    found = torch.autograd.grad(z, student.parameters, difference, retain_graph=True)
    return torch.cat([each.flatten() for each in found])


def compared(
    target: Any, log_p: Tensor, q: Tensor, temperature: float
) -> tuple[float, Tensor, float]:
    """Summed KL (infinite for a sketch), gradient to the logits, summed distinct tokens."""
    if isinstance(target, SparseTarget):
        mass = target.weights.sum(-1, keepdim=True)
        found = (q * mass).scatter_add(1, target.tokens, -target.weights.to(q.dtype))
        ordered = target.tokens.sort(-1).values
        return math.inf, found, float((ordered.diff(dim=-1) != 0).sum() + len(ordered))
    if isinstance(target, BucketTarget):
        tokens, weights = target.tokens, target.weights.to(q.dtype)
        rest = (1 - weights.sum(-1, keepdim=True)).clamp(min=1e-6)
        beyond = (1 - q.gather(1, tokens).sum(-1, keepdim=True)).clamp(min=1e-6)
        read = (q * (rest / beyond)).scatter(1, tokens, weights)
        even = (rest / (q.shape[1] - tokens.shape[1])).expand_as(q).scatter(1, tokens, weights)
        kl = (log_p.exp() * (log_p - even.clamp(min=1e-30).log())).sum()
        return float(kl), q - read, float(tokens.numel())
    log_read = torch.log_softmax(target / temperature, -1)
    return float((log_p.exp() * (log_p - log_read)).sum()), q - log_read.exp(), 0.0


# --- peers ----------------------------------------------------------------------------------


def peers(mixture: Mixture, sample: Tensor, held_out: Tensor) -> Iterator[tuple[str, Encoding]]:
    """The forms of others, at the sizes of ours."""
    for rank in (8, 16, 32, 64, 128):
        if rank < sample.shape[1]:
            yield f"PCA {rank}, 8 bits", fit_pca(mixture, sample, rank)
    for k in (12, 31, 50, 127):
        yield f"top-k {k}, renormalised", TopOnly(mixture, k, even_rest=False)
    for k in (12, 31, 127):
        yield f"top-k {k}, even rest", TopOnly(mixture, k, even_rest=True)
    for temperature in TEMPERATURES:
        draws = draws_for(distributions(mixture, held_out, temperature), 12)
        for count in (50, round(draws)):
            name = f"drawn {count} at T={temperature:g}"
            yield name, WithReplacement(mixture, count, temperature)
    for k, exact, powers in ((50, 1, (0, 1)), (128, 16, (0, 1, 2, 3, 4))):
        for bucket in (False, True):
            name = f"DistillKit {k}, {'bucket' if bucket else 'zero'}"
            yield name, DistillKit(mixture, k, exact, powers, bucket)


@dataclass(frozen=True)
class Peer:
    """What the peers share: the logits of a position are computed from its states."""

    mixture: Mixture
    temperatures = TEMPERATURES
    bytes_per_token = 0

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.bytes_per_token)

    def sorted_log_p(self, states: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """log p at T = 1 and ids of the k most likely tokens, the most likely first."""
        pieces = [
            torch.log_softmax(self.mixture.logits(part), -1).topk(k) for part in states.split(1024)
        ]
        return torch.cat([each.values for each in pieces]), torch.cat([p.indices for p in pieces])


@dataclass(frozen=True)
class Pca(Peer):
    """Leading principal components, one signed byte each."""

    mean: Tensor
    basis: Tensor
    scale: Tensor

    @property
    def bytes_per_token(self) -> int:
        return self.basis.shape[1]

    def encode(self, states: Tensor, seeds: Tensor) -> dict[str, Tensor]:
        del seeds
        levels = ((states - self.mean) @ self.basis / self.scale).round().clamp(-127, 127)
        return {"levels": levels.to(torch.int8)}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> Callable[[slice], Tensor]:
        def logits(part: slice) -> Tensor:
            states = (stored["levels"][part] * self.scale) @ self.basis.T + self.mean
            return self.mixture.logits(states, temperature)

        return logits


def fit_pca(mixture: Mixture, sample: Tensor, rank: int) -> Pca:
    """Components of a sample; the scale is its largest absolute value."""
    centred = sample - sample.mean(0)
    basis = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :rank]
    return Pca(mixture, sample.mean(0), basis, (centred @ basis).abs().amax(0) / 127)


@dataclass(frozen=True)
class TopOnly(Peer):
    """The most likely tokens; the rest has no mass, or uniform mass."""

    k: int
    even_rest: bool

    @property
    def bytes_per_token(self) -> int:
        return 4 * self.k + (4 * len(TEMPERATURES) if self.even_rest else 0)

    def encode(self, states: Tensor, seeds: Tensor) -> dict[str, Tensor]:
        del seeds
        log_p, tokens = self.sorted_log_p(states, self.k)
        masses = []
        for temperature in TEMPERATURES:
            p = distributions(self.mixture, states, temperature)
            masses.append(p.gather(1, tokens).sum(-1))
        return {"log_p": log_p.half(), "tokens": tokens, "masses": torch.stack(masses, -1)}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> Callable[[slice], Any]:
        which = TEMPERATURES.index(temperature)

        def target(part: slice) -> Any:
            tokens = stored["tokens"][part]
            p = torch.softmax(stored["log_p"][part].float() / temperature, -1)
            if not self.even_rest:
                return SparseTarget(tokens, p, p.new_zeros(len(p)))
            mass = stored["masses"][part, which, None].clamp(max=1 - 1e-9)
            others = self.mixture.vocab_size - self.k
            uniform = ((1 - mass) / others).expand(-1, self.mixture.vocab_size)
            return temperature * uniform.scatter(1, tokens, p * mass).clamp(min=1e-30).log()

        return target


@dataclass(frozen=True)
class WithReplacement(Peer):
    """Samples of the distribution at one temperature, each of weight 1 / draws."""

    draws: int
    temperature: float

    @property
    def temperatures(self) -> tuple[float, ...]:  # type: ignore[override]
        return (self.temperature,)

    @property
    def bytes_per_token(self) -> int:
        return 0  # 3 bytes a distinct token, which is known when they are drawn

    def encode(self, states: Tensor, seeds: Tensor) -> dict[str, Tensor]:
        del seeds
        generator = torch.Generator().manual_seed(0)
        p = distributions(self.mixture, states, self.temperature)
        return {"tokens": torch.multinomial(p, self.draws, True, generator=generator)}

    def targets(self, stored: dict[str, Tensor], temperature: float) -> Callable[[slice], Any]:
        del temperature

        def target(part: slice) -> SparseTarget:
            tokens = stored["tokens"][part]
            weights = torch.full(tokens.shape, 1 / self.draws)
            return SparseTarget(tokens, weights, weights.new_zeros(len(tokens)))

        return target


@dataclass(frozen=True)
class DistillKit(Peer):
    """The log-probabilities of the most likely tokens as a curve of their rank.

    Source: the README and configuration of arcee-ai/DistillKit: its "recommended" and "budget"
    layouts, whose curve has a root beside the powers, in float32; exact values in bfloat16. Another
    temperature raises what was stored to 1 / T, the bucket's mass too.
    """

    k: int
    exact: int
    powers: tuple[int, ...]
    bucket: bool

    @property
    def bytes_per_token(self) -> int:
        number = math.ceil(math.log2(self.mixture.vocab_size))
        curve = 4 * (len(self.powers) + 1)
        return math.ceil(self.k * number / 8) + 2 * self.exact + curve

    def design(self) -> Tensor:
        """Powers and root of each rank that is not exact."""
        rank = torch.arange(self.k - self.exact, dtype=torch.float64)
        return torch.stack([*(rank**power for power in self.powers), rank.sqrt()], -1)

    def encode(self, states: Tensor, seeds: Tensor) -> dict[str, Tensor]:
        del seeds
        log_p, tokens = self.sorted_log_p(states, self.k)
        tail = log_p[:, self.exact :].double()
        solved = torch.linalg.lstsq(self.design(), tail.T).solution.T
        return {
            "tokens": tokens,
            "exact": log_p[:, : self.exact].bfloat16(),
            "curve": solved.float(),
        }

    def targets(self, stored: dict[str, Tensor], temperature: float) -> Callable[[slice], Any]:
        def target(part: slice) -> Any:
            tail = (stored["curve"][part].double() @ self.design().T).float()
            log_p = torch.cat([stored["exact"][part].float(), tail], -1)
            if not self.bucket:
                p = torch.softmax(log_p / temperature, -1)
                return SparseTarget(stored["tokens"][part], p, p.new_zeros(len(p)))
            rest = (1 - log_p.exp().sum(-1, keepdim=True)).clamp(min=1e-6)
            p = torch.softmax(torch.cat([log_p, rest.log()], -1) / temperature, -1)
            return BucketTarget(stored["tokens"][part], p[:, :-1])

        return target


# --- the variance of a sketch ---------------------------------------------------------------


def variance_table(mixture: Mixture, held_out: Tensor) -> list[dict[str, float]]:
    """Sum over the vocabulary of Var[weight], mean over tokens: ours and with replacement.

    Both in closed form, at the same temperature of drawing and the same number of distinct tokens:
    ours keeps k at every position, drawing with replacement k on average.
    """
    rows = []
    for temperature in TEMPERATURES:
        p = distributions(mixture, held_out[:: max(1, len(held_out) // 1024)], temperature).double()
        for k in (4, 12, 28, 60):
            kept = (inclusion_scale(p, k) * p).clamp(max=1)
            draws = draws_for(p, k)
            ours = float((p**2 * (1 / kept - 1)).sum(-1).mean())
            theirs = float((p * (1 - p)).sum(-1).mean()) / draws
            row = {"temperature": temperature, "distinct": k, "draws": draws}
            rows.append(row | {"ours": ours, "with_replacement": theirs, "ratio": theirs / ours})
    return rows


def draws_for(p: Tensor, distinct: float) -> float:
    """How many samples with replacement have this many distinct tokens on average."""
    log_missed = torch.log1p(-p.double().clamp(max=1 - 1e-12))
    low, high = 1.0, 1e5
    for _ in range(40):
        middle = math.sqrt(low * high)
        found = float((1 - (middle * log_missed).exp()).sum(-1).mean())
        low, high = (middle, high) if found < distinct else (low, middle)
    return low


def distributions(mixture: Mixture, states: Tensor, temperature: float) -> Tensor:
    """softmax(z_bar / T) of all tokens at once."""
    pieces = [
        torch.softmax(mixture.logits(part, temperature) / temperature, -1)
        for part in states.split(1024)
    ]
    return torch.cat(pieces)


# --- printing -------------------------------------------------------------------------------


def print_rows(rows: list[dict[str, Any]], *, title: str) -> None:
    """Print all rows, and the poster's table beside ours."""
    columns = ["bytes per token"]
    for temperature in TEMPERATURES:
        columns += [f"KL, T={temperature:g}", "angle", "ratio"]
    cells = []
    for row in rows:
        measured = [row["temperatures"].get(f"{each:g}", {}) for each in TEMPERATURES]
        line = [row["name"], f"{row['bytes_per_token']:.0f}"]
        for each in measured:
            line += [_one(each.get("kl"), "{:.4f}"), _one(each.get("gradient_angle"), "{:.1f}")]
            line.append(_one(each.get("gradient_norm_ratio"), "{:.2f}"))
        cells.append(line)
    print_result(table(f"Frontier; gradient of {title}", ["form", *columns], cells))
    poster = [[name, str(degrees), f"{ratio:.1f}"] for name, degrees, ratio in POSTER]
    title = "The poster's, T = 1, 8 to 3 billion weights"
    print_result(table(title, ["form", "angle", "ratio"], poster))


def print_variances(rows: list[dict[str, float]]) -> None:
    """Print ours beside sampling with replacement."""
    cells = [
        [f"{row['temperature']:g}", f"{row['distinct']:.0f}", f"{row['draws']:.1f}",
         f"{row['ours']:.4f}", f"{row['with_replacement']:.4f}", f"{row['ratio']:.2f}"]
        for row in rows
    ]  # fmt: skip
    columns = ["T", "distinct tokens", "draws", "ours", "with replacement", "ratio"]
    print_result(table("Variance of a sketch, summed over the vocabulary", columns, cells))


def _one(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", dest="teachers", type=Path, action="append", required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--student", type=Path)
    parser.add_argument("--fresh", action="store_true", help="the student's shape, new weights")
    parser.add_argument("--sample", type=int, default=2**15, help="tokens to fit to")
    parser.add_argument("--held-out", type=int, default=2**12, help="tokens to measure on")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
