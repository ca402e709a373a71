"""A service as a process: it starts, dies, freezes, comes back at its address, and nothing of it stays."""

from __future__ import annotations

import re
import socket
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from harness.target.credentials import Credentials
from harness.target.errors import PortTakenError, TargetError
from harness.target.ports import HeldPort, hold_quiet_port
from harness.target.process import ProcessService

from .workshop import Play, Workshop, endpoint, gone

pytestmark = pytest.mark.self


def test_a_service_deaf_to_sigterm_is_killed(workshop: Workshop, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.target.process.CLOSE_LIMIT_S", 0.5)

    async def choreography() -> None:
        service = await workshop.processes("deaf").start_connector("mock")
        await service.close()
        assert [mark.detail["code"] for mark in workshop.marks("process.died")] == ["137"]

    play(choreography)


@pytest.mark.parametrize("end", ["kill", "close"])
def test_grandchildren_in_sessions_of_their_own_go_too(workshop: Workshop, play: Play, end: str) -> None:
    async def choreography() -> None:
        service = await workshop.processes("grandchild").start_connector("mock")
        match = re.search(r"grandchild (\d+)", service.log_text())
        assert match is not None
        grandchild = int(match.group(1))
        assert not gone(grandchild)
        await getattr(service, end)()
        assert gone(grandchild)

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
            await workshop.processes(command=command).start_connector("mock")

    play(choreography)


def test_somebody_else_who_answers_on_the_port_is_not_taken_for_ours(workshop: Workshop, play: Play) -> None:
    """The foreign server shares the port (SO_REUSEPORT), answers SERVING, and must be told apart."""

    async def choreography() -> None:
        service = await workshop.processes("slow").start_connector("mock", wait=False)
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


def test_config_file_holds_no_secret_and_no_base_url_without_a_venue(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        known = Credentials.fresh()
        service = await workshop.processes().start_connector("mock", "", known)
        assert isinstance(service, ProcessService)
        text = Path(service.config_path).read_text()  # noqa: ASYNC240 - a small local file
        assert '"${API_KEY}"' in text
        assert "base_url" not in text
        assert known.key not in text
        await service.close()

    play(choreography)


def test_base_url_without_a_scheme_is_refused(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        with pytest.raises(TargetError, match="write it as http://"):
            await workshop.processes().start_connector("mock", "127.0.0.1:8080")

    play(choreography)


def test_a_port_that_the_service_finds_taken_is_replaced(
    workshop: Workshop, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first port that the launcher picks gets a foreign listener before the service can bind it."""
    foreign: list[socket.socket] = []

    def snatched() -> HeldPort:
        held = hold_quiet_port()
        if not foreign:
            foreign.append(socket.create_server(("127.0.0.1", held.port)))
        return held

    monkeypatch.setattr("harness.target.process_launcher.hold_quiet_port", snatched)

    async def choreography() -> None:
        service = await workshop.processes().start_connector("mock")
        assert endpoint(service.address)[1] != foreign[0].getsockname()[1]
        assert "address already in use" in workshop.log_path("connector").read_text().lower()

    try:
        play(choreography)
    finally:
        foreign[0].close()
