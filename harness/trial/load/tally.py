"""A stream's messages for Locust's own table, counted in bulk: one event a message would cost more than reading it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from locust.env import Environment
from locust.stats import StatsEntry

from harness.client.content import PRICES
from harness.evidence.clock import NS_PER_MS, NS_PER_S, now_ns
from harness.trial.load.notebook import stamp_ns
from harness.trial.load.template import STREAM_OF

_EVERY_NS = NS_PER_S // 2


class StreamTally:
    """One reader's messages, passed on twice a second. Latencies are those of each receipt's last message."""

    def __init__(self, environment: Environment, method: str) -> None:
        self._environment = environment
        self._fire: Callable[..., None] = environment.events.request.fire
        self._method = method
        self._stamped = STREAM_OF[method] == PRICES
        self._count = self._bytes = 0
        self._since_ns = 0
        self._delay_ms = 0.0

    def took(self, received_ns: int, payloads: Sequence[bytes]) -> None:
        """Messages of one receipt."""
        self._count += len(payloads)
        self._bytes += len(payloads) * len(payloads[-1])
        if received_ns - self._since_ns >= _EVERY_NS:
            if self._stamped:
                sent_ns = stamp_ns(PRICES, payloads[-1])
                self._delay_ms = max(0.0, (received_ns - sent_ns) / NS_PER_MS) if sent_ns else 0.0
            self._since_ns = received_ns
            self.flush()

    def failed(self, code: str) -> None:
        """The stream broke."""
        self._fire(
            request_type="stream", name=self._method, response_time=0, response_length=0,
            exception=RuntimeError(code), context={},
        )  # fmt: skip

    def flush(self) -> None:
        """Pass on what was counted."""
        count, size, self._count, self._bytes = self._count, self._bytes, 0, 0
        if not count:
            return
        # The event makes the entries and tells other listeners; the rest of the batch is added to them.
        self._fire(
            request_type="stream", name=self._method, response_time=self._delay_ms, response_length=size,
            exception=None, context={},
        )  # fmt: skip
        for entry in (self._environment.stats.total, self._environment.stats.get(self._method, "stream")):
            _add(entry, count - 1, self._delay_ms)


def _add(entry: StatsEntry, count: int, delay_ms: float) -> None:
    entry.num_requests += count
    entry.num_reqs_per_sec[now_ns() // NS_PER_S] += count
    entry.total_response_time += round(delay_ms * count)
    entry.response_times[round(delay_ms)] += count
