"""Nothing of ours is left: find what a run started by its tag, and remove what belongs to owners that are gone."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.evidence.clock import monotonic_s
from harness.target.knock import refusal
from harness.target.lease import leases
from harness.target.owner import (
    ENV_OWNER,
    ENV_PLACE,
    ENV_RUN,
    ENV_SERVICE,
    LABEL_OWNER,
    LABEL_PLACE,
    LABEL_RUN,
    PLACE_FILE,
    Owner,
    orphaned,
    scratch_root,
    start_time_ticks,
)

GONE_LIMIT_S = 5.0
POLL_S = 0.02


def environment_of(pid: int) -> dict[str, str]:
    """The environment that a process was started with; empty when it is gone or not ours to see."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if entry)
    return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, _, value in pairs}


def tagged_processes(wanted: Callable[[Mapping[str, str]], bool]) -> list[int]:
    """Pids of the living processes whose environment is `wanted`; never this process."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    found = []
    for pid in pids:
        if pid != os.getpid() and (environment := environment_of(pid)) and wanted(environment):
            found.append(pid)
    return [pid for pid in found if start_time_ticks(pid) is not None]


def kill_processes(wanted: Callable[[Mapping[str, str]], bool], limit_s: float = GONE_LIMIT_S) -> list[int]:
    """SIGKILL every process whose environment is `wanted`, and those it forks meanwhile; returns the pids."""
    killed: list[int] = []
    end_s = monotonic_s() + limit_s
    while pids := tagged_processes(wanted):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed += [pid for pid in pids if pid not in killed]
        if monotonic_s() > end_s:
            break
        time.sleep(POLL_S)
    return killed


def sweep() -> tuple[str, ...]:
    """Remove what owners that no longer live have left: processes, containers, networks, volumes, folders.

    Returns what it removed, one phrase each.
    Other living runs are not touched, nor are the services that a lease spares (`spared` tells of them). Bounded; an
    engine that does not answer is passed over.
    """
    kept = {lease.owner for lease in leases() if lease.spares}

    def is_left(tags: Mapping[str, str]) -> bool:
        # A lease is for services: what else its owner ran (a load) was to end with it.
        leased = ENV_SERVICE in tags and tags.get(ENV_OWNER) in kept
        return not leased and orphaned(tags, ENV_OWNER, ENV_PLACE)

    def is_left_there(labels: Mapping[str, str]) -> bool:
        return labels.get(LABEL_OWNER) not in kept and orphaned(labels, LABEL_OWNER, LABEL_PLACE)

    removed = _sweep_processes(is_left)
    removed += _sweep_engine(is_left_there)
    removed += _sweep_folders(kept)
    return tuple(removed)


def spared() -> tuple[str, ...]:
    """What `sweep` leaves alone although its owner is gone: one sentence each that says how to take it up or end it."""
    return tuple(lease.told for lease in leases() if lease.spares and not lease.is_held)


def remove_all_of(owner: Owner) -> tuple[str, ...]:
    """Remove everything that `owner` started, living or not: the last resort at this process's own end."""
    removed = _sweep_processes(lambda tags: tags.get(ENV_OWNER) == str(owner))
    removed += _sweep_engine(lambda labels: labels.get(LABEL_OWNER) == str(owner))
    shutil.rmtree(scratch_root() / f"{owner.pid}-{owner.start_ticks}", ignore_errors=True)
    return tuple(removed)


def remove_services_of(owner: Owner, kept: Collection[str]) -> tuple[str, ...]:
    """Remove what was started in that owner's name but the services `kept`, by the mark in their environment."""
    return tuple(_sweep_processes(lambda tags: tags.get(ENV_OWNER) == str(owner) and tags.get(ENV_SERVICE) not in kept))


@dataclass(frozen=True, slots=True)
class Left:
    """What of one run exists now, by name; a process as `PID COMMAND`."""

    processes: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()

    def items(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each kind with its names."""
        return (
            ("processes", self.processes),
            ("containers", self.containers),
            ("networks", self.networks),
            ("volumes", self.volumes),
        )


async def left_of(run: str) -> Left:
    """What carries the label of this run, whoever of its owners started it; this process itself is never counted."""
    return await asyncio.to_thread(_left_of, run)


def _left_of(run: str) -> Left:
    from harness.target.engine import Engine

    pids = tagged_processes(lambda tags: tags.get(ENV_RUN) == run)
    left = Left(tuple(f"{pid} {_command(pid)}" for pid in sorted(pids)))
    engine = Engine.reach()
    if engine is None:
        return left
    try:
        things = engine.labelled(lambda labels: labels.get(LABEL_RUN) == run)
    finally:
        engine.close()
    names = {kind: tuple(one.name for one in things if one.kind == kind) for kind in ("container", "network", "volume")}
    return replace(left, containers=names["container"], networks=names["network"], volumes=names["volume"])


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")[:100].strip()
    return "?"


def _sweep_processes(wanted: Callable[[Mapping[str, str]], bool]) -> list[str]:
    owners = {pid: environment_of(pid).get(ENV_OWNER, "") for pid in tagged_processes(wanted)}
    if not owners:
        return []
    return [f"process {pid} of owner {owners.get(pid, '?')}" for pid in kill_processes(wanted)]


def _sweep_engine(wanted: Callable[[Mapping[str, str]], bool]) -> list[str]:
    if refusal():
        return []
    # Imported here: a machine without an engine should not wait for the engine's library at every start.
    from harness.target.engine import Engine

    engine = Engine.reach()
    if engine is None:
        return []
    try:
        things = engine.remove_labelled(wanted)
        return [f"{thing.kind} {thing.name} of owner {thing.labels[LABEL_OWNER]}" for thing in things]
    finally:
        engine.close()


def _sweep_folders(kept: Collection[str]) -> list[str]:
    removed = []
    root = scratch_root()
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        owner = folder.name.replace("-", ":")
        try:
            tags = {ENV_OWNER: owner, ENV_PLACE: (folder / PLACE_FILE).read_text()}
        except OSError:
            continue  # being made or being removed
        if owner not in kept and orphaned(tags, ENV_OWNER, ENV_PLACE):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(f"folder {folder}")
    return removed


_guarded: set[Owner] = set()


def remove_at_exit(owner: Owner) -> None:
    """At this process's normal end (Ctrl-C included) remove what it started and did not close."""
    if owner not in _guarded:
        _guarded.add(owner)
        atexit.register(remove_all_of, owner)
