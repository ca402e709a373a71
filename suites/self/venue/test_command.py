"""`nfr venue`: several venues by hand, their addresses and keys, and one Ctrl-C for all."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

pytestmark = pytest.mark.self
LIMIT_S = 20


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from harness.venue.command import venue; venue(prog_name='nfr venue')", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command once it has said that it is ready, and what it said; nothing is left behind."""
    process = start(*arguments, **environment)
    children: list[psutil.Process] = []
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            said += line
        children = psutil.Process(process.pid).children()
        yield process, said
    finally:
        process.kill()
        process.communicate()
        # Even killed it leaves none behind.
        _, left = psutil.wait_procs(children, LIMIT_S)
        for one in left:
            one.kill()
        assert left == []


def ended(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(*arguments, **environment)
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_several_venues_start_and_one_signal_stops_them_all(number: signal.Signals) -> None:
    with running("binance", "okx", "--seed", "5") as (process, said):
        assert re.findall(r"^(\w+) \(strict\)$", said, re.MULTILINE) == ["binance", "okx"]
        pages = re.findall(r"page +(http://\S+)", said)
        for name, page in zip(("binance", "okx"), pages, strict=True):
            with urllib.request.urlopen(page, timeout=LIMIT_S) as answer:
                assert name in answer.read().decode()
        venues = psutil.Process(process.pid).children()
        assert len(venues) == 2
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, out, err) == (0, "stopping\n", "")
        assert not any(one.is_running() for one in venues)


def test_a_made_up_key_is_shown_and_works() -> None:
    with running("--seed", "9") as (_, said):
        rest, key = (re.search(rf"{name} +(\S+)", said) for name in ("REST", "key "))
        assert rest is not None
        assert key is not None
        asked = urllib.request.Request(
            f"{rest[1]}/fapi/v1/listenKey", method="POST", headers={"X-MBX-APIKEY": key[1]}, data=b""
        )
        with urllib.request.urlopen(asked, timeout=LIMIT_S) as answer:
            assert json.loads(answer.read())["listenKey"]


def test_given_keys_are_used_and_never_shown() -> None:
    listed = json.dumps([{"name": "env", "key": "c" * 64, "secret": "hush-env"}])
    with running("binance", "--key", f"main:{'d' * 64}:hush-flag", VENUE_KEYS=listed) as (process, said):
        assert "hush" not in said
        assert "env, with the key that was given" in said
        (child,) = psutil.Process(process.pid).children()
        assert "hush" not in " ".join(child.cmdline())
        rest = re.search(r"REST +(\S+)", said)
        assert rest is not None
        for key in ("c" * 64, "d" * 64):
            asked = urllib.request.Request(
                f"{rest[1]}/fapi/v1/listenKey", method="POST", headers={"X-MBX-APIKEY": key}, data=b""
            )
            with urllib.request.urlopen(asked, timeout=LIMIT_S) as answer:
                assert answer.status == 200


def free_pair() -> int:
    """A port that is free, and the next one too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def test_ports_count_up_from_the_first() -> None:
    port = free_pair()
    with running("binance", "bybit", "--port", str(port)) as (_, said):
        assert re.findall(r"REST +http://127.0.0.1:(\d+)", said) == [str(port), str(port + 1)]


@pytest.mark.parametrize("flag", ["--port", "--control-port"])
def test_a_taken_port_is_one_sentence_and_stops_the_others(flag: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = ended("binance", flag, str(taken.getsockname()[1]))
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert flag in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mtgox"], "there is no venue 'mtgox'; known are binance, "),
        (["binance", "binance"], "venue 'binance' is named twice"),
        (["--key", "hush"], "a key is NAME:KEY:SECRET"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(arguments: list[str], says: str) -> None:
    code, out, err = ended(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert "hush" not in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-m", "harness.cli", "venue", "mtgox"], "there is no venue 'mtgox'; known are binance, "),
        (["-m", "harness.venue", "--venue", "mtgox"], "there is no venue 'mtgox'; known are binance, "),
        (["-m", "harness.venue", "--port", "99999"], "--port: '99999' is no port"),
        (["-m", "harness.venue", "--port", "x"], "--port: 'x' is no port"),
        (["-m", "harness.venue", "--dance"], "unrecognized arguments: --dance"),
    ],
)
def test_the_process_itself_says_what_is_wrong_in_one_sentence(arguments: list[str], says: str) -> None:
    found = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert says in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_a_venue_that_dies_by_itself_ends_the_command_and_the_others() -> None:
    with running("binance", "okx") as (process, _):
        first, second = psutil.Process(process.pid).children()
        first.kill()
        _, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 3
        assert "ended with exit code -9" in err
        assert not second.is_running()
