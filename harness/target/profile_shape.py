"""The shape of a profile: how the services of one target are started, what they need, what is known about them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.client.channel import Access, Tls
from harness.target.outside import HealthPage as HealthPage
from harness.target.outside import Knows as Knows
from harness.target.outside import LogPatterns as LogPatterns
from harness.target.outside import Pushes as Pushes
from harness.target.outside import Scaled as Scaled
from harness.target.outside import Shape, checked_pattern, checked_stream


class VenueProfile(StrEnum):
    """How exactly the simulated venue follows the real one's rules."""

    STRICT = "strict"
    LENIENT = "lenient"


class VenueNeeds(Shape):
    """Which venue the connector is put over when a case does not say."""

    profile: VenueProfile = VenueProfile.STRICT
    exchange: str = "binance"


class Source(Shape):
    """One page of a service that tells what goes on inside. `port`: a name among the service's ports; or `url`."""

    kind: Literal["reference", "pprof", "prometheus"]
    port: str = ""
    path: str = ""
    url: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if self.port and self.url:
            raise ValueError("give either port or url, not both")
        return self


class Trust(Shape):
    """TLS: the CA certificates (PEM) that clients trust, and whom the certificate names if not the host."""

    ca_file: Path
    server_name: str = ""

    @field_validator("ca_file")
    @classmethod
    def _is_there(cls, path: Path) -> Path:
        if not path.is_file():
            raise ValueError(
                f"{path} is not there: give the PEM file of the CA that signed the connector's certificate"
            )
        return path


class Demands(Shape):
    """What the connector demands of its clients."""

    tls: Trust | None = None
    api_key: str = Field(default="", repr=False)

    @property
    def access(self) -> Access:
        """For the clients."""
        trust = self.tls
        return Access(Tls(trust.ca_file, trust.server_name) if trust is not None else None, self.api_key)


class Build(Shape):
    """An image that the harness builds itself: a Dockerfile and what of the project it copies."""

    dockerfile: Path
    requirements: Path
    copies: tuple[Path, ...] = ()
    target: str = ""
    """The stage of the Dockerfile that is the image; "": the last one."""


class ServiceProfile(Shape):
    """How one service is started (command as a process, image or build as a container) or reached (address)."""

    command: tuple[str, ...] = ()
    image: str = ""
    build: Build | None = None
    arguments: tuple[str, ...] = ()
    """Given to the image's entry point."""
    address: str = ""
    compose: str = ""
    """Its name in the Compose file of the profile."""
    environment: Mapping[str, str] = Field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    """The tree that becomes the YAML config file."""
    config_refused: tuple[str, ...] = ()
    """Patterns (case-blind regular expressions) of log lines that say the config file was not accepted."""
    ports: Mapping[str, int] = Field(default_factory=lambda: {"grpc": 50051})
    """Port names and the numbers they have inside a container; see `serving_port`."""
    access: Demands = Field(default_factory=Demands)
    health: HealthPage | None = None
    """Readiness is this page instead of gRPC health."""
    log: LogPatterns = Field(default_factory=LogPatterns)
    pushes: Pushes | None = None
    knows: Knows | None = None
    scaled: Scaled | None = None
    introspection: tuple[Source, ...] = ()
    ready_s: Annotated[float, Field(gt=0)] = 30.0
    unset: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Ways of starting that this environment does not offer, and the variables each of them lacks."""

    @field_validator("config_refused")
    @classmethod
    def _are_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(checked_pattern(pattern) for pattern in patterns)

    @field_validator("ports")
    @classmethod
    def _are_ports(cls, ports: Mapping[str, int]) -> Mapping[str, int]:
        for name, number in ports.items():
            if not 0 < number < 65536:
                raise ValueError(f"port {name} is {number}: a port is 1 to 65535")
        return ports

    @field_validator("address")
    @classmethod
    def _host_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if address and not (host and port.isdigit() and 0 < int(port) < 65536 and "/" not in host):
            raise ValueError(f"{address!r} is not of the form host:port")
        return address

    @model_validator(mode="after")
    def _named_ports_are_there(self) -> ServiceProfile:
        if self.health is None and "grpc" not in self.ports:
            raise ValueError("a port named grpc is needed, the one that serves; or give a health page")
        named = [("introspection", source.port) for source in self.introspection if source.port]
        named += [
            (name, page.port)
            for name, page in (("health", self.health), ("pushes", self.pushes), ("knows", self.knows))
            if page is not None
        ]
        for name, port in named:
            if port not in self.ports:
                raise ValueError(f"{name} names the port {port!r}, which is not among ports")
        return self

    @property
    def serving_port(self) -> str:
        """Name of the port that tells whether it serves: that of its health page, else grpc."""
        return self.health.port if self.health is not None else "grpc"

    def starts_as(self) -> frozenset[str]:
        """The launchers that can have this service: process, container, attached, compose."""
        ways = {
            "process": self.command,
            "container": self.image or self.build,
            "attached": self.address,
            "compose": self.compose,
        }
        return frozenset(name for name, way in ways.items() if way)


class ComposeFile(Shape):
    """The user's own Compose file; its services are named by `compose` of each service of the profile."""

    file: Path


class Cadence(Shape):
    """How the target delivers a stream: pushed, or polled with a period in seconds."""

    polled_s: Annotated[float, Field(gt=0)] | None = None
    pushed: bool = False

    @model_validator(mode="after")
    def _either(self) -> Cadence:
        if self.pushed == (self.polled_s is not None):
            raise ValueError("say either pushed: true or polled_s: SECONDS")
        return self


class Deferred(Shape):
    """A case or criterion that this target need not pass yet."""

    case: str
    criterion: str = ""
    reason: str
    owner: str
    until: datetime.date


class Profile(Shape):
    """One target: its services, what it needs of the venue, and what it states about itself."""

    name: str
    about: str = ""
    services: Mapping[str, ServiceProfile]
    compose: ComposeFile | None = None
    venue: VenueNeeds = Field(default_factory=VenueNeeds)
    streams: Mapping[str, Cadence] = Field(default_factory=dict)
    keepalive_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Within this time the connector notices a client that has gone silent."""
    stream_error: Literal["venue", "path"] = "path"
    """How a live stream can be made to end with an error: by failing the venue, or by cutting the client's path."""
    orders_at_stop: Literal["cancelled", "persisted"] = "persisted"
    """What the market maker does about its open orders when it is told to stop."""
    deferred: tuple[Deferred, ...] = ()

    @field_validator("services")
    @classmethod
    def _has_connector(cls, services: Mapping[str, ServiceProfile]) -> Mapping[str, ServiceProfile]:
        if "connector" not in services:
            raise ValueError("a service named connector is needed")
        if services["connector"].health is not None:
            raise ValueError("the connector is asked by gRPC health: take its health page out")
        for name, service in services.items():
            if name != "connector" and service.access != Demands():
                raise ValueError(f"{name} has `access`: only the connector can demand TLS or a key; take it out")
        return services

    @field_validator("streams")
    @classmethod
    def _known_streams(cls, streams: Mapping[str, Cadence]) -> Mapping[str, Cadence]:
        for name in streams:
            checked_stream(name)
        return streams

    @model_validator(mode="after")
    def _compose_both_ways(self) -> Profile:
        named = [name for name, service in self.services.items() if service.compose]
        if named and self.compose is None:
            raise ValueError(f"services.{named[0]} names a Compose service: give the file too, as compose: {{file: …}}")
        if self.compose is not None and "connector" not in named:
            raise ValueError("name the connector's service in that file as services.connector.compose")
        return self

    @property
    def connector(self) -> ServiceProfile:
        """The service that every case is about."""
        return self.services["connector"]

    @property
    def access(self) -> Access:
        """How clients of the connector get in."""
        return self.connector.access.access

    @property
    def venue_profile(self) -> str:
        """strict or lenient."""
        return self.venue.profile.value

    def polled_s(self, stream: str) -> float:
        """Period in seconds at which the target polls this stream; 0 when it is pushed."""
        cadence = self.streams.get(stream)
        return (cadence.polled_s or 0.0) if cadence is not None else 0.0
