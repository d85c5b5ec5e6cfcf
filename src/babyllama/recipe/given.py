"""An existing model or tokenizer, which a run uses and does not make."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from babyllama.recipe.base import NOT_RECORDED_AT_DEFAULT
from babyllama.recipe.hub import FolderOrHub
from babyllama.recipe.text import TokenizerRecipe
from babyllama.recipe.training import PretrainingRecipe


class Given(FolderOrHub):
    """An existing model or tokenizer: a folder, or a name on the Hugging Face hub.

    Its files are linked into the run, not copied; the manifest records their hashes, so a change of
    the folder is noticed.
    """

    replaced_before = ("like",)
    union_tag = "given"

    def __str__(self) -> str:
        return self.path if self.revision is None else f"{self.path}@{self.revision}"


class TrainedTeacher(PretrainingRecipe):
    """A teacher that the run trains."""

    seed_offset: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="Added to the recipe's seed: teachers of one shape and training need different "
        "ones, or they are the same model.",
        json_schema_extra=NOT_RECORDED_AT_DEFAULT,
    )


def _tag(value: Any) -> str:
    """Which alternative a value is meant to be."""
    is_given = isinstance(value, Given) or (isinstance(value, dict) and "path" in value)
    return Given.union_tag if is_given else PretrainingRecipe.union_tag


Teacher = Annotated[
    Annotated[TrainedTeacher, Tag("made")] | Annotated[Given, Tag("given")], Discriminator(_tag)
]
AnyTokenizer = Annotated[
    Annotated[TokenizerRecipe, Tag("made")] | Annotated[Given, Tag("given")], Discriminator(_tag)
]
