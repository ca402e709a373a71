"""Launcher: starts the services of one target by one means and takes all of them down again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.evidence.records import Record
from harness.target.credentials import Credentials as Credentials
from harness.target.mooring import Lasting
from harness.target.profile import Profile, ServiceProfile
from harness.target.service import Service

VENUE_PORT, VENUE_CONTROL_PORT = 8080, 8081
"""The venue's ports inside a container."""


@dataclass(frozen=True, slots=True)
class Venue:
    """A running simulated venue. `base_url`: for the services; `address`, `control_address`: host:port for us."""

    name: str
    base_url: str
    address: str
    control_address: str
    service: Service


VenueUnderControl = Venue


class Launcher(Protocol):
    """One means of starting: process, container, compose, attached. Everything it starts is gone after `close`."""

    @property
    def kind(self) -> str:
        """process, container, compose or attached."""
        ...

    @property
    def profile(self) -> Profile:
        """The target that it starts."""
        ...

    async def start_venue(
        self, exchange: str, profile: str, seed: int, keys: Credentials | Sequence[Credentials]
    ) -> Venue:
        """Start the simulated venue of that name, ready for requests. `profile`: strict or lenient."""
        ...

    async def start_connector(
        self,
        exchange: str,
        base_url: str = "",
        credentials: Credentials | None = None,
        *,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Service:
        """Start a connector for `exchange` over the venue at `base_url` ("": none, as for mock).

        `wait`: until it is SERVING and its listener known to be ours. `environment` is added and wins.
        Raises TargetError in one sentence.
        """
        ...

    async def start_service(
        self,
        name: str,
        values: Mapping[str, str],
        *,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Service:
        """Start a client of the connector: the service of that name in the profile (market_maker, live_server).

        `values` fill the holes of its environment, command and config file: {"connector_address": "127.0.0.1:4001"}.
        Credentials are not among them. `wait`: until it is ready and its listener known to be ours. `environment` is
        added and wins. Raises TargetError in one sentence.
        """
        ...

    async def start_null_server(self, rate_per_s: float = 0.0) -> Service:
        """Start the null gRPC server where a connector would be, SERVING; it shows what the instrument takes.

        `rate_per_s`: messages a second on each price stream; 0: without pause. Raises TargetError in one sentence.
        """
        ...

    async def reach(self) -> str:
        """The host under which its services reach the sockets that this process listens on (there, or on all)."""
        ...

    async def close(self) -> None:
        """Close everything in reverse order of starting; always works, safe to call again."""
        ...


def key_list(keys: Credentials | Sequence[Credentials]) -> tuple[Credentials, ...]:
    """One key or several, as a tuple."""
    return (keys,) if isinstance(keys, Credentials) else tuple(keys)


def venue_environment(keys: Sequence[Credentials]) -> dict[str, str]:
    """How the venue process is told which keys it accepts."""
    listed = [{"name": one.name, "key": one.key, "secret": one.secret, "passphrase": one.passphrase} for one in keys]
    return {"VENUE_KEYS": json.dumps(listed)}


def venue_command(exchange: str, profile: str, seed: int, host: str, port: str, control_port: str) -> tuple[str, ...]:
    """The venue's command line after the interpreter."""
    options = {"venue": exchange, "profile": profile, "host": host, "port": port, "control-port": control_port}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return ("-m", "harness.venue", *words, "--seed", str(seed))


def null_command(port: str) -> tuple[str, ...]:
    """The null server's command line after the interpreter."""
    return ("-m", "harness.reference.null_server", "--port", port)


NULL_SERVICE = ServiceProfile(ready_s=30.0)
VENUE_SERVICE = ServiceProfile(ports={"grpc": VENUE_PORT, "control": VENUE_CONTROL_PORT}, ready_s=30.0)


LogPath = Callable[[str], Path]
"""Where the log of a service of that name goes, as the run's record arranges it."""


class Make(Protocol):
    """Makes a launcher."""

    def __call__(
        self, run: str, log_path: LogPath, record: Callable[[Record], None], lasting: Lasting | None = None
    ) -> Launcher:
        """`run`: its id; `lasting`: what is started is to outlive the launcher, where its kind can do that."""
        ...


@dataclass(frozen=True, slots=True)
class LauncherFactory:
    """A means of starting that was chosen and found to work; `make` gives each trial a launcher of its own.

    `name`: process, container, compose or attached; `reason`: why it was chosen, for the user; `target_version`: what
    is under test, as far as it can be told (a digest of the program or the image).
    """

    name: str
    reason: str
    target_version: str
    make: Make


def free_log_path(log_path: LogPath, name: str) -> Path:
    """The path for NAME, or NAME-2 and so on when an earlier service of that name has one."""
    path, number = log_path(name), 2
    while path.exists():
        path, number = log_path(f"{name}-{number}"), number + 1
    return path
