"""Fault pause: the service is frozen (SIGSTOP, or its container's freezer), keeps its sockets and does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path as FilePath

from harness.target.service import Capability, Service
from harness.trial.faults.inflicted import Bite, Fault, inflicted
from harness.trial.faults.registry import Over, check, kind
from harness.trial.trial import Trial

SEEN_LIMIT_S = 5.0
CGROUPS = FilePath("/sys/fs/cgroup")


@kind("pause", "freezes a service with its sockets open", Over.SERVICE, Capability.PAUSE)
@asynccontextmanager
async def pause(trial: Trial, service: Service) -> AsyncIterator[Fault]:
    """Freeze it for the length of a block. Bitten: the kernel shows it stopped or frozen; the mark says how."""
    check("pause", service)

    async def look() -> Bite | None:
        seen = frozen_as(service.pid)
        return Bite(detail={"seen": seen}) if seen else None

    async with inflicted(
        trial, "pause", service.name, begin=service.pause, look=look, heal=service.resume, bites_within_s=SEEN_LIMIT_S
    ) as fault:
        yield fault


def frozen_as(pid: int | None) -> str:
    """How the kernel shows that this process is frozen; empty when it is not.

    Where the kernel cannot be asked (another machine's, or no rights), the service's own word has to do: its
    `pause` has looked before it returned.
    """
    if pid is None:
        return "its launcher saw it"
    try:
        status = FilePath(f"/proc/{pid}/stat").read_text()
        groups = FilePath(f"/proc/{pid}/cgroup").read_text()
    except FileNotFoundError:
        return ""
    except OSError:
        return "its launcher saw it"
    state = status[status.rindex(")") + 2]
    if state in "Tt":
        return f"process state {state}"
    return "cgroup frozen" if any(_frozen(line) for line in groups.splitlines()) else ""


def _frozen(line: str) -> bool:
    """Whether this cgroup of /proc/PID/cgroup is frozen, in either version of cgroups."""
    number, controllers, path = line.split(":", 2)
    version_2 = number == "0" and not controllers
    if not version_2 and "freezer" not in controllers:
        return False
    told = (
        CGROUPS / path.lstrip("/") / "cgroup.events"
        if version_2
        else (CGROUPS / "freezer" / path.lstrip("/") / "freezer.state")
    )
    try:
        text = told.read_text()
    except OSError:
        return False
    return "frozen 1" in text or "FROZEN" in text
