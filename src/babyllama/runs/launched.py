"""The rank of this process, and how many a launcher started."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Launched:
    """This process's place among those started by torchrun, `accelerate launch` or a script.

    Attributes:
        rank: this process's number, from 0.
        count: of all processes; 1 without a launcher.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether no other process was launched."""
        return self.count == 1


ALONE = Launched()
