"""MarketTopics: from a reading (price, candle, funding) to the topic's subscribers, as cheap as it can be."""

from __future__ import annotations

from collections.abc import Callable

from harness.reference.connector.backends.backend import Sink, Topic
from harness.reference.connector.decimals import timestamp, wire
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources


class MarketTopics:
    """The public topics that are open. `told` hears of each topic that delivers, which proves it subscribed."""

    def __init__(self, exchange: str, told: Callable[[Topic], None]) -> None:
        self._exchange = exchange
        self._told = told
        self._topics: dict[tuple[str, str, str], tuple[Topic, Sink]] = {}
        self._funding: dict[str, tuple[str, int]] = {}

    def add(self, topic: Topic, sink: Sink) -> None:
        """Deliver from now on."""
        self._topics[topic.stream, topic.symbol, topic.interval] = (topic, sink)

    def remove(self, topic: Topic) -> None:
        """Deliver no more."""
        self._topics.pop((topic.stream, topic.symbol, topic.interval), None)
        if topic.stream == "funding":
            self._funding.pop(topic.symbol, None)

    def price(self, symbol: str, price: str, t_ms: int) -> None:
        """One price update."""
        found = self._topics.get(("prices", symbol, ""))
        if found is not None:
            topic, sink = found
            self._told(topic)
            change = events.PriceChange(exchange=self._exchange, symbol=symbol, price=wire(price))
            change.timestamp.CopyFrom(timestamp(t_ms))
            sink.publish(topic, symbol, change)

    def candle(self, interval: str, candle: resources.Candle) -> None:
        """One candle update."""
        found = self._topics.get(("klines", candle.symbol, interval))
        if found is not None:
            topic, sink = found
            self._told(topic)
            sink.publish(topic, candle.symbol, candle)

    def funding(self, symbol: str, rate: str, next_ms: int, t_ms: int) -> None:
        """Venues repeat the rate every second; only a change is an update."""
        found = self._topics.get(("funding", symbol, ""))
        if found is None:
            return
        topic, sink = found
        self._told(topic)
        if self._funding.get(symbol) == (rate, next_ms):
            return
        self._funding[symbol] = (rate, next_ms)
        update = events.FundingUpdate(
            exchange=self._exchange,
            symbol=symbol,
            rate=wire(rate),
            predicted_rate=wire(rate),
            next_funding_time=next_ms,
            timestamp=t_ms,
        )
        sink.publish(topic, symbol, update)
