"""Service: one running (or stopped) service under test and the few things that can be done to it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.evidence.records import Fact, Reading, Record


class Capability(StrEnum):
    """What a kind of service may offer. Without it the methods raise CannotDoError in one sentence."""

    KILL = "kill"
    PAUSE = "pause"
    RESTART = "restart"
    INSPECT = "inspect"
    ISOLATE = "isolate"


@runtime_checkable
class Killable(Protocol):
    """Can be ended: at once, or by its own graceful stop."""

    async def kill(self) -> None:
        """SIGKILL, for real; returns when the process is gone. Nothing happens when it is gone already."""
        ...

    async def terminate(self) -> None:
        """SIGTERM; returns at once (`wait_exit` tells when it ended, and how)."""
        ...


@runtime_checkable
class Restartable(Protocol):
    """Can be started again at the same address."""

    async def restart(self, *, wait: bool = True, limit_s: float | None = None) -> None:
        """Start it again; one that still runs is ended first. `wait`: until it is SERVING. Raises TargetError."""
        ...


@runtime_checkable
class Pausable(Protocol):
    """Can be frozen: it keeps its sockets and does nothing."""

    async def pause(self) -> None:
        """Freeze; returns when the kernel says that it is frozen. Raises TargetError."""
        ...

    async def resume(self) -> None:
        """Thaw; nothing happens when it is not frozen."""
        ...


@runtime_checkable
class Isolatable(Protocol):
    """Can be cut off from everybody: from its peers, from its venue and from this harness."""

    async def isolate(self) -> None:
        """Take it off its network; returns when it is off. What it sends and what is sent to it is lost, connections
        stay open, and its published ports (`address`, `port_address`, introspection) do not work meanwhile."""
        ...

    async def rejoin(self) -> None:
        """Put it back under the same names, and at the same address where the network allows that; nothing happens
        when it is on its network."""
        ...


@runtime_checkable
class Inspectable(Protocol):
    """Can be looked into."""

    async def introspect(self, *, gently: bool = False) -> tuple[Reading, ...]:
        """Current readings of every probe (NAME.runtime_units, .threads, .descriptors, .sockets, .rss,
        .subscriptions) that has a source; a source that does not answer leaves a gap. `gently`: what the service would
        have to answer itself is left out where the kernel tells of it, since answering makes others wait."""
        ...

    def unmeasurable(self) -> tuple[Fact, ...]:
        """Why the other probes have none, as facts; true once the service has served."""
        ...

    def watch_connection(self, peer_port: int) -> bool | None:
        """Remember the accepted connection from `peer_port`, so that it is known even after a reset.

        True when it is there, False when not, None when nobody can see it. Connect to `direct_address`: a
        published port of a container has a proxy in between, whose ports the service sees instead.
        """
        ...

    def connection_open(self, peer_port: int) -> bool | None:
        """Whether the service still holds that connection as an open descriptor; None when nobody can see it."""
        ...


@runtime_checkable
class Recognisable(Protocol):
    """What serves can be known again. No part of `Service`: one that was running before cannot be looked at so."""

    async def restarted_itself(self) -> bool:
        """Whether another process (or the same one begun anew) has taken over since the last look, without a restart
        by the harness; then marks process.died, process.started, process.serving and process.restarted_serving. The
        first look at each start only remembers."""
        ...


class Service(Killable, Restartable, Pausable, Isolatable, Inspectable, Protocol):
    """One service. Every wait is bounded; `close` always works."""

    record: Callable[[Record], None]
    """Gets process.started, process.serving and process.died marks, from any thread; may be replaced."""

    @property
    def name(self) -> str:
        """connector, venue-binance, …"""
        ...

    @property
    def address(self) -> str:
        """host:port for clients; stays the same over restarts."""
        ...

    @property
    def direct_address(self) -> str:
        """host:port without any proxy in between: refused exactly while the service itself does not listen.

        Ask anew after a restart and after `rejoin`: a container's address may have changed.
        """
        ...

    def port_address(self, port_name: str) -> str:
        """host:port of the port that the profile calls so, as seen from this harness; stays the same over restarts.

        Raises TargetError for a name that is not among the profile's ports.
        """
        ...

    @property
    def pid(self) -> int | None:
        """Process id on this host of the process that serves; None when it does not run or is not known."""
        ...

    @property
    def log_path(self) -> Path:
        """Its output, each line with the time it came, secrets masked."""
        ...

    @property
    def secrets_masked(self) -> int:
        """Number of log lines that held a secret before it was masked."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What can be done to it."""
        ...

    async def wait_serving(self, limit_s: float | None = None) -> None:
        """Wait until gRPC health says SERVING, or its health page 200 (asked every 50 ms), and the listener is known to
        be ours.

        `limit_s` None: the profile's. Raises DiedAtStartError, NotServingError, PortTakenError, TargetError.
        """
        ...

    async def wait_exit(self, limit_s: float) -> int | None:
        """Exit code (128 + N for signal N), or None when it still runs after `limit_s`; -1 when nobody of ours was
        told, as of a service that was taken over from another launcher."""
        ...

    def log_text(self) -> str:
        """Everything it has said so far, over all its starts."""
        ...

    async def close(self) -> None:
        """End it and everything it started, within some seconds, paused or not; safe to call again."""
        ...
