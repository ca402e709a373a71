"""The small page on the control port: book, accounts, sockets, subscriptions and switches for the faults."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from harness.venue import readout
from harness.venue.core.decimals import canonical
from harness.venue.core.faults import HOWS, FaultKind, Knob, Scope
from harness.venue.core.orders import Side
from harness.venue.metering import meters
from harness.venue.state import Identity
from harness.venue.venue import Venue

ROWS_SHOWN = 50
LOG_ROWS_SHOWN = 25
DEPTH = 8
LONG_WORD = re.compile(r"(\b\w{10})\w{14,}\b")
"""Keys, which the log has in full."""
SWITCHES: tuple[tuple[str, Knob], ...] = (
    ("Refuse everything", Knob(FaultKind.REFUSE, how="503")),
    ("Reset every request", Knob(FaultKind.REFUSE, how="reset")),
    ("Refuse WebSockets", Knob(FaultKind.REFUSE_UPGRADE)),
    ("Maintenance", Knob(FaultKind.MAINTENANCE)),
    ("Rate limit", Knob(FaultKind.NATIVE_ERROR, how="rate limit")),
    ("HTTP 502 page", Knob(FaultKind.HTTP_STATUS, status=502)),
    ("2 s slower", Knob(FaultKind.DELAY, delay_s=2.0)),
    ("Book, then cut", Knob(FaultKind.EOF_AFTER_ACCEPT)),
    ("No pong", Knob(FaultKind.IGNORE_PING)),
    ("Silence", Knob(FaultKind.SILENCE)),
    ("Duplicates", Knob(FaultKind.DUPLICATE)),
    ("Out of order", Knob(FaultKind.REORDER)),
    ("Bursts of 20", Knob(FaultKind.BURST, events=20)),
    ("Batches partly fail", Knob(FaultKind.BATCH_ITEMS)),
    ("Clock 1 min ahead", Knob(FaultKind.SKEW, delay_s=60.0)),
    ("Any signature", Knob(FaultKind.OBSERVE_SIGNATURE)),
    ("Drop sockets every 10 s", Knob(FaultKind.DROP_SOCKETS, every_s=10.0)),
)
"""One press sets it, the next heals it."""
FIELDS = (
    ("path", "text", "prefix"), ("method", "text", "any"), ("channel", "text", "any"), ("key", "text", "any"),
    ("symbol", "text", "any"), ("sockets", "text", "public, private"), ("count", "number", "no limit"),
    ("probability", "number", "1"), ("after_s", "number", "0"), ("for_s", "number", "until healed"),
    ("every_s", "number", "once"), ("delay_s", "number", "0"), ("code", "number", "native"),
    ("message", "text", "text, field or row"), ("status", "number", "HTTP"), ("retry_after_s", "number", "none"),
    ("events", "number", "of a burst"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch as shown. `handle` 0: off."""

    label: str
    knob: Mapping[str, Any]
    handle: int


class Page:
    """Renders on the server; the page's own script only asks for the live part again and posts what is pressed."""

    def __init__(self, venue: Venue, identity: Identity) -> None:
        self._venue = venue
        self._identity = identity
        here = Path(__file__).parent
        texts = {name: (here / f"{name}.html.j2").read_text(encoding="utf-8") for name in ("page", "live")}
        environment = jinja2.Environment(
            loader=jinja2.DictLoader(texts), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
        )
        self._page, self._live = environment.get_template("page"), environment.get_template("live")

    def whole(self, symbol: str) -> tuple[str, dict[str, str]]:
        """The page and its headers, which let nothing run or load that the page did not come with."""
        nonce = secrets.token_urlsafe(16)
        policy = f"default-src 'none'; connect-src 'self'; img-src data:; script-src 'nonce-{nonce}'; "
        policy += f"style-src 'nonce-{nonce}'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        text = self._page.render(
            **self._shown(symbol), identity=self._identity, address=f"{self._identity.host}:{self._identity.port}",
            nonce=nonce, kinds=[kind.value for kind in FaultKind], fields=FIELDS,
            hows={kind.value: list(hows) for kind, hows in HOWS.items()},
        )  # fmt: skip
        return text, {"Content-Security-Policy": policy, "Cache-Control": "no-store"}

    def live(self, symbol: str) -> tuple[str, dict[str, str]]:
        """The part that changes, and its headers."""
        return self._live.render(**self._shown(symbol)), {"Cache-Control": "no-store"}

    def _shown(self, symbol: str) -> dict[str, Any]:
        exchange, hub = self._venue.exchange, self._venue.hub
        symbol = symbol if symbol in exchange.markets else next(iter(exchange.markets))
        read = meters(self._venue)
        now_ns = self._venue.now_ns()
        market = exchange.markets[symbol]
        sides = [
            [(canonical(price), canonical(amount)) for price, amount in market.levels(side, DEPTH)]
            for side in (Side.BUY, Side.SELL)
        ]
        names = list(exchange.accounts)
        open_orders = [order for name in names for order in exchange.book.open_orders(name)]
        log = self._venue.meters.log
        return {
            "symbol": symbol,
            "now_ns": now_ns,
            "meters": read,
            "switches": self._switches(now_ns),
            "faults": self._faults(now_ns),
            "markets": [readout.market_state(exchange, one) for one in exchange.markets.values()],
            "levels": list(zip(*sides, strict=False)),
            "resting": len(market.buys) + len(market.sells),
            "accounts": [readout.account_state(exchange, one) for one in exchange.accounts.values()],
            "positions": [one for name in names for one in readout.position_states(exchange, exchange.accounts[name])],
            "open_count": len(open_orders),
            "accepted": exchange.book.accepted,
            "orders": [readout.order_state(one) for one in open_orders[-ROWS_SHOWN:]],
            "sockets": read.open_sockets[-ROWS_SHOWN:],
            "subscriptions": Counter(
                (channel.name, channel.symbol) for one in hub.sockets.values() for channel in one.channels
            ).most_common(ROWS_SHOWN),
            "requests": sorted(read.requests, key=lambda one: -one.count)[:ROWS_SHOWN],
            "logins": read.logins[:ROWS_SHOWN],
            "log": [
                {
                    "at": datetime.fromtimestamp(row.t_ns / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3], "what": row.what,
                    "subject": LONG_WORD.sub(r"\1…", row.subject), "detail": LONG_WORD.sub(r"\1…", row.detail),
                }
                for row in reversed(log.since(log.last - LOG_ROWS_SHOWN, LOG_ROWS_SHOWN))
            ],
        }  # fmt: skip

    def _switches(self, now_ns: int) -> list[Switch]:
        standing = {fault.knob: fault.handle for fault in self._venue.faults.all if fault.stands(now_ns)}
        return [
            Switch(label, {"kind": knob.kind.value} | _changed(knob), standing.get(knob, 0)) for label, knob in SWITCHES
        ]

    def _faults(self, now_ns: int) -> list[dict[str, Any]]:
        return [
            {
                "handle": one.handle, "kind": one.knob.kind.value, "how": one.knob.how, "fired": one.fired,
                "scope": readout.scope_of(one),
            }
            for one in self._venue.faults.all[-1000:]
            if one.stands(now_ns) or (not one.healed_ns and one.begin_ns > now_ns)
        ]  # fmt: skip


def _changed(knob: Knob) -> dict[str, Any]:
    plain = asdict(Knob(knob.kind))
    return {name: value for name, value in asdict(knob).items() if value != plain[name] and name != "scope"}


assert all(knob.scope == Scope() for _, knob in SWITCHES)
