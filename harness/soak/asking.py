"""Asking: `--status` and `--stop`: what somebody else than its runner does with a soak."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, replace

import click

from harness.evidence.clock import NS_PER_S, now_ns
from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.soak.checkpoint import GIVEN_UP, OVER, Checkpoint, give_up
from harness.soak.saying import say
from harness.soak.telling import standing
from harness.target.leftovers import remove_all_of
from harness.target.owner import Owner, place


def status(folder: RunFolder, *, as_json: bool) -> None:
    """How it stands. Raises CheckpointError."""
    now = Checkpoint.read(folder.path)
    age_s = (now_ns() - now.t_ns) / NS_PER_S
    if as_json:
        shown = {"schema": "nfr.soak-status", "version": 1, "run": folder.info.id, "runs": now.runs, "age_s": age_s}
        click.echo(json.dumps({**shown, "checkpoint": asdict(now)}, indent=2))
        return
    how = "running" if now.runs else "its runner is gone: --resume it" if now.was_broken_off else now.state
    click.echo(f"soak {folder.info.id}: {how}; {now.state}, life {now.life}, last checkpoint {age_s:.0f} s ago")
    for line in standing(now):
        click.echo(f"  {line}")


def stop(folder: RunFolder) -> None:
    """End it for good: its runner is told to stop, as by Ctrl-C; without one the services that it has left are ended.

    Raises CheckpointError, RecordError.
    """
    now, run = Checkpoint.read(folder.path), folder.info.id
    if now.state in OVER:
        say(f"nfr: the soak {run} is over ({now.state}): nothing of it runs")
        return
    give_up(folder.path)
    if now.runs:
        os.kill(now.runner_pid, signal.SIGTERM)
        say(f"nfr: the runner (process {now.runner_pid}) was told to stop")
        return
    if now.was_broken_off and now.place == place() and (owner := Owner.parse(now.owner)) is not None:
        for gone in remove_all_of(owner):
            say(f"nfr: removed: {gone}")
    replace(now, state=GIVEN_UP, moorings=()).write(folder.path)
    if now.was_broken_off:
        finish(folder, "interrupted", "given up after its runner had died")
    say(f"nfr: the soak {run} is ended; `{judging(folder)}` judges what it has")


def finish(folder: RunFolder, state: str, note: str) -> None:
    """Write down how the run ended."""
    try:
        folder.finish("finished" if state == "finished" else "crashed" if state == "crashed" else "interrupted", note)
    except RecordError as error:  # on a full disk the evidence is what counts
        say(f"nfr: {error}", err=True)


def judging(folder: RunFolder) -> str:
    """The command that does it."""
    return f"nfr judge {folder.info.id} --reports {folder.path.resolve().parent}"
