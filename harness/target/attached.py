"""A service that was running before: nothing is started, nothing can be done to it but talk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import grpc
import grpc.aio

from harness.client.channel import one_line
from harness.evidence.records import Fact, Mark, Reading, Record
from harness.target.credentials import Credentials
from harness.target.errors import CannotDoError, NotServingError, TargetError
from harness.target.introspection import Introspection, Page
from harness.target.launcher import LogPath, Venue, free_log_path
from harness.target.process_launcher import ProcessLauncher
from harness.target.profile_shape import Profile, ServiceProfile
from harness.target.service import Capability
from harness.target.serving import HOW_TO_REACH, ask_name, until_serving
from harness.target.started import StartedService, nobody

NAME_LIMIT_S = 5.0


class AttachedService:
    """See `service.Service`. Killing, pausing and restarting raise CannotDoError."""

    def __init__(self, name: str, profile: ServiceProfile, log_path: Path, record: Callable[[Record], None]) -> None:
        self.name = name
        self.record = record
        self.address = self.direct_address = profile.address
        self.pid = None
        self.log_path = log_path
        self.secrets_masked = 0
        self.capabilities = frozenset({Capability.INSPECT} if profile.introspection else ())
        self._access = profile.access.access
        self._ready_s = profile.ready_s
        self._served = False
        pages = tuple(Page(one.kind, one.url) for one in profile.introspection if one.url)
        self._introspection = Introspection(name, pages, lambda: None)

    async def check(self) -> str:
        """The name that it gives itself. Raises TargetError when what answers is no connector."""
        try:
            return await ask_name(self.address, NAME_LIMIT_S, self._access)
        except grpc.aio.AioRpcError as error:
            said = one_line(error.details(), self._access.api_key)
            why = f"GetName failed with {error.code().name}: {said}"
        raise TargetError(f"{self.address} does not answer as an exchange connector ({why}): {HOW_TO_REACH}")

    async def wait_serving(self, limit_s: float | None = None) -> None:
        """See `service.Service`."""
        limit_s = self._ready_s if limit_s is None else limit_s
        ready, answer = await until_serving(self.address, limit_s, lambda: False, access=self._access)
        if ready is None:
            raise NotServingError(
                f"{self.name} at {self.address} is not SERVING within {limit_s:g} s (last answer: {answer}): "
                "is it running and healthy?"
            )
        if not self._served:
            self._served = True
            await asyncio.to_thread(self._introspection.read)
            self.record(Mark(ready.t_ns, "process.serving", {"service": self.name}, earliest_ns=ready.earliest_ns))

    async def wait_exit(self, limit_s: float) -> int | None:
        """Its exit code can be known by nobody but its parent."""
        await asyncio.sleep(max(0.0, limit_s))
        return None

    def _cannot(self, what: str) -> CannotDoError:
        return CannotDoError(
            f"{self.name} at {self.address} was not started by the harness, so it cannot be {what}: "
            "give its command or image in the profile"
        )

    async def kill(self) -> None:
        """Raises CannotDoError."""
        raise self._cannot("killed")

    async def terminate(self) -> None:
        """Raises CannotDoError."""
        raise self._cannot("stopped")

    async def restart(self, *, wait: bool = True, limit_s: float | None = None) -> None:
        """Raises CannotDoError."""
        raise self._cannot("restarted")

    async def pause(self) -> None:
        """Raises CannotDoError."""
        raise self._cannot("paused")

    async def resume(self) -> None:
        """Raises CannotDoError."""
        raise self._cannot("resumed")

    async def isolate(self) -> None:
        """Raises CannotDoError."""
        raise self._cannot("taken off its network")

    async def rejoin(self) -> None:
        """Raises CannotDoError."""
        raise self._cannot("put back on its network")

    def port_address(self, port_name: str) -> str:
        """See `service.Service`: only the port that serves is known."""
        if port_name == "grpc":
            return self.address
        raise self._cannot(f"asked at its port {port_name}")

    async def introspect(self, *, gently: bool = False) -> tuple[Reading, ...]:
        """See `service.Inspectable`."""
        return await asyncio.to_thread(self._introspection.read, gently=gently)

    def unmeasurable(self) -> tuple[Fact, ...]:
        """See `service.Inspectable`."""
        return self._introspection.unmeasurable()

    def watch_connection(self, peer_port: int) -> bool | None:
        """Nobody can see it."""
        return None

    def connection_open(self, peer_port: int) -> bool | None:
        """Nobody can see it."""
        return None

    def log_text(self) -> str:
        """What the harness knows of its log: nothing."""
        with contextlib.suppress(OSError):
            return self.log_path.read_text(encoding="utf-8", errors="replace")
        return ""

    async def close(self) -> None:
        """Let go of it; it keeps running."""
        self._introspection.close()


class AttachedLauncher:
    """See `launcher.Launcher`: starts nothing."""

    kind = "attached"

    def __init__(
        self, profile: Profile, run: str, log_path: LogPath, record: Callable[[Record], None] = nobody
    ) -> None:
        self.profile = profile
        self.record = record
        self._log_path = log_path
        self._run = run
        self._services: list[AttachedService] = []
        self._beside: ProcessLauncher | None = None

    async def start_venue(
        self, exchange: str, profile: str, seed: int, keys: Credentials | Sequence[Credentials]
    ) -> Venue:
        """Raises CannotDoError: a connector that runs already has its venue."""
        raise CannotDoError(
            f"profile {self.profile.name} attaches to a running connector, which cannot be put over a simulated venue: "
            "give its command or image in the profile"
        )

    async def start_connector(
        self,
        exchange: str,
        base_url: str = "",
        credentials: Credentials | None = None,
        *,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> AttachedService:
        """The running connector, once it has said its name. Raises TargetError when it is not for `exchange`."""
        log_path = free_log_path(self._log_path, "connector")
        service = AttachedService("connector", self.profile.connector, log_path, self.record)
        name = await service.check()
        if name.lower() != exchange.lower():
            raise TargetError(
                f"the connector at {service.address} is for {name}, and {exchange} is needed: attach to that"
            )
        if wait:
            await service.wait_serving()
        self._services.append(service)
        return service

    async def start_service(
        self,
        name: str,
        values: Mapping[str, str],
        *,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> AttachedService:
        """Raises CannotDoError: whoever attaches has the clients that there are."""
        raise CannotDoError(
            f"profile {self.profile.name} attaches to a running connector and starts nothing, so there is no {name}: "
            "give the command or image of the connector and of its clients in the profile"
        )

    async def start_null_server(self, rate_per_s: float = 0.0) -> StartedService:
        """See `launcher.Launcher`; a process of this host, as the place of the connector is not ours to start in."""
        self._beside = self._beside or ProcessLauncher(self.profile, self._run, self._log_path, self.record)
        return await self._beside.start_null_server(rate_per_s)

    async def reach(self) -> str:
        """Raises CannotDoError: nothing that it starts could reach anything."""
        raise CannotDoError(
            f"profile {self.profile.name} attaches to a running connector and starts nothing that could reach this "
            "host: give its command or image in the profile"
        )

    async def close(self) -> None:
        """See `launcher.Launcher`."""
        while self._services:
            await self._services.pop().close()
        if self._beside is not None:
            await self._beside.close()
