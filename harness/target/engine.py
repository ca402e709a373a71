"""The Docker engine: is there one, what of ours is in it, and how it goes away again."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import docker
import docker.errors
import requests

from harness.target.knock import PING_LIMIT_S, knock, nobody_answers
from harness.target.owner import LABEL_OWNER

ANSWER_LIMIT_S = 60
SAID_CHARS = 400


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of ours in the engine. `kind`: container, network or volume."""

    kind: str
    name: str
    labels: Mapping[str, str]
    remove: Callable[[], object]
    identity: str = ""
    """The engine's id of it, of a container."""


class Engine:
    """A Docker engine that answers."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client

    @classmethod
    def reach(cls) -> Engine | None:
        """The engine of DOCKER_HOST or of the usual socket; None when none answers within 5 s."""
        return cls.reach_or_say()[0]

    @classmethod
    def reach_or_say(cls) -> tuple[Engine | None, str]:
        """The engine, or None and why there is none."""
        try:
            knock()
            asking = docker.from_env(timeout=PING_LIMIT_S)
            try:
                asking.ping()
            finally:
                asking.close()
            return cls(docker.from_env(timeout=ANSWER_LIMIT_S)), ""
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            return None, nobody_answers(reason_of(error))

    def close(self) -> None:
        """Let go of its connections."""
        self.client.close()

    def digest_of(self, image: str) -> str:
        """The id of an image that is present; empty when it is not."""
        try:
            return self.client.images.get(image).id or ""
        except docker.errors.ImageNotFound:
            return ""

    def untag(self, image: str) -> None:
        """Remove an image's name, and the image with its last one; one in use stays."""
        with contextlib.suppress(docker.errors.APIError):
            self.client.images.remove(image)

    def labelled(self, wanted: Callable[[Mapping[str, str]], bool]) -> list[Thing]:
        """Our containers, networks and volumes whose labels are `wanted`, in an order in which they can be removed."""
        ours: dict[str, str | list[str] | bool] = {"label": LABEL_OWNER}
        things = [
            Thing(
                "container", one.name or "", one.labels, functools.partial(one.remove, force=True, v=True), one.id or ""
            )
            for one in self.client.containers.list(all=True, filters=ours, ignore_removed=True)
        ]
        for network in self.client.networks.list(filters=ours):
            labels = (network.attrs or {}).get("Labels") or {}
            things.append(Thing("network", network.name or "", labels, network.remove))
        for volume in self.client.volumes.list(filters=ours):
            labels = (volume.attrs or {}).get("Labels") or {}
            things.append(Thing("volume", volume.name, labels, functools.partial(volume.remove, force=True)))
        return [thing for thing in things if wanted(thing.labels)]

    def remove_labelled(
        self, wanted: Callable[[Mapping[str, str]], bool], but: Callable[[str], bool] = lambda thing: False
    ) -> list[Thing]:
        """Remove those, except what has a name or id that `but` holds back; returns what was removed."""
        removed = []
        for thing in self.labelled(wanted):
            if but(thing.name) or but(thing.identity):
                continue
            with contextlib.suppress(docker.errors.APIError):
                thing.remove()
                removed.append(thing)
        return removed


def reason_of(error: BaseException) -> str:
    """The first line of what the engine (or the way to it) said, without the address that it was asked at."""
    told = error.explanation if isinstance(error, docker.errors.APIError) else None
    lines = str(told or error).strip().splitlines()
    return lines[0][:SAID_CHARS] if lines else type(error).__name__
