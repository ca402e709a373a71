"""Open gRPC channels to a connector: TLS, metadata and the options that keep gRPC's own retries out of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc import aio

Options = tuple[tuple[str, int | str], ...]
Metadata = tuple[tuple[str, str], ...]

API_KEY_HEADER = "x-api-key"
API_KEY_VARIABLE = "FOLLOW_API_KEY"
"""Environment variable in which a client process of its own gets the key: command lines are readable by all."""

KEEPALIVE_S = 310.0
"""Just beyond the 5 minutes that a Go server allows by default: pings more often than that are answered
with GOAWAY "too_many_pings", and the harness would have caused the outage that it then reports."""

KEEPALIVE_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Trust the CA certificates (PEM) in `roots`; `server_name`: whom the certificate names, if not the host."""

    roots: Path
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """What a connector demands of its clients: TLS, an API key, both, or neither."""

    tls: Tls | None = None
    api_key: str = field(default="", repr=False)


OPEN = Access()
"""Plaintext, and everybody is welcome: the contract's default."""


def channel_options(tls: Tls | None, keepalive_s: float) -> Options:
    """Channel options: one connection of its own, no gRPC retries, small reconnect back-off, fixed windows.

    A silent peer is given up `keepalive_s` after its last byte plus as long again, 10 s at most.
    """
    answer_ms = int(min(keepalive_s, KEEPALIVE_ANSWER_S) * 1000)
    options: Options = (
        # Each channel dials for itself: connections are counted, and a fresh attempt must be fresh.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 100),
        ("grpc.keepalive_time_ms", int(keepalive_s * 1000)),
        # Both: the first alone leaves a silent peer unnoticed for the ping timeout's own default, a minute.
        ("grpc.keepalive_timeout_ms", answer_ms),
        ("grpc.http2.ping_timeout_ms", answer_ms),
        # A quiet half hour must not look like a lost connection.
        ("grpc.client_idle_timeout_ms", 2**31 - 1),
        # Without bandwidth probing the stream window stays at 64 KiB, so a reader that stops is felt soon.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_receive_message_length", 64 * 1024 * 1024),
        ("grpc.enable_http_proxy", 0),
    )
    if tls is not None and tls.server_name:
        options += (("grpc.ssl_target_name_override", tls.server_name),)
    return options


def metadata(api_key: str | None) -> Metadata:
    """Request metadata: the API key when there is one."""
    return ((API_KEY_HEADER, api_key),) if api_key else ()


def open_channel(
    address: str, tls: Tls | None = None, *, keepalive_s: float = KEEPALIVE_S, window_bytes: int = 0
) -> aio.Channel:
    """A new asyncio channel; nothing is dialled until it is used.

    `window_bytes`: HTTP/2 flow-control window of each stream (0: 64 KiB); a small one lets a reader that
    stops be felt by the server at once.
    """
    options = channel_options(tls, keepalive_s)
    if window_bytes:
        options += (("grpc.http2.lookahead_bytes", window_bytes),)
    if tls is None:
        return aio.insecure_channel(address, options=options)
    return aio.secure_channel(address, _credentials(tls), options=options)


def open_blocking_channel(
    address: str, tls: Tls | None = None, *, extra: Options = (), keepalive_s: float = KEEPALIVE_S
) -> grpc.Channel:
    """A new channel of the synchronous API, with `extra` options on top."""
    options = channel_options(tls, keepalive_s) + extra
    if tls is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, _credentials(tls), options=options)


def one_line(text: str | None, secret: str | None = None) -> str:
    """`text` on one line, without `secret`: a server may echo what it was sent."""
    line = " ".join((text or "no details").split())
    return line.replace(secret, "***") if secret else line


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(root_certificates=tls.roots.read_bytes())
