"""What the control port reads out: the venue's state and fault marks as frozen values."""

from __future__ import annotations

from decimal import Decimal

from harness.venue import state
from harness.venue.core.account import Account
from harness.venue.core.candles import INTERVALS_MS
from harness.venue.core.decimals import ZERO, canonical
from harness.venue.core.exchange import Exchange
from harness.venue.core.faults import Fault
from harness.venue.core.market import Market
from harness.venue.core.orders import Order
from harness.venue.venue import Venue

ORDERS_SHOWN = 20_000
"""All open orders and the latest closed ones up to this many."""


def order_state(one: Order) -> state.OrderState:
    """One order."""
    ticket = one.ticket
    return state.OrderState(
        str(one.order_id), one.client_id, one.account, one.symbol, ticket.side.value, ticket.kind.value,
        ticket.force.value, canonical(ticket.price), canonical(ticket.qty), canonical(one.executed),
        canonical(one.average), one.status.value, ticket.reduce_only, one.created_ms, one.updated_ms,
    )  # fmt: skip


def venue_state(exchange: Exchange) -> state.VenueState:
    """Everything at this moment."""
    names = list(exchange.accounts)
    orders = [order for name in names for order in exchange.book.all_orders(name)[-ORDERS_SHOWN:]]
    return state.VenueState(
        serial=exchange.ledger.serial,
        time_ms=exchange.now_ms(),
        accounts=tuple(account_state(exchange, one) for one in exchange.accounts.values()),
        positions=tuple(one for account in exchange.accounts.values() for one in position_states(exchange, account)),
        markets=tuple(market_state(exchange, one) for one in exchange.markets.values()),
        open_orders=tuple(order_state(one) for name in names for one in exchange.book.open_orders(name)),
        orders=tuple(order_state(one) for one in orders),
    )


def account_state(exchange: Exchange, one: Account) -> state.AccountState:
    """One account."""
    unrealised = exchange.unrealised(one)
    maintenance = sum((exchange.maintenance(position) for position in one.positions.values()), ZERO)
    values: list[Decimal] = [
        one.wallet, one.wallet + unrealised, exchange.available(one), unrealised, exchange.position_margin(one),
        maintenance, one.reserved, one.fees, one.discrepancy(),
    ]  # fmt: skip
    return state.AccountState(one.name, *(canonical(value) for value in values))


def position_states(exchange: Exchange, account: Account) -> list[state.PositionState]:
    """The positions that are not flat."""
    return [
        state.PositionState(
            account.name, one.symbol, canonical(one.size), canonical(one.entry),
            canonical(exchange.markets[one.symbol].mark),
            canonical(one.unrealised(exchange.markets[one.symbol].mark)), one.leverage, one.margin_type,
        )
        for one in account.positions.values()
        if one.size
    ]  # fmt: skip


def market_state(exchange: Exchange, one: Market) -> state.MarketState:
    """One symbol."""
    instrument = one.instrument
    return state.MarketState(
        symbol=instrument.symbol,
        last=canonical(one.last),
        bid=canonical(one.bid),
        ask=canonical(one.ask),
        mark=canonical(one.mark),
        funding_rate=canonical(one.funding_rate),
        next_funding_ms=one.next_funding_ms(exchange.now_ms()),
        open_interest=canonical(one.open_interest),
        open_24h=canonical(one.open),
        volume=canonical(one.volume),
        turnover=canonical(one.turnover),
        tick_size=canonical(instrument.tick),
        step_size=canonical(instrument.step),
        min_quantity=canonical(instrument.min_qty),
        min_notional=canonical(instrument.min_notional),
        price_precision=instrument.price_places,
        quantity_precision=instrument.qty_places,
        base_asset=instrument.base,
        quote_asset=instrument.quote,
    )


def candles(exchange: Exchange, symbol: str, interval: str, limit: int) -> list[state.CandleState]:
    """The last candles, oldest first."""
    market = exchange.market(symbol)
    if interval not in INTERVALS_MS:
        raise ValueError(f"unknown interval {interval!r}: choose from {', '.join(INTERVALS_MS)}")
    return [
        state.CandleState(
            one.open_ms, canonical(one.open), canonical(one.high), canonical(one.low), canonical(one.close),
            canonical(one.volume),
        )
        for one in market.candles.history(interval, max(1, min(limit, 1500)), exchange.now_ms())
    ]  # fmt: skip


def marks(venue: Venue) -> list[state.FaultMark]:
    """Begin, bites and heal of every fault, in order of time."""
    now_ns = venue.now_ns()
    last_bite: dict[int, int] = {}
    found = []
    for firing in venue.faults.firings:
        last_bite[firing.handle] = firing.t_ns
        found.append(state.FaultMark(firing.t_ns, "fault.bit", firing.handle, firing.kind.value, firing.subject))
    for fault in venue.faults.all:
        kind = fault.knob.kind.value
        if fault.begin_ns <= now_ns:
            found.append(state.FaultMark(fault.begin_ns, "fault.begin", fault.handle, kind, scope_of(fault)))
        healed_ns = _healed_ns(fault, last_bite.get(fault.handle, 0), now_ns)
        if healed_ns:
            found.append(state.FaultMark(healed_ns, "fault.heal", fault.handle, kind, scope_of(fault)))
    order = {"fault.begin": 0, "fault.bit": 1, "fault.heal": 2}
    return sorted(found, key=lambda mark: (mark.t_ns, order[mark.name]))


def _healed_ns(fault: Fault, last_bite_ns: int, now_ns: int) -> int:
    """When its effect was over: told so, out of time, or used up; 0 while it stands."""
    ends = [fault.healed_ns] if fault.healed_ns else []
    if fault.end_ns is not None and fault.end_ns <= now_ns:
        ends.append(fault.end_ns)
    if fault.knob.count is not None and fault.fired >= fault.knob.count and last_bite_ns:
        ends.append(last_bite_ns)
    return min(ends, default=0)


def scope_of(fault: Fault) -> str:
    """What a fault applies to, in words."""
    scope = fault.knob.scope
    parts = [scope.method, scope.path, scope.channel, scope.symbol, scope.sockets, scope.key]
    return " ".join(part for part in parts if part) or "all"
