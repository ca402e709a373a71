"""Engine choice: what starting a target takes where a Docker engine is used: its images, the user's own file."""

from __future__ import annotations

import hashlib
import threading

from harness.target.compose_launcher import ComposeLauncher
from harness.target.compose_program import ComposeProgram, check_services, read_compose_file
from harness.target.container_launcher import ContainerLauncher
from harness.target.engine import Engine
from harness.target.errors import TargetError
from harness.target.images import Image, built, find_image
from harness.target.launcher import LauncherFactory
from harness.target.profile import load_profile
from harness.target.profile_shape import Build, ComposeFile, Profile
from harness.target.starting import VENUE

REPOSITORY = "nfr-reference"


def container_way(profile: Profile) -> LauncherFactory:
    """The launcher `container`. Blocks while images are built or pulled. Raises TargetError."""
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


def compose_way(profile: Profile, file: ComposeFile) -> LauncherFactory:
    """The launcher `compose`, for the user's own `file`. Blocks as above. Raises TargetError."""
    path = file.file
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
