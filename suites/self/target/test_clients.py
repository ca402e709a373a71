"""A client of the connector is started like the connector: any service of a profile, ready by its health page."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
import yaml

from harness.target.attached import AttachedLauncher
from harness.target.errors import CannotDoError, DiedAtStartError, NotServingError, ProfileError, TargetError
from harness.target.profile import load_profile
from harness.target.service import Capability
from harness.target.serving import ask_page
from harness.target.started import until

from .workshop import Play, Workshop, accepts, endpoint, small_client

pytestmark = pytest.mark.self

NOWHERE = {"connector_address": "127.0.0.1:9"}


def test_a_client_is_ready_when_its_page_says_so(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        client = await workshop.with_client(kind, "slow").start_service("market_maker", NOWHERE)
        assert await ask_page(client.port_address("http"), "/health") == "200"
        assert client.address == client.port_address("http")
        [serving] = workshop.marks("process.serving")
        [started] = workshop.marks("process.started")
        assert serving.detail["service"] == "market_maker"
        assert started.t_ns < serving.earliest_ns < serving.t_ns, "the page was asked before and said no"

    play(choreography)


def test_a_client_reaches_a_socket_of_this_process(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        launcher = workshop.with_client(any_kind)
        with socket.create_server((await launcher.reach(), 0)) as listener:
            host, port = listener.getsockname()
            client = await launcher.start_service("market_maker", {"connector_address": f"{host}:{port}"})
            assert "INFO reached the connector" in client.log_text()

    play(choreography)


def test_a_client_that_is_never_healthy(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        client = await workshop.with_client(kind, "unhealthy").start_service("market_maker", NOWHERE, wait=False)
        assert await until(lambda: "attempt failed" in client.log_text(), 10)
        with pytest.raises(
            NotServingError, match=r"within 1 s \(last answer: 503\).*connection attempt failed"
        ) as caught:
            await client.wait_serving(1.0)
        assert "\n" not in str(caught.value)

    play(choreography)


def test_a_client_that_dies_at_start(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        with pytest.raises(DiedAtStartError, match=r"market_maker exited with code 7 before it served.*nothing works"):
            await workshop.with_client(kind, "die").start_service("market_maker", NOWHERE)

    play(choreography)


def test_what_a_client_wrote_is_there_again_after_a_kill(workshop: Workshop, play: Play, any_kind: str) -> None:
    async def choreography() -> None:
        launcher = workshop.with_client(any_kind)
        client = await launcher.start_service("market_maker", NOWHERE)
        address = client.port_address("http")
        await client.kill()
        await client.restart()
        assert client.port_address("http") == address
        assert accepts(client.direct_address)
        assert "INFO start number 2" in client.log_text()
        other = await launcher.start_service("market_maker", NOWHERE)
        assert "INFO start number 2" not in other.log_text(), "another one has a folder of its own"

    play(choreography)


def test_environment_of_a_start_wins(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        client = await workshop.with_client(kind).start_service(
            "market_maker", NOWHERE, environment={"API_KEY": "shown"}
        )
        assert "with key shown" in client.log_text()

    play(choreography)


@pytest.mark.docker
def test_an_isolated_container_is_cut_off_and_comes_back_as_it_was(containers: Workshop, play: Play) -> None:
    async def choreography() -> None:
        launcher = containers.with_client("container")
        client = await launcher.start_service("market_maker", NOWHERE)
        peer = await launcher.start_connector("mock")
        assert Capability.ISOLATE in client.capabilities
        before = client.direct_address
        await client.isolate()
        await client.isolate()
        assert client.pid is not None
        assert not accepts(client.direct_address)
        assert await ask_page(client.port_address("http"), "/health", 1.0) != "200"
        assert accepts(peer.direct_address)
        with pytest.raises(TargetError, match="off its network: let it rejoin"):
            await client.restart()
        await client.rejoin()
        await client.rejoin()
        assert client.direct_address == before
        assert accepts(before)
        assert await ask_page(client.port_address("http"), "/health") == "200"
        assert containers.marks("process.died") == []

    play(choreography)


@pytest.mark.docker
def test_a_connection_outlives_isolation(containers: Workshop, play: Play) -> None:
    async def choreography() -> None:
        client = await containers.with_client("container").start_service("market_maker", NOWHERE)
        reader, writer = await asyncio.open_connection(*endpoint(client.direct_address))
        await client.isolate()
        writer.write(b"GET /health HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readline(), 1.0)
        await client.rejoin()
        assert (await asyncio.wait_for(reader.readline(), 20)).split()[1] == b"200"
        writer.close()

    play(choreography)


def test_a_process_cannot_be_isolated(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        client = await workshop.with_client("process").start_service("market_maker", NOWHERE)
        for what in (client.isolate, client.rejoin):
            with pytest.raises(
                CannotDoError, match="shares its network, so it cannot leave it: use --launcher container"
            ):
                await what()

    play(choreography)


def test_what_cannot_be_started_is_one_sentence(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        launcher = workshop.with_client("process")
        with pytest.raises(TargetError, match="has no service live_server, only connector, market_maker: add it"):
            await launcher.start_service("live_server", NOWHERE)
        client = await launcher.start_service("market_maker", NOWHERE)
        with pytest.raises(TargetError, match="market_maker has no port 'grpc': use one of http"):
            client.port_address("grpc")

    play(choreography)


def test_a_client_gets_no_credentials(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        greedy = {**small_client(), "environment": {"API_SECRET": "{api_secret}"}}
        launcher = workshop.with_client("process", environment=greedy["environment"])
        with pytest.raises(ProfileError, match=r"\{api_secret\} is not a value that a launcher knows"):
            await launcher.start_service("market_maker", NOWHERE)

    play(choreography)


def test_a_client_that_the_environment_does_not_offer(workshop: Workshop, play: Play) -> None:
    """The profile loads and its connector starts; only that client is refused."""

    async def choreography() -> None:
        launcher = workshop.with_client(
            "process", command=["${NOT_SET_ANYWHERE}"], build=None, environment={"X": "${NOT_SET_EITHER}"}
        )
        await launcher.start_connector("mock")
        with pytest.raises(
            TargetError, match="no command for the market_maker: set NOT_SET_ANYWHERE in the environment"
        ):
            await launcher.start_service("market_maker", NOWHERE)

    play(choreography)


def test_attached_starts_no_client(workshop: Workshop, play: Play, tmp_path: Path) -> None:
    async def choreography() -> None:
        path = tmp_path / "attached.yaml"
        path.write_text(yaml.safe_dump({"services": {"connector": {"address": "127.0.0.1:9"}}}))
        launcher = AttachedLauncher(load_profile(str(path)), "test", workshop.log_path)
        with pytest.raises(
            CannotDoError, match="starts nothing, so there is no market_maker: give the command or image"
        ):
            await launcher.start_service("market_maker", NOWHERE)
        with pytest.raises(CannotDoError, match="starts nothing that could reach this host"):
            await launcher.reach()

    play(choreography)
