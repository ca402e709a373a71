"""How far a load is, told by the process that leads it to whoever waits for it: a small file in the load's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

STATUS = "status.json"
EVIDENCE = "evidence"
"""The folder of the records, beside it."""


@dataclass(frozen=True, slots=True)
class Status:
    """How far a load is, for whoever waits for it. state: starting, running, written, failed (then `why`)."""

    state: str
    start_ns: int = 0
    begin_ns: int = 0
    end_ns: int = 0
    inside: int = 0
    """Calls sent, or messages received, in the window; of the calls `failed` did not end OK."""
    failed: int = 0
    why: str = ""

    def write(self, folder: Path) -> None:
        """Atomically."""
        fresh = folder / f"{STATUS}.new"
        fresh.write_text(json.dumps({name: getattr(self, name) for name in self.__slots__}))
        fresh.replace(folder / STATUS)

    @classmethod
    def read(cls, folder: Path) -> Status:
        """What stands there; starting when nothing does."""
        try:
            return cls(**json.loads((folder / STATUS).read_text()))
        except FileNotFoundError:
            return cls("starting")
