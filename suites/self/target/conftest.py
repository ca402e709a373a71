"""A workshop a test, and the event loop on which a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from harness.target.compose_program import ComposeProgram
from harness.target.engine import Engine
from harness.target.errors import TargetError
from harness.target.images import built
from harness.target.profile import load_profile

from .workshop import Workshop, small_profile


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A fresh one; `play` closes it."""
    return Workshop(tmp_path)


@pytest.fixture(scope="session")
def small_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The small server's image, built when it changed; skips without an engine or a base image."""
    engine, why_not = Engine.reach_or_say()
    if engine is None:
        pytest.skip(why_not)
    try:
        build = load_profile(str(small_profile(tmp_path_factory.mktemp("image")))).connector.build
        assert build is not None
        yield built(engine, build, "nfr-selftest").name
    except TargetError as error:
        pytest.skip(str(error))
    finally:
        engine.close()


@pytest.fixture
def containers(workshop: Workshop, small_image: str) -> Workshop:
    """The workshop with an image."""
    workshop.image = small_image
    return workshop


@pytest.fixture(params=["process", pytest.param("container", marks=pytest.mark.docker)])
def kind(request: pytest.FixtureRequest, workshop: Workshop) -> str:
    """Each kind of service in turn."""
    if request.param == "container":
        workshop.image = request.getfixturevalue("small_image")
    return str(request.param)


@pytest.fixture(
    params=[
        "process",
        pytest.param("container", marks=pytest.mark.docker),
        pytest.param("compose", marks=[pytest.mark.docker, pytest.mark.slow]),
    ]
)
def any_kind(request: pytest.FixtureRequest, workshop: Workshop) -> str:
    """The same with a service of a Compose file: for what Compose could make different."""
    if request.param != "process":
        workshop.image = request.getfixturevalue("small_image")
    if request.param == "compose":
        request.getfixturevalue("compose_program")
    return str(request.param)


@pytest.fixture
def compose_program() -> ComposeProgram:
    """Skips where there is none."""
    try:
        return ComposeProgram.find()
    except TargetError as error:
        pytest.skip(str(error))


@pytest.fixture
def composing(containers: Workshop, compose_program: ComposeProgram) -> Workshop:
    """The workshop with an image and Compose."""
    return containers


@pytest.fixture
def play(workshop: Workshop) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Carry out a choreography on its own event loop, within 60 s; whatever happens, its services are closed."""

    def carry_out(choreography: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            try:
                await asyncio.wait_for(choreography(), 60)
            finally:
                await workshop.close()

        asyncio.run(whole())

    return carry_out
