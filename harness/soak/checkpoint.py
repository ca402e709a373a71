"""Checkpoint: where a soak stands, written so often that a runner that is killed loses seconds; read to take it up."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from harness.evidence.clock import now_ns
from harness.record.files import write_whole
from harness.target.mooring import Lasting, Mooring
from harness.target.owner import Owner, place

NAME = "soak.json"
VERSION = 2
RUNNING = ("warm-up", "steady", "closing")
ENDED, FAILED, GIVEN_UP = "ended", "failed", "given up"
OVER = (ENDED, FAILED, GIVEN_UP)
GIVEN_UP_FILE = "soak.given-up"
"""Beside it: somebody has ended the soak for good. A file of its own, since the checkpoints are its runner's."""
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

    `state`: warm-up, steady or closing while its runner is at it (or was killed), stopped where it can be taken up
    again; ended, failed and given up are final. `runner_pid` and `runner`: its process, by pid alone and by pid and
    start time. `window_end_ns`: when the steady time of this life ended, 0 while it goes on; `stepped_s`: by how much
    the clock has jumped in all lives. `serial_base` and `serial`: what this life adds to the venue's
    serials, and the last one so far with it. `ledger_ns`: what the venue sent until then is in evidence, and so is
    what was delivered of it. `live`: client and stream of each stream that is owed updates, and since when, Unix ns.
    `looks` and `serving`: at the connector's health in the steady time of this life.

    `owner` and `place`: in whose name the services were started, and on which boot of which machine; `moorings`: where
    they are found again; `paths`: the port of each client's way to the connector; `steady_end_ns`: when the steady
    time of the lives before ended.
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
    live: tuple[tuple[str, str, int], ...] = ()
    looks: int = 0
    serving: int = 0
    calls: int = 0
    failed: int = 0
    progress: Progress = Progress()
    owner: str = ""
    place: str = ""
    moorings: tuple[Mooring, ...] = ()
    paths: Mapping[str, int] = field(default_factory=dict)
    steady_end_ns: int = 0
    runner: str = ""
    window_end_ns: int = 0
    stepped_s: float = 0.0

    @classmethod
    def first(cls, duration_s: float) -> Checkpoint:
        """Before there is anything: this process is about to begin."""
        return cls("warm-up", 1, os.getpid(), now_ns(), duration_s, runner=str(Owner.current()))

    @property
    def runner_lives(self) -> bool:
        """Whether that very process runs, not another one that was given its number."""
        runner = Owner.parse(self.runner)
        return runner.alive() if runner is not None else _looks_like_one(self.runner_pid)

    @property
    def runs(self) -> bool:
        """Whether somebody carries it out."""
        return self.was_broken_off and self.runner_lives

    @property
    def was_broken_off(self) -> bool:
        """Whether its runner did not come to its end: what it had started may still run."""
        return self.state in RUNNING

    @property
    def last_steady_ns(self) -> int:
        """When the steady time ended that is in evidence; 0 when there was none."""
        return self.window_end_ns or (self.t_ns if self.began_ns else self.steady_end_ns)

    def left(self) -> Lasting:
        """What the services that it names were started under."""
        owner = Owner.parse(self.owner)
        there = self.was_broken_off and owner is not None and self.place == place()
        return Lasting(owner, self.place, self.moorings) if there and owner is not None else Lasting.first()

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
            live = tuple((str(client), str(stream), int(since)) for client, stream, since in document.pop("live"))
            moorings = tuple(Mooring(**one) for one in document.pop("moorings", ()))
            return replace(cls(**document), live=live, moorings=moorings, progress=Progress(**progress))
        except FileNotFoundError:
            raise CheckpointError(f"{folder} holds no soak ({NAME} is missing): start one with nfr soak") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{file} cannot be read ({error}): the run cannot be taken up again") from None


def give_up(folder: Path) -> None:
    """The soak in that folder is never taken up again, however its runner ends. Raises RecordError."""
    write_whole(folder / GIVEN_UP_FILE, b"")


def is_given_up(folder: Path) -> bool:
    """Whether somebody said so."""
    return (folder / GIVEN_UP_FILE).exists()


def _looks_like_one(pid: int) -> bool:
    """A runner of an earlier version, which did not write down when it was started."""
    try:
        return pid != os.getpid() and b"soak" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
