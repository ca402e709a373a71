"""The real thing: the reference connector over a real simulated venue, as `choose_launcher` starts them."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from harness.target.choice import choose_launcher
from harness.target.credentials import Credentials
from harness.target.engine import Engine
from harness.target.errors import DiedAtStartError, TargetError
from harness.target.images import find_base
from harness.target.launcher import Launcher
from harness.target.profile import load_profile
from harness.target.serving import ask_health, ask_name, ask_page
from harness.target.started import nobody

from .workshop import Play, Workshop, accepts, gone

pytestmark = pytest.mark.self


@pytest.fixture(params=["process", pytest.param("container", marks=[pytest.mark.docker, pytest.mark.slow])])
def launch(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Launcher]:
    """Makes a launcher of the reference target; each kind in turn."""
    if request.param == "container":
        _skip_without_base()
    factory = choose_launcher(load_profile("reference"), str(request.param))
    return lambda: factory.make("test", lambda name: tmp_path / "logs" / f"{name}.log", nobody)


def _skip_without_base() -> None:
    engine, why_not = Engine.reach_or_say()
    if engine is None:
        pytest.skip(why_not)
    try:
        find_base(engine)
    except TargetError as error:
        pytest.skip(str(error))
    finally:
        engine.close()


@pytest.fixture
def staged(launch: Callable[[], Launcher], play: Play) -> Callable[[Callable[[Launcher], Awaitable[None]]], None]:
    """Carry out a choreography with a launcher and close it after."""

    def carry_out(choreography: Callable[[Launcher], Awaitable[None]]) -> None:
        async def whole() -> None:
            launcher = launch()
            try:
                await choreography(launcher)
            finally:
                await launcher.close()

        play(whole)

    return carry_out


Staged = Callable[[Callable[[Launcher], Awaitable[None]]], None]


def test_mock_needs_no_venue_and_shows_everything(staged: Staged) -> None:
    async def choreography(launcher: Launcher) -> None:
        service = await launcher.start_connector("mock")
        assert await ask_name(service.address) == "mock"
        assert service.unmeasurable() == ()
        readings = {one.probe: one.value for one in await service.introspect()}
        assert readings["connector.runtime_units"] > 0
        assert readings["connector.subscriptions"] == 0

    staged(choreography)


def test_over_a_venue_with_a_kill_in_between(staged: Staged) -> None:
    async def choreography(launcher: Launcher) -> None:
        known = Credentials.fresh()
        venue = await launcher.start_venue("binance", "strict", 1, known)
        service = await launcher.start_connector("binance", venue.base_url, known)
        address, pid = service.address, service.pid
        assert await ask_name(address) == "binance"
        await service.kill()
        assert pid is not None
        assert gone(pid)
        await service.restart()
        assert service.address == address
        assert await ask_health(address) == "SERVING"
        await service.terminate()
        assert await service.wait_exit(10) == 0
        assert "graceful shutdown" in service.log_text()
        for log in (service.log_text(), venue.service.log_text()):
            assert not any(text in log for text in (known.key, known.secret, known.passphrase))

    staged(choreography)


def test_a_wrong_secret_ends_the_start_and_opens_no_port(staged: Staged) -> None:
    async def choreography(launcher: Launcher) -> None:
        known = Credentials.fresh()
        venue = await launcher.start_venue("binance", "strict", 1, known)
        wrong = Credentials(known.key, "wrong" + known.secret[5:], known.passphrase)
        service = await launcher.start_connector("binance", venue.base_url, wrong, wait=False)
        assert not accepts(service.direct_address)
        with pytest.raises(DiedAtStartError, match="exited with code 1 before it served"):
            await service.wait_serving()
        assert "credential validation failed" in service.log_text().lower()
        assert service.secrets_masked == 0

    staged(choreography)


def test_two_venues_of_one_kind_are_two(staged: Staged) -> None:
    async def choreography(launcher: Launcher) -> None:
        first = await launcher.start_venue("binance", "strict", 1, Credentials.fresh())
        second = await launcher.start_venue("binance", "lenient", 1, Credentials.fresh())
        assert first.base_url != second.base_url
        assert first.control_address != second.control_address

    staged(choreography)


def test_the_whole_stack_stands_and_falls(staged: Staged) -> None:
    """Both clients reach the connector through a socket's address of this harness's choosing, and stop gracefully."""

    async def choreography(launcher: Launcher) -> None:
        known = Credentials.fresh()
        venue = await launcher.start_venue("binance", "strict", 1, known)
        connector = await launcher.start_connector("binance", venue.base_url, known)
        values = {"connector_address": connector.direct_address}
        clients = [await launcher.start_service(name, values) for name in ("market_maker", "live_server")]
        for client in clients:
            assert await ask_page(client.port_address("http"), "/health") == "200"
            pattern = launcher.profile.services[client.name].log
            assert any(re.search(pattern.attempt, line) for line in client.log_text().splitlines())
        for client in clients:
            await client.terminate()
            assert await client.wait_exit(10) == 0
            assert "graceful shutdown" in client.log_text()

    staged(choreography)


def test_a_connector_that_never_asks_its_venue_is_found_out(workshop: Workshop, play: Play) -> None:
    """The small server serves and has nothing to do with any venue: as one that ignored its config file."""

    async def choreography() -> None:
        launcher = workshop.processes()
        venue = await launcher.start_venue("binance", "lenient", 1, Credentials.fresh())
        with pytest.raises(TargetError, match="has seen no request: it did not follow base_url"):
            await launcher.start_connector("binance", venue.base_url)

    play(choreography)


def test_an_opensqt_binary_is_put_over_the_venue_by_its_config_file(workshop: Workshop, play: Play) -> None:
    """The profile for the Go binary, with a program in its place that speaks the same runtime contract."""
    binary = workshop.folder / "exchange_connector"
    binary.write_text(f"#!/bin/sh\nexec {sys.executable} -m harness.reference.connector\n")
    binary.chmod(0o755)
    profile = load_profile("opensqt", {"OPENSQT_CONNECTOR_BIN": str(binary)})
    factory = choose_launcher(profile, "process")
    assert factory.target_version.startswith("exchange_connector sha256:")

    async def choreography() -> None:
        launcher = factory.make("test", workshop.log_path, workshop.records.append)
        try:
            known = Credentials.fresh()
            venue = await launcher.start_venue("binance", profile.venue_profile, 1, known)
            service = await launcher.start_connector("binance", venue.base_url, known)
            assert await ask_name(service.address) == "binance"
            blind = {fact.subject: fact.detail for fact in service.unmeasurable()}
            assert blind.keys() == {"connector.runtime_units", "connector.subscriptions"}, "the kernel knows the rest"
        finally:
            await launcher.close()

    play(choreography)
