"""A service as a process: it starts, dies, freezes, comes back at its address, and nothing of it stays."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Awaitable, Callable
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from harness.target.credentials import Credentials
from harness.target.errors import DiedAtStartError, NotServingError, PortTakenError, TargetError
from harness.target.owner import start_time_ticks
from harness.target.process import ProcessService
from harness.target.serving import ask_health
from harness.target.started import until

from .workshop import Workshop

pytestmark = pytest.mark.self

Play = Callable[[Callable[[], Awaitable[None]]], None]


def gone(pid: int) -> bool:
    return start_time_ticks(pid) is None


def test_serves_and_says_when(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher().start_connector("mock")
        assert await ask_health(service.address) == "SERVING"
        assert service.direct_address == service.address
        [started], [serving] = workshop.marks("process.started"), workshop.marks("process.serving")
        assert started.t_ns <= serving.earliest_ns < serving.t_ns
        assert serving.detail["service"] == "connector"
        await service.wait_serving(5)
        assert len(workshop.marks("process.serving")) == 1, "one start serves once"

    play(choreography)


def test_a_killed_service_comes_back_at_the_same_address(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher().start_connector("mock")
        address, pid = service.address, service.pid
        assert pid is not None
        await service.kill()
        assert gone(pid)
        assert service.pid is None
        assert await service.wait_exit(1) == 128 + signal.SIGKILL
        assert await ask_health(address) == "UNAVAILABLE"
        await service.restart()
        assert service.address == address
        assert await ask_health(address) == "SERVING"
        assert [mark.detail["code"] for mark in workshop.marks("process.died")] == ["137"]
        assert len(workshop.marks("process.serving")) == 2

    play(choreography)


def test_restart_of_a_running_service_stops_it_gracefully_first(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher().start_connector("mock")
        await service.restart()
        assert "graceful shutdown" in service.log_text()
        assert [mark.detail["code"] for mark in workshop.marks("process.died")] == ["0"]

    play(choreography)


def test_terminate_gives_the_exit_code_and_the_last_words(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher().start_connector("mock")
        assert await service.wait_exit(0.1) is None
        await service.terminate()
        assert await service.wait_exit(5) == 0
        assert service.log_text().rstrip().endswith("INFO graceful shutdown")

    play(choreography)


def test_a_paused_service_keeps_its_port_and_answers_nobody(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher().start_connector("mock")
        host, _, port = service.address.partition(":")
        await service.pause()
        with socket.create_connection((host, int(port)), timeout=2):
            assert await ask_health(service.address, limit_s=0.5) in ("DEADLINE_EXCEEDED", "UNAVAILABLE")
        await service.resume()
        await service.wait_serving(5)
        assert workshop.marks("process.died") == []

    play(choreography)


def test_a_paused_service_can_be_closed(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher().start_connector("mock")
        pid = service.pid
        assert pid is not None
        await service.pause()
        await service.close()
        await service.close()
        assert gone(pid)
        with pytest.raises(TargetError, match="closed"):
            await service.restart()

    play(choreography)


def test_a_service_deaf_to_sigterm_is_killed(workshop: Workshop, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.target.process.STOP_LIMIT_S", 0.5)

    async def choreography() -> None:
        service = await workshop.launcher("deaf").start_connector("mock")
        await service.close()
        assert [mark.detail["code"] for mark in workshop.marks("process.died")] == ["137"]

    play(choreography)


@pytest.mark.parametrize("end", ["kill", "close"])
def test_grandchildren_in_sessions_of_their_own_go_too(workshop: Workshop, play: Play, end: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher("grandchild").start_connector("mock")
        match = re.search(r"grandchild (\d+)", service.log_text())
        assert match is not None
        grandchild = int(match.group(1))
        assert not gone(grandchild)
        await getattr(service, end)()
        assert gone(grandchild)

    play(choreography)


def test_dies_at_start(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        with pytest.raises(DiedAtStartError, match=r"exited with code 7 before it served.*nothing works") as caught:
            await workshop.launcher("die").start_connector("mock")
        assert caught.value.code == 7
        assert "\n" not in str(caught.value)

    play(choreography)


def test_never_serves(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher("never").start_connector("mock", wait=False)
        with pytest.raises(NotServingError, match=r"within 0\.5 s \(last answer: UNAVAILABLE\).*INFO started"):
            await service.wait_serving(0.5)

    play(choreography)


def test_config_file_that_the_service_ignored(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        with pytest.raises(TargetError, match=r"did not accept its config file.*using defaults"):
            await workshop.launcher("config-refused").start_connector("mock")

    play(choreography)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["no-such-program"], "'no-such-program' was not found"),
        (["./plain"], "is not executable"),
        (["./broken"], "cannot be run"),
    ],
)
def test_command_that_cannot_be_run(workshop: Workshop, play: Play, command: list[str], says: str) -> None:
    broken = workshop.folder / "broken"
    broken.write_bytes(b"\x7fELFnothing")
    broken.chmod(0o755)
    plain = workshop.folder / "plain"
    plain.write_text("nothing to run")
    plain.chmod(0o644)

    async def choreography() -> None:
        with pytest.raises(TargetError, match=says):
            await workshop.launcher(command=command).start_connector("mock")

    play(choreography)


def test_somebody_else_who_answers_on_the_port_is_not_taken_for_ours(workshop: Workshop, play: Play) -> None:
    """The foreign server shares the port (SO_REUSEPORT), answers SERVING, and must be told apart."""

    async def choreography() -> None:
        service = await workshop.launcher("slow").start_connector("mock", wait=False)
        foreign = grpc.server(futures.ThreadPoolExecutor(2))
        servicer = health.HealthServicer()
        servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, foreign)
        foreign.add_insecure_port(service.address)
        foreign.start()
        try:
            with pytest.raises(PortTakenError, match="is not the process that was started"):
                await service.wait_serving(5)
        finally:
            foreign.stop(0).wait()

    play(choreography)


def test_secrets_are_masked_and_their_leaks_counted(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        known = Credentials.fresh()
        service: ProcessService = await workshop.launcher("leak").start_connector("mock", "", known)
        text = service.log_text()
        assert "ERROR rejected ***" in text
        assert known.secret not in text
        assert known.key not in text
        assert service.leaks == 1

    play(choreography)


def test_config_file_holds_no_secret_and_no_base_url_without_a_venue(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        known = Credentials.fresh()
        service = await workshop.launcher().start_connector("mock", "", known)
        text = Path(service.config_path).read_text()  # noqa: ASYNC240 - a small local file
        assert '"${API_KEY}"' in text
        assert "base_url" not in text
        assert known.key not in text
        await service.close()

    play(choreography)


def test_base_url_without_a_scheme_is_refused(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        with pytest.raises(TargetError, match="write it as http://"):
            await workshop.launcher().start_connector("mock", "127.0.0.1:8080")

    play(choreography)


def test_readings_and_what_cannot_be_seen(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher("page").start_connector("mock")
        values = {one.probe: one.value for one in await service.introspect()}
        assert values["connector.runtime_units"] == 5
        assert values["connector.subscriptions"] == 4
        assert service.pid is not None
        assert values["connector.descriptors"] == len(os.listdir(f"/proc/{service.pid}/fd"))
        assert values["connector.rss"] > 1 << 20
        assert service.unmeasurable() == ()
        bare = await workshop.launcher().start_connector("mock")
        blind = {fact.subject: fact.detail for fact in bare.unmeasurable()}
        assert blind.keys() == {"connector.runtime_units", "connector.subscriptions"}
        assert all("pprof" in reason for reason in blind.values())

    play(choreography)


def test_connections_are_seen_from_inside_the_process(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.launcher().start_connector("mock")
        host, _, port = service.direct_address.partition(":")
        client = socket.create_connection((host, int(port)))
        peer_port = client.getsockname()[1]
        assert await until(lambda: service.watch_connection(peer_port) is True, 5)
        values = {one.probe: one.value for one in await service.introspect()}
        assert values["connector.sockets"] >= 1
        assert service.connection_open(peer_port) is True
        client.close()
        assert await until(lambda: service.connection_open(peer_port) is False, 5)

    play(choreography)


def test_a_reset_connection_that_is_still_held_counts_as_open(workshop: Workshop, play: Play) -> None:
    """After a reset the kernel's table has forgotten the connection; the frozen process still holds the socket."""

    async def choreography() -> None:
        service = await workshop.launcher().start_connector("mock")
        host, _, port = service.direct_address.partition(":")
        client = socket.create_connection((host, int(port)))
        peer_port = client.getsockname()[1]
        assert await until(lambda: service.watch_connection(peer_port) is True, 5)
        await service.pause()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        assert service.watch_connection(peer_port) is False
        assert service.connection_open(peer_port) is True
        await service.resume()
        assert await until(lambda: service.connection_open(peer_port) is False, 5)

    play(choreography)
