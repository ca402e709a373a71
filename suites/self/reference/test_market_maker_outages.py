"""Whatever is killed under trading, in the end the maker and the venue know the same orders, each of them once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from .launched import Connector
from .simulated import Venue, over
from .test_market_maker import AT_45050
from .trading import MarketMaker, Walk, agrees, check_books, open_at, price_to, state

pytestmark = [pytest.mark.self, pytest.mark.slow]


@pytest.fixture
def market() -> Iterator[Venue]:
    with Venue() as market:
        price_to(market, "45050.0")
        yield market


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


def traded(maker: MarketMaker) -> None:
    """Wait until it had some more orders filled."""
    before = maker.status()["orders"]["filled"]
    maker.until(lambda status: status["orders"]["filled"] > before + 3)


def again(market: Venue, killed: Connector) -> Connector:
    """The connector that takes the place of one that was killed."""
    return over(market, PORT=str(killed.port))


def test_a_connector_killed_under_trading_leaves_no_order_doubled_or_unknown(market: Venue, db: Path) -> None:
    with ExitStack() as stack:
        connector = stack.enter_context(over(market))
        maker = stack.enter_context(MarketMaker(connector.address, db))
        with Walk(market):
            for _ in range(3):
                maker.until(lambda status: status["connection"]["is_current"])
                traded(maker)
                connector.process.kill()
                connector.exit_code()
                maker.until(lambda status: status["connection"]["state"] == "connecting")
                assert maker.get("health") == (200, {"status": "reconnecting"})
                connector = stack.enter_context(again(market, connector))
            maker.until(lambda status: status["connection"]["is_current"])
        agrees(market, maker)
        assert maker.stop() == 0
        attempts = [line.fields["attempt"] for line in maker.log() if line.message == "connected to exchange_connector"]
        assert len(attempts) == 4
        assert max(attempts) <= 10
        assert check_books(market, db) > 20
        assert not [line for line in maker.log() if line.level in ("ERROR", "FATAL")]


def test_a_maker_killed_under_trading_goes_on_with_its_file_and_doubles_nothing(market: Venue, db: Path) -> None:
    with over(market) as connector, Walk(market):
        for _ in range(3):
            with MarketMaker(connector.address, db) as maker:
                maker.until(lambda status: status["orders"]["filled"] > 3)
                maker.process.kill()
                assert maker.exit_code() == -signal.SIGKILL
    with over(market) as connector, MarketMaker(connector.address, db) as maker:
        agrees(market, maker)
        assert maker.stop() == 0
    assert check_books(market, db) > 20


def test_a_maker_that_lost_its_file_adopts_its_orders_and_leaves_those_of_others(market: Venue, db: Path) -> None:
    other = market.do(lambda control: control.place_resting("BTCUSDT", client_order_id="by-hand"))
    with over(market) as connector:
        with MarketMaker(connector.address, db) as maker:
            maker.until(lambda status: len(status["orders"]["open"]) == 7)
            maker.process.kill()
        with MarketMaker(connector.address, db.with_name("another.db")) as maker:
            status = maker.until(lambda status: len(status["orders"]["open"]) == 7)
            assert status["orders"]["foreign"] == 1
            assert maker.count("order decided") == 0
            assert maker.line("reconciled").fields["adopted"] == 7
            assert maker.stop() == 0
    assert [one.order_id for one in state(market).open_orders] == [other.order_id]


def test_an_update_missed_while_away_is_found_by_reconciling(market: Venue, db: Path) -> None:
    with over(market) as connector, MarketMaker(connector.address, db) as maker:
        agrees(market, maker)
        connector.process.kill()
        maker.line("connection attempt failed")
        price_to(market, "44850.0")  # through two levels
        farthest = next(one.order_id for one in state(market).open_orders if Decimal(one.price) == 44700)
        market.do(lambda control: control.cancel_order(farthest))
        with again(market, connector):
            maker.until(lambda status: status["orders"]["filled"] == 2)
            agrees(market, maker)
            assert maker.stop() == 0
    assert check_books(market, db) > 7


def test_a_venue_that_fails_under_trading_is_waited_for(market: Venue, db: Path) -> None:
    with over(market) as connector, MarketMaker(connector.address, db) as maker, Walk(market):
        maker.until(lambda status: status["orders"]["filled"] > 2)
        market.fault("http_status", status=503, path="/fapi/v1/order")
        maker.until(lambda status: status["strategy"]["state"] == "backing off")
        began = maker.count("order decided")
        time.sleep(3)
        assert maker.count("order decided") - began < 30, "a hot loop"
        market.heal()
        filled = maker.status()["orders"]["filled"]
        maker.until(lambda status: status["orders"]["filled"] > filled + 2, 40)
    with over(market) as connector, MarketMaker(connector.address, db) as maker:
        agrees(market, maker)
        assert maker.stop() == 0
    check_books(market, db)


def test_refused_orders_are_tried_again_at_a_growing_distance(market: Venue, db: Path) -> None:
    market.fault("native_error", how="not enough margin", path="/fapi/v1/order", method="POST")
    with over(market) as connector, MarketMaker(connector.address, db) as maker:
        refused = maker.line("order refused")
        assert refused.level == "WARN"
        assert "RESOURCE_EXHAUSTED" in refused.fields["cause"]
        time.sleep(4)  # 1 + 2 s are over, 4 s are not
        assert maker.count("order refused") == 3 * 7
        assert state(market).orders == ()
        market.heal()
        agrees(market, maker)
        assert open_at(market) == AT_45050
        assert maker.stop() == 0
    check_books(market, db)


def test_told_to_stop_while_the_connector_is_away_it_says_what_it_leaves_and_ends_with_0(
    market: Venue, db: Path
) -> None:
    with over(market) as connector, MarketMaker(connector.address, db) as maker:
        agrees(market, maker)
        connector.process.kill()
        maker.line("connection attempt failed")
        began_s = time.monotonic()
        assert maker.stop() == 0
        assert time.monotonic() - began_s < 5
        left = maker.line("orders left open")
        assert left.level == "WARN"
        assert left.fields["count"] == 7
        with again(market, connector), MarketMaker(connector.address, db) as maker:
            agrees(market, maker)
            assert maker.count("order decided") == 0
            assert maker.stop() == 0
    assert state(market).open_orders == ()


@pytest.mark.parametrize("was_there", [False, True])
def test_without_a_connector_it_gives_up_after_ten_attempts_with_code_1(
    market: Venue, db: Path, was_there: bool
) -> None:
    with over(market) as connector, MarketMaker(
        connector.address if was_there else "127.0.0.1:1", db, {"BACKOFF_SCALE": "0.01"}
    ) as maker:  # fmt: skip
        if was_there:
            agrees(market, maker)
            connector.process.kill()
        assert maker.exit_code(20) == 1
        last = maker.log()[-1]
        assert last.level == "FATAL"
        assert last.message.startswith("failed to connect to exchange_connector at ")
        assert " after 10 attempts: UNAVAILABLE" in last.message
        failed = [line.fields for line in maker.log() if line.message == "connection attempt failed"]
        assert [one["attempt"] for one in failed] == list(range(1, 11))
        assert [one["retry_in_s"] for one in failed] == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.6, 0.6, 0.6, 0.6]
        assert not [line for line in maker.log() if line.level == "ERROR"]
