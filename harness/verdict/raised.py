"""Raised: a doubt with the criteria that it is about; a Guard finds such."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.evidence.evidence import Evidence
from harness.spec.case import Case
from harness.verdict.verdict import Doubt


@dataclass(frozen=True, slots=True)
class Raised:
    """A doubt and the criteria that it is about. `excuses`: something else is as likely a cause of their miss."""

    doubt: Doubt
    criteria: frozenset[str]
    excuses: bool = False


Guard = Callable[[Case, Evidence], Iterable[Raised]]
