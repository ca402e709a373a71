"""RunInfo: what a run was, where it ran and against what; no measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RunState = Literal["running", "finished", "interrupted", "crashed"]


@dataclass(frozen=True, slots=True)
class GitState:
    """A checkout at the time of the run; all empty outside a git checkout."""

    commit: str = ""
    branch: str = ""
    """Empty when the head is detached."""
    dirty: bool = False
    """Whether tracked files differed from the commit, or untracked ones were there."""


@dataclass(frozen=True, slots=True)
class HostInfo:
    """The machine the harness ran on."""

    name: str
    os: str
    kernel: str
    python: str
    cpus: int
    """CPUs this process may use."""
    memory_bytes: int
    cpu_model: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run. Times are Unix ns; `ended_ns` is None while it runs, and for ever when it was killed."""

    id: str
    """Empty: RunStore.create makes one."""
    started_ns: int
    ended_ns: int | None
    harness: GitState
    target: str
    """Profile name."""
    target_version: str
    launcher: str
    seed: int
    host: HostInfo
    command: tuple[str, ...]
    selected: tuple[str, ...]
    """Ids of the cases that were to run."""
    state: RunState = "running"
    note: str = ""
