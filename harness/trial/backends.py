"""Case 3.2.5: one exchange backend held against its venue: every answer, stream, decimal and error condition."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from harness.client.errors import ConnectFailed, RemoteError
from harness.client.remote import RemoteExchange
from harness.target.errors import TargetError
from harness.trial import answers, error_conditions
from harness.trial.compare import Comparison
from harness.trial.connector import subscribe
from harness.trial.stage import EXCHANGES, Stage
from harness.trial.trial import CutShort, Trial
from harness.venue.control import ControlError, VenueControl

AT_ONCE = 2
IDS_ARE_UUIDS = ("bybit",)
STREAMS = ("prices", "orders", "account", "positions", "klines")
SYMBOL, OTHER = "BTCUSDT", "ETHUSDT"


async def check_backends(trial: Trial, stage: Stage) -> None:
    """Every exchange, a few at a time: what is compared are answers, not times."""
    lanes = asyncio.Semaphore(AT_ONCE)

    async def check(exchange: str) -> None:
        async with lanes:
            await check_backend(trial, stage, exchange)

    async with asyncio.TaskGroup() as group:
        for exchange in EXCHANGES:
            group.create_task(check(exchange))


async def check_backend(trial: Trial, stage: Stage, exchange: str) -> None:
    """Facts answer, stream, decimals, error.mapping with the exchange as subject; a backend that cannot start fails."""
    async with AsyncExitStack() as opened:
        try:
            venue = await stage.venue(exchange, oracle=False)
            connector = await stage.connector(exchange, probed=False)
            client = await opened.enter_async_context(connector.client(exchange))
        except (TargetError, ControlError, ConnectFailed) as failed:
            trial.fact("answer", 0, "1: correct", subject=f"{exchange}/start", detail=str(failed))
            return
        try:
            backend = _Backend(await trial.beside(venue), exchange, client, venue)
            await backend.prepare()
            await backend.check_answers()
            await backend.check_streams()
            await error_conditions.check(trial, exchange, client, venue)
        except ControlError as failed:
            trial.fact("answer", 0, "1: correct", subject=f"{exchange}/venue", detail=str(failed))
        finally:
            await connector.service.close()


@dataclass(eq=False)
class _Backend:
    trial: Trial
    exchange: str
    client: RemoteExchange
    venue: VenueControl
    decimals: Comparison = field(default_factory=Comparison)

    async def prepare(self) -> None:
        """Something to be seen: two positions, one of them short, and prices that are not the seed's."""
        await self.venue.set_position(SYMBOL, "0.013")
        await self.venue.set_position(OTHER, "-0.25")
        await self.venue.move_price(SYMBOL, times=3)
        await self.venue.move_price(OTHER, times=3)

    async def answer(self, name: str, compared: Comparison, asking: Awaitable[None]) -> None:
        """One fact `answer` for one RPC, or for one way of using it."""
        try:
            await asking
        except RemoteError as refused:
            compared.differences.append(str(refused))
        except (LookupError, ValueError) as odd:
            compared.differences.append(f"{type(odd).__name__}: {odd}")
        self.decimals.decimals += compared.decimals
        self.decimals.decimals_compared += compared.decimals_compared
        subject = f"{self.exchange}/{name}"
        self.trial.fact("answer", not compared.differences, "1: correct", subject=subject, detail=compared.detail)

    async def check_answers(self) -> None:
        """Reads, then writes, each against the venue's own state."""
        for name, read in answers.READS.items():
            compared = Comparison(same_ids=self.exchange not in IDS_ARE_UUIDS)
            await self.answer(name, compared, read(compared, self.exchange, self.client, self.venue))
        for name, write in answers.WRITES.items():
            compared = Comparison(same_ids=self.exchange not in IDS_ARE_UUIDS)
            await self.answer(name, compared, write(compared, self.client, self.venue))
        enough = self.decimals.decimals_compared > 0 and not self.decimals.decimals
        self.trial.fact(
            "decimals",
            enough,
            "1: all equal",
            subject=self.exchange,
            detail="; ".join(self.decimals.decimals) or f"{self.decimals.decimals_compared} compared",
        )

    async def check_streams(self) -> None:
        """Each stream must deliver an update that the venue made for it, spelled as the venue spelled it."""
        for name in STREAMS:
            subscription = subscribe(self.client, name)
            detail = ""
            try:
                await self.trial.follow(subscription)
            except CutShort as silent:
                detail = str(silent)
            finally:
                await subscription.cancel()
            self.trial.fact("stream", not detail, "1: delivers", subject=f"{self.exchange}/{name}", detail=detail)
