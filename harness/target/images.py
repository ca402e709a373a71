"""Images: build the ones that the harness makes itself, from a base that is at hand, without a network where it can."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import docker.errors
import requests

from harness.target.engine import Engine, reason_of
from harness.target.errors import TargetError
from harness.target.profile_shape import Build
from harness.target.sources import digest_of, files_of

BASE_VARIABLE = "NFR_BASE_IMAGE"
DEFAULT_BASE = "python:3.11-slim"
LOCAL_BASE = "nfr-base:bookworm"
"""What .ci/base-image makes where no registry can be reached."""
LABEL_IMAGE = "nfr.image"
KEPT_BUILDS = 4
DOWNLOAD_LIMIT_S = 900
_STAGE = re.compile(r"FROM\s+\S+\s+AS\s+(\S+)", re.IGNORECASE)
_USED = re.compile(r"(?mi)^FROM\s+(\S+)|(?<=--from=)(\S+)")
ABI_TAGS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")


@dataclass(frozen=True, slots=True)
class Base:
    """The image that ours are built upon. `note`: what the user should know about the choice."""

    name: str
    digest: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is present on the engine."""

    name: str
    digest: str
    note: str = ""


def find_base(engine: Engine) -> Base:
    """NFR_BASE_IMAGE; or python:3.11-slim when present, the locally made base, python:3.11-slim pulled.

    Raises TargetError when none can be had.
    """
    wanted = os.environ.get(BASE_VARIABLE)
    if wanted:
        return Base(wanted, _present_or_pulled(engine, wanted, f"set {BASE_VARIABLE} to an image that is there"))
    if digest := engine.digest_of(DEFAULT_BASE):
        return Base(DEFAULT_BASE, digest)
    if digest := engine.digest_of(LOCAL_BASE):
        return Base(LOCAL_BASE, digest, f"base image {LOCAL_BASE}, as {DEFAULT_BASE} is not on this engine")
    mend = f"run .ci/base-image, which makes {LOCAL_BASE}, or set {BASE_VARIABLE} to an image with Python 3.11 or newer"
    return Base(DEFAULT_BASE, _present_or_pulled(engine, DEFAULT_BASE, mend))


def find_image(engine: Engine, name: str) -> Image:
    """An image by its name, pulled when it is not there. Raises TargetError."""
    return Image(name, _present_or_pulled(engine, name, "build it, load it, or give another name"))


def _present_or_pulled(engine: Engine, name: str, mend: str) -> str:
    if digest := engine.digest_of(name):
        return digest
    try:
        engine.client.images.pull(name)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise TargetError(f"image {name} is missing and cannot be pulled ({reason_of(error)}): {mend}") from None
    return engine.digest_of(name) or ""


def built(engine: Engine, build: Build, repository: str) -> Image:
    """The image of this build, made anew only when a file that it copies or its base has changed.

    Its name is `repository`, and its stage of the Dockerfile where the build names one (nfr-reference-connector).
    Raises TargetError when a file is missing, the wheels cannot be had, or the build fails.
    """
    for path in (build.dockerfile, build.requirements, *build.copies):
        if not path.exists():
            raise TargetError(f"image {repository} cannot be built: {path} does not exist: mend `build` in the profile")
    base = find_base(engine)
    if build.target:
        repository = f"{repository}-{build.target}"
    tag = f"{repository}:{content_digest(build, base.digest)}"
    if digest := engine.digest_of(tag):
        return Image(tag, digest, base.note)
    with tempfile.TemporaryDirectory(prefix="nfr-build-") as folder:
        context = Path(folder)
        _lay_out(build, context)
        shutil.copytree(wheelhouse(engine, build.requirements, base), context / "wheels")
        try:
            engine.client.images.build(
                path=str(context),
                tag=tag,
                target=build.target or None,
                buildargs={"BASE": base.name},
                labels={LABEL_IMAGE: repository},
                rm=True,
                forcerm=True,
            )
        except docker.errors.BuildError as error:
            said = [str(step.get("stream", "")).strip() for step in error.build_log if isinstance(step, dict)]
            last = " | ".join([line for line in said if line][-3:])
            raise TargetError(f"image {repository} cannot be built: {error.msg}; it said last: {last}") from None
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise TargetError(f"image {repository} cannot be built: {reason_of(error)}") from None
    _forget_old(engine, repository)
    return Image(tag, engine.digest_of(tag) or "", base.note)


def content_digest(build: Build, base_digest: str = "") -> str:
    """Twelve hex digits that change with any file of the build and with its base."""
    return digest_of([("Dockerfile", build.dockerfile), *files_of((build.requirements, *build.copies))], base_digest)


def _lay_out(build: Build, context: Path) -> None:
    for name, path in (("Dockerfile", build.dockerfile), *files_of((build.requirements, *build.copies))):
        target = context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    if build.target:
        whole = build.dockerfile.read_text(encoding="utf-8")
        (context / "Dockerfile").write_text(stages_of(whole, build.target), encoding="utf-8")


def stages_of(dockerfile: str, target: str) -> str:
    """The part of a Dockerfile that the stage `target` needs: the engine's classic builder makes the stages before it
    too, and leaves them lying about without a name."""
    preamble, *blocks = re.split(r"(?mi)^(?=FROM\s)", dockerfile)
    names = [match[1] if (match := _STAGE.match(block)) else "" for block in blocks]
    needed: set[str] = set()
    wanted = {target}
    while wanted:
        needed |= wanted
        used = {
            word
            for name, block in zip(names, blocks, strict=True)
            if name in wanted
            for words in _USED.findall(block)
            for word in words
        }
        wanted = {name for name in names if name in used} - needed
    return preamble + "".join(block for name, block in zip(names, blocks, strict=True) if name in needed)


def _forget_old(engine: Engine, repository: str) -> None:
    """Keep the newest few builds: another checkout may be about to use its own."""
    images = engine.client.images.list(filters={"label": f"{LABEL_IMAGE}={repository}"})
    newest_first = sorted(images, key=lambda image: str(image.attrs.get("Created", "")), reverse=True)
    for image in newest_first[KEPT_BUILDS:]:
        for tag in image.tags:
            engine.untag(tag)


# -- wheels -------------------------------------------------------------------------------------------


def wheelhouse(engine: Engine, requirements: Path, base: Base) -> Path:
    """A folder with the wheels of `requirements` for the base's Python, downloaded once and then kept.

    Raises TargetError when they cannot be downloaded.
    """
    python, machine = _python_of(engine, base)
    key = hashlib.sha256(requirements.read_bytes() + f"\0{python}\0{machine}".encode()).hexdigest()[:16]
    folder = cache_folder() / "wheels" / key
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{key}-", dir=folder.parent))
    try:
        _download(requirements, fresh, python, machine)
        # In one step, so that a half-filled folder is never taken for a full one.
        fresh.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # somebody else was faster otherwise
            raise TargetError(f"the wheels cannot be kept in {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def cache_folder() -> Path:
    """Where this user's downloads are kept between runs."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "opensqt-nfr-harness"


def _download(requirements: Path, folder: Path, python: str, machine: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--dest", str(folder), "--requirement", str(requirements), "--only-binary", ":all:"]
    if (python, machine) != (f"{sys.version_info.major}.{sys.version_info.minor}", os.uname().machine):
        command += ["--python-version", python, "--implementation", "cp", *_platforms(machine)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise TargetError(
            f"pip download of {requirements} took longer than {DOWNLOAD_LIMIT_S} s: is the index reachable?"
        ) from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise TargetError(
            f"the wheels of {requirements} for Python {python} on {machine} cannot be downloaded: {errors[-1][:300]}"
        )


def _platforms(machine: str) -> Iterable[str]:
    for tag in ABI_TAGS:
        yield from ("--platform", f"{tag}_{machine}")


def _python_of(engine: Engine, base: Base) -> tuple[str, str]:
    """Python's version (3.11) and the machine (x86_64) inside the base."""
    script = "import os, sys; print('%d.%d' % sys.version_info[:2], os.uname().machine)"
    try:
        said = engine.client.containers.run(base.name, ["-c", script], entrypoint="python3", remove=True)
        python, machine = bytes(said).decode().split()
    except (docker.errors.DockerException, requests.RequestException, ValueError) as error:
        raise TargetError(f"base image {base.name} has no working python3 ({reason_of(error)}): use another") from None
    if tuple(int(part) for part in python.split(".")) < (3, 11):
        raise TargetError(f"base image {base.name} has Python {python}; 3.11 or newer is needed: use another")
    return python, machine
