"""The table of all kinds of signals."""

from babyllama.recipe import HiddenSignal, OnlineSignal, SampledSignal, StoredSignal, TopKSignal
from babyllama.signals import hidden, online, sampled, topk
from babyllama.signals.encoding import Kind, Sizes, TeacherShapes

STORED_KINDS: dict[type[StoredSignal], Kind] = {
    HiddenSignal: hidden.KIND,
    TopKSignal: topk.KIND,
    SampledSignal: sampled.KIND,
}


def kind_of(recipe: StoredSignal) -> Kind:
    """The kind of stored signal in a recipe."""
    return STORED_KINDS[type(recipe)]


def sizes_of(recipe: OnlineSignal | StoredSignal, teachers: TeacherShapes) -> Sizes:
    """What a signal costs its students, worked out from shapes alone."""
    if isinstance(recipe, OnlineSignal):
        return online.sizes(teachers)
    return kind_of(recipe).sizes(recipe, teachers)
