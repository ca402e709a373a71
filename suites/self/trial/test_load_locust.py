"""Locust by hand: headless, with its web page, and a master with workers of which one has a clock of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from harness.evidence.clock import NS_PER_MS, monotonic_s
from harness.evidence.evidence import Evidence

from .loads import LIMIT_S, ROOT, by_hand, by_hand_to_its_end, free_port, locust_command, null_server

pytestmark = [pytest.mark.self, pytest.mark.slow]


def test_headless_with_its_table_files_and_evidence(tmp_path: Path) -> None:
    with null_server() as address:
        (said,) = by_hand_to_its_end(
            tmp_path,
            ("--headless", "--host", address, "-u", "4", "-r", "4", "-t", "2s", "--rate", "100", "--csv", "table",
             "--html", "page.html"),
        )  # fmt: skip
    (folder,) = (tmp_path / "reports").glob("locust-*")
    evidence = Evidence.load(folder / "evidence")
    assert len(evidence.calls) == 200
    assert set(evidence.calls.outcome) == {"ok"}
    assert evidence.torn == ()
    assert re.search(r"GetAccount\s+200\s+0\(0.00%\)", said)
    assert ",200," in (tmp_path / "table_stats.csv").read_text()
    assert "GetAccount" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no target: give --host HOST:PORT"),
        (("--host", "127.0.0.1:1", "--rate", "0"), "rate_per_s is 0"),
        (("--host", "127.0.0.1:1", "--method", "GetNothing"), "no method 'GetNothing'"),
        (("--host", "127.0.0.1:1", "--request", "{"), "--request is no JSON"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    ran = subprocess.run(
        locust_command("--headless", "-t", "1s", *arguments), cwd=tmp_path, capture_output=True, text=True,
        timeout=LIMIT_S, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 1
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "reports").exists()


def answered(url: str, data: dict[str, str] | None = None) -> str:
    """What the page answers; it may not be up yet."""
    body = None if data is None else urllib.parse.urlencode(data).encode()
    until_s = monotonic_s() + LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(url, body, timeout=10) as reply:
                return str(reply.read().decode())
        except urllib.error.HTTPError:
            raise
        except (urllib.error.URLError, ConnectionError):
            assert monotonic_s() < until_s
            time.sleep(0.05)


def test_the_web_page_starts_and_stops_a_load(tmp_path: Path) -> None:
    port = free_port()
    page = f"http://127.0.0.1:{port}"
    arguments = ("--web-host", "127.0.0.1", "--web-port", str(port), "--rate", "100", "--evidence", "made")
    with null_server() as address, by_hand(tmp_path, (*arguments, "--host", address)):
        assert "<html" in answered(page + "/")
        form = {"user_count": "4", "spawn_rate": "4", "host": address}
        assert json.loads(answered(page + "/swarm", form))["success"]
        until_s = monotonic_s() + LIMIT_S
        while json.loads(answered(page + "/stats/requests"))["stats"][-1]["num_requests"] < 50:
            assert monotonic_s() < until_s
            time.sleep(0.1)
        assert json.loads(answered(page + "/stop", {}))["success"]
        while '"state": "written"' not in (tmp_path / "made" / "status.json").read_text():
            assert monotonic_s() < until_s
            time.sleep(0.05)
    evidence = Evidence.load(tmp_path / "made" / "evidence")
    assert len(evidence.calls) >= 50
    assert [mark.name for mark in evidence.marks if mark.name.startswith("window.")] == ["window.begin", "window.end"]
    left_out = sum(one.value for one in evidence.facts if one.name in ("instrument.unsent", "instrument.held"))
    assert left_out <= 4


def test_a_master_and_two_workers_are_one_load(tmp_path: Path) -> None:
    port = str(free_port())
    with null_server() as address:
        master = (
            "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2",
            "--headless", "--host", address, "-u", "5", "-r", "5", "-t", "2s", "--rate", "200", "--evidence", "made",
        )  # fmt: skip
        worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
        _master, *workers = by_hand_to_its_end(tmp_path, master, worker, worker)
    own = [int(re.findall(r"(\d+) calls and 0 messages were written down here", said)[-1]) for said in workers]
    evidence = Evidence.load(tmp_path / "made" / "evidence")
    calls = evidence.calls
    assert sum(own) == len(calls) == 400
    assert min(own) > 0
    assert sorted(one.value for one in evidence.facts if one.name == "load.records") == sorted(own)
    assert len(set(zip(calls.client, calls.seq.tolist(), strict=True))) == 400, "none twice"
    assert np.diff(np.sort(calls.due_ns)) / NS_PER_MS == pytest.approx(5, abs=0.001)
    assert not [mark for mark in evidence.marks if mark.name == "load.lost"]
