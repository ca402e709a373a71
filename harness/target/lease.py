"""Lease: says that what a dead owner left is still wanted, for how long, and how to take it up or to end it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.evidence.clock import NS_PER_S, now_ns
from harness.target.owner import Owner, scratch_root

LEASE_FILE = ".lease"
"""In the scratch folder of the owner in whose name everything was started."""
LEASE_S = 900.0
"""What a runner that died so long ago has left is removed at the next start of any harness."""


@dataclass(frozen=True, slots=True)
class Lease:
    """`owner`: in whose name it was started; `holder`: the process that holds it now or did last, as PID:START;
    `t_ns`: when that said so last; `says`: how it is taken up or ended."""

    owner: str
    holder: str
    t_ns: int
    run: str
    says: str

    @property
    def is_held(self) -> bool:
        """Whether its holder lives."""
        holder = Owner.parse(self.holder)
        return holder is not None and holder.alive()

    @property
    def age_s(self) -> float:
        """Since its holder last said that it lives."""
        return (now_ns() - self.t_ns) / NS_PER_S

    @property
    def spares(self) -> bool:
        """Whether what is there in its name is to stay."""
        return self.is_held or self.age_s < LEASE_S

    @property
    def told(self) -> str:
        """Why what is there in its name is left alone; one sentence."""
        return f"the services of the soak {self.run}, whose runner died {self.age_s:.0f} s ago, still run: {self.says}"

    def write(self) -> None:
        """Make it known; a file system that refuses leaves the old one."""
        path = _path(self.owner)
        fresh = path.with_name(f"{LEASE_FILE}.new")
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
            fresh.replace(path)


def lease_of(owner: str) -> Lease | None:
    """The lease on what was started in the name of this owner (PID:START)."""
    try:
        return Lease(**json.loads(_path(owner).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def leases() -> tuple[Lease, ...]:
    """Every lease of this user on this host."""
    root = scratch_root()
    names = sorted(one.name for one in root.iterdir()) if root.is_dir() else []
    found = (lease_of(name.replace("-", ":")) for name in names)
    return tuple(one for one in found if one is not None)


def _path(owner: str) -> Path:
    return scratch_root() / owner.replace(":", "-") / LEASE_FILE
