"""The process: its ready line, its exit codes, its secrets, its determinism."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from suites.self.venue.workshop import KEY, OTHER, ask, run, venue

pytestmark = pytest.mark.self


def start(*flags: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness.venue", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_line_and_clean_stop(number: signal.Signals) -> None:
    process = start("--seed", "7")
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert (ready["ready"], ready["venue"], ready["pid"]) == (True, "binance", process.pid)
        socket.create_connection(("127.0.0.1", ready["port"]), 5).close()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("flag", ["--port", "--control-port"])
def test_a_taken_port_is_one_sentence_and_exit_2(flag: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(flag, str(taken.getsockname()[1]))
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert flag in err


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        (["--key", "main:abc"], {}),
        ([], {"VENUE_KEYS": "hush-hush"}),
        ([], {"VENUE_KEYS": '[{"key": "hush-hush"}]'}),
        (["--symbols", "NOPE"], {}),
        (["--key", "a:k:hush-hush", "--key", "b:k:hush-hush"], {}),
    ],
)
def test_bad_settings_are_one_sentence_without_the_secret(flags: list[str], environment: dict[str, str]) -> None:
    process = start(*flags, **environment)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "hush-hush" not in err


def test_the_same_seed_gives_the_same_prices_and_order_ids() -> None:
    seen: list[tuple[object, ...]] = []

    async def once() -> None:
        async with venue("--seed", "42") as running:
            await running.control.move_price("ETHUSDT", times=50)
            order = await running.control.place_resting("ETHUSDT")
            prices = tuple(row.value for row in await running.control.ledger() if row.stream == "prices")
            seen.append((sorted(prices), order.order_id, order.price))

    run(once)
    run(once)
    assert seen[0] == seen[1]


def test_control_never_shows_a_secret() -> None:
    async def body() -> None:
        async with venue(keys=(KEY, OTHER)) as running:
            await ask(running, "POST", "/fapi/v1/listenKey")
            shown = repr((await running.control.identity(), await running.control.state()))
            shown += repr(await running.control.meters())
            assert KEY.key in shown
            assert KEY.secret not in shown

    run(body)


def test_accounts_are_apart() -> None:
    async def body() -> None:
        async with venue(keys=(KEY, OTHER)) as running:
            await running.control.place_resting("BTCUSDT", account="other")
            await running.control.move_balance(account="main")
            state = await running.control.state()
            assert [one.account for one in state.open_orders] == ["other"]
            wallets = {one.name: one.wallet_balance for one in state.accounts}
            assert wallets["main"] != wallets["other"] == "1000000"

    run(body)
