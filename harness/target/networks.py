"""Private networks of containers: made with addresses of their own choosing, so that a container keeps its own."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import docker
import docker.errors
import docker.models.networks
import requests
from docker.models.containers import Container
from docker.types import IPAMConfig, IPAMPool
from testcontainers.core.network import Network

from harness.target.engine import reason_of
from harness.target.errors import TargetError

ENGINE_ERRORS = (docker.errors.DockerException, requests.RequestException)
SUBNET_TRIES = 5
OVERLAP = "overlaps"
"""In what the engine says when somebody else took that subnet."""


@dataclass(frozen=True, slots=True)
class Subnet:
    """A range of addresses (172.18.0.0/16) and the one under which its containers reach this host."""

    range: str
    gateway: str


def free_subnets(client: docker.DockerClient, name: str, labels: Mapping[str, str], count: int = 1) -> list[Subnet]:
    """Ranges that the engine itself would choose now: networks are made for a moment and looked at.

    Only in a network whose range was stated may a container be given an address, so that it has the same one again
    after a restart or after having been away. Raises ENGINE_ERRORS.
    """
    with contextlib.ExitStack() as made:
        subnets = []
        for number in range(count):
            network = client.networks.create(f"{name}-look-{number}", labels=dict(labels))
            made.callback(network.remove)
            network.reload()
            [config, *_] = network.attrs["IPAM"]["Config"]
            subnets.append(Subnet(str(config["Subnet"]), str(config["Gateway"])))
        return subnets


class PrivateNetwork:
    """One network of ours, with its addresses given out one after another."""

    def __init__(self, network: Network, subnet: Subnet) -> None:
        self.network = network
        self.gateway = subnet.gateway
        self._addresses = self._hosts(subnet)

    @classmethod
    def create(cls, name: str, labels: Mapping[str, str]) -> PrivateNetwork:
        """Make it. Raises TargetError."""
        network = Network()
        network.name = name
        client = network._docker.client
        try:
            for attempt in range(1, SUBNET_TRIES + 1):
                [subnet] = free_subnets(client, name, labels)
                pool = IPAMPool(subnet=subnet.range, gateway=subnet.gateway)
                network._docker_network_kw = {"labels": dict(labels), "ipam": IPAMConfig(pool_configs=[pool])}
                try:
                    network.create()
                    return cls(network, subnet)
                except docker.errors.APIError as error:
                    if OVERLAP not in str(error) or attempt == SUBNET_TRIES:
                        raise
        except ENGINE_ERRORS as error:
            client.close()
            raise TargetError(f"no network for the containers: {reason_of(error)}: `docker network prune`?") from None
        raise AssertionError("every try returns or raises")

    @classmethod
    def found(cls, name: str) -> PrivateNetwork:
        """One that another process has made, with addresses that nobody in it has now. Raises TargetError."""
        network = Network()
        network.name = name
        client = network._docker.client
        try:
            there = client.networks.get(name)
            [config, *_] = there.attrs["IPAM"]["Config"]
        except ENGINE_ERRORS as error:
            client.close()
            raise TargetError(f"the network {name} of the containers is gone: {reason_of(error)}") from None
        network._network = there
        ours = cls(network, Subnet(str(config["Subnet"]), str(config["Gateway"])))
        taken = {str(one["IPv4Address"]).partition("/")[0] for one in there.attrs.get("Containers", {}).values()}
        ours._addresses = (one for one in ours._addresses if one not in taken)
        return ours

    @staticmethod
    def _hosts(subnet: Subnet) -> Iterator[str]:
        gateway = ipaddress.ip_address(subnet.gateway)
        return (str(host) for host in ipaddress.ip_network(subnet.range).hosts() if host != gateway)

    @property
    def client(self) -> docker.DockerClient:
        """The engine's client that made it."""
        return self.network._docker.client

    @property
    def name(self) -> str:
        """Its name on the engine."""
        return str(self.network.name)

    def address(self) -> str:
        """An address that nobody has had yet."""
        return next(self._addresses)

    def remove(self) -> None:
        """Remove it; one that is gone or still in use is left to the sweep."""
        with contextlib.suppress(*ENGINE_ERRORS):
            self.network.remove()
        self.network._docker.client.close()


@dataclass(frozen=True, slots=True)
class Seat:
    """A container's place in one network."""

    network: str
    aliases: tuple[str, ...]
    ip: str


def seats_of(container: Container) -> tuple[Seat, ...]:
    """Its places now."""
    container.reload()
    networks: Mapping[str, Mapping[str, object]] = container.attrs["NetworkSettings"]["Networks"]
    seats = []
    for name, about in networks.items():
        given = about.get("Aliases")
        aliases = tuple(str(one) for one in given) if isinstance(given, list) else ()
        # The engine adds the container's own id each time.
        own = tuple(one for one in aliases if not (container.id or "-").startswith(one))
        seats.append(Seat(str(about.get("NetworkID") or name), own, str(about.get("IPAddress") or "")))
    return tuple(seats)


def leave(container: Container, seats: tuple[Seat, ...]) -> None:
    """Take it off these networks. Raises ENGINE_ERRORS."""
    for seat in seats:
        _network(container, seat).disconnect(container)


def _network(container: Container, seat: Seat) -> docker.models.networks.Network:
    assert container.client is not None, "the engine gave it to us"
    return container.client.networks.get(seat.network)


def sit_down(container: Container, seats: tuple[Seat, ...]) -> None:
    """Put it back, at its old address where the network's range was stated. Raises ENGINE_ERRORS."""
    for seat in seats:
        network = _network(container, seat)
        aliases = list(seat.aliases)
        try:
            network.connect(container, aliases=aliases, ipv4_address=seat.ip or None)
        except docker.errors.APIError:
            if not seat.ip:
                raise
            network.connect(container, aliases=aliases)
