"""A stack's outside without its processes: logs written as a launcher writes them, a venue's state, a client's page."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from harness.evidence.evidence import Evidence
from harness.evidence.records import Fact, Record
from harness.spec.case import Case
from harness.spec.loader import load_cases
from harness.target.logs import Log
from harness.target.outside import Knows, LogPatterns
from harness.target.service import Service
from harness.trial.browser import Browser
from harness.trial.orders import Told
from harness.trial.service_log import ServiceLog
from harness.trial.stack import Stack, StackClient
from harness.trial.trial import Trial
from harness.venue.control import OrderState, VenueState
from harness.verdict.judge import judge
from harness.verdict.verdict import CaseVerdict
from suites.self.verdict.histories import TODAY

ROOT = Path(__file__).resolve().parents[3]
S = 1_000_000_000
BEGAN_NS = 1_764_000_000 * S


@dataclass
class Spoken:
    """A service of which nothing is known but its log, and its exit code once it has ended."""

    log: Log
    code: int | None = None

    def log_text(self) -> str:
        return self.log.text()

    async def wait_exit(self, limit_s: float) -> int | None:
        return self.code


def log_of(folder: Path, patterns: LogPatterns, *lines: tuple[float, str], name: str = "service") -> ServiceLog:
    """Each line with the seconds after BEGAN_NS at which it came."""
    return ServiceLog(cast(Service, spoken(folder, *lines, name=name)), patterns)


def spoken(folder: Path, *lines: tuple[float, str], name: str = "service", code: int | None = None) -> Spoken:
    log = Log(folder / f"{name}.log")
    for at_s, text in lines:
        log.append(text.encode(), BEGAN_NS + round(at_s * S))
    return Spoken(log, code)


@dataclass
class Outside:
    """What StackClient shows of a client."""

    name: str
    log: ServiceLog
    service: Spoken
    told: Told
    profile: Any = None
    shows: object = None

    async def page(self, port: str, path: str) -> tuple[int, object]:
        return 200, self.shows


@dataclass(frozen=True)
class Profiled:
    """As much of a profile as is asked."""

    knows: Knows | None = None
    orders_at_stop: str = "cancelled"


@dataclass
class Staged:
    profile: Profiled


@dataclass
class Venue:
    now: VenueState

    async def state(self) -> VenueState:
        return self.now


@dataclass
class Shown:
    """As much of a browser as the comparisons ask: what a page was told last, and under which ids."""

    orders: Mapping[str, str] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)

    def values(self, stream: str) -> Mapping[str, str]:
        return self.orders if stream == "orders" else {}


@dataclass
class Standing:
    """As much of a Stack as the recording functions ask."""

    trial: Trial
    venue: Venue
    clients: dict[str, Outside] = field(default_factory=dict)
    stage: Staged = field(default_factory=lambda: Staged(Profiled()))
    lost_ns: int = 0
    stopped_ns: int = 0

    @property
    def market_maker(self) -> Outside:
        return self.clients["market_maker"]

    @property
    def logs(self) -> Mapping[str, ServiceLog]:
        return {name: one.log for name, one in self.clients.items()}

    def record_exit(self, name: str, code: int | None) -> None:
        Stack.record_exit(cast(Stack, self), name, code)


def as_stack(standing: Standing) -> Stack:
    return cast(Stack, standing)


def as_client(outside: Outside) -> StackClient:
    return cast(StackClient, outside)


def as_browser(shown: Shown) -> Browser:
    return cast(Browser, shown)


def order(
    client_order_id: str = "mm1", order_id: str = "1", status: str = "NEW", *, executed: str = "0",
    side: str = "BUY", price: str = "100", created_ms: int = 1000, updated_ms: int = 1000, symbol: str = "BTCUSDT",
    type: str = "LIMIT",
) -> OrderState:  # fmt: skip
    return OrderState(
        order_id, client_order_id, "main", symbol, side, type, "GTC", price, "1", executed, price, status, False,
        created_ms, updated_ms,
    )  # fmt: skip


def venue_state(*orders: OrderState) -> VenueState:
    is_open = tuple(one for one in orders if one.status in ("NEW", "PARTIALLY_FILLED"))
    return VenueState(1, 1000, (), (), (), is_open, tuple(orders))


def facts(records: Iterable[Record], name: str) -> dict[str, float]:
    """Subject -> value of the facts of this name."""
    return {one.subject: one.value for one in records if isinstance(one, Fact) and one.name == name}


@functools.cache
def spec(case_id: str) -> Case:
    """The real case."""
    return next(one for one in load_cases(ROOT / "specs") if one.id == case_id)


def judged(case_id: str, records: Iterable[Record]) -> CaseVerdict:
    """By the real case."""
    return judge(spec(case_id), [Evidence.of(*records)], today=TODAY)


def statuses(verdict: CaseVerdict) -> dict[str, str]:
    return {one.criterion: str(one.status) for one in verdict.findings}
