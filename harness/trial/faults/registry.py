"""The registry of faults: each kind's name, what it does, over what, and what that must be able to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from harness.target.errors import CannotDoError
from harness.target.service import Capability, Service
from harness.trial.faults.inflicted import Fault


class Over(StrEnum):
    """What a fault is done to: the argument after the trial."""

    SERVICE = "service"
    PATH = "path"
    VENUE = "venue"


Begin = Callable[..., AbstractAsyncContextManager[Fault]]
AnyBegin = TypeVar("AnyBegin", bound=Begin)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `begin` is its context manager: trial, what it is done to, then its own arguments."""

    name: str
    does: str
    over: Over
    needs: frozenset[Capability]
    begin: Begin


FAULTS: dict[str, Kind] = {}
"""Every kind by its name, which is also the `kind` of its marks."""


def kind(name: str, does: str, over: Over, *needs: Capability) -> Callable[[AnyBegin], AnyBegin]:
    """Register the decorated context manager."""

    def register(begin: AnyBegin) -> AnyBegin:
        FAULTS[name] = Kind(name, does, over, frozenset(needs), begin)
        return begin

    return register


def check(name: str, service: Service) -> None:
    """Raise CannotDoError unless this fault can be done to this service."""
    missing = FAULTS[name].needs - service.capabilities
    if missing:
        raise CannotDoError(
            f"fault {name}: {service.name} cannot do {', '.join(sorted(missing))}: "
            "let the harness start it, as a process or a container"
        )
