"""The Docker engine: is there one, what of ours is in it, and how it goes away again."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import docker
import docker.errors
import requests

from harness.target.owner import LABEL_OWNER

ANSWER_LIMIT_S = 60
PING_LIMIT_S = 5
DEFAULT_SOCKET = "unix:///var/run/docker.sock"


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
            _knock(os.environ.get("DOCKER_HOST") or DEFAULT_SOCKET)
            asking = docker.from_env(timeout=PING_LIMIT_S)
            try:
                asking.ping()
            finally:
                asking.close()
            return cls(docker.from_env(timeout=ANSWER_LIMIT_S)), ""
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            return None, f"no Docker engine answers ({reason_of(error)}): start one or use --launcher process"

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

    def remove_labelled(self, wanted: Callable[[Mapping[str, str]], bool]) -> list[tuple[str, str, str]]:
        """Remove the containers, networks and volumes whose labels are `wanted`: (kind, name, owner) of each."""
        removed: list[tuple[str, str, str]] = []
        ours: dict[str, str | list[str] | bool] = {"label": LABEL_OWNER}
        for container in self.client.containers.list(all=True, filters=ours, ignore_removed=True):
            if wanted(container.labels):
                with contextlib.suppress(docker.errors.APIError):
                    container.remove(force=True, v=True)
                    removed.append(("container", container.name or "", container.labels[LABEL_OWNER]))
        for network in self.client.networks.list(filters=ours):
            labels = (network.attrs or {}).get("Labels") or {}
            if wanted(labels):
                with contextlib.suppress(docker.errors.APIError):
                    network.remove()
                    removed.append(("network", network.name or "", labels[LABEL_OWNER]))
        for volume in self.client.volumes.list(filters=ours):
            labels = (volume.attrs or {}).get("Labels") or {}
            if wanted(labels):
                with contextlib.suppress(docker.errors.APIError):
                    volume.remove(force=True)
                    removed.append(("volume", volume.name, labels[LABEL_OWNER]))
        return removed


def _knock(host: str) -> None:
    """Connect once by ourselves: where nobody listens, the engine's library leaks the socket it tried with."""
    parts = urlsplit(host)
    if parts.scheme == "unix":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(PING_LIMIT_S)
            probe.connect(parts.path)


def reason_of(error: BaseException) -> str:
    """The first line of what the engine (or the way to it) said."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
