"""The meters: bounded, readable as JSON and as Prometheus text, with a log of the run and close latencies."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import aiohttp
import pytest

from harness.venue.core.hub import Socket
from harness.venue.core.meters import SOCKET_ROWS_KEPT, Meters, endpoint_of
from suites.self.venue.workshop import KEY, ask, ask_signed, listen_key, listener, run, until, venue

pytestmark = pytest.mark.self
SAMPLE = re.compile(r'(venue_[a-z_]+)\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)+)\} (\S+)')


class NoWire:
    def write(self, data: bytes) -> None: ...

    def buffered_bytes(self) -> int:
        return 0

    def end(self, how: str) -> None: ...


def socket(number: int, path: str) -> Socket:
    return Socket(number, path, NoWire(), opened_ns=1_000, endpoint=endpoint_of(path))


def test_rows_of_sockets_are_capped_and_add_up() -> None:
    meters = Meters(lambda: 0)
    sockets = [socket(number, f"/made-up-{number}") for number in range(SOCKET_ROWS_KEPT + 50)]
    for one in sockets:
        meters.socket_opened(one, 0)
    assert len(meters.sockets) == SOCKET_ROWS_KEPT + 1
    assert meters.sockets["(other)", "", ""].now == 50
    for one in sockets:
        meters.socket_leaves(one)
        one.kind, one.key = "private", "k"
        meters.socket_identified(one)
        assert sum(row.now for row in meters.sockets.values()) == meters.all_sockets.now
    for one in sockets:
        meters.socket_closed(one, 1000, 1)
    assert {row.now for row in meters.sockets.values()} == {0}
    assert len(meters.sockets) <= SOCKET_ROWS_KEPT + 1


def test_a_temporary_key_is_no_endpoint_of_its_own() -> None:
    assert endpoint_of("/ws/" + "a1" * 32) == "/ws/{key}"
    assert endpoint_of("/" + "a1" * 32 + "/x") == "/{key}/x"
    assert endpoint_of("/btcusdt@bookTicker") == "/btcusdt@bookTicker"
    assert len(endpoint_of("/a b" * 1000)) == 120


def test_ping_gaps_are_told_between_pings_and_over_the_whole_life() -> None:
    one = socket(1, "/ws")
    assert (one.longest_ping_gap_ns, one.longest_unpinged_ns(9_000)) == (0, 8_000)
    for now_ns in (3_000, 4_000, 7_000):
        one.pinged(now_ns)
    assert (one.pings, one.longest_ping_gap_ns) == (3, 3_000)
    assert one.longest_unpinged_ns(7_500) == 3_000
    assert one.longest_unpinged_ns(20_000) == 13_000
    late = socket(2, "/ws")
    late.pinged(50_000)
    assert late.longest_unpinged_ns(50_000) == 49_000


def test_listen_keys_and_pings_of_real_sockets() -> None:
    async def body() -> None:
        async with venue() as running:
            key = await listen_key(running)
            async with listener(running, f"/{key}") as heard:
                await heard.socket.ping()
                await until(lambda: heard.pongs, "a pong")
                meters = await running.control.meters()
                (shown,) = meters.open_sockets
                assert (shown.path, shown.kind, shown.key, shown.pings) == ("/{key}", "private", KEY.key, 1)
                assert shown.longest_unpinged_ns > 0
                assert key not in repr(meters)
            assert [(one.path, one.kind) for one in meters.sockets] == [("/{key}", "private")]

    run(body)


def test_close_latency_counts_from_a_marked_moment_to_the_end_of_each_socket() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, "/ethusdt@trade"):
            async with listener(running, "/btcusdt@trade") as leaving:
                began_s = time.monotonic()
                assert await running.control.mark_moment("cancelled", path="/btcusdt") == 1
                assert await running.control.mark_moment("all") == 2
                await leaving.socket.close(code=1001)

                async def gone() -> bool:
                    return (await running.control.meters()).sockets_now == 1

                await until(gone, "the end of the socket")
                took_s = time.monotonic() - began_s
            cancelled, everything = (await running.control.meters()).moments
            (one,) = cancelled.sockets
            assert one.latency_s is not None
            assert 0 < one.latency_s <= took_s
            assert (one.code, one.ended) == (1001, "")
            assert sorted(it.latency_s is None for it in everything.sockets) == [False, True]

    run(body)


def test_the_log_tells_what_happened_in_order_of_time() -> None:
    async def body() -> None:
        async with venue() as running:
            before_ns = time.time_ns()
            async with listener(running, "/btcusdt@trade"):
                await running.control.fault("http_status", status=502, path="/fapi/v1/time", count=1)
                await ask(running, "GET", "/fapi/v1/time", key=None)
            await listen_key(running)

            async def closed() -> bool:
                return "socket.closed" in [row.what for row in await running.control.log()]

            await until(closed, "the end of the socket")
            rows = await running.control.log()
            found = [row.what for row in rows]
            for what in ("socket.opened", "subscribed", "fault.set", "fault.bit", "request", "login", "socket.closed"):
                assert what in found
            assert [row.number for row in rows] == list(range(1, len(rows) + 1))
            assert all(a.t_ns <= b.t_ns for a, b in itertools.pairwise(rows))
            request = rows[found.index("request")]
            assert (request.subject, "status 502" in request.detail) == ("GET /fapi/v1/time", True)
            arrived_ns = int(request.detail.split("arrived_ns ")[1].split()[0])
            assert before_ns <= arrived_ns <= request.t_ns <= time.time_ns()
            assert await running.control.log(since=rows[-1].number) == ()

    run(body)


def test_prometheus_text_says_the_same_as_the_meters() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, "/btcusdt@trade"):
            await ask_signed(running, "GET", "/fapi/v3/account")
            await ask(running, "GET", '/fapi/v1/"quote\\', key=None)
            await running.control.move_price("BTCUSDT", times=3)
            meters, text = await running.control.meters(), await running.control.metrics()
            samples: dict[str, list[tuple[str, float]]] = {}
            for line in text.splitlines():
                if not line.startswith("#"):
                    found = SAMPLE.fullmatch(line)
                    assert found is not None, line
                    samples.setdefault(found[1], []).append((found[2], float(found[3])))
                    assert f"# TYPE {found[1]} " in text
            assert sum(value for _, value in samples["venue_sockets"]) == meters.sockets_now == 1
            assert sum(value for _, value in samples["venue_requests_total"]) == sum(it.count for it in meters.requests)
            assert [value for _, value in samples["venue_serial"]] == [meters.ledger_serial]
            assert [value for _, value in samples["venue_frames_sent_total"]] == [3]
            assert all('venue="binance"' in labels for rows in samples.values() for labels, _ in rows)

    run(body)


async def http(method: str, url: str, **options: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as answer:
        return answer.status, await answer.text()


def test_the_control_port_acts_only_on_a_post_and_for_no_other_page() -> None:
    async def body() -> None:
        async with venue() as running:
            url = f"http://{running.control.address}/fault"
            knob = '{"kind": "refuse"}'
            assert (await http("GET", url))[0] == 405
            assert (await http("POST", url, data=knob, headers={"Origin": "http://elsewhere.example"}))[0] == 403
            assert (await ask(running, "GET", "/fapi/v1/time", key=None)).status == 200
            own = {"Origin": f"http://{running.control.address}"}
            assert (await http("POST", url, data=knob, headers=own))[0] == 200
            assert (await ask(running, "GET", "/fapi/v1/time", key=None)).status == 503

    run(body)
