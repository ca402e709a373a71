"""Taking up: which soak of a store can go on, and whether its services still stand."""

from __future__ import annotations

from harness.record.folder import RunFolder
from harness.record.store import RunStore
from harness.soak.checkpoint import ENDED, FAILED, GIVEN_UP, NAME, Checkpoint, CheckpointError, is_given_up
from harness.soak.saying import say
from harness.target.leftovers import remove_all_of
from harness.target.mooring import Mooring
from harness.target.starting import VENUE

CONTAINER = "container"
"""The launcher of a mooring that only the engine can tell of."""


class StillRunning(CheckpointError):
    """Somebody carries it out; one sentence."""


def resumable(folder: RunFolder) -> Checkpoint:
    """Where it can go on. Raises CheckpointError, StillRunning."""
    previous, run = Checkpoint.read(folder.path), folder.info.id
    if previous.state in (ENDED, FAILED):
        raise CheckpointError(f"the soak {run} is over ({previous.state}): start a new one")
    if previous.state != GIVEN_UP and previous.runner_lives:
        raise StillRunning(f"the soak {run} is running (process {previous.runner_pid}): stop it first")
    if previous.state == GIVEN_UP or is_given_up(folder.path):
        raise CheckpointError(f"the soak {run} was ended for good with --stop: start a new one")
    return previous


def to_take_up(store: RunStore) -> RunFolder | None:
    """The latest soak, if its runner has died and its services still stand; None where a new one is to begin.

    Services that start anew have to warm up first, for longer than any gap that a day may have: such a run could go
    on for hours and never be proven. Raises StillRunning: two soaks on one machine disturb each other.
    """
    folder = next((one for one in store.list() if (one.path / NAME).is_file()), None)
    if folder is None:
        return None
    try:
        previous = resumable(folder)
    except StillRunning:
        raise
    except CheckpointError:
        return None
    if stands(previous):
        return folder
    left = previous.left()
    if left.moorings:  # without their venue the others are of no use
        for gone in remove_all_of(left.owner):
            say(f"nfr: removed: {gone}")
    say(f"nfr: the services of the soak {folder.info.id} do not stand any more: a new soak begins")
    return None


def stands(previous: Checkpoint) -> bool:
    """Whether another life finds the venue that counts the updates, and with it what it is to take over."""
    return any(_runs(one) for one in previous.left().moorings if one.name.startswith(VENUE))


def _runs(mooring: Mooring) -> bool:
    if mooring.launcher == CONTAINER:  # its process may have a number here that we cannot see
        return _container_runs(mooring.identity)
    return mooring.process is not None and mooring.process.alive()


def _container_runs(identity: str) -> bool:
    # Imported here: a runner of processes is to stay small, and does without the engine's library.
    from harness.target.container_launcher import container_runs

    return container_runs(identity)
