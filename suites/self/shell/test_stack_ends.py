"""A stack that does not come up, or is interrupted: one clear word, everything taken down, the evidence kept."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from suites.self.shell.ran import ROOT, command, ours_alive, run_nfr, run_pytest, stack_with

pytestmark = pytest.mark.self

WAIT_S = 60.0
DIES = ["{python}", "-c", "print('no licence found'); raise SystemExit(3)"]
SLEEPS = ["{python}", "-c", "import time; time.sleep(600)"]


def test_a_client_that_dies_at_its_start_fails_4_1_1_and_takes_nothing_else_with_it(tmp_path: Path) -> None:
    profile = stack_with(tmp_path, {"market_maker": DIES})
    ran = run_pytest(tmp_path / "reports", "--target", str(profile), "-k", "full_stack", suite="e2e")
    assert ran.code == 1, ran.text
    assert ran.status("4.1.1") == "fail", ran.text
    assert ran.statuses("4.1.1")["stays-up"] == "fail", ran.text
    assert ran.statuses("4.1.1")["connector-serving"] == "pass", ran.text
    assert ours_alive(ran.reports) == []


def test_any_other_case_says_which_client_died_and_what_it_said_last(tmp_path: Path) -> None:
    profile = stack_with(tmp_path, {"live_server": DIES})
    ran = run_pytest(tmp_path / "reports", "--target", str(profile), "-k", "same_id", suite="e2e")
    assert ran.code == 1, ran.text
    assert ran.status("4.1.3") == "error", ran.text
    assert "live_server exited with code 3" in ran.text
    assert "no licence found" in ran.text
    assert ours_alive(ran.reports) == []


@pytest.mark.slow
def test_a_client_that_never_becomes_healthy_fails_4_1_1(tmp_path: Path) -> None:
    profile = stack_with(tmp_path, {"live_server": SLEEPS})
    ran = run_pytest(tmp_path / "reports", "--target", str(profile), "-k", "full_stack", suite="e2e")
    assert ran.status("4.1.1") == "fail", ran.text
    assert ran.statuses("4.1.1")["health"] == "fail", ran.text
    assert ran.statuses("4.1.1")["live-server-connected"] != "pass", ran.text
    assert ours_alive(ran.reports) == []


def test_ctrl_c_in_the_middle_of_a_restart_takes_the_whole_stack_down(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    running = subprocess.Popen(
        command(reports, "-k", "survives", suite="e2e"), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        end_s = time.monotonic() + WAIT_S
        while not any(
            "connection attempt failed" in path.read_text() for path in reports.glob("*/logs/market_maker.log")
        ):
            assert running.poll() is None, running.communicate()[0]
            assert time.monotonic() < end_s, "the connector was never missed"
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        text, _ = running.communicate(timeout=WAIT_S)
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == 2, text
    assert ours_alive(reports) == []
    (folder,) = reports.glob("*")
    assert json.loads((folder / "run.json").read_text())["state"] == "interrupted"
    judged = run_nfr(reports, "judge", str(folder), "--reports", str(reports))
    assert "4.2.1" in judged.text, "what was recorded before Ctrl-C can be judged"
