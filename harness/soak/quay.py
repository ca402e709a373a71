"""Quay: what a soak started and is to outlive its runner: named in each checkpoint, taken over by the next life."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.evidence.clock import now_ns
from harness.evidence.records import Mark
from harness.soak.checkpoint import Checkpoint
from harness.target.lease import Lease, lease_of
from harness.target.mooring import Lasting, Lost
from harness.target.owner import Owner
from harness.target.starting import VENUE, StartingLauncher
from harness.trial.stack import CLIENTS, Stack
from harness.trial.trial import Trial

GAVE_UP = re.compile(r"(?i)failed to connect|gave up|giving up")
"""The last words of a client that found no connector in ten attempts."""
AWAY = "it gave up its connector while the harness, on whose proxy its way there was, was away: the harness's doing"


@dataclass(eq=False)
class Quay:
    """`lasting`: in whose name everything is started; `launcher` and `stack` as soon as there are any."""

    folder: Path
    lasting: Lasting
    launcher: StartingLauncher | None = None
    stack: Stack | None = field(default=None)

    def named(self, checkpoint: Checkpoint, steady_end_ns: int) -> Checkpoint:
        """The same with what another life needs to find everything again; the lease on it is renewed."""
        if self.launcher is None or not checkpoint.was_broken_off:
            return replace(checkpoint, steady_end_ns=steady_end_ns)
        hold(self.folder, self.lasting.owner)
        paths = {name: client.path for name, client in self.stack.clients.items()} if self.stack is not None else {}
        return replace(
            checkpoint, owner=str(self.lasting.owner), place=self.lasting.place, moorings=self.launcher.moorings(),
            paths={name: int(path.address.rpartition(":")[2]) for name, path in paths.items()},
            steady_end_ns=steady_end_ns,
        )  # fmt: skip

    async def reclaim(self) -> bool:
        """Whether the services of the life before are there; otherwise what is left of them has been taken down."""
        return self.launcher is not None and bool(self.lasting.moorings) and await self.launcher.reclaim(VENUE)


def hold(folder: Path, owner: Owner) -> None:
    """This process says that it holds what was started in the name of `owner` for the soak in this folder."""
    run, reports = folder.name, folder.resolve().parent
    says = (
        f"`nfr soak --resume {run} --reports {reports}` takes them up, `nfr soak --stop {run} --reports {reports}` "
        "ends them"
    )
    Lease(str(owner), str(Owner.current()), now_ns(), run, says).write()


def hold_again(folder: Path, previous: Checkpoint) -> None:
    """Before anything is swept: what the life before has left is ours now, if it has not been removed meanwhile."""
    owner = previous.left().owner
    if lease_of(str(owner)) is not None:
        hold(folder, owner)


def account_for(trial: Trial, lost: list[Lost], previous: Checkpoint) -> tuple[Mark, ...]:
    """Say of each service that was not there any more why; the deaths, which are the services' own.

    They are put at the end of the steady time that is in evidence: it was later, and nobody saw when.
    """
    died = []
    for one in lost:
        if one.service in CLIENTS and any(GAVE_UP.search(line) for line in one.said):
            trial.mark("soak.started_anew", service=one.service, reason=AWAY)
            continue
        t_ns = previous.last_steady_ns or now_ns()
        mark = Mark(t_ns, "process.died", {"service": one.service, "code": "unknown", "reason": one.reason})
        trial.record(mark)
        died.append(mark)
    return tuple(died)
