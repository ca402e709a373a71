"""The shape of a profile: how the services of one target are started, what they need, what is known about them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

STREAMS = ("account", "positions", "orders", "prices", "klines", "funding")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VenueProfile(StrEnum):
    """How exactly the simulated venue follows the real one's rules."""

    STRICT = "strict"
    LENIENT = "lenient"


class VenueNeeds(_Model):
    """Which venue the connector is put over when a case does not say."""

    profile: VenueProfile = VenueProfile.STRICT
    exchange: str = "binance"


class Source(_Model):
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


class Build(_Model):
    """An image that the harness builds itself: a Dockerfile and what of the project it copies."""

    dockerfile: Path
    requirements: Path
    copies: tuple[Path, ...] = ()


class ServiceProfile(_Model):
    """How one service is started (command as a process, image or build as a container) or reached (address)."""

    command: tuple[str, ...] = ()
    image: str = ""
    build: Build | None = None
    arguments: tuple[str, ...] = ()
    """Given to the image's entry point."""
    address: str = ""
    environment: Mapping[str, str] = Field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    """The tree that becomes the YAML config file."""
    config_refused: tuple[str, ...] = ()
    """Patterns (case-blind regular expressions) of log lines that say the config file was not accepted."""
    ports: Mapping[str, int] = Field(default_factory=lambda: {"grpc": 50051})
    """Port names and the numbers they have inside a container; `grpc` is the one that serves."""
    introspection: tuple[Source, ...] = ()
    ready_s: Annotated[float, Field(gt=0)] = 30.0
    unset: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Ways of starting that this environment does not offer, and the variables each of them lacks."""

    @field_validator("ports")
    @classmethod
    def _has_grpc(cls, ports: Mapping[str, int]) -> Mapping[str, int]:
        if "grpc" not in ports:
            raise ValueError("a port named grpc is needed: the one that serves")
        return ports

    @field_validator("address")
    @classmethod
    def _host_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if address and not (host and port.isdigit() and 0 < int(port) < 65536 and "/" not in host):
            raise ValueError(f"{address!r} is not of the form host:port")
        return address

    @model_validator(mode="after")
    def _sources_have_ports(self) -> ServiceProfile:
        for source in self.introspection:
            if source.port and source.port not in self.ports:
                raise ValueError(f"introspection names the port {source.port!r}, which is not among ports")
        return self

    def starts_as(self) -> frozenset[str]:
        """The launchers that can have this service: process, container, attached."""
        ways = {"process": self.command, "container": self.image or self.build, "attached": self.address}
        return frozenset(name for name, way in ways.items() if way)


class Cadence(_Model):
    """How the target delivers a stream: pushed, or polled with a period in seconds."""

    polled_s: Annotated[float, Field(gt=0)] | None = None
    pushed: bool = False

    @model_validator(mode="after")
    def _either(self) -> Cadence:
        if self.pushed == (self.polled_s is not None):
            raise ValueError("say either pushed: true or polled_s: SECONDS")
        return self


class Deferred(_Model):
    """A case or criterion that this target need not pass yet."""

    case: str
    criterion: str = ""
    reason: str
    owner: str
    until: datetime.date


class Profile(_Model):
    """One target: its services, what it needs of the venue, and what it states about itself."""

    name: str
    about: str = ""
    services: Mapping[str, ServiceProfile]
    venue: VenueNeeds = Field(default_factory=VenueNeeds)
    streams: Mapping[str, Cadence] = Field(default_factory=dict)
    keepalive_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Within this time the connector notices a client that has gone silent."""
    stream_error: Literal["venue", "path"] = "path"
    """How a live stream can be made to end with an error: by failing the venue, or by cutting the client's path."""
    deferred: tuple[Deferred, ...] = ()

    @field_validator("services")
    @classmethod
    def _has_connector(cls, services: Mapping[str, ServiceProfile]) -> Mapping[str, ServiceProfile]:
        if "connector" not in services:
            raise ValueError("a service named connector is needed")
        return services

    @field_validator("streams")
    @classmethod
    def _known_streams(cls, streams: Mapping[str, Cadence]) -> Mapping[str, Cadence]:
        for name in streams:
            if name not in STREAMS:
                raise ValueError(f"{name!r} is not a stream; the streams are {', '.join(STREAMS)}")
        return streams

    @property
    def connector(self) -> ServiceProfile:
        """The service that every case is about."""
        return self.services["connector"]

    @property
    def venue_profile(self) -> str:
        """strict or lenient."""
        return self.venue.profile.value

    def polled_s(self, stream: str) -> float:
        """Period in seconds at which the target polls this stream; 0 when it is pushed."""
        cadence = self.streams.get(stream)
        return (cadence.polled_s or 0.0) if cadence is not None else 0.0
