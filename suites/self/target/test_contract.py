"""What every started service promises, whether it is a process or a container: one contract, each kind in turn."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from harness.target.credentials import Credentials
from harness.target.errors import DiedAtStartError, NotServingError, TargetError
from harness.target.service import Capability, Inspectable, Killable, Pausable, Restartable
from harness.target.serving import ask_health
from harness.target.started import until

from .workshop import Play, Workshop, accepts, endpoint, gone

pytestmark = pytest.mark.self


def test_serves_and_says_when(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(any_kind).start_connector("mock")
        assert await ask_health(service.address) == "SERVING"
        assert accepts(service.direct_address)
        [started], [serving] = workshop.marks("process.started"), workshop.marks("process.serving")
        assert started.t_ns <= serving.earliest_ns < serving.t_ns
        assert serving.detail["service"] == "connector"
        await service.wait_serving(5)
        assert len(workshop.marks("process.serving")) == 1, "one start serves once"

    play(choreography)


def test_a_killed_service_comes_back_at_the_same_address(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(any_kind).start_connector("mock")
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


def test_restart_of_a_running_service_stops_it_gracefully_first(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind).start_connector("mock")
        await service.restart()
        assert "graceful shutdown" in service.log_text()
        assert [mark.detail["code"] for mark in workshop.marks("process.died")] == ["0"]

    play(choreography)


def test_terminate_gives_the_exit_code_and_the_last_words(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(any_kind).start_connector("mock")
        assert await service.wait_exit(0.1) is None
        await service.terminate()
        assert await service.wait_exit(5) == 0
        assert service.log_text().rstrip().endswith("INFO graceful shutdown")

    play(choreography)


def test_a_paused_service_keeps_its_port_and_answers_nobody(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(any_kind).start_connector("mock")
        await service.pause()
        assert accepts(service.direct_address)
        with socket.create_connection(endpoint(service.address), timeout=2):
            assert await ask_health(service.address, limit_s=0.5) in ("DEADLINE_EXCEEDED", "UNAVAILABLE")
        await service.resume()
        await service.wait_serving(5)
        assert workshop.marks("process.died") == []

    play(choreography)


def test_a_paused_service_can_be_closed(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind).start_connector("mock")
        pid = service.pid
        assert pid is not None
        await service.pause()
        await service.close()
        await service.close()
        assert gone(pid)
        with pytest.raises(TargetError, match="closed"):
            await service.restart()

    play(choreography)


def test_dies_at_start(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        with pytest.raises(DiedAtStartError, match=r"exited with code 7 before it served.*nothing works") as caught:
            await workshop.launcher(any_kind, "die").start_connector("mock")
        assert caught.value.code == 7
        assert "\n" not in str(caught.value)

    play(choreography)


def test_never_serves(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind, "never").start_connector("mock", wait=False)
        with pytest.raises(NotServingError, match=r"within 0\.5 s \(last answer: UNAVAILABLE\).*INFO started"):
            await service.wait_serving(0.5)

    play(choreography)


def test_config_file_that_the_service_ignored(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        with pytest.raises(TargetError, match=r"did not accept its config file.*using defaults"):
            await workshop.launcher(kind, "config-refused").start_connector("mock")

    play(choreography)


def test_secrets_are_masked_and_their_leaks_counted(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        known = Credentials.fresh()
        service = await workshop.launcher(any_kind, "leak").start_connector("mock", "", known)
        text = service.log_text()
        assert "ERROR rejected ***" in text
        assert known.secret not in text
        assert known.key not in text
        assert service.secrets_masked == 1

    play(choreography)


def test_readings_and_what_cannot_be_seen(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind, "page").start_connector("mock")
        values = {one.probe: one.value for one in await service.introspect()}
        assert values["connector.runtime_units"] == 5
        assert values["connector.subscriptions"] == 4
        assert service.pid is not None
        assert values["connector.descriptors"] == len(os.listdir(f"/proc/{service.pid}/fd"))
        assert values["connector.rss"] > 1 << 20
        assert service.unmeasurable() == ()
        bare = await workshop.launcher(kind).start_connector("mock")
        blind = {fact.subject: fact.detail for fact in bare.unmeasurable()}
        assert blind.keys() == {"connector.runtime_units", "connector.subscriptions"}
        assert all("pprof" in reason for reason in blind.values())

    play(choreography)


def test_connections_are_seen_from_inside_the_process(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind).start_connector("mock")
        client = socket.create_connection(endpoint(service.direct_address))
        peer_port = client.getsockname()[1]
        assert await until(lambda: service.watch_connection(peer_port) is True, 5)
        values = {one.probe: one.value for one in await service.introspect()}
        assert values["connector.sockets"] >= 1
        assert service.connection_open(peer_port) is True
        client.close()
        assert await until(lambda: service.connection_open(peer_port) is False, 5)

    play(choreography)


def test_a_reset_connection_that_is_still_held_counts_as_open(workshop: Workshop, play: Play, kind: str) -> None:
    """After a reset the kernel's table has forgotten the connection; the frozen process still holds the socket."""

    async def choreography() -> None:
        service = await workshop.launcher(kind).start_connector("mock")
        client = socket.create_connection(endpoint(service.direct_address))
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


def test_a_paused_service_can_be_killed(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind).start_connector("mock")
        await service.pause()
        await service.kill()
        await service.kill()
        assert await service.wait_exit(1) == 137
        await service.restart()

    play(choreography)


def test_the_direct_address_is_closed_until_the_service_listens(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind, "slow").start_connector("mock", wait=False)
        assert not accepts(service.direct_address)
        await service.wait_serving()
        assert accepts(service.direct_address)
        await service.kill()
        assert not accepts(service.direct_address)

    play(choreography)


def test_it_has_every_capability(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind).start_connector("mock")
        lacks = {Capability.ISOLATE} if kind == "process" else set()
        assert service.capabilities == frozenset(Capability) - lacks
        for capability in (Killable, Restartable, Pausable, Inspectable):
            assert isinstance(service, capability)

    play(choreography)


def test_its_log_stays_when_it_is_gone_and_holds_every_start_once(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind).start_connector("mock")
        await service.kill()
        await service.restart()
        await service.close()
        assert service.log_path.name == "connector.log"
        assert service.log_text().count("INFO serving") == 2
        assert service.log_text().count("INFO graceful shutdown") == 1

    play(choreography)


def test_two_services_of_one_name_have_logs_of_their_own(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        launcher = workshop.launcher(any_kind)
        first, second = await launcher.start_connector("mock"), await launcher.start_connector("mock")
        assert {first.log_path.name, second.log_path.name} == {"connector.log", "connector-2.log"}
        assert first.address != second.address

    play(choreography)
