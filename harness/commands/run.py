"""`nfr run`: carry out cases, by pytest."""

from __future__ import annotations

import sys

import click
import pytest

from harness.commands.places import BROKEN, MET, NOT_MET, ROOT, USAGE

PYTEST_TO_NFR = {0: MET, 1: NOT_MET, 2: BROKEN, 3: BROKEN, 4: USAGE, 5: USAGE}
"""pytest: passed, failed, interrupted, internal error, usage, nothing collected."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(arguments: tuple[str, ...]) -> None:
    """Run cases: everything is handed to pytest, for example `nfr run -m integration --launcher process`."""
    sys.exit(PYTEST_TO_NFR.get(int(pytest.main(["--rootdir", str(ROOT), *arguments])), BROKEN))
