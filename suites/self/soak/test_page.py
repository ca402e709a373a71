"""The live page of a soak: what it tells people and machines, and that it follows by itself."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.clock import now_ns
from harness.soak.checkpoint import Checkpoint, Progress
from harness.soak.page import Courses, LivePage, PortTaken, exposition

pytestmark = pytest.mark.self

NOW = Checkpoint(
    state="steady", life=1, runner_pid=1, t_ns=now_ns(), duration_s=86_400.0, steady_s=3_725.0, calls=900, failed=3,
    looks=10, serving=10,
    progress=Progress(
        rss_bytes=100 * 2**20, rss_grown_bytes=2**20, runtime_units=36, calls=900, failed=3, p50_ms=1.5, p99_ms=9.25,
        updates=1234, harness_rss_bytes=2e8, harness_cpu_percent=9.6,
    ),
)  # fmt: skip


@asynccontextmanager
async def served(page: LivePage) -> AsyncIterator[str]:
    said: list[str] = []
    async with page.serving(0, said.append):
        found = re.search(r"http://127\.0\.0\.1:\d+/", said[0])
        assert found
        yield found[0]


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def test_it_tells_machines_and_people_the_newest_checkpoint() -> None:
    async def go() -> tuple[str, str, str]:
        page = LivePage()
        async with served(page) as url:
            assert await asyncio.to_thread(read, url + "metrics") == "", "nothing is said before there is something"
            page.add(NOW)
            page.add(replace(NOW, t_ns=NOW.t_ns + 6 * 10**9, steady_s=3_731.0))
            return tuple([await asyncio.to_thread(read, url + path) for path in ("", "status.json", "metrics")])  # type: ignore[return-value]

    html, status, metrics = asyncio.run(go())
    assert "<title>Soak</title>" in html
    told = json.loads(status)
    assert told["checkpoint"]["steady_s"] == 3_731.0
    assert [len(point) for point in told["courses"]["points"]] == [5, 5]
    assert "\nnfr_soak_steady_seconds 3731.0\n" in "\n" + metrics
    assert "\nnfr_soak_latency_p99_ms 9.25\n" in metrics
    assert len(re.findall(r"^# TYPE nfr_soak_\w+ gauge$", metrics, re.M)) == metrics.count("\n") / 2


def test_a_port_that_is_taken_is_said_in_a_sentence() -> None:
    async def go() -> None:
        async with served(LivePage()) as url:
            port = int(url.rstrip("/").rpartition(":")[2])
            with pytest.raises(PortTaken, match=f"no live page on port {port} .*--page"):
                async with LivePage().serving(port, lambda line: None):
                    pass

    asyncio.run(go())


@given(st.integers(1, 5_000), st.integers(2, 60))
def test_the_courses_stay_bounded_and_reach_from_the_beginning_to_now(count: int, kept: int) -> None:
    courses = Courses(kept)
    for number in range(count):
        courses.add(5.0 * number, (float(number),))
    times = [point[0] for point in courses.points]
    assert len(times) <= kept
    assert times == sorted(set(times))
    assert times[0] == 0.0
    assert times[-1] >= 5.0 * (count - 1) / 2


def test_before_the_first_checkpoint_there_is_nothing_to_expose() -> None:
    assert exposition(None) == ""


def test_what_was_not_seen_is_no_sample() -> None:
    metrics = exposition(replace(NOW, progress=Progress()))
    assert "-1" not in metrics
    for unseen in ("latency", "rss", "runtime_units", "harness"):
        assert unseen not in metrics
        assert unseen in exposition(NOW)
    assert "nfr_soak_calls 900\n" in metrics


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_the_page_follows_by_itself_in_a_browser() -> None:
    from playwright.async_api import async_playwright

    async def go() -> None:
        page = LivePage()
        page.add(NOW)
        async with served(page) as url, async_playwright() as play:
            browser = await play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            try:
                tab = await browser.new_page()
                broken: list[str] = []
                tab.on("pageerror", lambda error: broken.append(str(error)))
                await tab.goto(url)
                await tab.wait_for_selector("#where:has-text('1:02:05')")
                assert "nothing is lost" in await tab.inner_text("#verdict")
                assert "100.0 MiB" in await tab.inner_text("#rss_bytes")
                lost = replace(NOW.progress, lost_for_good=("crashes: no service dies: 1 crashes",), rss_bytes=2e8)
                page.add(replace(NOW, t_ns=NOW.t_ns + 6 * 10**9, steady_s=3_800.0, progress=lost))
                await tab.wait_for_selector("#verdict.lost")
                assert "no service dies" in await tab.inner_text("#verdict")
                assert (await tab.get_attribute("#c-rss_bytes", "d") or "").count("L") == 1
                unseen = replace(NOW.progress, p50_ms=-1.0, p99_ms=-1.0, runtime_units=-1.0, rss_bytes=-1.0)
                page.add(replace(NOW, t_ns=NOW.t_ns + 12 * 10**9, steady_s=3_801.0, progress=unseen))
                await tab.wait_for_selector("#p99_ms:text-is('\u2013')")
                assert [await tab.inner_text(one) for one in ("#rss_bytes", "#runtime_units")] == 2 * ["\N{EN DASH}"]
                assert broken == []
            finally:
                await browser.close()

    asyncio.run(go())
