"""Who started a process or container: an owner known by pid and start time, and the label that everything carries."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

ENV_RUN, ENV_OWNER, ENV_PLACE, ENV_SERVICE = "NFR_RUN", "NFR_OWNER", "NFR_PLACE", "NFR_SERVICE"
LABEL_RUN, LABEL_OWNER, LABEL_PLACE = "nfr.run", "nfr.owner", "nfr.place"
LABEL_SERVICE = "nfr.service"
"""On a container: the service's name."""
PLACE_FILE = ".place"
"""In a scratch folder: the place of its owner."""


def start_time_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None when it is gone or only a zombie is left."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    words = text[text.rindex(")") + 2 :].split()  # the name before may hold spaces and brackets
    return None if words[0] in ("Z", "X") else int(words[19])


def place() -> str:
    """This boot of this machine and this pid namespace: elsewhere a pid means somebody else."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}"


@dataclass(frozen=True, slots=True)
class Owner:
    """A process by pid and start time, so that a reused pid is not mistaken for it."""

    pid: int
    start_ticks: int

    @classmethod
    def current(cls) -> Owner:
        """This process."""
        ticks = start_time_ticks(os.getpid())
        assert ticks is not None, "this process runs"
        return cls(os.getpid(), ticks)

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """From `<pid>:<start>`; None when it is not of that form."""
        pid, _, ticks = text.partition(":")
        return cls(int(pid), int(ticks)) if pid.isdigit() and ticks.isdigit() else None

    def __str__(self) -> str:
        return f"{self.pid}:{self.start_ticks}"

    def alive(self) -> bool:
        """Whether that very process still runs."""
        return start_time_ticks(self.pid) == self.start_ticks


@dataclass(frozen=True, slots=True)
class Tag:
    """What everything started by one run carries."""

    run: str
    owner: Owner
    place: str

    @classmethod
    def of(cls, run: str) -> Tag:
        """The tag of things that this process starts for `run`."""
        return cls(run, Owner.current(), place())

    def named(self, owner: Owner) -> Tag:
        """The same in the name of an earlier owner of that run."""
        return replace(self, owner=owner)

    def environment(self) -> dict[str, str]:
        """For processes."""
        return {ENV_RUN: self.run, ENV_OWNER: str(self.owner), ENV_PLACE: self.place}

    def labels(self) -> dict[str, str]:
        """For containers, networks and volumes."""
        return {LABEL_RUN: self.run, LABEL_OWNER: str(self.owner), LABEL_PLACE: self.place}

    def scratch(self) -> Path:
        """A folder for this run's config files; made when missing, removed with everything else."""
        folder = scratch_root() / f"{self.owner.pid}-{self.owner.start_ticks}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / PLACE_FILE).write_text(self.place)
        return folder


def scratch_root() -> Path:
    """Where the scratch folders of this user's runs live."""
    return Path(tempfile.gettempdir()) / f"nfr-{os.getuid()}"


def orphaned(labels: Mapping[str, str], owner_key: str, place_key: str) -> bool:
    """Whether the owner named in these labels (or this environment) is known to be gone.

    An owner of another pid namespace cannot be checked, so its things are left alone; one of an earlier
    boot of this machine is gone for certain.
    """
    owner = Owner.parse(labels.get(owner_key, ""))
    if owner is None:
        return False
    here_boot, _, here_namespace = place().partition("/")
    boot, _, namespace = labels.get(place_key, place()).partition("/")
    if namespace != here_namespace:
        return False
    return boot != here_boot or not owner.alive()
