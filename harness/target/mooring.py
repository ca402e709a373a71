"""Mooring: where a service that outlives its launcher lies, and how another launcher knows it for the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.target.owner import Owner, place

ADOPTED_READY_S = 90.0
"""A client whose way to the connector was gone tries again only after a pause of up to a minute."""
UNKNOWN_EXIT = -1
"""How a service ended whose exit code only its dead parent was to be told."""


@dataclass(frozen=True, slots=True)
class Mooring:
    """One service. `launcher`: process or container; `owner`: its process by pid and start time, of a container its
    first one; `identity`: the mark in its environment, or the engine's id of the container with its start.

    `ports` are of this host; `output`: the file that a process writes to; `config_path` and `data_folder` are needed
    to start it again.
    """

    name: str
    launcher: str
    owner: str
    identity: str
    address: str
    ports: Mapping[str, int]
    log: str
    output: str = ""
    config_path: str = ""
    data_folder: str = ""
    network: str = ""

    @property
    def process(self) -> Owner | None:
        """Its process on this host."""
        return Owner.parse(self.owner)


@dataclass(frozen=True, slots=True)
class Lasting:
    """What a launcher starts is to outlive it. `owner`: in whose name, the same over all lives of the harness;
    `moorings`: what an earlier launcher has left; `place`: where that was."""

    owner: Owner
    place: str
    moorings: tuple[Mooring, ...] = field(default=())

    @classmethod
    def first(cls) -> Lasting:
        """Of a run that begins here."""
        return cls(Owner.current(), place())

    @property
    def is_here(self) -> bool:
        """Whether that was on this machine since it was booted: else its pids mean somebody else."""
        return self.place == place()


@dataclass(frozen=True, slots=True)
class Lost:
    """A service that was moored and is not there any more, or not as it was. `said`: its last words."""

    service: str
    reason: str
    said: tuple[str, ...]


def unheard(output: Path) -> tuple[bytes, ...]:
    """The lines in a service's output file that no launcher has taken into its log yet."""
    try:
        with output.open("rb") as file:
            file.seek(heard_bytes(output))
            return tuple(file.read().splitlines())
    except OSError:
        return ()


def heard_bytes(output: Path) -> int:
    """How much of that file is in the log."""
    try:
        return int(_heard(output).read_text())
    except (OSError, ValueError):
        return 0


def note_heard(output: Path, count_bytes: int) -> None:
    """So much of it is in the log now."""
    _heard(output).write_text(str(count_bytes))


def _heard(output: Path) -> Path:
    return output.with_name(f"{output.name}.heard")
