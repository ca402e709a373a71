"""One venue put together: exchange, keys, hub, meters and faults; what a dialect and the servers work on."""

from __future__ import annotations

import time
from dataclasses import dataclass

from harness.venue.core.account import Account
from harness.venue.core.exchange import Exchange
from harness.venue.core.faults import Faults
from harness.venue.core.feeds import Feed, Tick
from harness.venue.core.hub import Hub
from harness.venue.core.instruments import Instrument
from harness.venue.core.keys import ApiKey
from harness.venue.core.meters import Meters
from harness.venue.core.refusal import Reason, Refused

PROFILES = ("strict", "lenient")


@dataclass(frozen=True, slots=True)
class Setup:
    """How a venue was started."""

    venue: str
    profile: str
    seed: int
    keys: tuple[ApiKey, ...]
    instruments: tuple[Instrument, ...]


class Venue:
    """State of one simulated venue; lives in one event loop."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.lenient = setup.profile == "lenient"
        self.meters = Meters(time.time_ns)
        self.faults = Faults(setup.seed, time.time_ns, self.meters.log.add)
        self.hub = Hub(self.faults, self.meters, time.time_ns)
        names = list(dict.fromkeys(one.name for one in setup.keys))
        self.exchange = Exchange(seed=setup.seed, instruments=setup.instruments, accounts=names, now_ns=time.time_ns)
        self.feed = Feed(self.exchange, self.meters)
        self.tick = Tick(self.exchange)
        self._keys = {one.key: one for one in setup.keys}

    def now_ns(self) -> int:
        """This host's Unix time; the venue's own clock, which a fault may shift, is exchange.now_ms."""
        return time.time_ns()

    def allows(self, row: str) -> bool:
        """Whether a row of the lenient profile holds: as the profile says unless a knob switched it."""
        switched = self.faults.row(row)
        return self.lenient if switched is None else switched

    def key(self, key: str) -> ApiKey:
        """Refused when nobody has this key."""
        found = self._keys.get(key)
        if found is None:
            raise Refused(Reason.UNKNOWN_KEY)
        return found

    def account(self, name: str = "") -> Account:
        """The named account, or the first one; Refused when there is none of that name."""
        account = self.exchange.accounts.get(name or self.setup.keys[0].name)
        if account is None:
            raise Refused(Reason.ILLEGAL_PARAMETER, "account", name)
        return account
