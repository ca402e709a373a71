"""Generator: Locust in a process group of its own, started for one plan and gone with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.evidence.clock import monotonic_s
from harness.trial.load.plan import LoadPlan

ROOT = Path(__file__).resolve().parents[3]
LOCUSTFILE = ROOT / "suites" / "performance" / "locustfile.py"
LOG = "locust.log"
REAPED_LIMIT_S = 5.0
POLL_S = 0.01
_LAST_LINES = 6


class LoadError(Exception):
    """The generator failed, not the target: one sentence, with the generator's last words."""


async def started(
    plan: LoadPlan, folder: Path, *options: str, env: Mapping[str, str], descriptors: tuple[int, ...] = ()
) -> asyncio.subprocess.Process:
    """Locust with that plan; its log is LOG in `folder`. `options`: more of its own; `env` outdoes what is inherited.

    Raises LoadError when there is no locustfile.
    """
    if not LOCUSTFILE.exists():
        raise LoadError(f"{LOCUSTFILE} is missing: run from a checkout of the harness")
    users = str(plan.users)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    path = os.pathsep.join(part for part in (str(ROOT), ours.get("PYTHONPATH", "")) if part)
    told = {"PYTHONPATH": path, "NFR_LOAD_PLAN": plan.to_json(), "NFR_LOAD_FOLDER": str(folder)}
    with (folder / LOG).open("wb") as out:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary",
            "--exit-code-on-error", "0", "-u", users, "-r", users, "--host", plan.address, *options,
            stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, env={**ours, **env, **told}, cwd=folder,
            start_new_session=True, pass_fds=descriptors,
        )  # fmt: skip


async def gone(process: asyncio.subprocess.Process, *, patience_s: float) -> None:
    """Let it end by itself for so long, then kill its group; it and its workers are gone when this returns."""
    if patience_s:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience_s)
    await asyncio.shield(_killed(process))


async def _killed(process: asyncio.subprocess.Process) -> None:
    """Workers are children of Locust, so it is for others to reap them: how long that takes is not ours to wait for."""
    end_s = monotonic_s() + REAPED_LIMIT_S
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        while monotonic_s() < end_s:
            os.killpg(process.pid, 0)
            await asyncio.sleep(POLL_S)
    await process.wait()


def last_words(log_file: Path, plan: LoadPlan) -> str:
    """The end of a generator's log in one line, without the values of the plan's metadata."""
    with contextlib.suppress(OSError):
        lines = log_file.read_text(errors="replace").splitlines()
        said = " | ".join(line.strip() for line in lines[-_LAST_LINES:] if line.strip())
        for _name, value in plan.metadata:
            said = said.replace(value, "***") if len(value) > 3 else said
        return said or "it said nothing"
    return "it said nothing"
