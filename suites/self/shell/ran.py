"""Run pytest and nfr as a user would, in processes of their own, and read what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.evidence.evidence import Evidence

ROOT = Path(__file__).resolve().parents[3]
PROFILES = ROOT / "harness" / "target" / "profiles"
LIMIT_S = 240


@dataclass(frozen=True)
class Ran:
    """A command that is over."""

    code: int
    text: str
    reports: Path

    def verdict(self, case_id: str) -> dict[str, object]:
        """The stored verdict of a case of the newest run."""
        (path,) = self.runs()[-1].glob(f"cases/{case_id}/verdict.json")
        document: dict[str, object] = json.loads(path.read_text())
        return document

    def status(self, case_id: str) -> str:
        """pass, fail …"""
        return str(self.verdict(case_id)["status"])

    def statuses(self, case_id: str) -> dict[str, str]:
        """Criterion -> status."""
        findings = self.verdict(case_id)["findings"]
        assert isinstance(findings, list)
        return {finding["criterion"]: finding["status"] for finding in findings}

    def evidence(self, case_id: str) -> Evidence:
        """What the first trial of a case of the newest run has recorded."""
        (path, *_) = sorted(self.runs()[-1].glob(f"cases/{case_id}/evidence/*"))
        return Evidence.load(path)

    def runs(self) -> list[Path]:
        """Run folders, oldest first."""
        return sorted(path.parent for path in self.reports.glob("*/run.json"))


def command(reports: Path, *arguments: str, suite: str = "integration") -> list[str]:
    """pytest over a suite, as processes unless the arguments say otherwise."""
    launcher = [] if any(one.startswith("--launcher") for one in arguments) else ["--launcher", "process"]
    return [sys.executable, "-m", "pytest", f"suites/{suite}", "-p", "no:cacheprovider", "--reports", str(reports),
            *launcher, *arguments]  # fmt: skip


def run_pytest(
    reports: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    suite: str = "integration",
    limit_s: float = LIMIT_S,
) -> Ran:
    """To its end."""
    done = subprocess.run(
        command(reports, *arguments, suite=suite), cwd=ROOT, capture_output=True, text=True, timeout=limit_s,
        check=False, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})},
    )  # fmt: skip
    return Ran(done.returncode, done.stdout + done.stderr, reports)


def run_nfr(reports: Path, *arguments: str) -> Ran:
    """`nfr` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout + done.stderr, reports)


def reference_with(folder: Path, **changes: object) -> Path:
    """A profile file: the reference one with some keys of its connector changed, to be run as a process."""
    profile = yaml.safe_load((PROFILES / "reference.yaml").read_text())
    del profile["services"]["connector"]["build"]
    profile["services"]["connector"].update(changes)
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(profile))
    return path


def stack_with(folder: Path, commands: dict[str, list[str]]) -> Path:
    """A profile file: the reference stack, as processes, with other commands for some of its services."""
    profile = yaml.safe_load((PROFILES / "reference.yaml").read_text())
    for name, service in profile["services"].items():
        del service["build"]
        service["command"] = commands.get(name, service["command"])
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(profile))
    return path


def ours_alive(reports: Path) -> list[str]:
    """Command lines of processes whose environment names a run recorded below `reports`."""
    runs = {path.name for path in reports.glob("*") if path.is_dir()}
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment = (path / "environ").read_bytes().decode(errors="replace").split("\0")
            if any(entry == f"NFR_RUN={run}" for entry in environment for run in runs):
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
