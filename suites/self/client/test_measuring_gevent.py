"""The measuring client in a process that gevent has patched, as Locust's is: users do not wait for each other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path as File

import grpc
import pytest

from .measured import grpcio_server
from .test_tls import certificate

pytestmark = pytest.mark.self

ROOT = File(__file__).resolve().parents[3]
USERS, CALLS, SLEEP_S = 20, 10, 0.02


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
def test_users_as_greenlets(tmp_path: File, secured: bool) -> None:
    own, key = certificate("connector.test")
    (tmp_path / "own.pem").write_bytes(own)
    credentials = grpc.ssl_server_credentials([(key, own)]) if secured else None
    roots = str(tmp_path / "own.pem") if secured else "-"
    with grpcio_server(threads=2 * USERS, credentials=credentials) as server:
        ran = subprocess.run(
            [sys.executable, "-m", "suites.self.client.gevent_users", server.address, roots],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["right"] == USERS * CALLS
    assert told["together_s"] < USERS * CALLS * SLEEP_S / 2, "the users waited for each other"
    assert told["held_seen_ms"] >= 600
    if told["stamps"] == "kernel":
        assert 10 <= told["held_latency_ms"] < 500, "the held process's own delay is in the latency"
    assert told["messages"] == 2000
    assert (told["stream_code"], told["late"], told["after"]) == ("CANCELLED", "DEADLINE_EXCEEDED", "OK")
    assert told["cancelled_s"] < 0.9
