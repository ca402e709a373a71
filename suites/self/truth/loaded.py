"""A load outside of a case: a server in a process of its own, our generator against it, and the evidence of both."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.evidence.evidence import Evidence
from harness.evidence.records import Record
from harness.target.profile import load_profile
from harness.trial.load.plan import LoadPlan
from harness.trial.load.run import LoadResult, run_load
from harness.trial.trial import Trial
from suites.self.shell.ran import ROOT

STOP_LIMIT_S = 15.0


@dataclass
class Serving:
    """A server program that is up. `truth` is filled in once it is down."""

    port: int
    truth: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def serving(*arguments: str) -> Iterator[Serving]:
    """A program of suites.self.truth.servers; gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "suites.self.truth.servers", *arguments],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        up = Serving(int(process.stdout.readline()))
        yield up
        process.terminate()
        told, _ = process.communicate(timeout=STOP_LIMIT_S)
        up.truth = json.loads(told)
    finally:
        process.kill()
        process.wait(STOP_LIMIT_S)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def null_server(rate_per_s: float = 0.0) -> Iterator[Serving]:
    """The harness's own null server, as a process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.reference.null_server", "--port", "0"], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True, env={**os.environ, "RATE_PER_S": str(rate_per_s)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Serving(int(json.loads(process.stdout.readline().split("\t")[3])["port"]))
    finally:
        process.kill()
        process.wait(STOP_LIMIT_S)
        if process.stdout is not None:
            process.stdout.close()


def carried_out(folder: Path, *plans: LoadPlan, keep: list[Record] | None = None) -> list[LoadResult]:
    """The loads, one after another, through the generator that the cases use; their records are appended to `keep`."""
    records = [] if keep is None else keep
    folder.mkdir(parents=True, exist_ok=True)
    trial = Trial(records.append, load_profile("reference"), folder)

    async def run() -> list[LoadResult]:
        return [await run_load(trial, plan) for plan in plans]

    return asyncio.run(run())


def evidence_of(folder: Path, *plans: LoadPlan) -> Evidence:
    """The same, as it would be judged."""
    records: list[Record] = []
    carried_out(folder, *plans, keep=records)
    return Evidence.of(*records)
