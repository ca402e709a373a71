"""A service as a container: a fixed host port, the same network for its peers, killed and paused by the engine."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
import threading
from collections.abc import Callable, Mapping

import docker.errors
import requests
from docker.models.containers import Container
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from harness.evidence.clock import NS_PER_S, now_ns
from harness.evidence.records import Record
from harness.target.engine import reason_of
from harness.target.errors import PortTakenError, TargetError
from harness.target.introspection import Page
from harness.target.logs import Log
from harness.target.ports import LOOPBACK, TAKEN_PATTERN, HeldPort
from harness.target.profile_shape import ServiceProfile
from harness.target.recipe import Recipe
from harness.target.sockets import listeners, owner_of
from harness.target.started import CLOSE_LIMIT_S, KILL_LIMIT_S, Life, StartedService, until

ENGINE_ERRORS = (docker.errors.DockerException, requests.RequestException)
THREAD_END_LIMIT_S = 3.0
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class ContainerService(StartedService):
    """One container. `ports`: host ports, by the names of the profile's ports; held as long as this object is open."""

    def __init__(
        self,
        name: str,
        profile: ServiceProfile,
        recipe: Recipe,
        image: str,
        network: Network,
        ports: Mapping[str, HeldPort],
        labels: Mapping[str, str],
        log: Log,
        record: Callable[[Record], None],
        *,
        speaks_grpc: bool = True,
    ) -> None:
        """`recipe.command` replaces the image's entry point when it is not empty."""
        super().__init__(name, profile, log, record, speaks_grpc=speaks_grpc)
        self._recipe = recipe
        self._ports = ports
        self._network = network
        self._plan = self._planned(image, labels)
        self._ip = ""
        self._pid: int | None = None
        self._threads: list[threading.Thread] = []
        self._logged_ns = 0

    def _planned(self, image: str, labels: Mapping[str, str]) -> DockerContainer:
        recipe = self._recipe
        plan = DockerContainer(image).with_network(self._network).with_network_aliases(self.name)
        plan.with_envs(**recipe.environment)
        if recipe.arguments:
            plan.with_command(list(recipe.arguments))
        for name, held in self._ports.items():
            # On the loopback only: the address is for this harness, not for the neighbourhood.
            plan.ports[f"{self._profile.ports[name]}/tcp"] = (LOOPBACK, held.port)  # type: ignore[assignment]
        if recipe.config_text is not None:
            plan.with_copy_into_container(recipe.config_text.encode(), recipe.config_path)
        plan.with_name(f"{self._network.name}-{self.name}-{self._ports['grpc'].port}")
        return plan.with_kwargs(
            labels=dict(labels),
            # The image's own health check connects to the service now and then and would be counted as a client.
            healthcheck={"test": ["NONE"]},
            **({"entrypoint": list(recipe.command)} if recipe.command else {}),
        )

    @property
    def address(self) -> str:
        """See `service.Service`: the published port."""
        return f"{LOOPBACK}:{self._ports['grpc'].port}"

    @property
    def direct_address(self) -> str:
        """See `service.Service`: the container's own address, as the engine's proxy accepts for a closed port too."""
        return f"{self._ip}:{self._port_inside()}" if self._ip else ""

    @property
    def pid(self) -> int | None:
        """See `service.Service`."""
        return self._pid if self.running else None

    # -- starting -----------------------------------------------------------------------------------

    async def _begin(self) -> Life:
        return await asyncio.to_thread(self._begin_now)

    def _begin_now(self) -> Life:
        try:
            if self._plan._container is None:
                self._plan.start()
            else:
                self._container().start()
            container = self._container()
            container.reload()
        except ENGINE_ERRORS as error:
            said = reason_of(error)
            if re.search(TAKEN_PATTERN, said):
                raise PortTakenError(f"{self.name}: a host port is taken ({said})") from None
            raise TargetError(
                f"{self.name} cannot be started from image {self._plan.image}: {said}: "
                "check the image's entry point and platform"
            ) from None
        networks = container.attrs["NetworkSettings"]["Networks"]
        self._ip = str(networks.get(self._network.name, {}).get("IPAddress", "")) or self._ip
        self._pid = int(container.attrs["State"]["Pid"]) or None
        life = Life()
        self._threads = [
            threading.Thread(target=self._pump, args=(life,), name=f"log of {self.name}", daemon=True),
            threading.Thread(target=self._await_exit, args=(life,), name=f"exit of {self.name}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return life

    def _container(self) -> Container:
        return self._plan.get_wrapped_container()

    def _pump(self, life: Life) -> None:
        """Follow the log; the engine stamps each line, and keeps those of earlier starts, which are passed over."""
        after_ns, rest = self._logged_ns, b""
        since_s = max(1, after_ns // NS_PER_S)  # the engine's client takes no 0
        try:
            for chunk in self._container().logs(stream=True, follow=True, timestamps=True, since=since_s):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._line(life, line, after_ns)
            if rest:
                self._line(life, rest, after_ns)
        except (*ENGINE_ERRORS, OSError) as error:
            if not self._closed:
                self._log.append(f"(harness: the engine stopped giving this log: {reason_of(error)})".encode())
        finally:
            life.log_ended.set()

    def _line(self, life: Life, line: bytes, after_ns: int) -> None:
        stamp, _, text = line.partition(b" ")
        t_ns = to_ns(stamp.decode("ascii", "replace"))
        if t_ns > after_ns:
            self._logged_ns = max(self._logged_ns, t_ns)
            self._heard(life, self._log.append(text, t_ns))

    def _await_exit(self, life: Life) -> None:
        """Wait for the exit in turns, as the engine's client gives up waiting after its own limit."""
        code: int | None = None
        while not life.exited.is_set():
            try:
                code = int(self._container().wait()["StatusCode"])
                break
            except (requests.ReadTimeout, requests.ConnectionError):
                continue
            except ENGINE_ERRORS:
                break  # it was removed
        t_ns = 0
        with contextlib.suppress(*ENGINE_ERRORS):
            container = self._container()
            container.reload()
            t_ns = to_ns(str(container.attrs["State"]["FinishedAt"]))
        self._ended(life, code, t_ns or now_ns())

    async def _check_identity(self) -> None:
        await asyncio.to_thread(self._check_identity_now)

    def _check_identity_now(self) -> None:
        container = self._container()
        container.reload()
        published = container.attrs["NetworkSettings"]["Ports"].get(f"{self._port_inside()}/tcp") or []
        if {"HostIp": LOOPBACK, "HostPort": str(self._ports["grpc"].port)} not in published:
            raise PortTakenError(f"{self.name}: {self.address} is not published by container {container.name}")
        if self._pid is None:
            return
        try:
            sockets = listeners(self._port_inside(), self._pid)
        except OSError:
            return  # not ours to look at; the engine's word has to do
        if not sockets:
            raise PortTakenError(f"{self.name}: something answers on {self.address}, and nothing listens inside it")
        owners = owner_of(sockets, pids_of(container))
        self._pid = min(owners.values(), default=self._pid)

    def _port_inside(self) -> int:
        return self._profile.ports["grpc"]

    def _pages(self) -> tuple[Page, ...]:
        return tuple(
            Page(one.kind, one.url or f"http://{LOOPBACK}:{self._ports[one.port].port}{one.path}")
            for one in self._profile.introspection
        )

    # -- ending and freezing ----------------------------------------------------------------------------

    async def _order(self, what: str, order: Callable[[Container], object]) -> None:
        """Have the engine do something. Raises TargetError."""
        try:
            await asyncio.to_thread(lambda: order(self._container()))
        except ENGINE_ERRORS as error:
            raise TargetError(f"{self.name} cannot be {what}: {reason_of(error)}") from None

    async def kill(self) -> None:
        """See `service.Killable`."""
        if self._life is None or not self.running:
            return
        with contextlib.suppress(TargetError):
            await self._order("killed", lambda container: container.kill("SIGKILL"))
        with contextlib.suppress(TargetError):
            await self._order("thawed", lambda container: container.unpause())  # a frozen one dies once thawed
        if not await until(self._life.exited.is_set, KILL_LIMIT_S):
            raise TargetError(f"{self.name} survives SIGKILL: the engine hangs")

    async def terminate(self) -> None:
        """See `service.Killable`."""
        if self.running:
            with contextlib.suppress(TargetError):  # it may have ended meanwhile
                await self._order("stopped", lambda container: container.kill("SIGTERM"))

    async def pause(self) -> None:
        """See `service.Pausable`."""
        await self._order("paused", lambda container: container.pause())
        await self._order("looked at", lambda container: container.reload())
        if self._container().status != "paused":
            raise TargetError(f"{self.name} was paused and is {self._container().status}")

    async def resume(self) -> None:
        """See `service.Pausable`."""
        await self._order("looked at", lambda container: container.reload())
        if self._container().status == "paused":
            await self._order("thawed", lambda container: container.unpause())

    async def close(self) -> None:
        """See `service.Service`."""
        if self._closed:
            return
        self._closed = True
        try:
            if self.running:
                with contextlib.suppress(TargetError):
                    await self.resume()
                await self.terminate()
                await self.wait_exit(CLOSE_LIMIT_S)
            with contextlib.suppress(*ENGINE_ERRORS):
                await asyncio.to_thread(self._plan.stop)  # removes it, with its volumes
        finally:
            self._introspection.close()
            for held in self._ports.values():
                held.release()
            for thread in self._threads:
                await asyncio.to_thread(thread.join, THREAD_END_LIMIT_S)


def pids_of(container: Container) -> list[int]:
    """The container's processes by their numbers on this host."""
    table = container.top()
    column = table["Titles"].index("PID")
    return [int(row[column]) for row in table["Processes"]]


def to_ns(stamp: str) -> int:
    """Unix nanoseconds of the engine's RFC 3339 time; 0 for anything else."""
    match = _TIME.match(stamp)
    if match is None:
        return 0
    whole = datetime.datetime.fromisoformat(f"{match.group(1)}+00:00")
    return int(whole.timestamp()) * NS_PER_S + int((match.group(2) or "").ljust(9, "0"))
