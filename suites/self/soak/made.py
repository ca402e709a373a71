"""What the tests of a soak's runner have in common: a run's folder, and checkpoints of runners that are gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from harness.evidence.clock import now_ns
from harness.record.folder import RunFolder
from harness.record.run import GitState, HostInfo, RunInfo
from harness.record.store import RunStore
from harness.soak.checkpoint import Checkpoint
from harness.soak.life import Setting
from harness.target.launcher import LauncherFactory
from harness.target.mooring import Mooring
from harness.target.owner import Owner, place
from harness.target.profile import load_profile

CASE = "6.1.1"
GONE = Owner(os.getpid(), 1)
"""A process of this number that ended before this one was given it."""


def run_in(reports: Path) -> RunFolder:
    """A new run there."""
    info = RunInfo(
        id="", started_ns=now_ns(), ended_ns=None, harness=GitState("1f0c", "main", dirty=False), target="reference",
        target_version="1", launcher="process", seed=1, host=HostInfo("h", "Debian", "Linux", "3", 2, 1 << 30, ""),
        command=("nfr", "soak"), selected=(CASE,),
    )  # fmt: skip
    return RunStore(reports).create(info)


def setting_of(folder: RunFolder) -> Setting:
    """Where a life takes place that starts nothing."""
    return Setting(folder, load_profile("reference"), cast(LauncherFactory, None), 1, CASE)


def left(state: str, *, venue: Owner = GONE, runner: Owner = GONE) -> Checkpoint:
    """The last checkpoint of a runner; `venue`: the process that its venue is."""
    mooring = Mooring("venue-binance", "process", str(venue), "x", "127.0.0.1:1", {}, "venue.log")
    return Checkpoint(
        state=state, life=1, runner_pid=runner.pid, runner=str(runner), t_ns=9, duration_s=60.0, steady_s=12.0,
        began_ns=1, owner=str(GONE), place=place(), moorings=(mooring,),
    )  # fmt: skip
