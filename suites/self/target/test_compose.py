"""The user's own Compose file: its services are started by us, and what is not ours is left alone."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from harness.target.choice import choose_launcher
from harness.target.compose_project import as_mapping, own_service, owned
from harness.target.credentials import Credentials
from harness.target.engine import Engine
from harness.target.engine_choice import TargetImages
from harness.target.errors import DiedAtStartError, NotServingError, PortTakenError, TargetError
from harness.target.leftovers import left_of
from harness.target.ports import HeldPort
from harness.target.profile import PROFILES, load_profile
from harness.target.serving import ask_name, ask_page
from harness.target.starting import VENUE

from .workshop import Play, Workshop, accepts, small_client

pytestmark = pytest.mark.self
docker = pytest.mark.docker

NOWHERE = {"connector_address": "127.0.0.1:9"}


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The engine; skips without one."""
    engine, why_not = Engine.reach_or_say()
    if engine is None:
        pytest.skip(why_not)
    yield engine
    engine.close()


async def nothing_left(workshop: Workshop) -> bool:
    return all(not names for _, names in (await left_of(workshop.run)).items())


# -- the user's file and ours ---------------------------------------------------------------------------


def test_what_would_clash_or_fight_with_the_harness_is_left_out() -> None:
    theirs = {
        "image": "x", "container_name": "exch", "restart": "always", "ports": ["50051:50051"], "depends_on": ["a"],
        "deploy": {"replicas": 3}, "logging": {"driver": "none"}, "environment": ["A=1", "B"], "volumes": ["d:/d"],
        "healthcheck": {"test": ["CMD", "true"]},
    }  # fmt: skip
    mine = own_service(
        theirs, networks={"inner": None}, environment={"A": "p$s"}, ports={50051: 40001}, labels={"l": "1"}
    )
    assert mine == {
        "image": "x",
        "environment": {"A": "p$$s", "B": None},
        "volumes": ["d:/d"],
        "healthcheck": {"test": ["CMD", "true"]},
        "labels": {"l": "1"},
        "ports": ["127.0.0.1:40001:50051"],
        "networks": {"inner": {"aliases": ["exch"]}},
    }


def test_networks_and_volumes_of_another_stack_are_not_used_unless_they_are_external() -> None:
    assert owned({"name": "production", "labels": ["a=b"]}, {"l": "1"}) == {"labels": {"a": "b", "l": "1"}}
    assert owned(None, {"l": "1"}) == {"labels": {"l": "1"}}
    assert owned({"external": True, "name": "shared"}, {"l": "1"}) == {"external": True, "name": "shared"}
    assert as_mapping(["A=b=c", "D"]) == {"A": "b=c", "D": None}


# -- a project that works ---------------------------------------------------------------------------------


@docker
@pytest.mark.slow
def test_only_the_services_of_the_profile_run_all_of_it_labelled_and_gone_at_the_end(
    composing: Workshop, engine: Engine, play: Play
) -> None:
    async def choreography() -> None:
        launcher = composing.composed()
        connector = await launcher.start_connector("mock")
        await launcher.start_service("market_maker", {"connector_address": connector.direct_address})
        left = await left_of(composing.run)
        assert len(left.containers) == 2, "and not the one that nobody named, whose image does not even exist"
        [network], [volume] = left.networks, left.volumes
        assert network.endswith("_inner")
        assert volume.endswith("_data"), "not the user's own volume of that name"
        container = engine.client.containers.get(next(one for one in left.containers if "exchange" in one))
        assert container.attrs["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
        published = container.attrs["NetworkSettings"]["Ports"]["50051/tcp"]
        assert [one["HostIp"] for one in published] == ["127.0.0.1"]
        assert "KEPT=a$b" in container.attrs["Config"]["Env"]
        await launcher.close()
        assert await nothing_left(composing)

    play(choreography)


@docker
@pytest.mark.slow
def test_an_isolated_service_is_cut_off_and_comes_back_at_its_address(composing: Workshop, play: Play) -> None:
    async def choreography() -> None:
        client = await composing.composed().start_service("market_maker", NOWHERE)
        before = client.direct_address
        await client.isolate()
        assert not accepts(before)
        await client.rejoin()
        assert client.direct_address == before
        assert await ask_page(client.port_address("http"), "/health") == "200"
        await client.restart()
        assert accepts(client.direct_address)

    play(choreography)


@docker
@pytest.mark.slow
def test_the_reference_stack_over_its_venue(composing: Workshop, play: Play) -> None:
    """As a user has it: images, and environment that the profile adds to. `auto` takes the Compose file."""
    images = TargetImages(load_profile("reference", {}))
    services = {"ec": {"image": images("connector").name}, "mm": {"image": images("market_maker").name}}
    composing.folder.joinpath("compose.yaml").write_text(yaml.safe_dump({"version": "3.7", "services": services}))
    reference = yaml.safe_load((PROFILES / "reference.yaml").read_text())
    target = composing.folder / "composed.yaml"
    for name, key in (("connector", "ec"), ("market_maker", "mm")):
        reference["services"][name] |= {"compose": key}
        del reference["services"][name]["build"], reference["services"][name]["command"]
    del reference["services"]["live_server"], reference["name"]
    target.write_text(yaml.safe_dump({**reference, "compose": {"file": "compose.yaml"}}))
    factory = choose_launcher(load_profile(str(target)), "auto")
    assert factory.name == "compose"
    assert factory.target_version.startswith("compose.yaml sha256:")
    assert VENUE not in factory.reason

    async def choreography() -> None:
        launcher = factory.make(composing.run, composing.log_path, composing.records.append)
        try:
            known = Credentials.fresh()
            venue = await launcher.start_venue("binance", "strict", 1, known)
            connector = await launcher.start_connector("binance", venue.base_url, known)
            assert await ask_name(connector.address) == "binance"
            client = await launcher.start_service("market_maker", {"connector_address": connector.direct_address})
            assert await ask_page(client.port_address("http"), "/health") == "200"
            assert known.secret not in client.log_text() + connector.log_text()
        finally:
            await launcher.close()
        assert await nothing_left(composing)

    play(choreography)


# -- bad input: one sentence, and nothing left --------------------------------------------------------------


def refused(workshop: Workshop, text: str | None = None, **spoiled: Any) -> str:
    """Why `auto` refuses the profile of this Compose file."""
    profile = workshop.compose_profile(**spoiled)
    assert profile.compose is not None
    if text is not None:
        profile.compose.file.write_text(text)
    with pytest.raises(TargetError) as caught:
        choose_launcher(profile, "auto")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@docker
@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("services: [", "compose.yaml is not valid: "),
        ("services: {exchange: {imag: x}}", "imag"),
        ("just a text", "compose.yaml is not valid: "),
        ("services: {exchange: {image: '${NFR_NOT_SET:?set it}'}}", "set it"),
        (
            "services: {other: {image: x}, maker: {image: x}}",
            "services.connector.compose: Compose file .* has no service 'exchange', it has maker, other",
        ),
        (
            "services: {exchange: {image: x, network_mode: host}, maker: {image: x}}",
            "has network_mode host, .* take network_mode out",
        ),
        (
            "services: {exchange: {image: 'registry.invalid/none:1'}, maker: {image: x}}",
            "image registry.invalid/none:1 is missing and cannot be pulled",
        ),
    ],
)
def test_a_file_that_cannot_be_used(composing: Workshop, text: str, says: str) -> None:
    said = refused(composing, f"version: '3.7'\n{text}\n" if text.startswith("services: {") else text)
    assert re.search(says, said), said


@docker
@pytest.mark.slow
def test_a_file_that_is_not_there(composing: Workshop) -> None:
    profile = composing.compose_profile()
    assert profile.compose is not None
    profile.compose.file.unlink()
    with pytest.raises(TargetError, match=r"Compose file .*compose.yaml does not exist: mend `compose: \{file: …\}`"):
        choose_launcher(profile)


def test_no_engine_and_no_program(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    assert "no Docker engine answers" in refused(workshop)
    with pytest.raises(TargetError, match="gives no compose for the connector"):
        choose_launcher(workshop.profile(), "compose")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(workshop.folder))
    engine = Engine.reach()
    if engine is None:
        return
    engine.close()
    assert "neither `docker compose` nor `docker-compose` works here" in refused(workshop)


@docker
@pytest.mark.slow
def test_a_client_whose_image_is_not_there(composing: Workshop, play: Play) -> None:
    def spoil(tree: dict[str, Any]) -> None:
        tree["services"]["maker"]["image"] = "registry.invalid/none:1"

    async def choreography() -> None:
        launcher = composing.composed(changed=spoil)
        await launcher.start_connector("mock")
        with pytest.raises(TargetError, match=r"image registry.invalid/none:1 is missing and cannot be pulled"):
            await launcher.start_service("market_maker", NOWHERE)
        await launcher.close()
        assert await nothing_left(composing)

    play(choreography)


@docker
@pytest.mark.slow
def test_a_mount_that_the_engine_refuses(composing: Workshop, play: Play) -> None:
    def spoil(tree: dict[str, Any]) -> None:
        tree["services"]["exchange"]["devices"] = ["/dev/not-there:/dev/x"]

    async def choreography() -> None:
        launcher = composing.composed(changed=spoil)
        with pytest.raises(TargetError, match=r"connector cannot be started from image .*not-there") as caught:
            await launcher.start_connector("mock")
        assert "\n" not in str(caught.value)
        await launcher.close()
        assert await nothing_left(composing)

    play(choreography)


@docker
@pytest.mark.slow
def test_a_stack_that_dies_half_way(composing: Workshop, play: Play) -> None:
    async def choreography() -> None:
        launcher = composing.composed(client=small_client("die", host="0.0.0.0"))
        await launcher.start_connector("mock")
        with pytest.raises(DiedAtStartError, match=r"market_maker exited with code 7 .*it said last: .*nothing works"):
            await launcher.start_service("market_maker", NOWHERE)
        await launcher.close()
        assert await nothing_left(composing)

    play(choreography)


@docker
@pytest.mark.slow
def test_a_service_that_never_becomes_healthy(composing: Workshop, play: Play) -> None:
    async def choreography() -> None:
        launcher = composing.composed(client={**small_client("unhealthy", host="0.0.0.0"), "ready_s": 2})
        with pytest.raises(NotServingError, match=r"within 2 s \(last answer: 503\); it said last: .*attempt failed"):
            await launcher.start_service("market_maker", NOWHERE)
        assert (await left_of(composing.run)).containers == ()

    play(choreography)


@docker
@pytest.mark.slow
def test_host_ports_that_somebody_else_took(composing: Workshop, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every port that is offered has a listener already: given up after three tries."""
    taken: list[socket.socket] = []

    def hold_a_taken_port() -> HeldPort:
        held = HeldPort()
        held.release()
        taken.append(socket.create_server(("127.0.0.1", held.port)))
        return held

    monkeypatch.setattr("harness.target.compose_launcher.hold_quiet_port", hold_a_taken_port)

    async def choreography() -> None:
        launcher = composing.composed()
        try:
            with pytest.raises(PortTakenError, match=r"a host port is taken \(.*\)"):
                await launcher.start_connector("mock")
        finally:
            for one in taken:
                one.close()
        await launcher.close()
        assert await nothing_left(composing)

    play(choreography)
