"""What can be known to go wrong is refused before any long work starts."""

from pathlib import Path

from babyllama.corpus.sources import read_split, read_text
from babyllama.evaluation.minimal_pairs import read_pairs
from babyllama.models import refuse_short_positions
from babyllama.planning import plan, refuse_full_disk
from babyllama.recipe import FolderSource, Recipe


def refuse_impossible(recipe: Recipe, folder: Path) -> None:
    """Read what the run will read, make what it will make on paper, and compare with the disk.

    Raises:
        InputError: a corpus or benchmark that cannot be read, a model that cannot be made or is
            too short for its windows, a disk too full.
    """
    source = recipe.corpus.source
    if isinstance(source, FolderSource):
        for domain in read_split(source.path, "train"):
            read_text(domain.path)
    for path in recipe.evaluation.benchmarks.values():
        read_pairs(path)
    for name in [*recipe.teachers, *recipe.students]:
        refuse_short_positions(recipe.pretraining(name), name)
    refuse_full_disk(plan(recipe, folder), folder)
