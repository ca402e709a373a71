"""Which launcher is taken, and one sentence for every reason why one cannot be."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from harness.target.attached import AttachedLauncher, AttachedService
from harness.target.choice import choose_launcher
from harness.target.credentials import Credentials
from harness.target.engine import Engine
from harness.target.errors import CannotDoError, TargetError
from harness.target.images import BASE_VARIABLE, find_base, find_image
from harness.target.profile import Profile, load_profile
from harness.target.service import Capability

from .workshop import Play, Workshop

pytestmark = pytest.mark.self

NO_ENGINE = "unix:///nonexistent/docker.sock"


def attached(folder: Path, address: str) -> Profile:
    path = folder / "attached.yaml"
    path.write_text(yaml.safe_dump({"name": "mine", "services": {"connector": {"address": address}}}))
    return load_profile(str(path))


def test_unknown_launcher(workshop: Workshop) -> None:
    with pytest.raises(TargetError, match="no launcher 'podman': use one of auto, compose, container"):
        choose_launcher(workshop.profile(), "podman")


def test_auto_takes_processes_without_an_engine_and_says_why(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    chosen = choose_launcher(workshop.profile(), "auto")
    assert chosen.name == "process"
    assert "no Docker engine answers" in chosen.reason


def test_container_without_an_engine(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    with pytest.raises(TargetError, match=r"no Docker engine answers .* use --launcher process"):
        choose_launcher(workshop.profile(), "container")


def test_a_launcher_that_the_profile_has_no_way_for() -> None:
    profile = load_profile("opensqt", {"OPENSQT_CONNECTOR_IMAGE": "opensqt/connector:1"})
    with pytest.raises(TargetError, match="no command for the connector: set OPENSQT_CONNECTOR_BIN"):
        choose_launcher(profile, "process")
    with pytest.raises(TargetError, match="gives no address"):
        choose_launcher(profile, "attached")


@pytest.mark.docker
def test_an_image_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, why_not = Engine.reach_or_say()
    if engine is None:
        pytest.skip(why_not)
    try:
        with pytest.raises(TargetError, match=r"image registry.invalid/none:1 is missing and cannot be pulled"):
            find_image(engine, "registry.invalid/none:1")
        monkeypatch.setenv(BASE_VARIABLE, "registry.invalid/base:1")
        with pytest.raises(TargetError, match=f"set {BASE_VARIABLE} to an image that is there"):
            find_base(engine)
    finally:
        engine.close()


@pytest.mark.parametrize("answers", [True, False])
def test_attach_to_something_that_is_no_connector(tmp_path: Path, answers: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        if not answers:
            nobody.close()
        with pytest.raises(TargetError, match=f"{address} does not answer as an exchange connector"):
            choose_launcher(attached(tmp_path, address), "auto")


def test_attached_can_do_nothing_but_talk(workshop: Workshop, play: Play, tmp_path: Path) -> None:
    """The small server is healthy and yet no connector: it knows no GetName."""

    async def choreography() -> None:
        service = await workshop.processes().start_connector("mock")
        launcher = AttachedLauncher(attached(tmp_path, service.address), "test", workshop.log_path)
        with pytest.raises(TargetError, match="UNIMPLEMENTED"):
            await launcher.start_connector("mock")
        with pytest.raises(CannotDoError, match="cannot be put over a simulated venue"):
            await launcher.start_venue("binance", "strict", 1, Credentials.fresh())
        await launcher.close()

    play(choreography)


@pytest.mark.parametrize("what", ["kill", "terminate", "restart", "pause", "resume"])
def test_what_an_attached_service_lacks_is_one_sentence(
    workshop: Workshop, play: Play, tmp_path: Path, what: str
) -> None:
    async def choreography() -> None:
        profile = attached(tmp_path, "127.0.0.1:9").connector
        service = AttachedService("connector", profile, workshop.log_path("connector"), workshop.records.append)
        assert not service.capabilities & {Capability.KILL, Capability.PAUSE, Capability.RESTART}
        with pytest.raises(CannotDoError, match="was not started by the harness"):
            await getattr(service, what)()
        assert service.connection_open(1) is None
        assert {fact.subject for fact in service.unmeasurable()} >= {"connector.rss", "connector.runtime_units"}
        await service.close()

    play(choreography)
