"""Facts about this machine and this checkout, gathered once at a run's start."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import psutil

from harness.record.run import GitState, HostInfo

_GIT_LIMIT_S = 5.0


def this_host() -> HostInfo:
    """What the harness runs on. Never fails: what cannot be found out is empty."""
    return HostInfo(
        name=platform.node(),
        os=_os_name(),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}".strip(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        cpus=_cpus(),
        memory_bytes=int(psutil.virtual_memory().total),
        cpu_model=_cpu_model(),
    )


def git_state(checkout: Path) -> GitState:
    """Commit, branch and cleanliness of the checkout that holds this folder; GitState() outside one, or without git."""
    commit = _git(checkout, "rev-parse", "--verify", "HEAD")
    if not commit:
        return GitState()
    if _git(checkout, "check-ignore", "--", "."):
        # a virtual environment inside somebody else's checkout says nothing about the harness
        return GitState()
    branch = _git(checkout, "symbolic-ref", "--short", "-q", "HEAD")
    return GitState(commit, branch or "", bool(_git(checkout, "status", "--porcelain")))


def _git(checkout: Path, *arguments: str) -> str | None:
    """The command's output, None when it failed, took too long or git is missing."""
    # optional locks off: reading the state must not disturb a commit made at the same time
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
