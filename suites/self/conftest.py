"""What every test of the harness itself may rely on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from suites.self.chromium import ARGUMENTS, BROWSER


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_reaches_what_the_tests_start() -> None:
    """A shell that puts its command into the background lets it ignore SIGINT, and whatever that starts inherits it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield running
        running.close()
