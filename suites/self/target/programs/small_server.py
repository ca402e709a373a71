"""A small real gRPC server with a health service, and the misbehaviours that a launcher must survive (argv[1]).

As `client` it has a health page in place of gRPC, and connects to the connector's address once.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


class Page(BaseHTTPRequestHandler):
    """The introspection page, with the numbers of this process."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        numbers = {
            "runtime_units": 5,
            "os_threads": 2,
            "descriptors": 9,
            "rss_bytes": 1 << 20,
            "subscriptions_total": 4,
        }
        body = json.dumps(numbers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet: the log belongs to the tests."""


class Health(Page):
    """The health page of a client: 503 until `ready_at_s`."""

    ready_at_s = 0.0

    def do_GET(self) -> None:
        self.send_response(200 if time.monotonic() >= self.ready_at_s else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    ways = set(sys.argv[1:])
    # Blocked and then waited for: a handler could run while the main thread holds the very lock that it needs.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2})
    say(f"INFO started with key {os.environ.get('API_KEY', '')} ways {sorted(ways)}")
    if "leak" in ways:
        say(f"ERROR rejected {os.environ['API_SECRET']}")
    if "die" in ways:
        say("FATAL nothing works")
        return 7
    if "config-refused" in ways:
        say("WARN config file ignored, using defaults")
    if "grandchild" in ways:
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        say(f"INFO grandchild {child.pid}")
    if "never" in ways:
        time.sleep(600)
    if "client" in ways:
        return be_client(ways)
    server = grpc.server(futures.ThreadPoolExecutor(4))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if "slow" in ways:
        time.sleep(1.0)
    if not server.add_insecure_port(f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ['PORT']}"):
        say("FATAL address already in use")
        return 1
    server.start()
    if "page" in ways:
        pages = HTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["INTROSPECTION_PORT"])), Page)
        threading.Thread(target=pages.serve_forever, daemon=True).start()
    say("INFO serving")
    if signal.sigwait({signal.SIGUSR2, signal.SIGUSR1 if "deaf" in ways else signal.SIGTERM}) == signal.SIGUSR2:
        say("INFO beginning anew")
        os.execv(sys.executable, [sys.executable, *sys.argv])
    say("INFO graceful shutdown")
    server.stop(0.2).wait()
    return 0


def be_client(ways: set[str]) -> int:
    """Count this start in the data folder, connect once, serve the health page until SIGTERM."""
    counted = os.path.join(os.environ["DATA_FOLDER"], "starts")
    with open(counted, "a") as file:
        file.write("x")
    say(f"INFO start number {os.path.getsize(counted)}")
    host, _, port = os.environ["EXCHANGE_GRPC_ADDRESS"].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        say("INFO reached the connector")
    except OSError as error:
        say(f"WARN connection attempt failed {error}")
    Health.ready_at_s = time.monotonic() + (1.0 if "slow" in ways else 600.0 if "unhealthy" in ways else 0.0)
    pages = HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Health)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    signal.sigwait({signal.SIGTERM})
    say("INFO graceful shutdown")
    return 0


if __name__ == "__main__":
    sys.exit(main())
