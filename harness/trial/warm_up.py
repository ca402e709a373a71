"""Warm-up: keep a target busy in the way that is to be measured until its latency has stopped falling."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from harness.client.measuring import MeasuringClient
from harness.evidence.clock import NS_PER_MS, NS_PER_S, monotonic_s, now_ns
from harness.trial.load.notebook import stamp_ns
from harness.trial.load.plan import LoadPlan
from harness.trial.load.template import STREAM_OF, requests, rpc
from harness.trial.trial import Trial

BLOCK = 40
"""Calls, or messages, in a block."""
AGREEING = 3
"""So many blocks in a row without a new low end it: less would take one lucky block for the end of the fall."""
LIMIT_S = 12.0
FASTEST_PER_S = 200.0
FALLS_SHARE, FALLS_MS = 0.9, 0.05
"""A block is a new low when it is below this share of the lowest so far, and by more than timer noise."""


class Block(NamedTuple):
    """One block's quantiles, ms."""

    p50_ms: float
    p95_ms: float


async def warm_up(trial: Trial, plan: LoadPlan, *, limit_s: float = LIMIT_S) -> None:
    """Make `plan`'s calls (or read its stream), unrecorded, until p50 and p95 of the blocks have stopped falling.

    Marks load.warm {how, took_s}; no mark when they still fell after `limit_s`: then nothing shows that it is warm.
    """
    began_s = monotonic_s()
    blocks = await asyncio.to_thread(_blocks, plan.admitted(trial.access), began_s + limit_s)
    if not steady(blocks):
        return
    first, last = blocks[0], blocks[-1]
    how = (
        f"{len(blocks)} blocks of {BLOCK}: p50 {first.p50_ms:.2f} -> {last.p50_ms:.2f} ms, "
        f"p95 {first.p95_ms:.2f} -> {last.p95_ms:.2f} ms, no new low in the last {AGREEING}"
    )
    trial.mark("load.warm", how=how, took_s=f"{monotonic_s() - began_s:.2f}")


def steady(blocks: list[Block]) -> bool:
    """Whether neither quantile of the last AGREEING blocks is a new low against all blocks before them."""
    if len(blocks) <= AGREEING:
        return False
    before, last = blocks[:-AGREEING], blocks[-AGREEING:]
    return not any(
        min(one[at] for one in last) < FALLS_SHARE * min(one[at] for one in before) - FALLS_MS for at in (0, 1)
    )


def _blocks(plan: LoadPlan, until_s: float) -> list[Block]:
    """Until steady, or until then (monotonic s); in a thread of its own."""
    blocks: list[Block] = []
    with MeasuringClient(plan.address, tls=plan.tls, metadata=plan.metadata, timeout_s=plan.timeout_s) as client:
        took = _received_ms(client, plan, until_s) if plan.streams else _called_ms(client, plan, until_s)
        while not steady(blocks):
            block = list(itertools.islice(took, BLOCK))
            if len(block) < BLOCK:
                break
            p50_ms, p95_ms = np.quantile(block, (0.5, 0.95), method="inverted_cdf")
            blocks.append(Block(float(p50_ms), float(p95_ms)))
        took.close()
    return blocks


def _called_ms(client: MeasuringClient, plan: LoadPlan, until_s: float) -> Generator[float, None, None]:
    method, fill = rpc(plan.method), requests(plan.method, plan.request, f"w{now_ns():x}")
    due_ns, step_ns = now_ns(), round(NS_PER_S / min(plan.rate_per_s or FASTEST_PER_S, FASTEST_PER_S))
    for number in itertools.count(1):
        if monotonic_s() > until_s:
            return
        time.sleep(max(0, due_ns - now_ns()) / NS_PER_S)
        timed = client.unary(method, fill(number))
        due_ns = max(due_ns + step_ns, now_ns())
        yield (timed.done_ns - timed.sent_ns) / NS_PER_MS


def _received_ms(client: MeasuringClient, plan: LoadPlan, until_s: float) -> Generator[float, None, None]:
    """From the stamp in the message, or where there is none from the message before it."""
    stream_name = STREAM_OF[plan.method]
    with client.stream(rpc(plan.method), requests(plan.method, plan.request, "w")(1)) as stream:
        before_ns = now_ns()
        while not stream.code and monotonic_s() <= until_s:
            batch = stream.receive(0.5)
            if batch is None:
                continue
            for payload in batch.payloads:
                yield (batch.received_ns - (stamp_ns(stream_name, payload) or before_ns)) / NS_PER_MS
            before_ns = batch.received_ns
