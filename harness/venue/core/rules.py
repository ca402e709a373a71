"""What an order must satisfy before it is booked: quantity, price and notional; and the smallest that does."""

from __future__ import annotations

from decimal import Decimal

from harness.venue.core.decimals import ZERO, floor_to, places_of
from harness.venue.core.market import Market
from harness.venue.core.orders import Kind, Side, Ticket
from harness.venue.core.refusal import Reason, Refused


def check_ticket(ticket: Ticket, market: Market) -> None:
    """Refused for the first rule that the ticket breaks."""
    instrument = market.instrument
    _check_quantity(ticket, market)
    price = market.mark
    if ticket.kind is Kind.LIMIT:
        price = ticket.price
        if price <= 0:
            raise Refused(Reason.PRICE_NOT_POSITIVE, "price", str(price))
        if places_of(price) > instrument.price_places:
            raise Refused(Reason.TOO_PRECISE, "price", str(price))
        if price % instrument.tick:
            raise Refused(Reason.PRICE_TICK, "price", str(price))
    if not ticket.reduce_only and ticket.qty * price < instrument.min_notional:
        raise Refused(Reason.NOTIONAL, "notional", str(instrument.min_notional))


def _check_quantity(ticket: Ticket, market: Market) -> None:
    instrument = market.instrument
    if ticket.qty <= 0:
        raise Refused(Reason.QUANTITY_NOT_POSITIVE, "quantity", str(ticket.qty))
    if places_of(ticket.qty) > instrument.qty_places:
        raise Refused(Reason.TOO_PRECISE, "quantity", str(ticket.qty))
    if ticket.qty % instrument.step:
        raise Refused(Reason.QUANTITY_STEP, "quantity", str(ticket.qty))
    if ticket.qty > instrument.max_qty:
        raise Refused(Reason.QUANTITY_TOO_LARGE, "quantity", str(instrument.max_qty))


def opening_qty(ticket: Ticket, size: Decimal) -> Decimal:
    """The part of a ticket's quantity that opens or enlarges a position of `size`."""
    if size * ticket.side.sign >= 0:
        return ticket.qty
    return max(ZERO, ticket.qty - abs(size))


def resting_ticket(market: Market, side: Side, client_id: str = "") -> Ticket:
    """The smallest limit order that the walk will not reach."""
    instrument = market.instrument
    factor = Decimal("0.5") if side is Side.BUY else Decimal(2)
    price = floor_to(market.last * factor, instrument.tick)
    qty = floor_to(instrument.min_notional * 2 / price, instrument.step) + instrument.step
    return Ticket(instrument.symbol, side, Kind.LIMIT, qty, price, client_id=client_id)
