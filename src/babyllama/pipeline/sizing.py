"""Sizes of models that suit a text, and of the text that suits a time on a machine."""

from dataclasses import dataclass

from babyllama.models.precision import pick_device
from babyllama.pipeline.planning import (
    TOKENS_PER_WORD,
    flops_per_token,
    signal_flops_per_token,
    vocabulary_size,
)
from babyllama.pipeline.sharing import this_machine, threads_of, using_threads
from babyllama.pipeline.timing import assumed_on, refuse_unknown_card, speed_of_products
from babyllama.recipe import Recipe, load_recipe
from babyllama.training.trial_step import trial_flops

# What a run is assumed to take besides training and signal: text, dev scores, scoring.
_BESIDE = 1.4
_WINDOW = 128  # tokens, in `laptop`
_FEWEST_WORDS = 5_000


@dataclass(frozen=True)
class Rung:
    """Sizes that belong together.

    Attributes:
        least: the fewest words of text that suit these sizes.
        student, teacher: width and layers.
    """

    least: int
    vocab_size: int
    student: tuple[int, int]
    teacher: tuple[int, int]
    epochs: int
    batch_size: int


LADDER = (
    Rung(0, 800, (64, 2), (96, 3), 10, 8),
    Rung(20_000, 1600, (128, 3), (128, 4), 10, 8),
    Rung(100_000, 4000, (192, 4), (192, 5), 8, 16),
    Rung(400_000, 6000, (256, 4), (320, 5), 6, 32),
    Rung(2_000_000, 10_000, (384, 6), (512, 8), 6, 32),
    Rung(20_000_000, 16_000, (512, 8), (768, 12), 4, 64),
)


@dataclass(frozen=True)
class Choice:
    """Sizes of models, and how much of the text they are trained on.

    Attributes:
        share: of the text, at most 1.
        seconds: about what the run takes with these.
    """

    rung: Rung
    share: float
    seconds: float


def choose(words: int, seconds: float, *, card: str = "") -> Choice:
    """The largest sizes that suit as much of a text as the time allows.

    Args:
        words: of the text.
        seconds: that the run may take.
        card: a name of `cards.CARDS`; "" for this machine.

    Raises:
        InputError: no such card.
    """
    refuse_unknown_card(card, "--machine")
    suiting = [rung for rung in LADDER if rung.least <= words]
    for rung in reversed(suiting):
        needed = words * _seconds_per_word(rung, card)
        share = min(1.0, seconds / needed)
        if share * words >= max(rung.least, _FEWEST_WORDS) or rung is suiting[0]:
            share = min(1.0, max(share, _FEWEST_WORDS / words))
            return Choice(rung, share, share * needed)
    raise AssertionError("the first rung suits every text")


def steps_of(choice: Choice, words: int) -> int:
    """About how many updates a training takes on the chosen share of a text of so many words."""
    tokens = words * choice.share * TOKENS_PER_WORD * choice.rung.epochs
    return int(tokens / (choice.rung.batch_size * _WINDOW))


def settings_of(rung: Rung) -> dict[str, object]:
    """The fields of a recipe that extends `laptop` with these sizes, by their paths."""
    width, layers = rung.teacher
    own, own_layers = rung.student
    return {
        "tokenizer.vocab_size": rung.vocab_size,
        "teachers.llama.model": _llama(width, layers),
        "teachers.gpt2.model": {
            "model_type": "gpt2", "n_embd": width, "n_inner": 4 * width, "n_layer": layers,
            "n_head": width // _HEAD,
        },
        "students.distilled.model": _llama(own, own_layers),
        "defaults.training.epochs": rung.epochs,
        "defaults.training.batch_size": rung.batch_size,
    }  # fmt: skip


_HEAD = 32  # numbers of an attention head


def _llama(width: int, layers: int) -> dict[str, object]:
    return {
        "model_type": "llama", "hidden_size": width, "intermediate_size": width * 11 // 4,
        "num_hidden_layers": layers, "num_attention_heads": width // _HEAD,
    }  # fmt: skip


def _seconds_per_word(rung: Rung, card: str) -> float:
    """What a word of text takes with these sizes; one teacher is tried on this machine."""
    settings = tuple(f"{path}={value}" for path, value in settings_of(rung).items())
    recipe = load_recipe("laptop", settings)
    flops = sum(flops_per_token(recipe, name) for name in recipe.trained)
    flops += signal_flops_per_token(recipe)
    return TOKENS_PER_WORD * _BESIDE * flops / _speed(recipe, card)


def _speed(recipe: Recipe, card: str) -> float:
    """FLOPs a second of all stages that run at a time."""
    part = recipe.pretraining("llama")
    if card:
        return assumed_on(card, part, vocabulary_size(recipe))
    machine = this_machine()
    threads = threads_of(recipe, "teachers/llama", machine)
    at_a_time = 1 if pick_device().type == "cuda" else max(1, machine.cores // threads)
    with using_threads(threads):
        tried = trial_flops(part, vocabulary_size(recipe))
    return at_a_time * tried if tried else speed_of_products().flops
