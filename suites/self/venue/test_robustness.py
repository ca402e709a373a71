"""Garbage on the wire: the venue answers, stays up and loses nothing."""

from __future__ import annotations

import asyncio
import json
import resource

import pytest

from suites.self.venue.workshop import Listener, Running, ask, listener, run, until, venue

pytestmark = pytest.mark.self


async def raw(running: Running, sent: bytes, limit_s: float = 5.0) -> bytes:
    """Whatever comes back for these bytes, until the venue has nothing more to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        writer.write(sent)
        await writer.drain()
        try:
            return await asyncio.wait_for(reader.read(65536), limit_s)
        except (ConnectionResetError, BrokenPipeError):
            return b""
    finally:
        writer.transport.abort()


async def alive(running: Running) -> None:
    assert (await ask(running, "GET", "/fapi/v1/time", key=None)).status == 200
    async with listener(running, "/btcusdt@bookTicker") as heard:
        await running.control.move_price("BTCUSDT")
        await until(lambda: heard.heard, "a price")


FRAMES = [
    "", "{", "null", "[]", "1e999", '"SUBSCRIBE"', "{}", '{"method":1}', '{"method":"DANCE","id":1}',
    '{"method":"SUBSCRIBE","params":"btcusdt@trade","id":1}', '{"method":"SUBSCRIBE","params":[1],"id":1}',
    '{"method":"SUBSCRIBE","params":["nothing"],"id":1}', '{"method":"SUBSCRIBE","params":[],"id":[]}',
    '{"method":"SUBSCRIBE","params":["@"],"id":2}', '{"method":"UNSUBSCRIBE","params":["a@b@c"],"id":3}',
    '{"method":"SUBSCRIBE","params":["btcusdt@kline_7m"],"id":3}', "[" * 5000, "\u0000", "é" * 1000,
]  # fmt: skip


async def answered(heard: Listener, count: int) -> None:
    await until(lambda: len(heard.heard) >= count, f"answer {count}")


def test_malformed_frames_are_answered_with_an_error() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, "/ws") as heard:
            for number, text in enumerate(FRAMES):
                await heard.socket.send_str(text)
                await answered(heard, number + 1)
                if text != '{"method":"SUBSCRIBE","params":[],"id":[]}':
                    assert heard.heard[number]["error"]["code"] in (2, 3)
            await heard.socket.send_bytes(b"\xff\xfe\x00")
            await until(lambda: len(heard.heard) > len(FRAMES), "an answer to the binary frame")
            await heard.socket.send_str('{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":9}')
            await until(lambda: heard.heard[-1] == {"result": None, "id": 9}, "the same socket to work on")
            await running.control.move_price("BTCUSDT")
            await until(lambda: heard.events("bookTicker"), "a price on the same socket")

    run(body)


RAW = {
    "not http": b"\x16\x03\x01\x00\xa5hello\r\n\r\n",
    "half a handshake": b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "handshake without connection": b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
    "bad utf-8 in the path": b"GET /fapi/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad utf-8 in the query": b"GET /fapi/v1/klines?symbol=%ff%fe&interval=1m HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad utf-8 in the body": b"POST /fapi/v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    "negative length": b"POST /fapi/v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "endless header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000,
}


def test_broken_requests_do_no_harm() -> None:
    async def body() -> None:
        async with venue() as running:
            for sent in RAW.values():
                await raw(running, sent)
                await alive(running)
            _, half = await asyncio.open_connection("127.0.0.1", running.port)
            half.write(b"GET /fapi/v1/ti")
            await half.drain()
            await alive(running)  # while the half request still hangs
            half.transport.abort()

    run(body)


def test_a_huge_body_is_refused_natively() -> None:
    async def body() -> None:
        async with venue() as running:
            answer = await ask(running, "POST", "/fapi/v1/order", body=b"x" * 10_000_000)
            assert (answer.status, answer.code) == (413, -1100)
            await alive(running)
            (counted,) = [one for one in (await running.control.meters()).requests if one.status == 413]
            assert (counted.path, counted.code, counted.count) == ("/fapi/v1/order", "-1100", 1)

    run(body)


def test_a_huge_or_broken_frame_ends_only_its_own_socket() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, "/btcusdt@bookTicker") as other:
            async with listener(running, "/ws") as heard:
                await heard.socket.send_str("x" * 2_000_000)
                await until(lambda: heard.ended, "the end of the socket")
                assert heard.socket.close_code == 1009
            handshake = (
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            # Reserved bits set; then a text frame that is no UTF-8.
            for frame in (b"\xf1\x80\x00\x00\x00\x00", b"\x81\x82\x00\x00\x00\x00\xff\xfe"):
                assert b"101" in await raw(running, handshake + frame)
            await running.control.move_price("BTCUSDT")
            await until(lambda: other.heard, "a price on the other socket")
            await alive(running)

    run(body)


IDLE = 1000


def test_a_thousand_idle_sockets_do_not_disturb_the_others() -> None:
    # Both ends of each are on this machine, but in processes of their own.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} open files are allowed, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))

    async def body() -> None:
        async with venue() as running:
            handshake = (
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            idle = []
            for _ in range(IDLE // 100):
                idle += await asyncio.gather(*(asyncio.open_connection("127.0.0.1", running.port) for _ in range(100)))
            for _, writer in idle:
                writer.write(handshake)

            async def all_open() -> bool:
                return (await running.control.meters()).sockets_now == IDLE

            await until(all_open, f"{IDLE} sockets")
            async with listener(running, "/btcusdt@bookTicker") as heard:
                await running.control.move_price("BTCUSDT", times=100)
                await until(lambda: len(heard.heard) == 100, "every price")
            await alive(running)
            for _, writer in idle:
                writer.transport.abort()

            async def all_gone() -> bool:
                return (await running.control.meters()).sockets_now == 0

            await until(all_gone, "no socket left")

    run(body)


def test_garbage_on_the_control_port_is_answered_too() -> None:
    async def body() -> None:
        async with venue() as running:
            host, _, port = running.control.address.partition(":")
            for sent in (
                b"POST /fault HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{{{",
                b"POST /ledger HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]",
                b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                b'POST /move_price HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{"symbol":"X"}',
            ):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(sent)
                answer = await asyncio.wait_for(reader.read(65536), 5)
                body_text = answer.partition(b"\r\n\r\n")[2]
                assert json.loads(body_text)["error"]
                writer.transport.abort()
            await alive(running)

    run(body)
