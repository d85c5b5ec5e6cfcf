"""What a kind of stored signal provides: its sizes, and how teachers' states become bytes and back.

A kind is a module with a `KIND`; `kinds.py` lists them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from babyllama.models.build import product_shapes
from babyllama.models.logits import output_head
from babyllama.models.loss import TeacherTargets
from babyllama.recipe import MeanOf, StoredSignal

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Products = tuple[tuple[int, int], ...]  # (inputs, outputs) of matrix products, for counting FLOPs


@dataclass(frozen=True)
class TeacherShapes:
    """What determines the sizes of a signal, known before any teacher is trained.

    Attributes:
        vocab_size: tokens of the tokenizer.
        widths: columns of each teacher's states, as a mixture reads them; empty where a signal was
            stored without the teachers' heads.
        products: of a token's pass through all teachers; empty where they do not run.
    """

    vocab_size: int
    widths: tuple[int, ...] = ()
    products: Products = ()

    @staticmethod
    def of(models: "Iterable[PreTrainedModel]", vocab_size: int) -> "TeacherShapes":
        """The shapes of models, which may be on torch's meta device."""
        models = list(models)
        return TeacherShapes(
            vocab_size,
            widths=tuple(output_head(model).as_product().weight.shape[1] for model in models),
            products=tuple(shape for model in models for shape in product_shapes(model)),
        )

    @property
    def width(self) -> int:
        """Columns of all teachers' states."""
        return sum(self.widths)

    @property
    def head_products(self) -> Products:
        """What forming the teachers' logits from their states takes for a token."""
        return tuple((width, self.vocab_size) for width in self.widths)


@dataclass(frozen=True)
class Sizes:
    """What a signal costs its students.

    Attributes:
        bytes_per_token: on disk; 0 where nothing is stored.
        table_bytes: on disk, once per signal.
        products: matrix products that reading a token takes.
        state_width: columns of the states that logits are formed from; 0 where the signal itself
            says which tokens are likely.
        runs_teachers: whether the teachers run beside the student.
    """

    bytes_per_token: int = 0
    table_bytes: int = 0
    products: Products = ()
    state_width: int = 0
    runs_teachers: bool = False


@runtime_checkable  # so that the tests can check annotations
class Encoding(Protocol):
    """How a stored signal is written and read: from states to bytes, from bytes to targets."""

    @property
    def sizes(self) -> Sizes:
        """Its bytes on disk, and the matrix products that reading takes."""
        ...

    @property
    def temperatures(self) -> tuple[float, ...] | None:
        """The temperatures that it can be read at; None: any."""
        ...

    @property
    def is_fitted(self) -> bool:
        """Whether `encode` depends on the tables, so that no other tables can read its shards."""
        ...

    def encode(
        self,
        states: Float[Tensor, "tokens hidden"],
        seeds: Int64[Tensor, " tokens"],
        inputs: Int64[Tensor, " tokens"] | None = None,
    ) -> dict[str, Tensor]:
        """Named tensors (tokens, ...) to store for some states.

        Args:
            seeds: one per token; random draws depend on these only.
            inputs: the token that was read at each state. An encoding that was fitted with them
                needs them.
        """
        ...

    def targets(self, stored: dict[str, Tensor], temperature: float) -> TeacherTargets:
        """The ensemble's predictions at stored tokens and a temperature, a slice at a time.

        Args:
            stored: what `encode` returned, and `inputs`, the token that was read at each position.
        """
        ...

    def tables(self) -> dict[str, Tensor]:
        """What reading needs besides the encoded tokens, by name: format.safetensors."""
        ...


def _no_variants(_teachers: TeacherShapes, _mean_of: MeanOf) -> Iterator[tuple[str, StoredSignal]]:
    yield from ()


@dataclass(frozen=True)
class Kind:
    """A kind of stored signal. Each function's first argument is the recipe of that kind.

    Attributes:
        sizes: (recipe, teachers) -> what such a signal takes, from shapes alone.
        fit: (recipe, mixture, sample of states, inputs or None) -> the encoding for such states.
            Raises InputError for a recipe that does not fit the teachers.
        load: (recipe, mixture or None, tables) -> the encoding whose `tables` were stored.
        variants: (teachers, mean_of) -> names and recipes of the sizes that `frontier.py` measures.
        keeps_heads: whether the tables have the teachers' heads, so that a signal can be read with
            other weights of the teachers. `load` gets their mixture; otherwise None, except while
            the signal is written.
    """

    sizes: Callable[[Any, TeacherShapes], Sizes]
    fit: Callable[..., Encoding]
    load: Callable[..., Encoding]
    variants: Callable[[TeacherShapes, MeanOf], Iterator[tuple[str, StoredSignal]]] = _no_variants
    keeps_heads: bool = False
