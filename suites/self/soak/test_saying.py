"""A terminal that is gone, or a full disk behind the output, costs lines and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from harness.soak import command
from harness.soak.checkpoint import Checkpoint
from harness.soak.course import Life
from harness.soak.plan import SoakPlan
from harness.spec.loader import load_cases

from .made import run_in, setting_of

pytestmark = [pytest.mark.self, pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")]

ROOT = Path(__file__).resolve().parents[3]
SOAK = next(one for one in load_cases(ROOT / "specs") if one.id == "6.1.1")


@contextlib.contextmanager
def dead_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is written to it raises OSError. In the test, not before it: pytest puts its own output there then."""
    stream = open("/dev/full", "w")  # noqa: SIM115
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        yield
    with contextlib.suppress(OSError):
        stream.close()


def test_a_soak_without_a_terminal_goes_on_and_still_stops_when_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lived(setting: object, plan: SoakPlan, life: Life, previous: object) -> Checkpoint:
        life.tell("a line of progress")
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(life.stop.wait(), 5.0)
        return life.first

    monkeypatch.setattr(command, "live", lived)
    setting, plan, first = setting_of(run_in(tmp_path)), SoakPlan.lasting(60.0), Checkpoint.first(60.0)
    wish = command.Wish((), early=True, port=None)
    with dead_terminal(monkeypatch):
        with pytest.raises(OSError, match="No space left"):
            click.echo("it is dead")
        assert asyncio.run(command._lived(setting, SOAK, plan, None, first, wish)) == first


def test_to_be_told_to_stop_comes_before_saying_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    async def lived(setting: object, plan: SoakPlan, life: Life, previous: object) -> Checkpoint:
        monkeypatch.setattr(command, "say", lambda line: seen.append((line, life.stop.is_set())))
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(life.stop.wait(), 5.0)
        return life.first

    monkeypatch.setattr(command, "live", lived)
    setting, plan, first = setting_of(run_in(tmp_path)), SoakPlan.lasting(60.0), Checkpoint.first(60.0)
    asyncio.run(command._lived(setting, SOAK, plan, None, first, command.Wish((), early=True, port=None)))
    assert seen == [("nfr: stopping; once more stops at once", True)]


def test_the_verdict_stays_the_exit_code_although_nobody_can_read_it() -> None:
    program = "import sys; from harness.soak.saying import let_go, say; say('6.1.1 pass'); let_go(); sys.exit(0)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=full, env=environment, timeout=30)
    assert ran.returncode == 0
