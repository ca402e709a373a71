"""The Compose program at hand (`docker compose` or `docker-compose`), and the user's file as it understands it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.target.errors import TargetError
from harness.target.profile_shape import Profile

ASK_LIMIT_S = 30.0
SAID_LINES = 3
SAID_CHARS = 400
PROGRAMS = (("docker", "compose"), ("docker-compose",))
NOT_OURS = ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES")
"""What a user's shell may set for another project."""

Tree = dict[str, Any]
"""A part of a Compose file, as YAML has it."""


@dataclass(frozen=True, slots=True)
class ComposeProgram:
    """`command`: its first words."""

    command: tuple[str, ...]

    @classmethod
    def find(cls) -> ComposeProgram:
        """The plug-in of the docker command, else the program of its own. Raises TargetError when there is neither."""
        for command in PROGRAMS:
            if shutil.which(command[0]):
                program = cls(command)
                try:
                    program.run(("version",), ASK_LIMIT_S)
                except TargetError:
                    continue
                return program
        raise TargetError(
            "neither `docker compose` nor `docker-compose` works here: install one, or use --launcher container"
        )

    def run(self, words: Sequence[str], limit_s: float, tags: Mapping[str, str] | None = None) -> str:
        """What it prints. Blocks. Raises TargetError with what it complained about.

        `tags`: environment that marks the program itself as ours.
        """
        environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        name = " ".join(self.command)
        try:
            done = subprocess.run(
                [*self.command, *words],
                env={**environment, **(tags or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
                start_new_session=True,  # Ctrl-C is for the harness, which then takes the project down
            )
        except subprocess.TimeoutExpired:
            raise TargetError(f"{name} was not done after {limit_s:g} s: does the engine hang?") from None
        except OSError as error:
            raise TargetError(f"{name} cannot be run: {error.strerror}") from None
        if done.returncode:
            raise TargetError(_complaint(done.stderr) or f"{name} ended with code {done.returncode} and said nothing")
        return done.stdout


def _complaint(text: str) -> str:
    """The lines that tell what is wrong, as one; progress and warnings are left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")] or [
        line for line in lines if "warn" not in line.lower()
    ]
    return " ".join(dict.fromkeys(errors[-SAID_LINES:]))[:SAID_CHARS]


def read_compose_file(program: ComposeProgram, path: Path) -> Tree:
    """The user's file with all variables, extensions and relative paths worked out. Raises TargetError."""
    if not path.is_file():
        raise TargetError(f"Compose file {path} does not exist: mend `compose: {{file: …}}` in the profile")
    try:
        text = program.run(("-f", str(path), "-p", "nfr", "config"), ASK_LIMIT_S)
        tree = yaml.safe_load(text)
    except TargetError as error:
        raise TargetError(f"Compose file {path} is not valid: {error}") from None
    except yaml.YAMLError as error:
        raise TargetError(f"Compose file {path} is not valid: {error}".splitlines()[0]) from None
    if not isinstance(tree, dict) or not isinstance(tree.get("services"), dict):
        raise TargetError(f"Compose file {path} has no services: give the file of the stack")
    return tree


def check_services(profile: Profile, tree: Tree, path: Path) -> None:
    """Raise TargetError unless every service that the profile names is there and can be put on a private network."""
    services: Tree = tree["services"]
    for name, service in profile.services.items():
        if not service.compose:
            continue
        where = f"profile {profile.name}, services.{name}.compose"
        if service.compose not in services:
            has = ", ".join(sorted(services))
            raise TargetError(f"{where}: Compose file {path} has no service {service.compose!r}, it has {has}")
        mode = services[service.compose].get("network_mode")
        if mode:
            raise TargetError(
                f"{where}: service {service.compose!r} of {path} has network_mode {mode}, so it cannot be on a "
                "private network with its venue and its clients: take network_mode out"
            )
