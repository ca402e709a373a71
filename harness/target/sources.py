"""Sources: the files that a service is built from, and one digest for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.target.profile_shape import Build
from harness.target.recipe import PROJECT


def sources_digest(build: Build) -> str:
    """What runs when there is no image: its copied sources."""
    return digest_of(files_of(build.copies), "")


def digest_of(files: Iterable[tuple[str, Path]], salt: str) -> str:
    """Of their places, modes and contents, and of `salt`; twelve hex digits."""
    digest = hashlib.sha256(salt.encode())
    for name, path in sorted(files):
        digest.update(f"{name}\0{path.stat().st_mode & 0o111}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def files_of(tops: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Every file at or below the given ones, with its place in the build's context."""
    for top in tops:
        for path in [top] if top.is_file() else sorted(one for one in top.rglob("*") if one.is_file()):
            if "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield _place_in_context(path), path


def _place_in_context(path: Path) -> str:
    """Files of the project keep their path, so that a Dockerfile reads like the repository."""
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else path.name
