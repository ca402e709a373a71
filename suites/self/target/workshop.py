"""A workshop for tests: launchers over a small real server that misbehaves on request."""

from __future__ import annotations

from pathlib import Path

import yaml

from harness.evidence.records import Mark, Record
from harness.target.process_launcher import ProcessLauncher
from harness.target.profile import Profile, load_profile

PROGRAMS = Path(__file__).parent / "programs"


def small_profile(folder: Path, *ways: str, **changes: object) -> Path:
    """Write the profile of the small server; `ways` are its misbehaviours, `changes` replace service keys."""
    service: dict[str, object] = {
        "command": ["{python}", str(PROGRAMS / "small_server.py"), *ways],
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
    path.write_text(yaml.safe_dump({"name": "small", "services": {"connector": service}}))
    return path


class Workshop:
    """Launchers over the small server, with the marks their services record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: list[Record] = []
        self._launchers: list[ProcessLauncher] = []

    def profile(self, *ways: str, **changes: object) -> Profile:
        """The small server that behaves in these ways."""
        return load_profile(str(small_profile(self.folder, *ways, **changes)))

    def launcher(self, *ways: str, **changes: object) -> ProcessLauncher:
        """A process launcher of it."""
        launcher = ProcessLauncher(self.profile(*ways, **changes), self.folder / "logs", "test", self.records.append)
        self._launchers.append(launcher)
        return launcher

    def marks(self, name: str) -> list[Mark]:
        """The marks of that name so far."""
        return [one for one in self.records if isinstance(one, Mark) and one.name == name]

    async def close(self) -> None:
        """Close every launcher."""
        for launcher in self._launchers:
            await launcher.close()
