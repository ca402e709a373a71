"""Bad input gets one clear sentence and the documented exit code, before anything is started."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.self.shell.ran import ROOT, ours_alive, reference_with, run_nfr, run_pytest

pytestmark = pytest.mark.self

USAGE, FAILED = 4, 1
SPEC = "integration/3.1.2-position-filter.yaml"


def edited(specs: Path, old: str, new: str) -> None:
    path = specs / SPEC
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


BROKEN_SPECS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "broken YAML": (lambda specs: edited(specs, "criteria:", "criteria: ["), (SPEC,)),
    "unknown metric": (
        lambda specs: edited(specs, "metric: messages.count", "metric: messages.counted"),
        ("messages.counted", "3.1.2", "messages.count"),
    ),
    "unknown field": (lambda specs: edited(specs, "title:", "titel:"), (SPEC, "titel", "title")),
    "a limit that no load could prove": (
        lambda specs: edited(
            specs,
            "metric: messages.count",
            "metric: messages.delivery_ms\n    of: {client: filtered, quantile: 0.99}\n    op: '<'\n    limit: 5\n"
            "    level: required\n  - id: once-more\n    says: the filtered client sees no other symbol\n"
            "    metric: messages.count",
        ),
        ("3.1.2",),
    ),
    "a case twice": (
        lambda specs: shutil.copy(specs / SPEC, specs / "integration/3.1.2-again.yaml"),
        ("3.1.2-again.yaml", "3.1.2"),
    ),
    "a case without a test": (
        lambda specs: (
            (specs / "extensions/x.new-case-of-ours.yaml").write_text(
                (specs / SPEC)
                .read_text()
                .replace('id: "3.1.2"', 'id: "x.new-case"')
                .replace("group: integration", "group: extensions")
            )
            and None
        ),
        ("x.new-case", "no test"),
    ),
    "a test without a case": (lambda specs: (specs / SPEC).unlink(), ("3.1.2", "no file")),
}


@pytest.mark.parametrize("name", BROKEN_SPECS)
def test_a_broken_spec_is_refused_at_collection(name: str, tmp_path: Path) -> None:
    breaks, says = BROKEN_SPECS[name]
    specs = tmp_path / "specs"
    shutil.copytree(ROOT / "specs", specs)
    breaks(specs)
    ran = run_pytest(tmp_path / "reports", "--specs", str(specs))
    assert ran.code == USAGE, ran.text
    for word in says:
        assert word in ran.text
    assert "Traceback" not in ran.text
    assert ran.runs() == []


TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "unknown target": (("--target", "refrence"), ("refrence", "reference")),
    "profile file that is not there": (("--target", "/no/such/profile.yaml"), ("/no/such/profile.yaml",)),
    "no Docker engine": (("--launcher", "container"), ("Docker",)),
    "binary not named": (("--target", "opensqt"), ("OPENSQT_CONNECTOR_BIN",)),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_that_cannot_be_had_is_refused(name: str, tmp_path: Path) -> None:
    arguments, says = TARGETS[name]
    ran = run_pytest(tmp_path / "reports", *arguments, env={"DOCKER_HOST": "tcp://127.0.0.1:1"})
    assert ran.code == USAGE, ran.text
    for word in says:
        assert word in ran.text
    assert "Traceback" not in ran.text


def test_attaching_to_something_that_is_no_connector_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        profile = tmp_path / "attached.yaml"
        profile.write_text(f"name: attached\nservices:\n  connector:\n    address: {address}\n")
        ran = run_pytest(tmp_path / "reports", "--target", str(profile), "--launcher", "auto")
    assert ran.code == USAGE, ran.text
    assert address in ran.text
    assert "Traceback" not in ran.text


def test_a_connector_that_dies_at_start_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    dying = [sys.executable, "-c", "import sys; print('the dog ate my config'); sys.exit(7)"]
    ran = run_pytest(
        tmp_path / "reports", "--target", str(reference_with(tmp_path, command=dying)), "-k", "account_str"
    )
    assert ran.code == FAILED, ran.text
    assert ran.status("3.1.1") == "error"
    assert "the dog ate my config" in ran.text
    assert "7" in ran.text
    assert ours_alive(ran.reports) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("judge", "no-such-run"), "no-such-run"), (("report", "no-such-run"), "no-such-run"), (("jugde",), "jugde")],
)
def test_nfr_refuses_with_exit_code_2(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    ran = run_nfr(tmp_path, *arguments, *(("--reports", str(tmp_path)) if arguments[0] != "jugde" else ()))
    assert ran.code == 2, ran.text
    assert says in ran.text
    assert "Traceback" not in ran.text


def test_a_folder_that_pytest_takes_for_tests_is_said_instead_of_running_without_settings(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "pytest", "-m", "integration", "--collect-only", "-q"]
    done = subprocess.run(
        [*arguments, "--reports", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == USAGE
    assert "write --option=DIR" in done.stdout + done.stderr
