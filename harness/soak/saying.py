"""Saying: lines for whoever watches a soak; a terminal that is gone or a full disk behind it ends nothing."""

from __future__ import annotations

import contextlib
import os
import sys

import click


def say(line: str, *, err: bool = False) -> None:
    """To the terminal, if there still is one: a day of evidence is worth more than a line about it."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: it has been closed
        click.echo(line, err=err)


def let_go() -> None:
    """At the end of the process: what a dead terminal has not taken is dropped, for else the interpreter tries once
    more, fails, and puts an exit code of its own (120) in the place of the verdict's."""
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed before it began
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
