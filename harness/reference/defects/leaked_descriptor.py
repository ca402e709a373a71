"""Defect: each connection leaves an open file descriptor behind."""

from __future__ import annotations

import os

from harness.reference.defects.newcomers import on_newcomer

CATCHES = (("6.3.2", "descriptors"),)


def apply() -> None:
    """Open a file for each connection and forget to close it."""
    on_newcomer(lambda: os.open(os.devnull, os.O_RDONLY))
