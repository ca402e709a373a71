"""The market maker trades through a real connector over a real venue, says what it does and stops as it should."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .launched import Connector
from .simulated import Venue, over
from .trading import MarketMaker, Walk, agrees, check_books, check_levels, open_at, price_to, state

pytestmark = pytest.mark.self

AT_45050 = [
    ("BUY", 44700), ("BUY", 44800), ("BUY", 44900), ("BUY", 45000), ("SELL", 45100), ("SELL", 45200), ("SELL", 45300),
]  # fmt: skip


@pytest.fixture
def market() -> Iterator[Venue]:
    with Venue() as market:
        price_to(market, "45050.0")
        yield market


@pytest.fixture
def connector(market: Venue) -> Iterator[Connector]:
    with over(market) as connector:
        yield connector


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


def test_it_puts_a_grid_around_the_price_and_says_so(market: Venue, connector: Connector, db: Path) -> None:
    with MarketMaker(connector.address, db) as maker:
        status = agrees(market, maker)
        assert open_at(market) == AT_45050
        assert maker.get("health") == (200, {"status": "ok"})
        assert status["connection"]["state"] == "connected"
        assert status["streams"] == {"prices": True, "orders": True, "account": True, "positions": True}
        assert status["strategy"]["last_price"] == "45050"
        assert status["orders"]["placed"] == status["store"]["orders"] == 7
        decided = [line for line in maker.log() if line.message == "order decided"]
        assert [line.fields["client_order_id"] for line in decided] == list(
            dict.fromkeys(one["client_order_id"] for one in status["orders"]["open"])
        )
        assert all(0 < time.time_ns() - line.fields["decided_ns"] < 60e9 for line in decided)
        assert {line.level for line in maker.log()} == {"INFO"}


def test_every_order_satisfies_the_venue_even_when_the_worth_wanted_does_not(market: Venue, db: Path) -> None:
    with over(market) as connector, MarketMaker(connector.address, db, {"ORDER_QUANTITY": "500"}) as maker:
        agrees(market, maker)
        assert {one.quantity for one in state(market).open_orders} == {"0.011"}  # 495 of 500 USDT at 45000


def test_the_window_follows_the_price(market: Venue, connector: Connector, db: Path) -> None:
    with MarketMaker(connector.address, db) as maker:
        agrees(market, maker)
        price_to(market, "45060.0")
        price_to(market, "45040.0")
        agrees(market, maker)
        assert maker.count("order decided") == 7  # within the same two levels there is nothing to do
        price_to(market, "46330.0")
        maker.until(lambda status: status["strategy"]["last_price"] == "46330")
        agrees(market, maker)
        assert [price for _, price in open_at(market)] == [46000, 46100, 46200, 46300, 46400, 46500, 46600]
        check_levels(market)


def test_a_filled_level_is_armed_again_on_the_other_side(market: Venue, connector: Connector, db: Path) -> None:
    with MarketMaker(connector.address, db) as maker:
        agrees(market, maker)
        price_to(market, "44980.0")
        maker.until(lambda status: status["orders"]["filled"] == 1)
        agrees(market, maker)
        assert not {price for _, price in open_at(market)} & {45000}  # 20 away only: it would tremble
        price_to(market, "44940.0")
        maker.until(lambda status: {"side": "SELL", "price": "45000"} in status["strategy"]["levels"])
        assert ("SELL", 45000) in {(one["side"], int(one["price"])) for one in agrees(market, maker)["orders"]["open"]}
        price_to(market, "45050.0")
        maker.until(lambda status: status["orders"]["filled"] == 2)
        status = agrees(market, maker)
        assert ("BUY", 45000) in open_at(market)
        assert status["position"].get("size", "0") == "0"
        check_levels(market)


def test_orders_that_somebody_else_cancels_or_fills_are_replaced(market: Venue, connector: Connector, db: Path) -> None:
    with MarketMaker(connector.address, db) as maker:
        first = agrees(market, maker)["orders"]["open"]
        by_price = {one["price"]: one["order_id"] for one in first}
        market.do(lambda control: control.cancel_order(by_price["44800"]))
        market.do(lambda control: control.fill_order(by_price["45200"], "0.001"))
        maker.until(lambda status: status["orders"]["placed"] >= 9)
        agrees(market, maker)
        assert [one for one in open_at(market) if one[0] == "BUY"] == AT_45050[:4]
        assert [price for side, price in open_at(market) if side == "SELL"] == [45100, 45300, 45400]


def test_a_window_that_stands_still_stays_where_it_was_put_also_after_a_restart(market: Venue, db: Path) -> None:
    with over(market) as connector:
        for price in ("45050.0", "45310.0"):
            price_to(market, price)
            with MarketMaker(connector.address, db, {"GRID_MODE": "fixed"}) as maker:
                agrees(market, maker)
                assert maker.stop() == 0
        decided = {int(one.fields["price"]) for one in maker.log() if one.message == "order decided"}
        assert decided == {price for _, price in AT_45050}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_the_open_orders_and_ends_with_0(market: Venue, db: Path, number: signal.Signals) -> None:
    with over(market) as connector, MarketMaker(connector.address, db) as maker:
        agrees(market, maker)
        began_s = time.monotonic()
        assert maker.stop(number) == 0
        assert time.monotonic() - began_s < 5
        assert state(market).open_orders == ()
        assert check_books(market, db) == 7
        assert maker.line("graceful shutdown").fields == {"signal": number.name}
        assert {line.level for line in maker.log()} == {"INFO"}


def test_orders_are_kept_when_told_so_and_recognised_at_the_next_start(
    market: Venue, connector: Connector, db: Path
) -> None:
    keep = {"CANCEL_ON_EXIT": "false"}
    with MarketMaker(connector.address, db, keep) as maker:
        agrees(market, maker)
        assert maker.stop() == 0
        assert maker.line("open orders kept").fields["count"] == 7
    assert open_at(market) == AT_45050
    with MarketMaker(connector.address, db, keep) as maker:
        agrees(market, maker)
        assert maker.count("order decided") == 0
    check_books(market, db)


def test_all_at_once_told_to_stop_the_connector_stays_until_the_orders_are_cancelled(market: Venue, db: Path) -> None:
    with over(market) as connector, MarketMaker(connector.address, db) as maker, Walk(market):
        maker.until(lambda status: status["orders"]["filled"] > 0)
        connector.process.send_signal(signal.SIGTERM)
        maker.process.send_signal(signal.SIGTERM)
        assert maker.exit_code() == 0
        assert connector.process.poll() is None, "the connector was gone before its client"
        assert connector.exit_code() == 0
        assert state(market).open_orders == ()
        check_books(market, db)
        assert connector.line("graceful shutdown").level == "INFO"
        assert not [line for line in maker.log() if line.level in ("ERROR", "FATAL")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CURRENT_EXCHANGE", "binance"),
        ("EXCHANGE_GRPC_ADDRESS", "nowhere"),
        ("SYMBOL", "BTC/USDT"),
        ("PRICE_INTERVAL", "0"),
        ("ORDER_QUANTITY", "NaN"),
        ("BUY_WINDOW_SIZE", "-1"),
        ("GRID_MODE", "diagonal"),
        ("CANCEL_ON_EXIT", "perhaps"),
        ("BACKOFF_SCALE", "inf"),
        ("HEALTH_PORT", "70000"),
        ("DB_FILE", "/proc/none/orders.db"),
    ],
)
def test_an_unusable_variable_is_one_sentence_and_exit_code_1(db: Path, name: str, value: str) -> None:
    with MarketMaker("127.0.0.1:1", db, {name: value}, wait=False) as maker:
        assert maker.exit_code() == 1
        (line,) = maker.log()
        assert line.level == "FATAL"
        assert name in line.message


def test_a_taken_port_a_file_in_use_and_an_unknown_symbol_are_one_sentence_each(connector: Connector, db: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        with MarketMaker(connector.address, db, {"HEALTH_PORT": port}, wait=False) as maker:
            assert maker.exit_code() == 1
            assert f"HEALTH_PORT {port} cannot be opened" in maker.line("HEALTH_PORT").message
    with MarketMaker(connector.address, db, {"SYMBOL": "NOSUCHUSDT"}, wait=False) as maker:
        assert maker.exit_code() == 1
        assert "no trading rules of NOSUCHUSDT: INVALID_ARGUMENT" in maker.line("no trading rules").message
    with (
        MarketMaker(connector.address, db, {"BUY_WINDOW_SIZE": "0"}) as first,
        MarketMaker(connector.address, db, wait=False) as second,
    ):
        assert second.exit_code() == 1
        assert "database is locked" in second.line("DB_FILE").message
        assert first.process.poll() is None
