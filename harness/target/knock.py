"""Knock: whether a Docker engine listens at all, asked over a plain socket: its library alone takes ten megabytes."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

PING_LIMIT_S = 5
DEFAULT_SOCKET = "unix:///var/run/docker.sock"


def knock() -> None:
    """Connect once to the socket of DOCKER_HOST or the usual one. Raises OSError where nobody listens.

    Where nobody does, the engine's library leaks the socket that it tried with. Other ways than a socket of this host
    are not tried here.
    """
    parts = urlsplit(os.environ.get("DOCKER_HOST") or DEFAULT_SOCKET)
    if parts.scheme == "unix":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(PING_LIMIT_S)
            probe.connect(parts.path)


def nobody_answers(why: str) -> str:
    """The sentence for that."""
    return f"no Docker engine answers ({why}): start one or use --launcher process"


def refusal() -> str:
    """That sentence when nobody listens; else empty."""
    try:
        knock()
    except OSError as error:
        return nobody_answers(str(error))
    return ""
