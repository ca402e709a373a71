"""The names of runs and of files in a run's folder: sortable, safe on every file system, free of collisions."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime

from harness.evidence.clock import NS_PER_S
from harness.record.errors import RecordError

_CASE = re.compile(r"[a-z0-9][a-z0-9.-]{0,100}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 80


def new_run_id(started_ns: int) -> str:
    """A run's name: its start in UTC, to the second, and four random hex digits; sorts by time."""
    start = datetime.fromtimestamp(started_ns // NS_PER_S, tz=UTC)
    return f"{start:%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(2)}"


def is_case_id(name: str) -> bool:
    """Whether a folder of this name can be a case's."""
    return _CASE.fullmatch(name) is not None and ".." not in name


def case_folder(case_id: str) -> str:
    """The folder name of a case: its id, refused when it could lead elsewhere."""
    if not is_case_id(case_id):
        raise RecordError(f"{case_id!r} is not a case id; ids look like 3.1.1 or x.some-name")
    return case_id


def log_name(service: str) -> str:
    """A file name for a service's log; different services never share one, whatever their names contain."""
    safe = _UNSAFE.sub("_", service).lstrip(".")[:_LONGEST]
    if safe != service or not safe:
        # what was replaced or cut could have been all that told two services apart
        safe = f"{safe or 'service'}-{hashlib.sha256(service.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
    return f"{safe}.log"
