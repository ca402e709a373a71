"""Trial: what a case's body holds on to: it records, follows streams until they are live, paces, waits, settles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from harness.client.channel import OPEN, Access
from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE, Fact, Mark, Message, Record
from harness.trial.followed import Followable, Followed
from harness.trial.nudge import nudge
from harness.trial.oracle import LedgerTail, Update
from harness.venue.control import LedgerRow, VenueControl

LIVE_LIMIT_S = 15.0
CATCH_UP_LIMIT_S = 10.0
QUIET_S = 0.4
POLL_S = 0.02
WATCH_PERIOD_S = 0.1


class CutShort(Exception):
    """The target did not do what the choreography waits for; the criteria judge what there is."""


class Cadences(Protocol):
    """How the target delivers a stream: pushed, or polled with a period."""

    def polled_s(self, stream: str) -> float:
        """Period in seconds at which the target polls this stream; 0 when it is pushed."""
        ...


class Trial:
    """One carrying-out of a case. `record` appends to the evidence; nothing here judges."""

    def __init__(self, append: Callable[[Record], None], cadences: Cadences, folder: Path) -> None:
        self._append = append
        self.cadences = cadences
        self.access: Access = OPEN
        """What the connector demands of whoever calls it, the trial's loads included."""
        self.folder = folder
        """Where the evidence lies; clients in processes of their own write below it, see `part`."""
        self.venue: VenueControl | None = None
        self.serial_base = 0
        """Added to the venue's serials: a recording that is taken up again over a new venue counts on."""
        self.ledger_from: int | None = None
        """Serial of the venue after which its ledger is taken in; None: from when it is attached."""
        self._tail: LedgerTail | None = None
        self._is_evidence = True
        self._followed: dict[tuple[str, str], Followed] = {}
        self._parts: list[Path] = []
        self._watching: asyncio.Task[None] | None = None
        self._settled = False

    async def attach_venue(self, venue: VenueControl) -> None:
        """Use this venue as the oracle: its ledger from now on, or from `ledger_from` on, becomes evidence."""
        self.venue = venue
        self._tail = LedgerTail(venue, await venue.serial() if self.ledger_from is None else self.ledger_from)

    async def detach_venue(self) -> None:
        """Take in the ledger's end; the venue may be gone from now on."""
        await self._pull()
        self.venue = self._tail = None

    async def beside(self, venue: VenueControl) -> Trial:
        """A trial over another venue at the same time: it records to the same evidence, its ledger does not."""
        other = Trial(self._append, self.cadences, self.folder)
        await other.attach_venue(venue)
        other._is_evidence = False
        other.access = self.access
        other._followed = self._followed  # whoever hears a message tells the one; names tell the clients apart
        return other

    # -- writing down ---------------------------------------------------------------------------

    def record(self, record: Record) -> None:
        """Append one record to the evidence."""
        self._append(record)
        if isinstance(record, Message):
            self.heard(record)

    def overhear(self, listener: Callable[[Record], None]) -> None:
        """Tell `listener` of every record from now on; it must be quick, and nothing that it raises is caught."""
        append = self._append

        def told(record: Record) -> None:
            append(record)
            listener(record)

        self._append = told

    def heard(self, message: Message) -> None:
        """A delivery that follow, resume and catch_up wait for; recorded or not."""
        followed = self._followed.get((message.client, message.stream))
        if followed is not None:
            followed.heard(message)

    def part(self, name: str) -> Path:
        """A folder for the recorder of another process; `finish` takes what it holds into this evidence."""
        path = self.folder / "parts" / f"{len(self._parts) + 1}-{name}"
        self._parts.append(path)
        return path

    def mark(self, name: str, *, earliest_ns: int = 0, t_ns: int = 0, **detail: str) -> None:
        """Record that something happened, now or at `t_ns`."""
        self.record(Mark(t_ns or now_ns(), name, detail, earliest_ns))

    def fact(self, name: str, value: float, unit: str = "", *, subject: str = "", detail: str = "") -> None:
        """Record one observation."""
        self.record(Fact(name, float(value), unit, subject, detail))

    @asynccontextmanager
    async def window(self, name: str) -> AsyncIterator[None]:
        """Mark a span of time that criteria can refer to; spans of one name are pooled."""
        self.mark("window.begin", window=name)
        try:
            yield
        finally:
            self.mark("window.end", window=name)

    # -- following streams ----------------------------------------------------------------------

    async def follow(self, *subscriptions: Followable, limit_s: float = LIVE_LIMIT_S) -> None:
        """Start the subscriptions and make the venue move until each of them has delivered such a move.

        Only from then on is every update owed: the contract does not tell a client when its
        subscription has taken effect. Raises CutShort when one stays silent for `limit_s`.
        """
        fresh = []
        for subscription in subscriptions:
            followed = Followed(subscription)
            self._followed[subscription.client, subscription.stream] = followed
            subscription.start(on_update=followed.called)
            fresh.append(followed)
        await self._until_live(fresh, limit_s)

    async def resume(self, *subscriptions: Followable, limit_s: float = 3 * LIVE_LIMIT_S) -> None:
        """After an outage: wait until each subscription delivers again; marks data.flowing for each."""
        again = [self._followed[one.client, one.stream] for one in subscriptions]
        asked_ns = now_ns()
        for followed in again:
            followed.seen.clear()
            followed.first_received_ns = followed.last_received_ns = 0
        await self._until_live(again, limit_s, since_ns=asked_ns)

    async def _until_live(self, waiting: list[Followed], limit_s: float, since_ns: int = 0) -> None:
        slowest_s = max([self.cadences.polled_s(one.subscription.stream) for one in waiting] or [0.0])
        end_s = monotonic_s() + limit_s + 2 * slowest_s
        first_serial = await self._venue_serial()
        pending = list(waiting)
        while pending:
            if monotonic_s() > end_s:
                silent = ", ".join(f"{one.subscription.client}/{one.subscription.stream}" for one in pending)
                raise CutShort(f"no update of the venue reached {silent} within {limit_s + 2 * slowest_s:g} s")
            await self._nudge(pending)
            pause_s = max([0.1, *(self.cadences.polled_s(one.subscription.stream) for one in pending)])
            await asyncio.sleep(pause_s)
            await self._pull()
            sent = self._tail.since(first_serial) if self._tail is not None else []
            pending = [one for one in pending if not self._reached(one, sent, since_ns)]

    def _reached(self, one: Followed, sent: list[Update], since_ns: int) -> bool:
        arrived = [update.keys for update in sent if one.has(update)]
        if one.subscription.keys:
            reached = all(any(key in keys for keys in arrived) for key in one.subscription.keys)
        else:
            reached = bool(arrived)
        # Without a venue (the connector's in-process mock) the first message is all there is to see.
        if not reached and not (self.venue is None and one.last_received_ns):
            return False
        one.subscription.mark_live()
        one.live_serial = max([update.serial for update in sent], default=0)
        if since_ns:
            client, stream = one.subscription.client, one.subscription.stream
            self.mark("data.flowing", t_ns=one.first_received_ns, client=client, stream=stream)
        return True

    async def _nudge(self, pending: Iterable[Followed]) -> None:
        if self.venue is not None:
            await nudge(self.venue, [one.subscription for one in pending])

    async def _venue_serial(self) -> int:
        return await self.venue.serial() if self.venue is not None else 0

    async def take_in_ledger(self) -> tuple[int, int]:
        """What the venue has sent so far becomes evidence now, not only at the end, and the venue forgets it; the last
        serial, with the base, and its time (Unix ns), 0 when there is none."""
        await self._pull()
        if self._tail is not None:
            await self._tail.forget()
        serial, sent_ns = self._tail.end if self._tail is not None else (0, 0)
        return self.serial_base + serial, sent_ns

    async def _pull(self) -> None:
        if self._tail is not None:
            await self._tail.pull(self._note if self._is_evidence else lambda row: None)

    def _note(self, row: LedgerRow) -> None:
        serial = self.serial_base + row.serial
        self._append(Message(VENUE, row.stream, row.key, row.value, serial, row.sent_ns, row.sent_ns))

    # -- pacing and waiting ---------------------------------------------------------------------

    async def paced(
        self, *streams: str, times: int, every_s: float = 0.05, polled_times: int = 6
    ) -> AsyncIterator[int]:
        """Yield `times` steps, never faster than the target can see: a polled stream gets fewer, slower ones."""
        polled_s = max(self.cadences.polled_s(stream) for stream in streams)
        if polled_s:
            times, every_s = min(times, polled_times), 1.5 * polled_s
        due_s = monotonic_s()
        for step in range(times):
            yield step
            due_s = max(due_s + every_s, monotonic_s())
            await asyncio.sleep(max(0.0, due_s - monotonic_s()))

    async def until(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait until `condition()` holds; CutShort naming `what` when it does not within `limit_s`."""
        end_s = monotonic_s() + limit_s
        while not condition():
            if monotonic_s() > end_s:
                raise CutShort(f"{what} did not happen within {limit_s:g} s")
            await asyncio.sleep(POLL_S)

    async def observe(self, for_s: float) -> None:
        """Keep looking for `for_s` seconds: what must not come, or must come back, needs time to show."""
        await asyncio.sleep(for_s)

    async def catch_up(self, limit_s: float = CATCH_UP_LIMIT_S) -> None:
        """Wait until every live subscription has what the venue sent last; what never comes is evidence too."""
        await self._pull()
        last = self._tail.last() if self._tail is not None else []
        running = [one for one in self._followed.values() if one.subscription.live and not one.subscription.paused]
        slowest_s = max([0.0, *(self.cadences.polled_s(one.subscription.stream) for one in running)])
        end_s = monotonic_s() + limit_s + slowest_s
        while monotonic_s() < end_s and not all(one.has_all(last) for one in running):
            await asyncio.sleep(POLL_S)
        await self.observe(max(QUIET_S, slowest_s))  # doubled updates come late

    async def settle(self, limit_s: float = CATCH_UP_LIMIT_S) -> None:
        """End of the choreography: let everything under way arrive, then nothing more is owed."""
        await self.catch_up(limit_s)
        await self._stop_watching()
        self._settled = True
        self.mark("trial.settled")

    async def finish(self) -> None:
        """Called when the body is over: settle if it did not, take in the other processes' parts and the ledger."""
        await self._stop_watching()
        if not self._settled:
            self.mark("trial.settled")
        for path in self._parts:
            if path.exists():
                part = Evidence.load(path)
                for record in (*part.messages, *part.marks, *part.readings, *part.facts):
                    self._append(record)
        await self._pull()

    def watch_subscriptions(self, *subscriptions: Followable) -> None:
        """From now to the end: the most and the fewest calls any one has open; facts subscriptions.live.max, .min."""

        async def watch() -> None:
            seen: set[int] = set()
            try:
                while True:
                    seen.update(one.live for one in subscriptions)
                    await asyncio.sleep(WATCH_PERIOD_S)
            finally:
                self.fact("subscriptions.live.max", max(seen), "calls per stream")
                self.fact("subscriptions.live.min", min(seen), "calls per stream")

        self._watching = asyncio.create_task(watch(), name="watch subscriptions")

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
