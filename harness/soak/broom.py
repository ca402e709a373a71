"""Broom: what earlier runs have left is removed by a process of its own, which takes the engine's library with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from harness.target.leftovers import sweep

LIMIT_S = 180.0
_ROOT = Path(__file__).resolve().parents[2]


def swept() -> tuple[str, ...]:
    """As `leftovers.sweep`, and as much in vain where that does not come to an end."""
    command = [sys.executable, "-m", "harness.soak.broom"]
    try:
        done = subprocess.run(
            command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ()
    return tuple(done.stdout.splitlines())


if __name__ == "__main__":
    for removed in sweep():
        click.echo(removed)
