"""The live server when its connector is away: who stayed connected ends with the truth, told once; or it gives up."""

from __future__ import annotations

import signal
import socket
import time
from decimal import Decimal
from pathlib import Path

import pytest

from .simulated import Venue, over
from .watching import LiveServer, Watcher

pytestmark = [pytest.mark.self, pytest.mark.slow]

BTC, ETH = "BTCUSDT", "ETHUSDT"
FAST = {"BACKOFF_SCALE": "0.2"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def shown(watcher: Watcher) -> dict[int, tuple[str, str, Decimal]]:
    return {
        key: (one["client_order_id"], one["status"], Decimal(one["executed_qty"]))
        for key, one in watcher.open_orders().items()
    }


def there(venue: Venue) -> dict[int, tuple[str, str, Decimal]]:
    state = venue.do(lambda control: control.state())
    return {
        int(one.order_id): (one.client_order_id, one.status, Decimal(one.executed))
        for one in state.open_orders
        if one.symbol == BTC
    }


def place(venue: Venue, name: str, symbol: str = BTC) -> str:
    return venue.do(
        lambda control: control.place_order(
            symbol, "BUY", "0.01", "30000" if symbol == BTC else "2000", client_order_id=name
        )
    ).order_id


def test_what_changed_while_the_connector_was_dead_reaches_a_page_that_stayed_open(venue: Venue) -> None:
    port = str(free_port())
    with over(venue, PORT=port) as connector, LiveServer(connector.address, FAST) as server:
        ids = {name: place(venue, name) for name in ("stays", "stays-partly", "cancelled", "filled", "grows")}
        venue.do(lambda control: control.fill_order(ids["stays-partly"], "0.004"))
        venue.do(lambda control: control.set_position(BTC, "0.3"))
        with Watcher(server) as watcher:
            watcher.until(lambda: shown(watcher) == there(venue))
            begin = watcher.quiet()
            connector.process.send_signal(signal.SIGKILL)
            connector.process.wait(5)
            venue.do(lambda control: control.cancel_order(ids["cancelled"]))
            venue.do(lambda control: control.fill_order(ids["filled"]))
            venue.do(lambda control: control.fill_order(ids["grows"], "0.006"))
            place(venue, "new")
            place(venue, "elsewhere", ETH)
            venue.do(lambda control: control.change_balance("77"))
            venue.do(lambda control: control.set_position(BTC, "0"))
            venue.do(lambda control: control.move_price(BTC, times=3))
            assert server.health()[0] == 200  # it is live, and says that it is not current
            assert server.health_becomes("reconnecting")[0] == 200
            with over(venue, PORT=port):
                server.line("reconciled", 20)
                watcher.quiet()
                assert shown(watcher) == there(venue)
                assert server.health_becomes("ok")[0] == 200
                assert_told_once(watcher, begin, ids)
                assert_now_true(venue, watcher)
                with Watcher(server) as late:
                    late.quiet()
                    assert shown(late) == there(venue)
                place(venue, "afterwards")  # and the streams go on
                watcher.until(lambda: shown(watcher) == there(venue))
                assert watcher.close_code is None
        assert {one.level for one in server.log()} <= {"INFO", "WARN"}
        venue.do(lambda control: control.cancel_all())


def assert_told_once(watcher: Watcher, begin: int, ids: dict[str, str]) -> None:
    told = [
        (one["client_order_id"], one["status"], Decimal(one["executed_qty"])) for one in watcher.of("orders", begin)
    ]
    assert sorted(told) == [
        ("cancelled", "CANCELED", Decimal(0)),
        ("filled", "FILLED", Decimal("0.01")),
        ("grows", "PARTIALLY_FILLED", Decimal("0.006")),
        ("new", "NEW", Decimal(0)),
    ]
    assert len(set(watcher.texts[begin:])) == len(watcher.texts[begin:])
    assert "history" not in [text[9:16] for text in watcher.texts[begin:]]


def assert_now_true(venue: Venue, watcher: Watcher) -> None:
    state = venue.do(lambda control: control.state())
    assert Decimal(watcher.of("account")[-1]["total_wallet_balance"]) == Decimal(state.account.wallet_balance)
    assert Decimal(watcher.of("position")[-1]["size"]) == 0
    assert Decimal(watcher.of("kline")[-1]["close"]) == Decimal(state.market(BTC).last)


def test_nothing_changed_so_nothing_is_told(venue: Venue) -> None:
    port = str(free_port())
    place(venue, "alone")  # before the first look: an order reserves money, of which binance tells nobody
    with (
        over(venue, PORT=port) as connector,
        LiveServer(connector.address, FAST) as server,
        Watcher(server) as watcher,
    ):
        watcher.until(lambda: shown(watcher) == there(venue))
        begin = watcher.quiet()
        connector.process.send_signal(signal.SIGKILL)
        connector.process.wait(5)
        with over(venue, PORT=port):
            server.line("reconciled", 20)
            server.health_becomes("ok")
            assert [text for text in watcher.texts[begin : watcher.quiet()] if '"kline"' not in text] == []
    venue.do(lambda control: control.cancel_all())


def test_lost_venue_streams_are_reconciled_too(venue: Venue) -> None:
    with over(venue) as connector, LiveServer(connector.address, FAST) as server, Watcher(server) as watcher:
        placed = place(venue, "seen")
        watcher.until(lambda: shown(watcher) == there(venue))
        venue.fault("drop_sockets", how="reset", sockets="private")
        venue.do(lambda control: control.cancel_order(placed))
        place(venue, "unseen")
        venue.heal()
        server.line("reconciled", 30)
        watcher.until(lambda: shown(watcher) == there(venue), 20)
        venue.do(lambda control: control.cancel_all())


def test_without_a_connector_it_gives_up_after_ten_attempts() -> None:
    address = f"127.0.0.1:{free_port()}"
    with LiveServer(address, {"BACKOFF_SCALE": "0.003"}, live=False) as server:
        code, health = server.health()
        assert (code, health["status"]) == (503, "starting")
        assert server.exit_code(30) == 1
        lines = server.log()
    assert [one.fields["attempt"] for one in lines if one.message == "connecting to exchange_connector"] == [
        *range(1, 11)
    ]
    pauses = [one.fields["retry_in_s"] for one in lines if one.message == "connection attempt failed"]
    assert pauses == pytest.approx([one * 0.003 for one in (1, 2, 4, 8, 16, 32, 60, 60, 60, 60)])
    fatal = [one for one in lines if one.level == "FATAL"]
    assert len(fatal) == 1
    assert fatal[0].message.startswith(f"failed to connect to exchange_connector at {address} after 10 attempts: ")
    assert {one.level for one in lines if one is not fatal[0]} == {"INFO", "WARN"}


def test_a_signal_between_two_attempts_ends_it_at_once() -> None:
    with LiveServer(f"127.0.0.1:{free_port()}", live=False) as server:
        server.line("connection attempt failed")
        began_s = time.monotonic()
        assert server.stop(signal.SIGINT) == 0
        assert time.monotonic() - began_s < 2.0


def test_a_signal_while_the_connector_is_frozen_ends_it_as_fast(venue: Venue) -> None:
    with over(venue) as connector, LiveServer(connector.address) as server:
        connector.process.send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began_s < 2.0


def test_a_connector_that_wants_a_key_gets_it_and_no_log_does(venue: Venue, tmp_path: Path) -> None:
    key = "livekey5d2c8f"
    config = tmp_path / "config.yaml"
    config.write_text(f"exchanges: {{binance: {{grpc_api_keys: [{key}]}}}}\n", encoding="utf-8")
    with over(venue, CONFIG_FILE=str(config)) as connector:
        with LiveServer(connector.address, {"EXCHANGE_GRPC_API_KEY": key}) as server:
            assert server.health()[0] == 200
            assert key not in server.output
        with LiveServer(connector.address, {"BACKOFF_SCALE": "0"}, live=False) as refused:
            assert refused.exit_code(30) == 1
            assert "UNAUTHENTICATED" in refused.line("failed to connect").message


class EarlyWatcher(Watcher):
    """Connects although there is nothing to tell yet."""

    def __enter__(self) -> EarlyWatcher:
        self._thread.start()
        return self


def test_it_starts_before_its_connector(venue: Venue) -> None:
    port = free_port()
    with LiveServer(f"localhost:{port}", {"BACKOFF_SCALE": "0.5"}, live=False) as server:
        server.line("connection attempt failed")
        with EarlyWatcher(server) as early, over(venue, PORT=str(port)):
            server.line("following", 30)
            early.until(lambda: bool(early.of("history")))
            assert len(early.of("history")[0]["candles"]) == 100
            assert server.health()[0] == 200


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EXCHANGE_TYPE", "binance"),
        ("EXCHANGE_GRPC_ADDRESS", "nowhere"),
        ("EXCHANGE_GRPC_ADDRESS", "host:70000"),
        ("SYMBOL", "btc/usdt"),
        ("INTERVAL", "1x"),
        ("HISTORICAL_LIMIT", "0"),
        ("HISTORICAL_LIMIT", "many"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("BACKOFF_SCALE", "-1"),
        ("BACKOFF_SCALE", "nan"),
    ],
)
def test_a_bad_value_is_one_fatal_sentence(variable: str, value: str) -> None:
    with LiveServer("localhost:1", {variable: value}, live=False) as server:
        assert server.exit_code() == 1
        (line,) = server.log()
    assert line.level == "FATAL"
    assert line.message.startswith(f"{variable} must be ")


def test_a_taken_port_is_one_fatal_sentence() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        port = str(taken.getsockname()[1])
        with LiveServer("localhost:1", {"PORT": port}, live=False) as server:
            assert server.exit_code() == 1
            fatal = [one for one in server.log() if one.level == "FATAL"]
    assert len(fatal) == 1
    assert f"port {port} cannot be opened" in fatal[0].message
