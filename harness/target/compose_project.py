"""One Compose project of ours, made of the user's file: our labels, our loopback ports, the services that are started.

What is written is a whole file, the user's with everything worked out, and not an override beside it: an override can
add to lists and cannot take anything out of them in docker-compose 1.
"""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path

import yaml
from docker.models.containers import Container

from harness.target.compose_program import ComposeProgram, Tree
from harness.target.engine import Engine
from harness.target.errors import TargetError
from harness.target.networks import ENGINE_ERRORS, OVERLAP, SUBNET_TRIES, free_subnets
from harness.target.owner import Tag
from harness.target.ports import LOOPBACK

CREATE_LIMIT_S = 600.0
"""An image may have to be pulled or built."""
DOWN_LIMIT_S = 60.0
LABEL_PROJECT, LABEL_SERVICE_KEY = "com.docker.compose.project", "com.docker.compose.service"
LEFT_OUT = (
    # The user's own ports would clash with the stack that runs beside, or with the next trial's, and be open to the
    # neighbourhood: ours are on the loopback and held.
    "ports",
    # A name of its own could exist only once on an engine. It stays an alias, as peers may know it.
    "container_name",
    # The harness kills and restarts, and must see what stays dead.
    "restart",
    # It starts each service itself, when the one before is healthy; services that the profile does not name are not
    # started at all.
    "depends_on",
    "links",
    "external_links",
    "profiles",
    "scale",
    # A driver of another kind would keep the log from us.
    "logging",
)
DEPLOY_LEFT_OUT = ("mode", "replicas", "restart_policy", "update_config", "rollback_config", "placement")


class ComposeProject:
    """`up` makes one service's container, `down` takes everything away. All methods block."""

    def __init__(self, program: ComposeProgram, theirs: Tree, tag: Tag, folder: Path) -> None:
        """`theirs`: the user's file worked out; `folder`: where ours is written, readable by nobody else."""
        self.name = f"nfr-{uuid.uuid4().hex[:12]}"
        self.engine = _reached()
        self._program = program
        self._theirs = theirs
        self._tag = tag
        self._path = folder / f"{self.name}.yaml"
        self._services: Tree = {}
        self._ranges: dict[str, str] = {}
        self._is_up = False
        self._lock = threading.RLock()

    def networks_of(self, service: str) -> Tree:
        """The networks of one of the user's services: key -> its settings there (or None)."""
        given = self._theirs["services"][service].get("networks") or ["default"]
        return dict.fromkeys(given) if isinstance(given, list) else dict(given)

    def engine_name(self, network: str) -> str:
        """The name that this network of the file has on the engine."""
        about = (self._theirs.get("networks") or {}).get(network) or {}
        if not about.get("external"):
            return f"{self.name}_{network}"
        external = about["external"]
        return str((external.get("name") if isinstance(external, dict) else "") or about.get("name") or network)

    def gateway(self, network: str) -> str:
        """The address of this host in a network that was made. Raises ENGINE_ERRORS."""
        [config, *_] = self.engine.client.networks.get(self.engine_name(network)).attrs["IPAM"]["Config"]
        return str(config.get("Gateway") or next(ipaddress.ip_network(config["Subnet"]).hosts()))

    def claim(self, name: str) -> str:
        """A name in our file that no service has yet: NAME, or NAME-2 for a second one beside the first."""
        with self._lock:
            key, number = name, 2
            while key in self._services:
                key, number = f"{name}-{number}", number + 1
            self._services[key] = {}
            return key

    def release(self, key: str) -> None:
        """That service is no more."""
        with self._lock:
            self._services.pop(key, None)

    def up(self, key: str, service: Tree) -> Container:
        """Make the service's container, not started, with the networks and volumes it needs. Raises TargetError."""
        with self._lock:
            self._services[key] = service
            for attempt in range(1, SUBNET_TRIES + 1):
                self._write()
                self._is_up = True
                try:
                    self._compose("up", "--no-start", "--no-deps", key, limit_s=CREATE_LIMIT_S)
                    return self._container(key)
                except TargetError as error:
                    if OVERLAP not in str(error) or attempt == SUBNET_TRIES:
                        raise TargetError(f"Compose cannot make service {key}: {error}") from None
                    self._ranges.clear()  # somebody else took that range meanwhile
        raise AssertionError("every try returns or raises")

    def down(self) -> None:
        """Remove all containers, networks and volumes of this project, and nothing else."""
        with self._lock:
            if self._is_up:
                with contextlib.suppress(TargetError):
                    self._compose("down", "--volumes", "--remove-orphans", limit_s=DOWN_LIMIT_S)
                with contextlib.suppress(*ENGINE_ERRORS):
                    self.engine.remove_labelled(lambda labels: labels.get(LABEL_PROJECT) == self.name)
            self._path.unlink(missing_ok=True)
        self.engine.close()

    def _compose(self, *words: str, limit_s: float) -> None:
        self._program.run(("-p", self.name, "-f", str(self._path), *words), limit_s, self._tag.environment())

    def _container(self, key: str) -> Container:
        labels = [f"{LABEL_PROJECT}={self.name}", f"{LABEL_SERVICE_KEY}={key}"]
        try:
            found = self.engine.client.containers.list(all=True, filters={"label": labels})
        except ENGINE_ERRORS as error:
            raise TargetError(f"its container cannot be found: {error}") from None
        if len(found) != 1:
            raise TargetError(f"there are {len(found)} containers of it instead of one")
        return found[0]

    def _write(self) -> None:
        services = {key: service for key, service in self._services.items() if service}
        used = {network for service in services.values() for network in service["networks"]}
        labels = self._tag.labels()
        ours: Tree = {
            key: value for key, value in self._theirs.items() if key not in ("services", "networks", "volumes", "name")
        }
        ours["services"] = services
        ours["networks"] = {key: self._network(key, labels, used) for key in sorted(used)}
        if volumes := self._theirs.get("volumes"):
            ours["volumes"] = {key: owned(about, labels) for key, about in volumes.items()}
        self._path.touch(mode=0o600)
        self._path.write_text(yaml.safe_dump(ours, sort_keys=False), encoding="utf-8")

    def _network(self, key: str, labels: Mapping[str, str], used: set[str]) -> Tree:
        about = owned((self._theirs.get("networks") or {}).get(key), labels)
        if not about.get("external") and not (about.get("ipam") or {}).get("config"):
            if key not in self._ranges:
                ranges = free_subnets(self.engine.client, self.name, labels, len(used))
                self._ranges = {one: free.range for one, free in zip(sorted(used), ranges, strict=True)} | self._ranges
            about["ipam"] = {**(about.get("ipam") or {}), "config": [{"subnet": self._ranges[key]}]}
        return about


def owned(about: Tree | None, labels: Mapping[str, str]) -> Tree:
    """A network or volume under our labels, and under a name of this project: one that the user's own stack has by the
    same name must neither be used nor be removed. External ones stay as they are."""
    mine = dict(about or {})
    if not mine.get("external"):
        mine.pop("name", None)
        mine["labels"] = {**as_mapping(mine.get("labels")), **labels}
    return mine


def own_service(
    theirs: Tree,
    *,
    networks: Tree,
    environment: Mapping[str, str],
    ports: Mapping[int, int],
    labels: Mapping[str, str],
    arguments: tuple[str, ...] = (),
) -> Tree:
    """One of the user's services as we start it. `ports`: in the container -> of this host, on the loopback."""
    mine = {key: value for key, value in theirs.items() if key not in LEFT_OUT}
    if deploy := {key: value for key, value in (theirs.get("deploy") or {}).items() if key not in DEPLOY_LEFT_OUT}:
        mine["deploy"] = deploy
    else:
        mine.pop("deploy", None)
    mine["environment"] = {**as_mapping(theirs.get("environment")), **_escaped(environment)}
    mine["labels"] = {**as_mapping(theirs.get("labels")), **_escaped(labels)}
    mine["ports"] = [f"{LOOPBACK}:{outside}:{inside}" for inside, outside in ports.items()]
    mine["networks"] = {
        key: _with_alias(settings, str(theirs.get("container_name") or "")) for key, settings in networks.items()
    }
    if arguments:
        mine["command"] = [escaped(word) for word in arguments]
    return mine


def _with_alias(settings: Tree | None, alias: str) -> Tree | None:
    if not alias:
        return settings
    known = dict(settings or {})
    known["aliases"] = list(dict.fromkeys([*(known.get("aliases") or ()), alias]))
    return known


def escaped(text: str) -> str:
    """A text of ours in a file in which Compose looks for variables."""
    return text.replace("$", "$$")


def _escaped(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: escaped(text) for name, text in texts.items()}


def as_mapping(given: object) -> Tree:
    """Labels or environment, which may be a mapping or a list of NAME=TEXT; a name alone has no text."""
    if isinstance(given, Mapping):
        return dict(given)
    words = given if isinstance(given, list) else []
    return {name: text if equals else None for name, equals, text in (str(word).partition("=") for word in words)}


def _reached() -> Engine:
    engine, why_not = Engine.reach_or_say()
    if engine is None:
        raise TargetError(why_not)
    return engine
