"""Ports stay ours while they are wanted; logs keep every line with its time and no secret."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.target.errors import PortTakenError
from harness.target.logs import MASK, SHORTEST_SECRET, Log
from harness.target.ports import LOOPBACK, HeldPort, hold_quiet_port

from .workshop import accepts

pytestmark = pytest.mark.self


def server(port: int) -> socket.socket:
    """As gRPC, Go and asyncio bind: with SO_REUSEADDR."""
    return socket.create_server((LOOPBACK, port))


def test_a_held_port_is_refused_until_a_server_takes_it_and_after() -> None:
    with hold_quiet_port() as held:
        address = f"{LOOPBACK}:{held.port}"
        assert not accepts(address)
        for _ in range(3):  # over restarts
            with server(held.port):
                assert accepts(address)
                assert held.somebody_listens()
            assert not accepts(address)


def test_the_kernel_gives_a_held_port_to_nobody() -> None:
    with hold_quiet_port() as held:
        others = [HeldPort() for _ in range(200)]
        try:
            assert held.port not in {one.port for one in others}
        finally:
            for one in others:
                one.release()


def test_a_port_that_somebody_listens_on_cannot_be_held() -> None:
    with socket.create_server((LOOPBACK, 0)) as foreign:
        port = foreign.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} of 127.0.0.1 is taken"):
            HeldPort(port)


def test_release_twice() -> None:
    held = hold_quiet_port()
    held.release()
    held.release()
    with server(held.port):
        pass


def test_each_line_has_its_time(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs" / "a.log")
    assert log.text() == ""
    log.append(b"one\r\n", t_ns=1_700_000_000_123_456_789)
    log.append(b"two \xff\n")
    first, second = log.text().splitlines()
    assert first == "2023-11-14T22:13:20.123456Z one"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z two \N{REPLACEMENT CHARACTER}", second)


def test_the_last_words_are_those_of_this_start(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.log")
    log.append(b"earlier")
    log.begin()
    assert "it said nothing" in log.said()
    for number in range(5):
        log.append(f"line {number}".encode())
    assert "it said last: line 2 | line 3 | line 4" in log.said()


@given(secret=st.text(min_size=SHORTEST_SECRET, max_size=40).filter(lambda text: not text.isspace()))
def test_no_spelling_of_a_secret_reaches_the_log(tmp_path_factory: pytest.TempPathFactory, secret: str) -> None:
    import json
    import urllib.parse

    if secret.strip("*") == "" or any(mark in secret for mark in "\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"):
        return  # a line holds no line breaks, and the mask itself is no secret
    log = Log(tmp_path_factory.mktemp("log") / "a.log", secrets=[secret])
    spelled = [secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe="")]
    for spelling in spelled:
        log.append(f"<{spelling}>".encode("utf-8", "replace"))
    if secret.encode("utf-8", "replace").decode() == secret:
        assert log.secrets_masked == len(spelled)
        assert [line.partition(" ")[2] for line in log.text().splitlines()] == [f"<{MASK}>"] * len(spelled)


def test_masked_texts_that_are_no_secrets_do_not_count(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.log", secrets=["", "abc"], masked=["the-key"])
    assert log.append(b"key the-key abc") == "key *** abc"
    assert log.secrets_masked == 0
