"""Faults that are an act at a moment (cut sockets, end listen keys, shift the clock), once or on a schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.venue.core.faults import Fault, FaultKind, Knob, Scope
from harness.venue.dialects.dialect import Dialect
from harness.venue.venue import Venue

SHORTEST_SCHEDULE_S = 0.01


class Acts:
    """Sets and heals every knob; those that are acts are carried out here."""

    def __init__(self, venue: Venue, dialect: Dialect) -> None:
        self._venue = venue
        self._dialect = dialect
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._acts: dict[FaultKind, Callable[[Fault], None]] = {
            FaultKind.DROP_SOCKETS: self._drop,
            FaultKind.MAINTENANCE: self._drop,
            FaultKind.EXPIRE_LISTEN_KEY: self._expire,
            FaultKind.SKEW: self._skew,
        }

    def begin(self, knob: Knob) -> Fault:
        """Set a knob; an act without delay has happened when this returns."""
        knob.check()
        fault = self._venue.faults.set(knob)
        act = self._acts.get(knob.kind)
        if act is None:
            return fault
        if not knob.after_s:
            act(fault)
        if knob.after_s or knob.every_s or (knob.kind is FaultKind.SKEW and knob.for_s is not None):
            self._tasks[fault.handle] = asyncio.get_running_loop().create_task(self._carry_out(fault, act))
        elif knob.kind in (FaultKind.DROP_SOCKETS, FaultKind.EXPIRE_LISTEN_KEY):
            self._venue.faults.heal(fault.handle)
        return fault

    def heal(self, handle: int) -> Fault:
        """End a knob's effect; what was cut stays cut."""
        task = self._tasks.pop(handle, None)
        if task is not None:
            task.cancel()
        fault = self._venue.faults.heal(handle)
        if fault.knob.kind is FaultKind.SKEW:
            self._venue.exchange.skew_ms = 0
        if self._venue.faults.spares_events():
            self._venue.hub.release()
        return fault

    def heal_all(self) -> None:
        """Every knob that still stands."""
        for fault in self._venue.faults.all:
            if not fault.healed_ns:
                self.heal(fault.handle)

    async def _carry_out(self, fault: Fault, act: Callable[[Fault], None]) -> None:
        knob = fault.knob
        if knob.after_s:
            await asyncio.sleep(knob.after_s)
            act(fault)
        while knob.every_s and (knob.count is None or fault.fired < knob.count):
            await asyncio.sleep(max(SHORTEST_SCHEDULE_S, knob.every_s))
            if not fault.stands(self._venue.now_ns()):
                break
            act(fault)
        if knob.kind is FaultKind.SKEW and knob.for_s is not None:
            await asyncio.sleep(knob.for_s)
            self._venue.exchange.skew_ms = 0
        if knob.kind is not FaultKind.MAINTENANCE:
            self._venue.faults.heal(fault.handle)

    def _drop(self, fault: Fault) -> None:
        scope = fault.knob.scope
        names = []
        for socket in list(self._venue.hub.sockets.values()):
            where = Scope(socket.path, "", "", socket.key, "", socket.kind)
            wanted = Scope(scope.path, "", "", scope.key, "", scope.sockets)
            heard = not (scope.channel or scope.symbol) or any(
                scope.channel in ("", one.name) and scope.symbol in ("", one.symbol) for one in socket.channels
            )
            if wanted.covers(where) and heard:
                socket.end(fault.knob.how or "close")
                names.append(str(socket.number))
        if names or fault.knob.kind is FaultKind.DROP_SOCKETS:
            self._venue.faults.fired(fault, f"sockets {' '.join(names) or 'none'}")

    def _expire(self, fault: Fault) -> None:
        ended = self._dialect.expire_listen_keys(fault.knob.scope.key, with_event=fault.knob.how != "no_event")
        self._venue.faults.fired(fault, f"{ended} listen keys")

    def _skew(self, fault: Fault) -> None:
        self._venue.exchange.skew_ms = round(fault.knob.delay_s * 1000)
        self._venue.faults.fired(fault, f"{fault.knob.delay_s:g} s")
