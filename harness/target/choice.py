"""Choose how a target is started: containers where a Docker engine and the image are at hand, else processes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio

from harness.target.attached import AttachedLauncher
from harness.target.engine import Engine
from harness.target.errors import TargetError
from harness.target.images import Image, built, find_image, sources_digest
from harness.target.launcher import LauncherFactory
from harness.target.process import executable
from harness.target.process_launcher import ProcessLauncher, no_way
from harness.target.profile import load_profile
from harness.target.profile_shape import Build, Profile, ServiceProfile
from harness.target.serving import ask_name

LAUNCHERS = ("auto", "container", "process", "attached")
REPOSITORY = "nfr-reference"
ATTACH_LIMIT_S = 3.0


def choose_launcher(profile: Profile, wanted: str = "auto") -> LauncherFactory:
    """The launcher of that name, checked to work for this target, or for `auto` the best one that does.

    Blocks while an image is built (a minute at first, nothing later). Raises TargetError in one sentence.
    """
    if wanted not in LAUNCHERS:
        raise TargetError(f"there is no launcher {wanted!r}: use one of {', '.join(LAUNCHERS)}")
    ways: dict[str, Callable[[Profile], LauncherFactory]] = {
        "container": _container,
        "process": _process,
        "attached": _attached,
    }
    if wanted != "auto":
        return ways[wanted](profile)
    refused: list[str] = []
    for name in ("attached", "container", "process"):
        if name == "attached" and "attached" not in profile.connector.starts_as():
            continue
        try:
            factory = ways[name](profile)
        except TargetError as error:
            refused.append(str(error))
            continue
        why = f" as {'; '.join(refused)}" if refused else ""
        return LauncherFactory(factory.name, factory.reason + why, factory.target_version, factory.make)
    raise TargetError("; and ".join(refused))


def _process(profile: Profile) -> LauncherFactory:
    service = profile.connector
    if not service.command:
        raise TargetError(no_way(profile, "connector", "command", "process"))
    version = _version_of_program(service)
    return LauncherFactory(
        "process",
        "launcher process",
        version,
        lambda run, log_path, record: ProcessLauncher(profile, run, log_path, record),
    )


def _version_of_program(service: ServiceProfile) -> str:
    """A digest of what runs: the sources where the profile names them, else the program's file."""
    if service.build is not None:
        return f"sources {sources_digest(service.build)}"
    if service.command[0].startswith("{"):
        return " ".join(service.command[1:])
    program = Path(executable(service.command, "connector")[0])
    return f"{program.name} sha256:{hashlib.sha256(program.read_bytes()).hexdigest()[:12]}"


def _container(profile: Profile) -> LauncherFactory:
    # Imported here: processes need neither the library nor an engine.
    from harness.target.container_launcher import ContainerLauncher, Images

    if "container" not in profile.connector.starts_as():
        raise TargetError(no_way(profile, "connector", "image", "container"))
    engine, why_not = Engine.reach_or_say()
    if engine is None:
        raise TargetError(why_not)
    try:
        connector = _image_of(engine, profile.connector, profile.name)
        venue = built(engine, venue_build(), REPOSITORY)
    finally:
        engine.close()
    note = f" ({connector.note or venue.note})" if connector.note or venue.note else ""
    images = Images(connector.name, venue.name)
    return LauncherFactory(
        "container",
        f"launcher container{note}",
        f"{connector.name} {connector.digest[:19]}",
        lambda run, log_path, record: ContainerLauncher(profile, images, run, log_path, record),
    )


def _image_of(engine: Engine, service: ServiceProfile, name: str) -> Image:
    if service.build is not None:
        repository = REPOSITORY if service.build == venue_build() else f"nfr-{name}"
        return built(engine, service.build, repository)
    return find_image(engine, service.image)


def venue_build() -> Build:
    """The reference stack's image, which has the simulated venue in it."""
    build = load_profile("reference").connector.build
    if build is None:
        raise TargetError("profile reference names no build, so there is no image with the venue: restore its `build`")
    return build


def _attached(profile: Profile) -> LauncherFactory:
    address = profile.connector.address
    if not address:
        raise TargetError(no_way(profile, "connector", "address", "attached"))
    try:
        name = asyncio.run(ask_name(address, ATTACH_LIMIT_S))
    except grpc.aio.AioRpcError as error:
        raise TargetError(
            f"{address} does not answer as an exchange connector (GetName failed with {error.code().name}): "
            "give the host:port of its gRPC port"
        ) from None
    return LauncherFactory(
        "attached",
        f"attached to {address}",
        f"{name} at {address}",
        lambda run, log_path, record: AttachedLauncher(profile, run, log_path, record),
    )
