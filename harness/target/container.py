"""A service as a container: a fixed host port, the same network for its peers, killed and paused by the engine."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import requests
from docker.models.containers import Container

from harness.evidence.clock import NS_PER_S, now_ns
from harness.evidence.records import Record
from harness.target.engine import reason_of
from harness.target.errors import GoneError, PortTakenError, TargetError
from harness.target.life import Life
from harness.target.logs import Log
from harness.target.mooring import Mooring
from harness.target.networks import ENGINE_ERRORS, Seat, leave, seats_of, sit_down
from harness.target.owner import start_time_ticks
from harness.target.ports import LOOPBACK, TAKEN_PATTERN, HeldPort
from harness.target.profile_shape import ServiceProfile
from harness.target.sockets import listeners, owner_of
from harness.target.started import CLOSE_LIMIT_S, KILL_LIMIT_S, ReadyBy, StartedService, until

THREAD_END_LIMIT_S = 3.0
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class Birth(Protocol):
    """How a container comes into being and goes. Both block, and may raise ENGINE_ERRORS or TargetError."""

    @property
    def image(self) -> str:
        """What it is made of, for an error's sentence."""
        ...

    @property
    def network(self) -> str:
        """Name of the network in which it has its direct address."""
        ...

    def start(self) -> Container:
        """Make it and start it, with its host ports published on the loopback."""
        ...

    def remove(self) -> None:
        """Remove it, with its volumes; also what a failed start has left."""
        ...


class ContainerService(StartedService):
    """One container. `ports`: host ports, by the names of the profile's ports."""

    def __init__(
        self,
        name: str,
        profile: ServiceProfile,
        birth: Birth,
        ports: Mapping[str, HeldPort],
        log: Log,
        record: Callable[[Record], None],
        *,
        ready_by: ReadyBy | None = None,
    ) -> None:
        super().__init__(name, profile, ports, log, record, ready_by=ready_by)
        self._birth = birth
        self._born: Container | None = None
        self._away: tuple[Seat, ...] = ()
        """Its places in the networks that it was taken off."""
        self._ip = ""
        self._pid: int | None = None
        self._first_pid: int | None = None
        """The container's own, whatever serves in it."""
        self._threads: list[threading.Thread] = []
        self._logged_ns = 0

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
            if self._born is None:
                self._born = self._birth.start()
            else:
                self._born.start()
            self._look_where_it_is()
        except ENGINE_ERRORS as error:
            said = reason_of(error)
            if re.search(TAKEN_PATTERN, said):
                raise PortTakenError(f"{self.name}: a host port is taken ({said})") from None
            raise TargetError(
                f"{self.name} cannot be started from image {self._birth.image}: {said}: "
                "check the image's entry point and platform"
            ) from None
        return self._followed()

    def _followed(self) -> Life:
        """Two threads: one takes in what it says, one waits for its end."""
        self._pid = self._first_pid = int(self._container().attrs["State"]["Pid"]) or None
        life = Life()
        self._threads = [
            threading.Thread(target=self._pump, args=(life,), name=f"log of {self.name}", daemon=True),
            threading.Thread(target=self._await_exit, args=(life,), name=f"exit of {self.name}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return life

    async def _take_over(self, mooring: Mooring) -> Life:
        return await asyncio.to_thread(self._take_over_now, mooring)

    def _take_over_now(self, mooring: Mooring) -> Life:
        try:
            self._born = self._birth.start()
            self._look_where_it_is()
        except ENGINE_ERRORS as error:
            raise GoneError(f"{self.name} is gone ({reason_of(error)})") from None
        if identity_of(self._born) != mooring.identity or self._born.status != "running":
            raise GoneError(f"{self.name} is {self._born.status}, or another one than it was")
        self._logged_ns = self._log.last_ns()
        return self._followed()

    def mooring(self) -> Mooring | None:
        """See `StartedService.mooring`."""
        if self._born is None or not self.running or self._away:
            return None
        pid = self._pid or 0
        return Mooring(
            self.name, "container", f"{pid}:{start_time_ticks(pid) or 0}", identity_of(self._born), self.direct_address,
            {name: held.port for name, held in self._ports.items()}, str(self.log_path), network=self._birth.network,
        )  # fmt: skip

    async def restart(self, *, wait: bool = True, limit_s: float | None = None) -> None:
        """See `service.Restartable`."""
        if self._away:
            raise TargetError(f"{self.name} is off its network: let it rejoin before it is started again")
        await super().restart(wait=wait, limit_s=limit_s)

    def _look_where_it_is(self) -> None:
        container = self._container()
        container.reload()
        networks = container.attrs["NetworkSettings"]["Networks"]
        self._ip = str(networks.get(self._birth.network, {}).get("IPAddress", "")) or self._ip

    def _container(self) -> Container:
        if self._born is None:
            raise TargetError(f"{self.name} was not started: start it first")
        return self._born

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
        if {"HostIp": LOOPBACK, "HostPort": str(self._ports[self._profile.serving_port].port)} not in published:
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

    def _listening(self) -> set[int]:
        return listeners(self._port_inside(), self._first_pid) if self._first_pid is not None else set()

    def _family(self) -> list[int]:
        try:
            return pids_of(self._container())
        except (*ENGINE_ERRORS, TargetError):
            return []

    def _serves_now(self, pid: int) -> None:
        self._pid = pid

    def _port_inside(self) -> int:
        return self._profile.ports[self._profile.serving_port]

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

    async def isolate(self) -> None:
        """See `service.Isolatable`."""
        if not self._away:
            await self._order("taken off its network", self._leave)

    def _leave(self, container: Container) -> None:
        seats = seats_of(container)
        leave(container, seats)
        self._away = seats

    async def rejoin(self) -> None:
        """See `service.Isolatable`."""
        if self._away:
            await self._order("put back on its network", self._come_back)

    def _come_back(self, container: Container) -> None:
        sit_down(container, self._away)
        self._away = ()
        self._look_where_it_is()

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
                await asyncio.to_thread(self._birth.remove)
        finally:
            self._introspection.close()
            for held in self._ports.values():
                held.release()
            for thread in self._threads:
                await asyncio.to_thread(thread.join, THREAD_END_LIMIT_S)


def identity_of(container: Container) -> str:
    """The engine's id of it and when it was started: another start is another life."""
    return f"{container.id}@{container.attrs['State']['StartedAt']}"


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
