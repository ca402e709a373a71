"""The browser against a real WebSocket server: what it keeps, what it survives, and what it says when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from harness.evidence.clock import now_ns
from harness.evidence.records import Mark, Message, Record
from harness.target.outside import Pushes
from harness.target.profile import load_profile
from harness.trial.browser import Browser
from harness.trial.trial import CutShort
from suites.self.trial.scenes import new_trial
from suites.self.trial.wires import until

pytestmark = pytest.mark.self

PUSHES = cast(Pushes, load_profile("reference").services["live_server"].pushes)
Serve = Callable[[web.WebSocketResponse], Awaitable[None]]
LAST = json.dumps({"type": "account", "data": {"total_wallet_balance": "1000.50"}})


def told(kind: str, **data: object) -> str:
    return json.dumps({"type": kind, "data": data})


def an_order(client_order_id: str = "mm1", order_id: object = 7, status: str = "NEW", executed: str = "0.00") -> str:
    return told("orders", client_order_id=client_order_id, order_id=order_id, status=status, executed_qty=executed)


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    """host:port of a server that treats each client on /ws so and then waits for it to leave."""

    async def follow(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await serve(socket)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.add_routes([web.get("/ws", follow)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


def watch(serve: Serve, wait: Callable[[Browser], Awaitable[None]]) -> tuple[Browser, list[Record]]:
    """A browser at such a server, until `wait` is over."""
    records: list[Record] = []

    async def go() -> Browser:
        async with serving(serve) as address, Browser(address, PUSHES, records.append) as browser:
            await wait(browser)
            return browser

    return asyncio.run(go()), records


def sends(*texts: str | bytes) -> Serve:
    async def serve(socket: web.WebSocketResponse) -> None:
        for text in texts:
            await (socket.send_bytes(text) if isinstance(text, bytes) else socket.send_str(text))

    return serve


async def all_came(browser: Browser) -> None:
    assert await browser.until_told("account", 5.0)


async def is_over(browser: Browser) -> None:
    await until(lambda: not browser.connected, "the end of the socket")
    await until(lambda: browser._reading is not None and browser._reading.done(), "the end of reading")


def messages(records: list[Record]) -> list[tuple[str, str, str]]:
    return [(one.stream, one.key, one.value) for one in records if isinstance(one, Message)]


def marks(records: list[Record], name: str) -> list[dict[str, str]]:
    return [dict(one.detail) for one in records if isinstance(one, Mark) and one.name == name]


def test_what_it_is_pushed_becomes_evidence_in_order_and_at_its_time() -> None:
    began_ns = now_ns()
    texts = [told("kline", symbol="BTCUSDT", time=1000, close="50000.10"), an_order(),
             an_order(status="PARTIALLY_FILLED", executed="0.50"),
             told("position", symbol="BTCUSDT", size="-0.0")]  # fmt: skip
    browser, records = watch(sends(*texts, LAST), all_came)
    assert messages(records) == [
        ("klines", "BTCUSDT", "1000:50000.1"), ("orders", "mm1", "NEW:0"), ("orders", "mm1", "PARTIALLY_FILLED:0.5"),
        ("positions", "BTCUSDT", "0"), ("account", "", "1000.5"),
    ]  # fmt: skip
    assert browser.values("orders") == {"mm1": "PARTIALLY_FILLED:0.5"}
    assert browser.unread == []
    times = [one.received_ns for one in records if isinstance(one, Message)]
    assert times == sorted(times)
    assert began_ns <= times[0] <= times[-1] <= now_ns()
    assert {one.client for one in records if isinstance(one, Message)} == {"browser"}


def test_every_id_that_was_ever_shown_with_an_order_is_kept() -> None:
    browser, _ = watch(sends(an_order(order_id=7), an_order(order_id=8), an_order("mm2", 9), LAST), all_came)
    assert browser.ids["mm1"] == {"mm1", "7", "8"}
    assert browser.ids["8"] == {"mm1", "8"}
    assert browser.ids["mm2"] == {"mm2", "9"}


def test_orders_in_a_list_and_orders_without_a_client_id_are_read() -> None:
    listed = json.dumps(
        {"type": "orders", "data": [json.loads(an_order())["data"], json.loads(an_order("", 9))["data"]]}
    )
    browser, records = watch(sends(listed, LAST), all_came)
    assert messages(records)[:2] == [("orders", "mm1", "NEW:0"), ("orders", "9", "NEW:0")]
    assert browser.ids["9"] == {"9"}


GARBAGE = [
    "", "garbage", "{", "null", "5", '"text"', "[]", "[{}]", "{}", '{"data": {}}', "\ufffd\u0000",
    '{"type": "orders"}', '{"type": "orders", "data": null}', '{"type": "orders", "data": 5}',
    '{"type": "orders", "data": {"status": "NEW"}}', '{"type": "orders", "data": [{"client_order_id": "half"}]}',
    '{"type": "kline", "data": {"symbol": "BTCUSDT"}}', "[" * 100_000,
    '{"type": "account", "data": {"total_wallet_balance": "1e5000000"}}',
]  # fmt: skip


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_passed_over_counted_and_told_and_what_follows_still_counts(text: str) -> None:
    browser, records = watch(sends(text, text, an_order(), LAST), all_came)
    assert messages(records) == [("orders", "mm1", "NEW:0"), ("account", "", "1000.5")]
    assert len(browser.unread) == 2
    assert len(marks(records, "push.unreadable")) == 1, "once is enough"


@pytest.mark.parametrize(
    "text", [told("history", candles=[]), told("trade_event", id=1), told("what", is_it=None), b"\0"]
)
def test_other_kinds_are_nobody_s_business(text: str | bytes) -> None:
    browser, records = watch(sends(text, LAST), all_came)
    assert messages(records) == [("account", "", "1000.5")]
    assert browser.unread == []


async def aborts(socket: web.WebSocketResponse) -> None:
    await sends(an_order(), LAST)(socket)
    transport: Any = socket._req.transport if socket._req is not None else None
    transport.abort()


async def breaks_the_protocol(socket: web.WebSocketResponse) -> None:
    await sends(an_order(), LAST)(socket)
    transport: Any = socket._req.transport if socket._req is not None else None
    transport.write(b"\xff\xff\xff\xff")


async def sends_no_text(socket: web.WebSocketResponse) -> None:
    await sends(an_order(), LAST)(socket)
    transport: Any = socket._req.transport if socket._req is not None else None
    transport.write(b"\x81\x02\xc3\x28")  # a text frame that is no UTF-8


async def closes(socket: web.WebSocketResponse) -> None:
    await sends(an_order(), LAST)(socket)
    await socket.close(code=1001)


@pytest.mark.parametrize("serve", [aborts, breaks_the_protocol, sends_no_text, closes])
def test_an_end_however_it_comes_takes_every_stream_down(serve: Serve) -> None:
    browser, records = watch(serve, is_over)
    assert not browser.connected
    assert browser.stream("orders").live == 0
    assert {one["stream"] for one in marks(records, "stream.down")} == {"orders", "account"}


def test_leaving_is_no_loss() -> None:
    _, records = watch(sends(an_order(), LAST), all_came)
    assert marks(records, "stream.down") == []
    assert len(marks(records, "stream.opened")) == 1


def test_a_server_that_is_not_there_or_no_websocket_is_an_error_of_the_client_library() -> None:
    async def go(path: str) -> None:
        async with serving(sends()) as address:
            elsewhere = PUSHES.model_copy(update={"path": path})
            with pytest.raises(aiohttp.WSServerHandshakeError):
                async with Browser(address, elsewhere, lambda record: None):
                    pass
        with pytest.raises(aiohttp.ClientConnectorError):
            async with Browser(address, PUSHES, lambda record: None):
                pass

    asyncio.run(go("/nowhere"))


def test_a_page_that_is_told_nothing_is_never_live(tmp_path: Path) -> None:
    trial, records = new_trial(tmp_path)

    async def go() -> None:
        async with serving(sends("garbage")) as address, Browser(address, PUSHES, trial.record) as browser:
            with pytest.raises(CutShort, match="no update of the venue reached browser/orders"):
                await trial.follow(browser.stream("orders"), limit_s=0.3)
            assert not await browser.until_told("orders", 0.05)

    asyncio.run(go())
    assert marks(records, "stream.live") == []
