"""The tap watches a real grpc-go client: skipped where there is no Go, or its module is not in the local cache."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from harness.client import methods, requests
from harness.client.content import digest_of
from harness.evidence.records import Mark, Outcome
from harness.trial.tap import ClientTap, Exchange
from harness.wire.opensqt.market_maker.v1 import types_pb2
from suites.self.client.scripted import Sink, eventually, price, serving
from suites.self.trial.tap_proxy import proxied

pytestmark = pytest.mark.self

SOURCE = Path(__file__).with_name("tap_go")
BUILD_LIMIT_S = 180
LINE_LIMIT_S = 20.0


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> str:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no go here")
    program = str(tmp_path_factory.mktemp("tap_go") / "client")
    # No network: a test must not depend on a registry.
    environment = {**os.environ, "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    try:
        built = subprocess.run(
            [go, "build", "-o", program, "."], cwd=SOURCE, env=environment, capture_output=True, text=True,
            timeout=BUILD_LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip(f"go build took more than {BUILD_LIMIT_S} s")
    if built.returncode != 0:
        pytest.skip(f"go build: {built.stderr.strip().splitlines()[-1]}")
    return program


@dataclass
class GoClient:
    process: asyncio.subprocess.Process

    async def do(self, line: str) -> tuple[str, bytes]:
        """One command; what the client saw: code as Go spells it, and the reply."""
        self.tell(line)
        return await self.saw()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def saw(self) -> tuple[str, bytes]:
        assert self.process.stdout is not None
        said = json.loads(await asyncio.wait_for(self.process.stdout.readline(), LINE_LIMIT_S))
        return said["code"], bytes.fromhex(said["reply"])


def go_name(code: str) -> str:
    """How grpc-go spells a code."""
    return {"OK": "OK", "CANCELLED": "Canceled"}.get(code, code.title().replace("_", ""))


def test_a_go_client_is_seen_as_it_sees_itself(go_client: str) -> None:
    async def scenario() -> None:
        sink, exchanges, saw = Sink(), list[Exchange](), list[tuple[str, bytes]]()
        tap = ClientTap("seen", sink)
        tap.on_exchange = exchanges.append
        order = requests.limit_order("BTCUSDT", types_pb2.ORDER_SIDE_BUY, "1", "2", "c" * 300_000)
        place = f"unary {methods.PLACE_ORDER.path} {order.SerializeToString().hex()}"
        stream = requests.price_stream(["BTCUSDT", "ETHUSDT"])
        async with serving() as server, proxied(tap, server.address) as proxy:
            process = await asyncio.create_subprocess_exec(
                go_client, proxy.address, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=4_000_000
            )
            client = GoClient(process)
            try:
                saw.append(await client.do(f"unary {methods.GET_NAME.path}  0"))
                saw.append(await client.do(f"{place} 0"))
                saw.append(await client.do(f"{place} 0 gzip"))
                server.exchange.refuse("GetAccount", 1, grpc.StatusCode.RESOURCE_EXHAUSTED, "détails, 100 %")
                saw.append(await client.do(f"unary {methods.GET_ACCOUNT.path}  0"))
                server.exchange.unary_gate = asyncio.Event()
                saw.append(await client.do(f"{place} 150"))
                server.exchange.unary_gate = None

                await client.do(f"open {stream.path} {stream.payload.hex()}")
                await server.exchange.listeners("prices", 1)
                server.exchange.publish("prices", *[price(str(number)) for number in range(1, 501)])
                client.tell("read 500")
                first = [await client.saw() for _ in range(500)]
                assert tap.stream("prices").keys == ("BTCUSDT", "ETHUSDT")
                await client.do("cancel")
                await server.exchange.listeners("prices", 0)

                await client.do(f"open {stream.path} {stream.payload.hex()}")
                await server.exchange.listeners("prices", 1)
                server.exchange.publish("prices", price("7"))
                server.exchange.end("prices", grpc.StatusCode.UNAVAILABLE)
                client.tell("drain")
                second = [await client.saw(), await client.saw()]

                await client.do(f"open {stream.path} {stream.payload.hex()}")
                await server.exchange.listeners("prices", 1)
                proxy.cut()
                lost = await client.do("drain")

                assert (await client.do(f"unary {methods.GET_NAME.path}  0"))[0] == "OK"  # it dials again by itself
                await client.do(f"open {stream.path} {stream.payload.hex()}")
                await server.exchange.listeners("prices", 1)
                await client.do("close")
                await eventually(lambda: tap.connections == 0)
            finally:
                process.kill()
                await process.wait()

        assert [(go_name(one.code), one.reply) for one in exchanges[:5]] == saw
        assert [code for code, _ in saw] == ["OK", "OK", "OK", "ResourceExhausted", "DeadlineExceeded"]
        assert [one.request for one in exchanges if one.method == "PlaceOrder"] == [order.SerializeToString()] * 3
        assert [one.outcome for one in sink.calls()][:5] == [Outcome.OK] * 3 + [Outcome.FAIL, Outcome.UNKNOWN]
        replies = [reply for _, reply in (*first, second[0])]
        assert [(one.digest, one.subscription) for one in sink.messages()] == [
            (digest_of(reply), 1 if number < 500 else 2) for number, reply in enumerate(replies)
        ]
        assert second[1][0] == "Unavailable"
        assert lost[0] == "Unavailable"
        marks = [
            (one.name, one.detail.get("subscription"), one.detail.get("code")) for one in sink if isinstance(one, Mark)
        ]
        assert marks == [
            ("connection.opened", None, None), ("client.connected", None, None),
            ("stream.opened", "1", None), ("stream.cancelled", "1", None),
            ("stream.opened", "2", None), ("stream.down", "2", None), ("stream.error", "2", "UNAVAILABLE"),
            ("stream.opened", "3", None), ("stream.down", "3", None), ("stream.error", "3", "UNAVAILABLE"),
            ("client.disconnected", None, None), ("connection.closed", None, None),
            ("connection.opened", None, None), ("client.connected", None, None),
            ("stream.opened", "4", None), ("stream.cancelled", "4", None),
            ("client.disconnected", None, None), ("connection.closed", None, None),
        ]  # fmt: skip

    asyncio.run(scenario())
