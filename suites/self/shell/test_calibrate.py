"""`nfr calibrate` measures the instrument alone, says what it is doing, and leaves nothing behind, even interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suites.self.shell.ran import ROOT, run_nfr

pytestmark = pytest.mark.self

USAGE, BROKEN = 2, 3
LIMIT_S = 60.0


def left_of(pid: int) -> list[str]:
    """Command lines of processes that carry the mark of this calibration."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"NFR_RUN=calibrate-{pid}" in (path / "environ").read_bytes().decode(errors="replace").split("\0"):
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_running(how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "calibrate", "--launcher", "process"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert "floor at 200 calls/s, 1 of 3" in process.stderr.readline()
        end_s = time.monotonic() + LIMIT_S
        while not any("locust" in one for one in left_of(process.pid)):
            assert time.monotonic() < end_s, "no load was started"
            time.sleep(0.05)
        process.send_signal(how)
        _, told = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == BROKEN
    assert told.strip().endswith("nfr: interrupted")
    assert "Traceback" not in told
    assert left_of(process.pid) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--target", "nowhere"), "no target 'nowhere'"),
        (("--launcher", "rocket"), "'rocket' is not one of"),
        (("--target", "./nowhere.yaml"), "does not exist"),
    ],
)
def test_bad_input_is_said_before_anything_is_started(arguments: tuple[str, ...], named: str, tmp_path: Path) -> None:
    told = run_nfr(tmp_path, "calibrate", *arguments)
    assert told.code == USAGE, told.text
    assert named in told.text
    assert "floor at" not in told.text


@pytest.mark.slow
def test_floor_ceiling_and_noise_for_programs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "calibrate", "--launcher", "process", "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=4 * LIMIT_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["version"], told["place"]) == ("nfr.calibrate", 1, "process")
    assert {one["subject"] for one in told["floors"]} == {one["subject"] for one in told["ceilings"]}
    for floor in told["floors"]:
        assert 0 < floor["p50_ms"] <= floor["p99_ms"]
        assert floor["samples"] >= 368, "fewer cannot bound a p99"
        assert floor["noise"] >= 0
    for ceiling in told["ceilings"]:
        assert ceiling["per_s"] > floor["rate_per_s"]
