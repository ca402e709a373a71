"""The systemd units: services outlive the runner that is to be replaced, and one soak follows the other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.self

CI = Path(__file__).resolve().parents[3] / ".ci"
SERVICE, TIMER = CI / "nfr-soak.service", CI / "nfr-soak.timer"


def settings(unit: Path) -> dict[str, list[str]]:
    """Key -> what it is set to, in order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        key, is_set, value = line.partition("=")
        if is_set and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_the_services_outlive_a_runner_that_dies_and_the_next_one_takes_them_over() -> None:
    service = settings(SERVICE)
    assert service["KillMode"] == ["process"], "anything else ends the processes that are to be taken over"
    assert service["Restart"] == ["on-failure"]
    assert "--take-up" in service["ExecStart"][0]


def test_they_end_with_a_runner_that_was_told_to_stop_and_did_not() -> None:
    (ends, _) = settings(SERVICE)["ExecStopPost"]
    shell = ends.partition(" -c ")[2].strip("'").replace("$$", "$").replace("exec /opt/nfr/.venv/bin/nfr", "echo nfr")

    def run(result: str) -> str:
        ran = subprocess.run(["sh", "-c", shell], env={"SERVICE_RESULT": result}, capture_output=True, text=True)
        return ran.stdout

    assert "soak --stop latest" in run("timeout")
    assert [run(result) for result in ("success", "exit-code", "signal", "oom-kill")] == [""] * 4


def test_the_next_soak_begins_soon_after_the_last_one_however_long_that_took() -> None:
    timer = settings(TIMER)
    assert "OnUnitInactiveSec" in timer
    assert "OnActiveSec" in timer, "there is no last one at first"
    assert "OnCalendar" not in timer, "at a fixed hour a run of more than 24 h is still on, every other day"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", [SERVICE, TIMER], ids=lambda path: path.name)
def test_systemd_understands_them(unit: Path, tmp_path: Path) -> None:
    for one in (SERVICE, TIMER):
        text = one.read_text(encoding="utf-8").replace("/opt/nfr/.venv/bin/nfr", shutil.which("true") or "/bin/true")
        text = text.replace("/opt/nfr/.ci/soak-compared", "/bin/true").replace("/opt/nfr", str(tmp_path))
        (tmp_path / one.name).write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit.name)], capture_output=True, text=True, timeout=60
    )
    told = [line for line in (ran.stdout + ran.stderr).splitlines() if "nfr-soak" in line]
    assert told == []
