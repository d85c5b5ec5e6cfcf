"""The rank of this process, how many a launcher started, and where they meet."""

from collections.abc import Mapping
from dataclasses import dataclass

from babyllama.errors import InputError

RANK, COUNT, LOCAL_RANK = "RANK", "WORLD_SIZE", "LOCAL_RANK"
_HOST, _PORT = "MASTER_ADDR", "MASTER_PORT"
# torchrun sets it if its own agent, and not the process of rank 0, listens at the address.
_AGENT = "TORCHELASTIC_USE_AGENT_STORE"


@dataclass(frozen=True)
class Meeting:
    """The address where the processes find each other.

    Attributes:
        has_host: whether the launcher itself listens there; otherwise the process of rank 0 does.
    """

    host: str
    port: int
    has_host: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Launched:
    """This process's place among those started by torchrun, `accelerate launch` or a script.

    Attributes:
        rank: this process's number, from 0.
        count: of all processes; 1 without a launcher.
        meeting: where they meet; None if the launcher has not set all of it.
        unset: the variables that are missing for a meeting.
    """

    rank: int = 0
    count: int = 1
    meeting: Meeting | None = None
    unset: tuple[str, ...] = ()

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether no other process was launched."""
        return self.count == 1


ALONE = Launched()


def launched_from(environment: Mapping[str, str]) -> Launched:
    """Read what a launcher has set; RANK counts only if WORLD_SIZE is above 1.

    Raises:
        InputError: a variable that is not a number, RANK missing or not below WORLD_SIZE.
    """
    count = _number(environment, COUNT, default=1)
    rank = _number(environment, RANK, default=-1)
    _number(environment, LOCAL_RANK, default=-1)
    if count == 0:
        raise _odd(environment, COUNT)
    if count == 1:
        return ALONE
    if rank < 0:
        raise InputError(
            f"{COUNT} is {count}, but {RANK} is not set",
            why="A launcher sets both; perhaps an earlier command has left this one behind.",
            mend=f"For one process: unset {COUNT}. For several, use torchrun or accelerate launch.",
        )
    if rank >= count:
        raise InputError(
            f"{RANK} is {rank}, but {COUNT} is {count}",
            why=f"Ranks count from 0, so the highest is {count - 1}.",
            mend="Check the script that sets them, or use torchrun or accelerate launch.",
        )
    unset = tuple(name for name in (LOCAL_RANK, _HOST, _PORT) if not environment.get(name))
    meeting = None if unset else _meeting(environment)
    return Launched(rank, count, meeting, unset)


def _meeting(environment: Mapping[str, str]) -> Meeting:
    port = _number(environment, _PORT, default=0)
    if not 0 < port < 2**16:
        raise _odd(environment, _PORT)
    return Meeting(environment[_HOST], port, environment.get(_AGENT) == "True")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    if name not in environment:
        return default
    text = environment[name]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _odd(environment, name)
    return int(text)


def _odd(environment: Mapping[str, str], name: str) -> InputError:
    numbers = {COUNT: "a number from 1", _PORT: "a number from 1 to 65535"}
    return InputError(
        f"the environment variable {name} is {environment[name]!r}",
        why=f"It must be {numbers.get(name, 'a number from 0')}. Launchers set it.",
        mend=f"If you use no launcher: unset {name}",
    )
