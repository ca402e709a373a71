"""Every fault knob bites, is logged with its time, and heals."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from harness.venue.control import ControlError, FaultKind, VenueControl
from suites.self.venue.workshop import (
    KEY,
    OTHER,
    Listener,
    Running,
    ask,
    ask_signed,
    listen_key,
    listener,
    run,
    signed,
    until,
    venue,
)  # fmt: skip

pytestmark = pytest.mark.self

TIME = "/fapi/v1/time"
PRICES = "/btcusdt@bookTicker"


async def works(running: Running) -> bool:
    return (await ask(running, "GET", TIME, key=None)).status == 200


async def place(running: Running, **changed: Any) -> Any:
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    return await ask_signed(running, "POST", "/fapi/v1/order", **params, price="40000", **changed)


async def bites(control: VenueControl, handle: int) -> int:
    return sum(1 for one in await control.marks() if one.handle == handle and one.name == "fault.bit")


async def flows(running: Running, heard: Listener) -> None:
    before = len(heard.heard)
    await running.control.move_price("BTCUSDT")
    await until(lambda: len(heard.heard) > before, "a price")


@pytest.mark.parametrize("how", ["503", "reset"])
def test_refuse_bites_rest_and_upgrades_until_healed(how: str) -> None:
    async def body() -> None:
        async with venue() as running:
            handle = await running.control.fault("refuse", how=how)
            if how == "503":
                assert (await ask(running, "GET", TIME, key=None)).status == 503
            else:
                with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
                    await ask(running, "GET", TIME, key=None)
            with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
                async with listener(running, PRICES):
                    pass
            assert await bites(running.control, handle) >= 2
            await running.control.heal(handle)
            assert await works(running)
            async with listener(running, PRICES) as heard:
                await flows(running, heard)

    run(body)


def test_a_count_is_used_up_and_then_heals_itself() -> None:
    async def body() -> None:
        async with venue() as running:
            handle = await running.control.fault("http_status", status=502, path=TIME, count=2)
            statuses = [(await ask(running, "GET", TIME, key=None)).status for _ in range(3)]
            assert statuses == [502, 502, 200]
            names = [one.name for one in await running.control.marks() if one.handle == handle]
            assert names == ["fault.begin", "fault.bit", "fault.bit", "fault.heal"]

    run(body)


def test_scope_probability_and_time_window() -> None:
    async def body() -> None:
        async with venue(keys=(KEY, OTHER)) as running:
            async with running.control.faulty("native_error", code=-2015, key=OTHER.key, path="/fapi/v3/account"):
                mine = await ask(running, "GET", "/fapi/v3/account", signed({}))
                theirs = await ask(running, "GET", "/fapi/v3/account", signed({}, OTHER), key=OTHER.key)
                assert (mine.status, theirs.status, theirs.code) == (200, 401, -2015)
            async with running.control.faulty("http_status", status=500, symbol="ETHUSDT"):
                asked = [await ask(running, "GET", "/fapi/v1/depth", f"symbol={one}", key=None)
                         for one in ("BTCUSDT", "ETHUSDT")]  # fmt: skip
                assert [one.status for one in asked] == [200, 500]
            async with running.control.faulty("http_status", status=500, probability=0.5):
                statuses = {(await ask(running, "GET", TIME, key=None)).status for _ in range(40)}
                assert statuses == {200, 500}
            await running.control.fault("http_status", status=500, for_s=0.3)
            assert not await works(running)
            await until(lambda: works(running), "the end of the window")

    run(body)


def test_a_native_error_can_be_asked_for_by_its_reason() -> None:
    async def body() -> None:
        async with venue() as running:
            for reason, status, code in (("unknown key", 401, -2015), ("rate limit", 429, -1003)):
                async with running.control.faulty("native_error", how=reason):
                    answer = await place(running)
                    assert (answer.status, answer.code) == (status, code)
            assert (await running.control.meters()).orders_accepted == 0

    run(body)


@pytest.mark.parametrize(
    ("how", "what"), [("html", "<html"), ("empty", ""), ("json", {})], ids=["html", "empty", "json"]
)
def test_http_bodies(how: str, what: Any) -> None:
    async def body() -> None:
        async with venue() as running:
            async with running.control.faulty("http_status", status=200, how=how):
                answer = await ask(running, "GET", TIME, key=None)
                got = answer.body[:5] if isinstance(answer.body, str) else answer.body
                assert (answer.status, got) == (200, what)
            async with running.control.faulty("http_status", how="truncated"):
                assert isinstance((await ask(running, "GET", TIME, key=None)).body, str)
            assert await works(running)

    run(body)


def test_delay_before_and_after_the_booking() -> None:
    async def body() -> None:
        async with venue() as running:
            for how, booked_early in (("before", False), ("after", True)):
                async with running.control.faulty("delay", how=how, delay_s=1.0, method="POST") as handle:
                    accepted = (await running.control.meters()).orders_accepted
                    began_s = time.monotonic()
                    placing = asyncio.create_task(place(running))
                    await until(lambda handle=handle: bites(running.control, handle), "the delay")  # type: ignore[misc]
                    booked = (await running.control.meters()).orders_accepted > accepted
                    assert not placing.done()
                    assert booked is booked_early
                    assert (await placing).status == 200
                    assert time.monotonic() - began_s >= 1.0

    run(body)


def test_eof_after_accepting_leaves_the_order_booked() -> None:
    async def body() -> None:
        async with venue() as running:
            handle = await running.control.fault("eof_after_accept", count=1)
            with pytest.raises(aiohttp.ClientError):
                await place(running, newClientOrderId="lost")
            order = await running.control.order(client_order_id="lost")
            assert order is not None
            assert order.status == "NEW"
            assert await bites(running.control, handle) == 1
            assert (await place(running)).status == 200

    run(body)


def test_stalled_upgrade_never_answers() -> None:
    async def body() -> None:
        async with venue() as running:
            async with running.control.faulty("stall_upgrade"):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.5), listener(running, PRICES):
                        pass
            async with listener(running, PRICES) as heard:
                await flows(running, heard)

    run(body)


@pytest.mark.parametrize("how", ["close", "no_close_frame", "reset"])
def test_dropped_sockets_end_and_come_back(how: str) -> None:
    async def body() -> None:
        async with venue() as running:
            async with listener(running, PRICES) as heard:
                await flows(running, heard)
                handle = await running.control.fault("drop_sockets", how=how)
                await until(lambda: heard.ended, "the end of the socket")
                expected = 1001 if how == "close" else 1006
                assert heard.socket.close_code == expected
                assert await bites(running.control, handle) == 1
            async with listener(running, PRICES) as heard:
                await flows(running, heard)

            async def one_left() -> bool:
                return (await running.control.meters()).sockets_now == 0

            await until(one_left, "no socket left")

    run(body)


def test_black_holed_socket_stays_open_and_silent() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, PRICES) as heard, listener(running, PRICES) as other:
            await flows(running, heard)
            numbers = [one.number for one in (await running.control.meters()).open_sockets]
            assert len(numbers) == 2
            await running.control.fault("drop_sockets", how="black_hole")
            async with listener(running, PRICES) as fresh:
                before = len(heard.heard), len(other.heard)
                await heard.socket.ping()
                await flows(running, fresh)
                assert (len(heard.heard), len(other.heard)) == before
                assert (heard.pongs, heard.ended) == (0, "")

    run(body)


def test_drop_only_the_private_sockets_or_one_keys() -> None:
    async def body() -> None:
        async with venue(keys=(KEY, OTHER)) as running:
            mine, theirs = await listen_key(running), await listen_key(running, OTHER)
            async with (
                listener(running, PRICES) as public,
                listener(running, f"/{mine}") as private,
                listener(running, f"/{theirs}") as foreign,
            ):
                await running.control.fault("drop_sockets", key=OTHER.key)
                await until(lambda: foreign.ended, "the end of the other key's socket")
                assert not public.ended
                assert not private.ended
                await running.control.fault("drop_sockets", sockets="private")
                await until(lambda: private.ended, "the end of the private socket")
                await flows(running, public)

    run(body)


async def cut(running: Running) -> None:
    async with listener(running, PRICES) as heard:
        await until(lambda: heard.ended, "the end of the socket")


def test_drop_on_a_schedule() -> None:
    async def body() -> None:
        async with venue() as running:
            handle = await running.control.fault("drop_sockets", every_s=0.05)
            for _ in range(3):
                await cut(running)
            await running.control.heal(handle)
            async with listener(running, PRICES) as heard:
                await flows(running, heard)
                await asyncio.sleep(0.2)
                assert not heard.ended

    run(body)


def test_ignored_pings_while_data_flows() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, PRICES) as heard:
            async with running.control.faulty("ignore_ping"):
                await heard.socket.ping()
                await flows(running, heard)
                assert heard.pongs == 0
            await heard.socket.ping()
            await until(lambda: heard.pongs == 1, "a pong")

    run(body)


@pytest.mark.parametrize("how", ["event", "no_event"])
def test_expired_listen_key_leaves_the_socket_open_and_silent(how: str) -> None:
    async def body() -> None:
        async with venue() as running:
            key = await listen_key(running)
            async with listener(running, f"/{key}") as heard:
                await running.control.move_balance()
                await until(lambda: heard.events("ACCOUNT_UPDATE"), "a balance")
                await running.control.fault("expire_listen_key", how=how)
                await running.control.move_balance()
                fresh = await listen_key(running)
                assert fresh != key
                async with listener(running, f"/{fresh}") as again:
                    await running.control.move_balance()
                    await until(lambda: again.events("ACCOUNT_UPDATE"), "a balance on the fresh key")
                assert len(heard.events("ACCOUNT_UPDATE")) == 1
                assert len(heard.events("listenKeyExpired")) == (1 if how == "event" else 0)
                assert not heard.ended

    run(body)


async def numbers(running: Running, heard: Listener, times: int) -> list[int]:
    """Update ids heard of `times` price moves, as offsets from the first one sent."""
    heard.heard.clear()
    await running.control.move_price("BTCUSDT", times=times)
    await heard.socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":7}')  # answered after everything sent before
    await until(lambda: any(one.get("id") == 7 for one in heard.heard), "the answer")
    return [one["u"] for one in heard.events("bookTicker")]


def test_single_events_are_lost_doubled_swapped_or_all_silent() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, PRICES) as heard:
            control = running.control
            first = (await numbers(running, heard, 1))[0]
            async with control.faulty("lose", channel="prices", count=1):
                assert await numbers(running, heard, 3) == [first + 2, first + 3]
            async with control.faulty("duplicate", channel="bookTicker", count=1):
                assert await numbers(running, heard, 2) == [first + 4, first + 4, first + 5]
            async with control.faulty("reorder", symbol="BTCUSDT", count=1):
                assert await numbers(running, heard, 3) == [first + 7, first + 6, first + 8]
            async with control.faulty("silence"):
                await heard.socket.ping()
                assert await numbers(running, heard, 3) == []
                await until(lambda: heard.pongs == 1, "a pong in the silence")
            async with control.faulty("lose", channel="orders"):
                assert await numbers(running, heard, 1) == [first + 12]
            assert await numbers(running, heard, 1) == [first + 13]

    run(body)


def test_refused_subscription_gets_nothing_until_healed() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, "/ws") as heard:
            asked = '{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":%d}'
            async with running.control.faulty("refuse_subscribe", symbol="BTCUSDT"):
                await heard.socket.send_str(asked % 1)
                await until(lambda: heard.heard, "the refusal")
                assert (heard.heard[0]["id"], heard.heard[0]["error"]["code"]) == (1, 2)
                assert (await running.control.meters()).subscriptions == ()
            await heard.socket.send_str(asked % 2)
            await until(lambda: heard.heard[-1] == {"result": None, "id": 2}, "the acceptance")
            await flows(running, heard)

    run(body)


def test_skew_moves_the_clock_the_stamps_and_the_window() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, PRICES) as heard:
            async with running.control.faulty("skew", delay_s=-30.0):
                now_ms = time.time() * 1000
                shown = (await ask(running, "GET", TIME, key=None)).body["serverTime"]
                assert -31_000 < shown - now_ms < -29_000
                await flows(running, heard)
                assert -31_000 < heard.heard[-1]["E"] - now_ms < -25_000
                assert (await place(running)).code == -1021
                row = (await running.control.ledger())[-1]
                assert abs(row.sent_ns / 1e6 - now_ms) < 5_000, "the ledger keeps the host's time"
            assert (await place(running)).status == 200

    run(body)


def test_maintenance_ends_sockets_and_refuses_everything() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, PRICES) as heard:
            handle = await running.control.fault(FaultKind.MAINTENANCE)
            await until(lambda: heard.ended, "the end of the socket")
            assert (await ask(running, "GET", TIME, key=None)).status == 503
            with pytest.raises(aiohttp.ClientError):
                async with listener(running, PRICES):
                    pass
            await running.control.heal(handle)
            assert await works(running)

    run(body)


def test_knobs_that_make_no_sense_are_refused_in_one_sentence() -> None:
    async def body() -> None:
        async with venue() as running:
            with pytest.raises(ValueError, match="nonsense"):
                await running.control.fault("nonsense")
            with pytest.raises(ControlError, match="no fault 99"):
                await running.control.heal(99)
            with pytest.raises(ControlError, match="how"):
                await running.control.fault("drop_sockets", how="gently")
            with pytest.raises(ControlError, match="probability"):
                await running.control.fault("lose", probability=2.0)

    run(body)
