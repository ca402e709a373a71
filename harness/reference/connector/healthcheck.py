"""`python -m harness.reference.connector.healthcheck [ADDRESS]`: exit 0 when the connector says SERVING, else 1."""

from __future__ import annotations

import os
import sys

import grpc
from grpc_health.v1 import health_pb2

LIMIT_S = 4.0


def is_serving(address: str, tls_root: str = "") -> bool:
    """Ask the overall status. Raises grpc.RpcError when nobody answers within 4 s."""
    if tls_root:
        with open(tls_root, "rb") as file:
            channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()))
    else:
        channel = grpc.insecure_channel(address)
    with channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        reply: health_pb2.HealthCheckResponse = check(health_pb2.HealthCheckRequest(), timeout=LIMIT_S)
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> int:
    """The address is the argument, or this container's own port; `TLS_ROOT_FILE` switches to TLS."""
    address = sys.argv[1] if len(sys.argv) > 1 else f"localhost:{os.environ.get('PORT') or 50051}"
    try:
        serving = is_serving(address, os.environ.get("TLS_ROOT_FILE", ""))
    except grpc.RpcError as error:
        sys.stderr.write(f"{address}: {error.code().name if isinstance(error, grpc.Call) else error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"TLS_ROOT_FILE {error.filename}: {error.strerror}\n")
        return 1
    sys.stdout.write("SERVING\n" if serving else "NOT_SERVING\n")
    return 0 if serving else 1


if __name__ == "__main__":
    sys.exit(main())
