"""What a run was, in words: target, host, git state, times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from harness.evidence.clock import NS_PER_S
from harness.record.run import GitState, RunInfo
from harness.report import numbers
from harness.report.wording import printable
from harness.verdict.verdict import CaseVerdict


def subtitle(info: RunInfo) -> str:
    """Target, launcher, start and length in one line."""
    target = f"{info.target} {info.target_version}".strip()
    length = f", took {numbers.duration_text(_length_s(info))}" if info.ended_ns is not None else ""
    return printable(f"{target} by {info.launcher}, {utc(info.started_ns)}{length}")


def warning(info: RunInfo) -> str:
    """Why the run may not hold all it should; empty when it ended by itself."""
    said = {
        "running": "This run has not said that it ended: it is still going on, or it was killed.",
        "interrupted": "This run was interrupted; cases that had not been judged by then are listed as not run.",
        "crashed": "The harness crashed during this run; what was recorded before is shown.",
        "finished": "",
    }[info.state]
    return printable(f"{said} {info.note}".strip()) if info.state != "finished" else ""


def run_facts(info: RunInfo, verdicts: Mapping[str, CaseVerdict]) -> tuple[tuple[str, str], ...]:
    """Names and values, in the order to show them."""
    host = info.host
    facts = [
        ("Run", info.id),
        ("State", info.state),
        ("Started", utc(info.started_ns)),
        ("Ended", utc(info.ended_ns) if info.ended_ns is not None else "not recorded"),
        ("Took", numbers.duration_text(_length_s(info)) if info.ended_ns is not None else "not recorded"),
        ("Cases", f"{len(verdicts)} judged of {len(info.selected)} selected"),
        ("Target", f"{info.target} {info.target_version}".strip()),
        ("Launcher", info.launcher),
        ("Seed", str(info.seed)),
        ("Harness", git_text(info.harness)),
        ("Host", host.name),
        ("System", f"{host.os}, {host.kernel}"),
        ("Processor", f"{numbers.quantity(host.cpus, 'CPUs')}, {host.cpu_model}".rstrip(", ")),
        ("Memory", numbers.quantity(host.memory_bytes, "bytes")),
        ("Python", host.python),
        ("Note", info.note),
    ]
    return tuple((name, printable(value)) for name, value in facts if value)


def git_text(state: GitState) -> str:
    """`1f0c2d3e4b5a on main, with uncommitted changes`."""
    if not state.commit:
        return "not in a git checkout"
    branch = f" on {state.branch}" if state.branch else ""
    return f"{state.commit[:12]}{branch}" + (", with uncommitted changes" if state.dirty else "")


def utc(t_ns: int) -> str:
    """`2026-11-22 16:05:03 UTC`."""
    return f"{datetime.fromtimestamp(t_ns // NS_PER_S, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"


def _length_s(info: RunInfo) -> float:
    return max(0.0, ((info.ended_ns or info.started_ns) - info.started_ns) / NS_PER_S)
