"""The run store: the only room that knows file names. Old runs stay readable."""

from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.host import git_state, this_host
from harness.record.run import GitState, HostInfo, RunInfo, RunState
from harness.record.store import RunStore

__all__ = [
    "GitState",
    "HostInfo",
    "RecordError",
    "RunFolder",
    "RunInfo",
    "RunState",
    "RunStore",
    "git_state",
    "this_host",
]
