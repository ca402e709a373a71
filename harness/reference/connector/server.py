"""The gRPC server: options, port, TLS and everything that answers on it."""

from __future__ import annotations

import socket
from pathlib import Path

import grpc

from harness.reference.connector.admission import Admission
from harness.reference.connector.settings import Settings, SettingsRefused

HOST = "[::]"
KEEPALIVE_TIME_MS = 10_000
KEEPALIVE_TIMEOUT_MS = 5_000
"""A client that went silent is noticed within the sum of both: 15 s."""
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),  # two connectors on one port must fail, not share the calls
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),  # a minute otherwise, whatever the line above says
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),  # clients may ping as often as they like
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
)


def open_server(settings: Settings, *rpcs: grpc.GenericRpcHandler) -> tuple[grpc.aio.Server, int]:
    """A server bound to its port, not yet started, and the port. Raises SettingsRefused in one sentence."""
    guarded = settings.grpc_api_keys or settings.grpc_rate_limit_per_s
    interceptors: list[grpc.aio.ServerInterceptor] = (
        [Admission(settings.grpc_api_keys, settings.grpc_rate_limit_per_s)] if guarded else []
    )
    server = grpc.aio.server(interceptors=interceptors, options=OPTIONS)
    server.add_generic_rpc_handlers(rpcs)
    credentials = _tls(settings)
    host = HOST if socket.has_ipv6 else "0.0.0.0"
    address = f"{host}:{settings.port}"
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError:
        port = 0
    if not port:
        raise SettingsRefused(
            f"port {settings.port} cannot be opened, most likely another process has it: "
            "free it or choose another with --port"
        )
    return server, port


def _tls(settings: Settings) -> grpc.ServerCredentials | None:
    if not settings.tls_cert_file:
        return None
    try:
        certificate = Path(settings.tls_cert_file).read_bytes()
        key = Path(settings.tls_key_file).read_bytes()
    except OSError as error:
        raise SettingsRefused(f"TLS file {error.filename} cannot be read: {error.strerror}") from None
    return grpc.ssl_server_credentials([(key, certificate)])
