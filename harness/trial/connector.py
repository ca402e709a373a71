"""Connector: the connector under test as a case's body sees it, with clients that write into the evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.client.backoff import CONTRACT_BACKOFF, Backoff
from harness.client.channel import Access
from harness.client.health import Health
from harness.client.remote import RemoteExchange
from harness.client.subscription import Subscription
from harness.evidence.records import Message, Record
from harness.target.service import Service
from harness.trial.path import Path

if TYPE_CHECKING:
    from harness.trial.stage import Stage

START_LIMIT_S = 60.0
WARM_UP_LIMIT_S = 15.0
AT_REST = (
    "connector.runtime_units",
    "connector.descriptors",
    "connector.sockets",
    "venue.sockets",
    "venue.subscriptions",
)


class Connector:
    """The connector under test."""

    def __init__(self, service: Service, stage: Stage, exchange: str) -> None:
        self.service = service
        self.exchange = exchange
        self.stage = stage

    @property
    def address(self) -> str:
        """host:port of its gRPC port."""
        return self.service.address

    @property
    def direct_address(self) -> str:
        """host:port without anything between: a container's own address, where `address` is a forwarded port."""
        return self.service.direct_address

    def client(
        self, name: str, *, through: Path | None = None, recorded: bool = True, window_bytes: int = 0,
        backoff: Backoff = CONTRACT_BACKOFF,
    ) -> RemoteExchange:  # fmt: skip
        """A client not yet connected: use as `async with`. `through`: the proxy it connects over.

        `window_bytes`: a small flow-control window, for a reader that is to be felt when it stops reading.
        """
        record = self.stage.trial.record if recorded else self._overheard
        address, access = through.address if through else self.address, self.access
        return RemoteExchange(
            address, name=name, record=record, window_bytes=window_bytes, api_key=access.api_key, tls=access.tls,
            backoff=backoff,
        )  # fmt: skip

    @property
    def access(self) -> Access:
        """What it demands of its clients, as the profile says."""
        return self.stage.profile.access

    def _overheard(self, record: Record) -> None:
        """Sink of clients that are not evidence: the trial still waits for their messages."""
        if isinstance(record, Message):
            self.stage.trial.heard(record)

    def health(self, record: Callable[[Record], None] = lambda _: None) -> Health:
        """A health client, to be used as `async with`; its marks go to `record`."""
        return Health(self.address, record=record, api_key=self.access.api_key, tls=self.access.tls)

    def path(self, name: str = "path") -> Path:
        """A TCP proxy in front of this connector, on which connections can be reset or black-holed."""
        return Path(self.direct_address, name)

    async def warm_up(self, *streams: str) -> None:
        """One unrecorded client subscribes and leaves, so that what the connector starts lazily has started."""
        async with self.client("warm-up", recorded=False) as client:
            subscriptions = [subscribe(client, stream) for stream in streams]
            await self.stage.trial.follow(*subscriptions, limit_s=WARM_UP_LIMIT_S)
            for subscription in subscriptions:
                await subscription.cancel()

    async def baseline(self, name: str = "baseline") -> None:
        """Wait until the probes are at rest, then mark the baseline that later readings are held against."""
        await self.stage.at_rest(*AT_REST)
        self.stage.mark_baseline(name, *AT_REST)

    async def record_health(self, limit_s: float) -> None:
        """Facts connector.alive and connector.serving, as they are once it says SERVING, or after `limit_s`."""
        async with self.health() as health:
            await health.until("SERVING", limit_s)
            answer = await health.check()
        gone = await self.service.wait_exit(0.0)
        self.stage.trial.fact("connector.alive", gone is None, "1: runs", detail="" if gone is None else f"exit {gone}")
        self.stage.trial.fact("connector.serving", answer == "SERVING", "1: SERVING", detail=answer)

    async def kill(self) -> None:
        """SIGKILL, and see that it is gone."""
        await self.service.kill()

    async def restart(self) -> None:
        """Start it again at the same address and wait until it serves; marks process.restarted_serving."""
        await self.service.restart(limit_s=START_LIMIT_S)
        self.stage.trial.mark("process.restarted_serving", service=self.service.name)


def subscribe(client: RemoteExchange, stream: str, symbols: tuple[str, ...] = ("BTCUSDT",)) -> Subscription:
    """The client's subscription to a stream by the stream's name."""
    match stream:
        case "account":
            return client.account()
        case "positions":
            return client.positions()
        case "orders":
            return client.orders()
        case "prices":
            return client.prices(symbols)
        case "klines":
            return client.klines(symbols, "1m")
        case "funding":
            return client.funding(symbols[0])
    raise ValueError(f"no stream is called {stream!r}: account, positions, orders, prices, klines, funding")
