"""The command line says what there is without loading what only one command needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from harness.cli import COMMANDS, cli
from suites.self.shell.ran import ROOT, run_nfr

pytestmark = pytest.mark.self

HEAVY = {"scipy", "bokeh", "locust", "gevent", "pyarrow", "numpy", "grpc", "docker", "pytest", "aiohttp", "pandas"}


def loaded_by(*arguments: str) -> set[str]:
    """Libraries that the command has loaded when it ends."""
    said = (
        "import atexit, json, sys; from harness.cli import main; "
        "atexit.register(lambda: print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), "
        "file=sys.stderr)); main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", said, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(ran.stderr.splitlines()[-1]))


def test_the_list_of_commands_loads_none() -> None:
    assert not loaded_by("--help") & (HEAVY | {"pydantic", "rich"})


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (("cases",), HEAVY),
        (("venue", "--help"), HEAVY - {"aiohttp"}),
        (("soak", "--help"), {"scipy", "bokeh", "locust", "gevent", "pytest", "pandas"}),
        (("judge", "--help"), {"scipy", "locust", "gevent", "pytest"}),
    ],
)
def test_a_command_loads_what_it_needs(arguments: tuple[str, ...], spared: set[str]) -> None:
    assert not loaded_by(*arguments) & spared


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_in_the_list_is_there(name: str) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_a_command_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    ran = run_nfr(tmp_path, "soap")
    assert ran.code == 2
    assert "No such command 'soap'" in ran.text
