"""Stored runs from hand-written evidence, for `nfr compare`: all the samples are made up here, none are measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.evidence.recorder import Recorder
from harness.record.run import HostInfo
from harness.record.store import RunFolder, RunStore
from harness.spec.loader import load_cases
from suites.self.record.made import INFO
from suites.self.shell.ran import ROOT
from suites.self.verdict.loads import FLOOR, Load, around, swaying

HOST = INFO.host
OTHER_HOST = replace(HOST, name="lab")
CASES = {case.id: case for case in load_cases(ROOT / "specs")}


def stored_run(
    reports: Path, name: str, *, slowdown: float = 1.0, seed: int = 1, host: HostInfo = HOST, trials: int = 5,
    cases: tuple[str, ...] = ("5.1.1",), target: str = "reference", calls: int = 1000,
) -> RunFolder:  # fmt: skip
    """A finished run whose cases hold GetAccount calls of about 0.8 ms times `slowdown`, at 100/s."""
    info = replace(
        INFO, id=name, host=host, target=target, selected=cases, ended_ns=INFO.started_ns + 1, state="finished"
    )
    run = RunStore(reports).create(info)
    for number, case_id in enumerate(cases):
        if case_id in CASES:
            run.save_case(CASES[case_id])
        for trial in range(1, trials + 1):
            rng = np.random.default_rng((seed, number, trial))
            load = Load(swaying(0.8 * slowdown, 1.6 * slowdown, phi=0.5), calls)
            with Recorder(run.evidence_path(case_id, trial), host=host.name, target=target) as recorder:
                for record in (*around(FLOOR), *load.records(rng)):
                    recorder.append(record)
    return run
