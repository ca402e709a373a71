"""Choose how a target is started: containers where a Docker engine and the image are at hand, else processes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio

from harness.target.attached import AttachedLauncher
from harness.target.errors import TargetError
from harness.target.knock import refusal
from harness.target.launcher import LauncherFactory
from harness.target.process import executable
from harness.target.process_launcher import ProcessLauncher
from harness.target.profile_shape import Profile, ServiceProfile
from harness.target.serving import HOW_TO_REACH, ask_name
from harness.target.sources import sources_digest
from harness.target.starting import no_way

LAUNCHERS = ("auto", "compose", "container", "process", "attached")
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
    if "container" not in profile.connector.starts_as():
        raise TargetError(no_way(profile, "connector", "image", "container"))
    _somebody_answers()
    # Imported here, as below: processes need neither an engine nor its library, and a soak has to stay small.
    from harness.target.engine_choice import container_way

    return container_way(profile)


def _compose(profile: Profile) -> LauncherFactory:
    if profile.compose is None:
        raise TargetError(no_way(profile, "connector", "compose", "compose"))
    _somebody_answers()
    from harness.target.engine_choice import compose_way

    return compose_way(profile, profile.compose)


def _somebody_answers() -> None:
    """Raises TargetError where no engine listens."""
    if why := refusal():
        raise TargetError(why)


def _attached(profile: Profile) -> LauncherFactory:
    address = profile.connector.address
    if not address:
        raise TargetError(no_way(profile, "connector", "address", "attached"))
    try:
        name = asyncio.run(ask_name(address, ATTACH_LIMIT_S, profile.access))
    except grpc.aio.AioRpcError as error:
        raise TargetError(
            f"{address} does not answer as an exchange connector (GetName failed with {error.code().name}): "
            + HOW_TO_REACH
        ) from None
    return LauncherFactory(
        "attached",
        f"attached to {address}",
        f"{name} at {address}",
        lambda run, log_path, record, lasting=None: AttachedLauncher(profile, run, log_path, record),
    )
