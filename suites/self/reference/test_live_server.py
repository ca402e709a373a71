"""The live server over a real connector and a simulated venue: the venue's own values, to everybody, each once."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from .launched import Connector
from .simulated import Venue
from .watching import LiveServer, Watcher

pytestmark = pytest.mark.self

BTC = "BTCUSDT"


@pytest.fixture(scope="module")
def server(binance: Connector) -> Iterator[LiveServer]:
    with LiveServer(binance.address) as server:
        yield server


@pytest.fixture
def watcher(server: LiveServer) -> Iterator[Watcher]:
    with Watcher(server) as watcher:
        watcher.quiet()
        yield watcher


def same(told: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Numbers by value, everything else to the letter; every number must have come as a string."""
    assert told.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, Decimal):
            assert isinstance(told[name], str), f"{name} is no string"
            if Decimal(told[name]) != value:
                return False
        elif told[name] != value:
            return False
    return True


def order_data(one: Any) -> dict[str, Any]:
    return {
        "order_id": int(one.order_id), "client_order_id": one.client_order_id, "symbol": one.symbol, "side": one.side,
        "type": one.type, "price": Decimal(one.price), "quantity": Decimal(one.quantity),
        "executed_qty": Decimal(one.executed), "avg_price": Decimal(one.average), "status": one.status,
        "update_time": one.updated_ms,
    }  # fmt: skip


def test_the_last_100_candles_come_at_once_on_connect(venue: Venue, watcher: Watcher) -> None:
    first = json.loads(watcher.texts[0])
    assert first["type"] == "history"
    assert (first["data"]["symbol"], first["data"]["interval"]) == (BTC, "1m")
    candles = {one.open_ms: one for one in venue.do(lambda control: control.candles(BTC, "1m", 101))}
    told = first["data"]["candles"]
    assert len(told) == 100
    assert [one["time"] for one in told] == sorted(one["time"] for one in told)
    for one in told:
        there = candles[one["time"]]
        values = {name: Decimal(getattr(there, name)) for name in ("open", "high", "low", "close", "volume")}
        assert same(one, {"symbol": BTC, "time": there.open_ms, **values, "closed": one["closed"]})
    assert not told[-1]["closed"]


def test_each_price_comes_as_a_candle(venue: Venue, watcher: Watcher) -> None:
    begin, serial = len(watcher.texts), venue.do(lambda control: control.serial())
    venue.do(lambda control: control.move_price(BTC, times=20))
    updates = venue.ledger(serial, "klines")
    watcher.until(lambda: len(watcher.of("kline", begin)) >= len(updates))
    watcher.quiet()
    told = [
        (one["symbol"], f"{one['time']}:{format(Decimal(one['close']).normalize(), 'f')}")
        for one in watcher.of("kline", begin)
    ]
    assert len(told) == len(updates)
    assert all(one in spellings for one, spellings in zip(told, updates, strict=True))


def test_an_order_s_life_comes_step_by_step_with_all_its_fields(venue: Venue, watcher: Watcher) -> None:
    begin = len(watcher.texts)
    placed = venue.do(lambda control: control.place_order(BTC, "BUY", "0.01", "30000", client_order_id="life-1"))
    partly = venue.do(lambda control: control.fill_order(placed.order_id, "0.004"))
    filled = venue.do(lambda control: control.fill_order(placed.order_id))
    watcher.until(lambda: len(watcher.of("orders", begin)) >= 3)
    watcher.quiet()
    told = watcher.of("orders", begin)
    states = [placed, partly, filled]
    assert [one.status for one in states] == ["NEW", "PARTIALLY_FILLED", "FILLED"]
    assert len(told) == len(states)
    assert all(same(one, order_data(there)) for one, there in zip(told, states, strict=True))
    trades = watcher.of("trade_event", begin)
    assert {one["client_order_id"] for one in trades} == {"life-1"}
    assert sum(Decimal(one["quantity"]) for one in trades) == Decimal(filled.quantity)


def test_account_and_position_come_with_the_venue_s_values(venue: Venue, watcher: Watcher) -> None:
    begin = len(watcher.texts)
    venue.do(lambda control: control.set_position(BTC, "0.137"))
    venue.do(lambda control: control.set_position("ETHUSDT", "1.5"))
    serial = venue.do(lambda control: control.change_balance("12.5"))
    assert serial
    state = venue.do(lambda control: control.state())
    wallet, there = Decimal(state.account.wallet_balance), state.position(BTC)
    assert there is not None
    watcher.until(
        lambda: (
            any(Decimal(one["total_wallet_balance"]) == wallet for one in watcher.of("account", begin))
            and bool(watcher.of("position", begin))
        )
    )
    watcher.quiet()
    account = watcher.of("account", begin)[-1]
    assert account.keys() == {"total_wallet_balance", "total_margin_balance", "available_balance"}
    assert Decimal(account["total_wallet_balance"]) == wallet
    assert all(isinstance(value, str) for value in account.values())
    positions = watcher.of("position", begin)
    assert {one["symbol"] for one in positions} == {BTC}  # the one symbol that this server is about
    assert positions[-1].keys() == {"symbol", "size", "entry_price", "mark_price", "unrealized_pnl"}
    assert Decimal(positions[-1]["size"]) == Decimal("0.137")
    assert Decimal(positions[-1]["entry_price"]) == Decimal(there.entry_price)


def test_a_new_client_is_told_everything_at_once(venue: Venue, server: LiveServer, watcher: Watcher) -> None:
    begin = len(watcher.texts)
    venue.do(lambda control: control.set_position(BTC, "-0.2"))
    ids = {venue.do(lambda control: control.place_resting(BTC)).order_id for _ in range(3)}
    watcher.until(lambda: ids <= {str(one["order_id"]) for one in watcher.of("orders", begin)})
    watcher.quiet()
    with Watcher(server) as late:
        late.quiet()
        kinds = [json.loads(one)["type"] for one in late.texts]
        assert kinds[:3] == ["history", "account", "position"]
        assert set(kinds[3:]) == {"orders"}
        assert Decimal(late.of("position")[0]["size"]) == Decimal("-0.2")
        state = venue.do(lambda control: control.state())
        there = {int(one.order_id): one for one in state.open_orders if one.symbol == BTC}
        assert late.open_orders().keys() == there.keys()
        assert all(same(one, order_data(there[key])) for key, one in late.open_orders().items())
        assert late.of("history")[0]["candles"][-1]["close"] == watcher.of("history")[0]["candles"][-1]["close"] or (
            late.of("history")[0]["candles"][-1] == watcher.of("kline")[-1]
        )


def test_two_clients_see_the_same_in_the_same_order(venue: Venue, server: LiveServer, watcher: Watcher) -> None:
    with Watcher(server) as other:
        begins = [watcher.quiet(), other.quiet()]
        for _ in range(5):
            venue.do(lambda control: control.place_resting(BTC))
            venue.do(lambda control: control.move_price(BTC, times=10))
            venue.do(lambda control: control.cancel_all(symbol=BTC))
        watcher.quiet()
        other.quiet()
        one, two = watcher.texts[begins[0] :], other.texts[begins[1] :]
        assert len(one) >= 60
        assert one == two


def test_a_stalled_client_is_cut_off_and_the_others_go_on(venue: Venue, server: LiveServer, watcher: Watcher) -> None:
    begin, serial = len(watcher.texts), venue.do(lambda control: control.serial())
    with _stalled(server) as stalled:
        venue.do(lambda control: control.start_feed([BTC], 600))
        try:
            server.line("slow client cut off", 20)
        finally:
            venue.do(lambda control: control.stop_feed())
        closed = _closing_code(stalled)
    assert closed == 1013
    updates = venue.ledger(serial, "klines")
    watcher.until(lambda: len(watcher.texts) - begin >= len(updates))
    assert len(watcher.of("kline", begin)) == len(updates)
    assert server.health()[1]["clients"] == 1
    assert [one.level for one in server.log() if one.message == "slow client cut off"] == ["INFO"]


def test_garbage_and_abrupt_ends_harm_nobody(venue: Venue, server: LiveServer, watcher: Watcher) -> None:
    begin = len(watcher.texts)
    for garbage in (b"\xff" * 64, b"\x81\x85abcdhello", b"\x82\xfe\xff\xff" + bytes(70_000), os.urandom(3000), b""):
        with _stalled(server) as victim:
            victim.sendall(garbage)
            # A reset instead of an orderly end.
            victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with socket.create_connection(("127.0.0.1", server.http_port), 5) as half:
        half.sendall(b"GET /ws HTTP/1.1\r\nHost:")
    venue.do(lambda control: control.move_price(BTC))
    watcher.until(lambda: bool(watcher.of("kline", begin)))
    end_s = time.monotonic() + 5
    while server.health()[1]["clients"] != 1 and time.monotonic() < end_s:
        time.sleep(0.05)
    assert server.health()[1]["clients"] == 1
    assert {one.level for one in server.log()} <= {"INFO", "WARN"}
    assert "Traceback" not in server.output


def test_messages_of_a_client_are_ignored_and_its_updates_go_on(venue: Venue, server: LiveServer) -> None:
    with _stalled(server) as talker:
        for _ in range(50):
            talker.sendall(b"\x81\x85" + bytes(4) + b"hello")
        venue.do(lambda control: control.move_price(BTC))
        talker.settimeout(5)
        seen = b""
        while b'"kline"' not in seen:
            data = talker.recv(65536)
            assert data, "closed"
            seen += data


def test_a_page_of_another_origin_is_refused(server: LiveServer) -> None:
    with socket.create_connection(("127.0.0.1", server.http_port), 5) as foreign:
        foreign.sendall(_upgrade(server.http_port, "Origin: http://elsewhere.example\r\n"))
        assert foreign.recv(100).startswith(b"HTTP/1.1 403")
    with socket.create_connection(("127.0.0.1", server.http_port), 5) as own:
        own.sendall(_upgrade(server.http_port, f"Origin: http://127.0.0.1:{server.http_port}\r\n"))
        assert own.recv(100).startswith(b"HTTP/1.1 101")


def test_health_and_page(server: LiveServer) -> None:
    code, health = server.health()
    assert code == 200
    assert health.keys() == {"status", "clients", "time"}
    assert health["status"] == "ok"
    assert abs(health["time"] - time.time() * 1000) < 5_000
    pages = [server.get(path) for path in ("/", "/live")]
    assert [code for code, _, _ in pages] == [200, 200]
    assert pages[0][2] == pages[1][2]
    assert "default-src 'none'" in pages[0][1]["Content-Security-Policy"]
    assert server.get("/elsewhere")[0] == 404


def test_sigterm_ends_it_within_two_seconds_and_tells_its_clients(binance: Connector) -> None:
    with LiveServer(binance.address) as server, Watcher(server) as watcher, _stalled(server):
        began_s = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began_s < 2.0
        watcher.until(lambda: watcher.close_code is not None, 2)
        assert watcher.close_code == 1001
        assert server.line("graceful shutdown").fields == {"signal": "SIGTERM"}
        assert {one.level for one in server.log()} == {"INFO"}


def _upgrade(port: int, more: str = "") -> bytes:
    return (
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    ).encode()


def _stalled(server: LiveServer) -> socket.socket:
    """A client that has shaken hands and then reads nothing, with little room in its kernel."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    raw.settimeout(5)
    raw.connect(("127.0.0.1", server.http_port))
    raw.sendall(_upgrade(server.http_port))
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


def _closing_code(raw: socket.socket) -> int:
    """Read on to the end; the code of the close frame, which is the last one."""
    data = b""
    while part := raw.recv(65536):
        data += part
        if data[-200:].rfind(b"\x88") >= 0 and data.endswith(b"connect again"):
            break
    frame = data[data.rindex(b"\x88") :]
    return int(struct.unpack(">H", frame[2:4])[0])
