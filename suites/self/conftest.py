"""What every test of the harness itself may rely on."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_reaches_what_the_tests_start() -> None:
    """A shell that puts its command into the background lets it ignore SIGINT, and whatever that starts inherits it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
