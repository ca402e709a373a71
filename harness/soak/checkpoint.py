"""Checkpoint: where a soak stands, written so often that a runner that is killed loses seconds; read to take it up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.record.files import write_whole

NAME = "soak.json"
VERSION = 1
SERIALS_APART = 1_000_000
"""Between the last serial at a checkpoint and the first of the next life: what was recorded after it stays below."""


class CheckpointError(Exception):
    """There is none, or none that can be read; one sentence."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a person wants to know. Bytes, counts, milliseconds; -1 where nothing was seen."""

    rss_bytes: float = -1.0
    rss_grown_bytes: float = 0.0
    runtime_units: float = -1.0
    runtime_units_off: float = 0.0
    calls: int = 0
    failed: int = 0
    p50_ms: float = -1.0
    p99_ms: float = -1.0
    updates: int = 0
    harness_rss_bytes: float = -1.0
    harness_cpu_percent: float = -1.0
    lost_for_good: tuple[str, ...] = ()

    @property
    def error_percent(self) -> float:
        """Share of the calls that failed."""
        return 100.0 * self.failed / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One moment of a soak. Times in Unix ns; `life`: of the runner, from 1; `steady_s`: steady time of all lives.

    `state`: warm-up, steady, ended, stopped or failed. `serial_base` and `serial`: what this life adds to the venue's
    serials, and the last one so far with it. `ledger_ns`: what the venue sent until then is in evidence, and so is
    what was delivered of it. `live`: client and stream of each stream that is owed updates. `looks` and `serving`:
    at the connector's health in the steady time of this life.
    """

    state: str
    life: int
    runner_pid: int
    t_ns: int
    duration_s: float
    steady_s: float = 0.0
    began_ns: int = 0
    serial_base: int = 0
    serial: int = 0
    ledger_ns: int = 0
    live: tuple[tuple[str, str], ...] = ()
    looks: int = 0
    serving: int = 0
    calls: int = 0
    failed: int = 0
    progress: Progress = Progress()

    @property
    def next_serial_base(self) -> int:
        """For the next life."""
        return self.serial + SERIALS_APART

    def write(self, folder: Path) -> None:
        """Whole or not at all. Raises RecordError when the disk does not oblige."""
        document = {"schema": "nfr.soak", "version": VERSION, **asdict(self)}
        write_whole(folder / NAME, (json.dumps(document, indent=1) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> Checkpoint:
        """What stands in a run's folder. Raises CheckpointError."""
        file = folder / NAME
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            if document.pop("schema") != "nfr.soak" or document.pop("version") != VERSION:
                raise CheckpointError(f"{file} is of another version of the harness: resume it with that one")
            progress = document.pop("progress")
            progress["lost_for_good"] = tuple(progress["lost_for_good"])
            live = tuple((str(client), str(stream)) for client, stream in document.pop("live"))
            return replace(cls(**document), live=live, progress=Progress(**progress))
        except FileNotFoundError:
            raise CheckpointError(f"{folder} holds no soak ({NAME} is missing): start one with nfr soak") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{file} cannot be read ({error}): the run cannot be taken up again") from None
