"""`python -m harness.venue.benchmark`: price frames a second to one socket, and orders a second over REST.

The venue is a process of its own, the load comes from this one over real sockets. After a warm-up each figure is
measured several times; shown are the median, the lowest and the highest trial.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import click
import psutil

from harness.venue.control import VenueControl, generated

LIMIT_S = 30.0
SYMBOL = "BTCUSDT"
SEED = 1
MOVES_AT_ONCE = 1000
FRAMES_NEEDED_PER_S, ORDERS_NEEDED_PER_S = 10_000, 1_500


@dataclass(frozen=True, slots=True)
class Figure:
    """Rates of some trials, one each, a second."""

    rates: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the trials."""
        return statistics.median(self.rates)

    def shown(self, what: str, needed: float = 0.0) -> str:
        """One line."""
        wanted = f", wanted {needed:,.0f}" if needed else ""
        low, high = min(self.rates), max(self.rates)
        return (
            f"{what:<44} median {self.median:>9,.0f}/s   lowest {low:>9,.0f}   highest {high:>9,.0f}   "
            f"({len(self.rates)} trials{wanted})"
        )


@dataclass(frozen=True, slots=True)
class Venue:
    """The process under load."""

    pid: int
    port: int
    control: VenueControl

    def rss_bytes(self) -> int:
        """Its resident memory."""
        return int(psutil.Process(self.pid).memory_info().rss)


@asynccontextmanager
async def venue() -> AsyncIterator[Venue]:
    """A strict binance without background walk; ended when the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "harness.venue", "--tick-s", "0", "--seed", str(SEED), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), LIMIT_S))
        async with VenueControl.connect(f"127.0.0.1:{ready['control_port']}") as control:
            yield Venue(ready["pid"], ready["port"], control)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), LIMIT_S)


class Frames:
    """Counts whole WebSocket frames without looking into them."""

    def __init__(self) -> None:
        self._left = b""
        self.count = 0
        self.first_s = self.last_s = 0.0
        """When the first and the latest data came in."""

    def feed(self, data: bytes) -> None:
        """Whatever came in."""
        self.last_s = time.monotonic()
        self.first_s = self.first_s or self.last_s
        data = self._left + data if self._left else data
        at, size = 0, len(data)
        while size - at >= 4:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            if at + head + length > size:
                break
            at += head + length
            self.count += 1
        self._left = data[at:]


async def frame_rate(one: Venue, for_s: float, per_s: float) -> float:
    """Price frames a second that one socket got while a feed of `per_s` ran; all of them must have arrived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    nonce = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /{SYMBOL.lower()}@bookTicker HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\n\r\n".encode()
    )
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT_S)
    frames, before = Frames(), (await one.control.meters()).frames_sent
    await one.control.start_feed([SYMBOL], per_s)

    async def count() -> None:
        while True:
            frames.feed(await reader.read(1 << 20))

    counting = asyncio.create_task(count())
    try:
        await asyncio.sleep(for_s)
        await one.control.stop_feed()
        sent = (await one.control.meters()).frames_sent - before
        async with asyncio.timeout(LIMIT_S):
            while frames.count < sent:
                await asyncio.sleep(0.001)
    finally:
        counting.cancel()
        writer.transport.abort()
    if frames.count != sent:
        raise RuntimeError(f"{sent} frames were sent, {frames.count} arrived")
    return frames.count / (frames.last_s - frames.first_s)


async def order_rate(one: Venue, for_s: float, connections: int) -> float:
    """Orders a second that the venue accepted over that many connections, each waiting for its answer."""
    key = generated("binance", SEED)
    before = (await one.control.meters()).orders_accepted
    began_s = time.monotonic()
    until_s = began_s + for_s

    async def trade() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        turn = 0
        try:
            while time.monotonic() < until_s:
                turn += 1
                # Each order takes at once what the venue offers, buys and sells in turn: nothing piles up.
                side = "BUY" if turn % 2 else "SELL"
                query = (
                    f"symbol={SYMBOL}&side={side}&type=MARKET&quantity=0.001&newClientOrderId="
                    f"{os.urandom(8).hex()}&timestamp={time.time_ns() // 1_000_000}"
                )
                signature = hmac.new(key.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
                writer.write(
                    f"POST /fapi/v1/order?{query}&signature={signature} HTTP/1.1\r\nHost: x\r\n"
                    f"X-MBX-APIKEY: {key.key}\r\nContent-Length: 0\r\n\r\n".encode()
                )
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT_S)
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                answer = await reader.readexactly(length)
                if b" 200 " not in head[:20]:
                    raise RuntimeError(f"an order was refused: {answer[:200]!r}")
        finally:
            writer.transport.abort()

    await asyncio.gather(*(trade() for _ in range(connections)))
    took_s = time.monotonic() - began_s
    return ((await one.control.meters()).orders_accepted - before) / took_s


async def trials(measure: Callable[[float], Awaitable[float]], count: int, for_s: float) -> Figure:
    """One warm-up, then the trials."""
    await measure(for_s / 2)
    return Figure(tuple([await measure(for_s) for _ in range(count)]))


async def measured(count: int, for_s: float, connections: int, say: Callable[[str], None]) -> bool:
    """Whether both medians reach what is wanted."""
    load = os.getloadavg()[0]
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}")
    async with venue() as one:
        paced = await trials(lambda s: frame_rate(one, s, FRAMES_NEEDED_PER_S), count, for_s)
        late_s = (await one.control.meters()).feed_late_s_max
        say(paced.shown(f"price frames, feed of {FRAMES_NEEDED_PER_S:,}/s"))
        say(f"{'':<44} worst lateness {late_s * 1000:.1f} ms")
    async with venue() as one:
        frames = await trials(lambda s: frame_rate(one, s, 100_000), count, for_s)
        say(frames.shown("price frames, as fast as it goes", FRAMES_NEEDED_PER_S))
    async with venue() as one:
        before = one.rss_bytes()
        orders = await trials(lambda s: order_rate(one, s, connections), count, for_s)
        say(orders.shown(f"orders accepted over {connections} connections", ORDERS_NEEDED_PER_S))
        accepted = (await one.control.meters()).orders_accepted
        say(f"{'':<44} RSS {before >> 20} MiB, after {accepted:,} orders {one.rss_bytes() >> 20} MiB")
    return frames.median >= FRAMES_NEEDED_PER_S and orders.median >= ORDERS_NEEDED_PER_S


@click.command()
@click.option("--trials", "count", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option("--seconds", "for_s", type=click.FloatRange(0.1, 600), default=2.0, show_default=True, help="Of a trial.")
@click.option("--connections", type=click.IntRange(1, 256), default=8, show_default=True, help="That place orders.")
def main(count: int, for_s: float, connections: int) -> None:
    """Measure this machine; exit code 1 when a median is below what is wanted."""
    raise SystemExit(0 if asyncio.run(measured(count, for_s, connections, click.echo)) else 1)


if __name__ == "__main__":
    main()
