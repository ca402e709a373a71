"""A workshop for tests: launchers over a small real server that misbehaves on request."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from harness.evidence.records import Mark, Record
from harness.target.compose_launcher import ComposeLauncher
from harness.target.compose_program import ComposeProgram, check_services, read_compose_file
from harness.target.container_launcher import ContainerLauncher
from harness.target.launcher import Launcher
from harness.target.owner import start_time_ticks
from harness.target.process_launcher import ProcessLauncher
from harness.target.profile import Profile, load_profile

PROGRAMS = Path(__file__).parent / "programs"


SMALL_BUILD = {
    "dockerfile": str(PROGRAMS / "Dockerfile"),
    "requirements": str(PROGRAMS / "requirements.txt"),
    "copies": [str(PROGRAMS / "small_server.py")],
}


def become_somebody_else() -> None:
    """For a child of root: from here on it owns nothing of its parent's."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def small_client(*ways: str, host: str = "127.0.0.1") -> dict[str, object]:
    """The small server as a client of the connector: with a health page and without gRPC."""
    return {
        "command": ["{python}", str(PROGRAMS / "small_server.py"), "client", *ways],
        "build": SMALL_BUILD,
        "arguments": ["client", *ways],
        "environment": {
            "HOST": host,
            "PORT": "{http_port}",
            "EXCHANGE_GRPC_ADDRESS": "{connector_address}",
            "DATA_FOLDER": "{data_folder}",
        },
        "ports": {"http": 8080},
        "health": {"port": "http", "path": "/health"},
        "ready_s": 10,
    }


def small_profile(folder: Path, *ways: str, client: dict[str, object] | None = None, **changes: object) -> Path:
    """Write the profile of the small server; `ways` are its misbehaviours, `changes` replace service keys.

    `client`: the market maker of the profile.
    """
    service: dict[str, object] = {
        "command": ["{python}", str(PROGRAMS / "small_server.py"), *ways],
        "build": SMALL_BUILD,
        "arguments": list(ways),
        "environment": {
            "PORT": "{grpc_port}",
            "INTROSPECTION_PORT": "{introspection_port}",
            "API_KEY": "{api_key}",
            "API_SECRET": "{api_secret}",
        },
        "config": {"exchanges": {"{exchange}": {"api_key": "${API_KEY}", "base_url": "{venue_url}"}}},
        "config_refused": ["WARN.*config.*ignored"],
        "ports": {"grpc": 50051, "introspection": 6060},
        "ready_s": 10,
    }
    if "page" in ways:
        service["introspection"] = [{"kind": "reference", "port": "introspection"}]
    service.update(changes)
    path = folder / "small.yaml"
    services = {"connector": service, **({"market_maker": client} if client else {})}
    path.write_text(yaml.safe_dump({"name": "small", "services": services}))
    return path


class Workshop:
    """Launchers over the small server, with the marks their services record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = f"test-{uuid.uuid4().hex[:8]}"
        self.records: list[Record] = []
        self.image = ""
        """Of the small server, where there is a Docker engine."""
        self._launchers: list[Launcher] = []

    def profile(self, *ways: str, client: dict[str, object] | None = None, **changes: object) -> Profile:
        """The small server that behaves in these ways."""
        return load_profile(str(small_profile(self.folder, *ways, client=client, **changes)))

    def with_client(self, kind: str, *ways: str, **changes: object) -> Launcher:
        """A launcher whose market maker is the small server with a health page, which behaves in these ways."""
        if kind == "compose":
            return self.composed(client={**small_client(*ways, host="0.0.0.0"), **changes})
        host = "127.0.0.1" if kind == "process" else "0.0.0.0"
        environment = {"HOST": host, "PORT": "{grpc_port}"}
        profile = self.profile(client={**small_client(*ways, host=host), **changes}, environment=environment)
        launcher: Launcher
        if kind == "process":
            launcher = ProcessLauncher(profile, self.run, self.log_path, self.records.append)
        else:
            launcher = ContainerLauncher(profile, lambda _: self.image, self.run, self.log_path, self.records.append)
        self._launchers.append(launcher)
        return launcher

    def processes(self, *ways: str, **changes: object) -> ProcessLauncher:
        """A process launcher of it."""
        launcher = ProcessLauncher(
            self.profile(*ways, client=None, **changes), self.run, self.log_path, self.records.append
        )
        self._launchers.append(launcher)
        return launcher

    def containers(self, *ways: str, **changes: object) -> ContainerLauncher:
        """A container launcher of it."""
        environment = {"HOST": "0.0.0.0", "PORT": "{grpc_port}", "INTROSPECTION_PORT": "{introspection_port}"}
        environment |= {"API_KEY": "{api_key}", "API_SECRET": "{api_secret}"}
        changes = {"environment": environment, **changes}
        profile = self.profile(*ways, client=None, **changes)
        launcher = ContainerLauncher(profile, lambda _: self.image, self.run, self.log_path, self.records.append)
        self._launchers.append(launcher)
        return launcher

    def composed(
        self,
        *ways: str,
        client: dict[str, object] | None = None,
        changed: Callable[[dict[str, Any]], None] = lambda tree: None,
        **changes: object,
    ) -> ComposeLauncher:
        """A launcher over a Compose file with the small server as `exchange`, and as `maker` for the market maker.

        `changed` may spoil the file's tree before it is written.
        """
        profile = self.compose_profile(*ways, client=client, changed=changed, **changes)
        assert profile.compose is not None
        program = ComposeProgram.find()
        theirs = read_compose_file(program, profile.compose.file)
        check_services(profile, theirs, profile.compose.file)
        launcher = ComposeLauncher(
            profile, program, theirs, lambda _: self.image, self.run, self.log_path, self.records.append
        )
        self._launchers.append(launcher)
        return launcher

    def compose_profile(
        self,
        *ways: str,
        client: dict[str, object] | None = None,
        changed: Callable[[dict[str, Any]], None] = lambda tree: None,
        **changes: object,
    ) -> Profile:
        """The profile of `composed`, its Compose file written beside it."""
        given = client or small_client(host="0.0.0.0")
        services = {
            "exchange": {
                "image": self.image,
                "command": list(ways),
                "environment": {"HOST": "0.0.0.0", "KEPT": "a$$b"},
                "ports": ["50051:50051"],
                "restart": "always",
                "depends_on": ["unrelated"],
                "networks": ["inner"],
            },
            "maker": {"image": self.image, "networks": {"inner": None}, "volumes": ["data:/data"]},
            "unrelated": {"image": "registry.invalid/nobody/needs-it:1"},
        }
        tree: dict[str, Any] = {"version": "3.7", "services": services, "networks": {"inner": {}}}
        tree["volumes"] = {"data": {"name": "somebody-elses-data"}}
        changed(tree)
        (self.folder / "compose.yaml").write_text(yaml.safe_dump(tree))
        environment = {"PORT": "{grpc_port}", "INTROSPECTION_PORT": "{introspection_port}"}
        environment |= {"API_KEY": "{api_key}", "API_SECRET": "{api_secret}"}
        ours: dict[str, object] = {"command": [], "build": None, "arguments": [], "environment": environment}
        client = {**given, "command": [], "build": None, "compose": "maker"}
        path = small_profile(self.folder, *ways, client=client, **{**ours, "compose": "exchange", **changes})
        whole = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({**whole, "compose": {"file": "compose.yaml"}}))
        return load_profile(str(path))

    def launcher(self, kind: str, *ways: str, **changes: Any) -> Launcher:
        """`process`, `container` or `compose`."""
        if kind == "compose":
            return self.composed(*ways, **changes)
        return self.processes(*ways, **changes) if kind == "process" else self.containers(*ways, **changes)

    def log_path(self, name: str) -> Path:
        """As a run's record arranges it."""
        return self.folder / "logs" / f"{name}.log"

    def marks(self, name: str) -> list[Mark]:
        """The marks of that name so far."""
        return [one for one in self.records if isinstance(one, Mark) and one.name == name]

    async def close(self) -> None:
        """Close every launcher."""
        for launcher in self._launchers:
            await launcher.close()


Play = Callable[[Callable[[], Awaitable[None]]], None]
"""What the fixture `play` is."""


def gone(pid: int) -> bool:
    """Whether no living process has that number."""
    return start_time_ticks(pid) is None


def endpoint(address: str) -> tuple[str, int]:
    """host:port as sockets want it."""
    host, _, port = address.rpartition(":")
    return host, int(port)


def accepts(address: str) -> bool:
    """Whether something accepts a connection there."""
    try:
        with socket.create_connection(endpoint(address), timeout=1):
            return True
    except OSError:
        return False
