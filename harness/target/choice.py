"""Choose how a target is started: containers where a Docker engine and the image are at hand, else processes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
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
from harness.target.process_launcher import ProcessLauncher
from harness.target.profile import load_profile
from harness.target.profile_shape import Build, Profile, ServiceProfile
from harness.target.serving import ask_name
from harness.target.starting import VENUE, no_way

LAUNCHERS = ("auto", "compose", "container", "process", "attached")
REPOSITORY = "nfr-reference"
ATTACH_LIMIT_S = 3.0


def choose_launcher(profile: Profile, wanted: str = "auto") -> LauncherFactory:
    """The launcher of that name, checked to work for this target, or for `auto` the best one that does.

    Blocks while an image is built (a minute at first, nothing later). Raises TargetError in one sentence.
    """
    if wanted not in LAUNCHERS:
        raise TargetError(f"there is no launcher {wanted!r}: use one of {', '.join(LAUNCHERS)}")
    ways: dict[str, Callable[[Profile], LauncherFactory]] = {
        "compose": _compose,
        "container": _container,
        "process": _process,
        "attached": _attached,
    }
    if wanted != "auto":
        return ways[wanted](profile)
    if profile.compose is not None:
        # The user's own file was asked for: where it does not work, another way would test something else in silence.
        return _compose(profile)
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
    if not profile.connector.command:
        raise TargetError(no_way(profile, "connector", "command", "process"))
    return LauncherFactory(
        "process",
        "launcher process",
        _versions(profile),
        lambda run, log_path, record, lasting=None: ProcessLauncher(profile, run, log_path, record, lasting),
    )


def _versions(profile: Profile) -> str:
    """What runs: of the connector, and of each client that is there and differs from it."""
    versions = [_version_of_program(profile.connector)]
    for name, service in profile.services.items():
        with contextlib.suppress(TargetError):  # a client that is not there is refused when it is to be started
            if service.command and name != "connector":
                versions.append(_version_of_program(service))
    return ", ".join(dict.fromkeys(versions))


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
    from harness.target.container_launcher import ContainerLauncher

    if "container" not in profile.connector.starts_as():
        raise TargetError(no_way(profile, "connector", "image", "container"))
    images = TargetImages(profile)
    connector, venue = images("connector"), images(VENUE)
    note = f" ({connector.note or venue.note})" if connector.note or venue.note else ""
    return LauncherFactory(
        "container",
        f"launcher container{note}",
        f"{connector.name} {connector.digest[:19]}",
        lambda run, log_path, record, lasting=None: ContainerLauncher(
            profile, lambda name: images(name).name, run, log_path, record, lasting
        ),
    )


def _compose(profile: Profile) -> LauncherFactory:
    from harness.target.compose_launcher import ComposeLauncher
    from harness.target.compose_program import ComposeProgram, check_services, read_compose_file

    if profile.compose is None:
        raise TargetError(no_way(profile, "connector", "compose", "compose"))
    path = profile.compose.file
    engine, why_not = Engine.reach_or_say()
    if engine is None:
        raise TargetError(why_not)
    try:
        program = ComposeProgram.find()
        theirs = read_compose_file(program, path)
        check_services(profile, theirs, path)
        connector = theirs["services"][profile.connector.compose]
        version = f"{path.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        if not connector.get("build"):
            image = find_image(engine, str(connector.get("image")))
            version += f", {image.name} {image.digest[:19]}"
    finally:
        engine.close()
    images = TargetImages(profile)
    images(VENUE)
    return LauncherFactory(
        "compose",
        f"launcher compose ({' '.join(program.command)}, {path})",
        version,
        lambda run, log_path, record, lasting=None: ComposeLauncher(
            profile, program, theirs, lambda name: images(name).name, run, log_path, record
        ),
    )


class TargetImages:
    """The images of one target, each built or pulled when it is first asked for: integration needs no client."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._known: dict[str, Image] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> Image:
        """The image of that service, or of VENUE. Blocks while it is built. Raises TargetError."""
        with self._lock:
            if name not in self._known:
                engine, why_not = Engine.reach_or_say()
                if engine is None:
                    raise TargetError(why_not)
                try:
                    self._known[name] = self._image(engine, name)
                finally:
                    engine.close()
            return self._known[name]

    def _image(self, engine: Engine, name: str) -> Image:
        if name == VENUE:
            return built(engine, venue_build(), REPOSITORY)
        service = self._profile.services[name]
        if service.build is None:
            return find_image(engine, service.image)
        ours = service.build.dockerfile == venue_build().dockerfile
        return built(engine, service.build, REPOSITORY if ours else f"nfr-{self._profile.name}")


def venue_build() -> Build:
    """The reference stack's image, with the simulated venue in it."""
    build = load_profile("reference").connector.build
    if build is None:
        raise TargetError("profile reference names no build, so there is no image with the venue: restore its `build`")
    return build.model_copy(update={"target": VENUE})


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
        lambda run, log_path, record, lasting=None: AttachedLauncher(profile, run, log_path, record),
    )
