"""What every backend over a simulated venue must do, for the tests of each: answers and streams."""

from __future__ import annotations

from google.type.decimal_pb2 import Decimal as Wire

from .answer_checks import (
    BTC,
    ETH,
    LTC,
    REFUSED,
    check_account,
    check_batches,
    check_many_orders,
    check_market,
    check_one_order_a_client_id,
    check_orders,
    check_refusals,
    faulty,
    limit,
    refusal,
    same,
)
from .stream_checks import (
    ACCOUNT,
    FUNDING,
    KLINES,
    ORDERS,
    POSITIONS,
    PRICE,
    check_lost_sockets,
    check_prices,
    check_private_streams,
    check_public_streams,
    check_refused_frames,
    check_rounds_leave_nothing,
    following,
)

__all__ = [
    "ACCOUNT", "BTC", "ETH", "FUNDING", "KLINES", "LTC", "ORDERS", "POSITIONS", "PRICE", "REFUSED", "Wire",
    "check_account", "check_batches", "check_lost_sockets", "check_many_orders", "check_market",
    "check_one_order_a_client_id", "check_orders", "check_prices", "check_private_streams", "check_public_streams",
    "check_refusals", "check_refused_frames", "check_rounds_leave_nothing", "faulty", "following", "limit", "refusal",
    "same",
]  # fmt: skip
