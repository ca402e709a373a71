"""Orders of a load held against the book that they went to: every accepted one is there, and there once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from harness.client.measuring import MeasuringClient, Timed
from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Outcome
from harness.trial.load.run import LoadResult
from harness.trial.load.status import EVIDENCE
from harness.trial.load.template import requests, rpc
from harness.trial.trial import CutShort, Trial
from harness.wire.opensqt.market_maker.v1 import exchange_pb2

BOOK_LIMIT_S = 30.0
SHOWN = 5


async def record_booked(trial: Trial, load: LoadResult, prefix: str, symbol: str) -> None:
    """Facts orders.accepted, orders.missing_at_venue and orders.doubled_at_venue of a load of resting limit orders.

    Order number n of the load had the client order id `prefix`n. The book is what GetOpenOrders says of `symbol`,
    asked over plain sockets, since sixty thousand orders are more than a gRPC client takes by default. Raises
    CutShort when the book cannot be had.
    """
    placed = (await asyncio.to_thread(Evidence.load, load.folder / EVIDENCE)).calls
    reply = await asyncio.to_thread(_asked, load, symbol)
    if reply.code != "OK":
        raise CutShort(f"GetOpenOrders of {symbol} after the load was answered {reply.code} {reply.details}".rstrip())
    book = exchange_pb2.GetOpenOrdersResponse.FromString(reply.reply).orders
    counts = Counter(order.client_order_id for order in book)
    accepted = accepted_ids(placed, prefix)
    missing = [one for one in accepted if not counts[one]]
    doubled = [one for one in accepted if counts[one] > 1]
    trial.fact("orders.accepted", len(accepted), "orders", detail=f"{len(book)} orders are on the book of {symbol}")
    for name, found in (("missing", missing), ("doubled", doubled)):
        trial.fact(f"orders.{name}_at_venue", len(found), "orders", detail=", ".join(found[:SHOWN]))


def accepted_ids(placed: Iterable[Call], prefix: str) -> list[str]:
    """Client order ids of the orders that were answered OK; one whose answer was lost may be booked or not."""
    return [f"{prefix}{call.seq}" for call in placed if call.method == "PlaceOrder" and call.outcome is Outcome.OK]


def _asked(load: LoadResult, symbol: str) -> Timed:
    method = "GetOpenOrders"
    plan = load.plan
    with MeasuringClient(plan.address, tls=plan.tls, metadata=plan.metadata, timeout_s=BOOK_LIMIT_S) as client:
        return client.unary(rpc(method), requests(method, {"symbol": symbol}, "")(1))
