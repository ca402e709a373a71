"""Build the contract's requests from plain values: orders, and what each stream is subscribed with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from google.type.decimal_pb2 import Decimal as WireDecimal

from harness.client.content import ACCOUNT, FUNDING, KLINES, ORDERS, POSITIONS, PRICES
from harness.client.methods import SERVICE
from harness.wire.opensqt.market_maker.v1 import exchange_pb2, resources_pb2, types_pb2

DEFAULT_KLINE_INTERVAL = "1m"


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """One server stream to open: its name in Evidence, its RPC, the request's bytes."""

    stream: str
    method: str
    payload: bytes
    symbols: tuple[str, ...] = ()
    """The symbols it is limited to; empty: all there are."""

    @property
    def path(self) -> str:
        """The HTTP/2 path of the RPC."""
        return f"/{SERVICE}/{self.method}"


def account_stream() -> StreamRequest:
    """The whole account."""
    return StreamRequest(ACCOUNT, "SubscribeAccount", exchange_pb2.SubscribeAccountRequest().SerializeToString())


def position_stream(symbol: str = "") -> StreamRequest:
    """Positions of one symbol, or of all."""
    request = exchange_pb2.SubscribePositionsRequest(symbol=symbol)
    return StreamRequest(POSITIONS, "SubscribePositions", request.SerializeToString(), (symbol,) if symbol else ())


def order_stream() -> StreamRequest:
    """All orders of the account."""
    return StreamRequest(ORDERS, "SubscribeOrders", exchange_pb2.SubscribeOrdersRequest().SerializeToString())


def price_stream(symbols: Sequence[str]) -> StreamRequest:
    """Prices of these symbols."""
    request = exchange_pb2.SubscribePriceRequest(symbols=_listed(symbols))
    return StreamRequest(PRICES, "SubscribePrice", request.SerializeToString(), tuple(request.symbols))


def kline_stream(symbols: Sequence[str], interval: str = DEFAULT_KLINE_INTERVAL) -> StreamRequest:
    """Candles of these symbols."""
    request = exchange_pb2.SubscribeKlinesRequest(symbols=_listed(symbols), interval=interval)
    return StreamRequest(KLINES, "SubscribeKlines", request.SerializeToString(), tuple(request.symbols))


def funding_stream(symbol: str = "") -> StreamRequest:
    """Funding rates of one symbol, or of all."""
    request = exchange_pb2.SubscribeFundingRateRequest(symbol=symbol)
    return StreamRequest(FUNDING, "SubscribeFundingRate", request.SerializeToString(), (symbol,) if symbol else ())


def stream_named(stream: str, symbols: Sequence[str], interval: str = DEFAULT_KLINE_INTERVAL) -> StreamRequest:
    """The request for a stream given by its name. ValueError for a name that the contract lacks.

    The position and funding filters take one symbol: with several, all are asked for.
    """
    single = symbols[0] if len(symbols) == 1 else ""
    made: dict[str, Callable[[], StreamRequest]] = {
        ACCOUNT: account_stream,
        ORDERS: order_stream,
        POSITIONS: lambda: position_stream(single),
        FUNDING: lambda: funding_stream(single),
        PRICES: lambda: price_stream(symbols),
        KLINES: lambda: kline_stream(symbols, interval),
    }
    if stream not in made:
        raise ValueError(f"no stream {stream!r}: use one of {', '.join(made)}")
    return made[stream]()


def limit_order(
    symbol: str,
    side: types_pb2.OrderSide,
    quantity: Decimal | str,
    price: Decimal | str,
    client_order_id: str = "",
    *,
    time_in_force: types_pb2.TimeInForce = types_pb2.TIME_IN_FORCE_GTC,
) -> resources_pb2.PlaceOrderRequest:
    """A limit order that rests on the book until it is filled or cancelled."""
    return resources_pb2.PlaceOrderRequest(
        symbol=symbol, side=side, type=types_pb2.ORDER_TYPE_LIMIT, time_in_force=time_in_force,
        quantity=decimal(quantity), price=decimal(price), client_order_id=client_order_id,
    )  # fmt: skip


def market_order(
    symbol: str, side: types_pb2.OrderSide, quantity: Decimal | str, client_order_id: str = ""
) -> resources_pb2.PlaceOrderRequest:
    """An order that takes what the book has."""
    return resources_pb2.PlaceOrderRequest(
        symbol=symbol, side=side, type=types_pb2.ORDER_TYPE_MARKET,
        quantity=decimal(quantity), client_order_id=client_order_id,
    )  # fmt: skip


def decimal(value: Decimal | str) -> WireDecimal:
    """A decimal for the wire, digit for digit; never from a float."""
    return WireDecimal(value=value if isinstance(value, str) else format(value, "f"))


def _listed(symbols: Sequence[str]) -> list[str]:
    if isinstance(symbols, str):
        raise TypeError(f"symbols is the string {symbols!r}: give a sequence of symbols")
    return list(symbols)
