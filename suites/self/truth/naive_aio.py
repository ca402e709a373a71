"""Run as a program: grpc.aio with an open loop, as one would write it; prints begin and end of each as JSON (ns).

python -m suites.self.truth.naive_aio calls ADDRESS RATE_PER_S SECONDS
python -m suites.self.truth.naive_aio messages ADDRESS - SECONDS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import grpc

from harness.wire.opensqt.market_maker.v1 import exchange_pb2, exchange_pb2_grpc


async def calls(
    stub: exchange_pb2_grpc.ExchangeServiceStub, rate_per_s: float, seconds: float
) -> list[tuple[int, int]]:
    timed: list[tuple[int, int]] = []

    async def one() -> None:
        began_ns = time.time_ns()
        await stub.GetAccount(exchange_pb2.GetAccountRequest(), timeout=5)
        timed.append((began_ns, time.time_ns()))

    began_s = time.monotonic()
    running = []
    for number in range(int(rate_per_s * seconds)):
        if (left_s := began_s + number / rate_per_s - time.monotonic()) > 0:
            await asyncio.sleep(left_s)
        running.append(asyncio.create_task(one()))
    await asyncio.gather(*running)
    return timed


async def messages(stub: exchange_pb2_grpc.ExchangeServiceStub, seconds: float) -> list[tuple[int, int]]:
    timed: list[tuple[int, int]] = []
    end_s = time.monotonic() + seconds
    stream = stub.SubscribePrice(exchange_pb2.SubscribePriceRequest(symbols=["BTCUSDT"]))
    async for price in stream:
        stamp_ns = price.timestamp.seconds * 1_000_000_000 + price.timestamp.nanos
        timed.append((stamp_ns, time.time_ns()))
        if time.monotonic() > end_s:
            stream.cancel()
            break
    return timed


async def main() -> None:
    what, address, rate_per_s, seconds = sys.argv[1:]
    async with grpc.aio.insecure_channel(address) as channel:
        stub = exchange_pb2_grpc.ExchangeServiceStub(channel)  # type: ignore[no-untyped-call]
        await stub.GetAccount(exchange_pb2.GetAccountRequest(), timeout=5, wait_for_ready=True)
        measured = await (
            calls(stub, float(rate_per_s), float(seconds)) if what == "calls" else messages(stub, float(seconds))
        )
    print(json.dumps(measured))  # noqa: T201 (this program's answer)


if __name__ == "__main__":
    asyncio.run(main())
