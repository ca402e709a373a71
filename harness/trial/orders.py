"""Orders through the stack: what each client was told about them, held against the venue's own book."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.evidence.clock import NS_PER_S
from harness.evidence.records import Call, Mark, Message, Outcome, Record
from harness.target.outside import Missing, plain
from harness.trial.nudge import DEFAULT_SYMBOL
from harness.trial.tap import Exchange
from harness.trial.trial import CutShort, Trial
from harness.venue.control import LedgerRow, OrderState, VenueState
from harness.wire.opensqt.market_maker.v1 import exchange_pb2, resources_pb2, types_pb2

if TYPE_CHECKING:
    from harness.trial.browser import Browser
    from harness.trial.stack import Stack, StackClient

OPEN = ("NEW", "PARTIALLY_FILLED")
KEPT_ORDERS = 2_000
"""Of so many orders a client's knowledge is kept; beyond that those that are over are forgotten, oldest first."""
DECISION_TO_VENUE = "DecisionToVenue"
NO_ID = {"", "0"}
"""The contract's number for an order id that is not known yet."""
SAME_MOMENT_MS = 5
"""The venue's times are whole milliseconds and a cancel may be booked a moment after the order that replaces it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A PlaceOrder of the client that was answered; `code` other than OK: refused, and the ids are of the request."""

    client_order_id: str
    order_id: str
    code: str


class Told:
    """What a client was told about orders, by answers and by its stream: key -> STATUS:EXECUTED."""

    def __init__(self, record: Callable[[Record], None]) -> None:
        self._record = record
        self.state: dict[str, str] = {}
        self.placed: deque[Placed] = deque(maxlen=KEPT_ORDERS)
        self.connected = 0
        """Connections on which the connector has answered it."""

    def record(self, record: Record) -> None:
        """Sink of the client's tap: takes note and passes on."""
        if isinstance(record, Message) and record.stream == "orders":
            self._know(record.key, record.value)
        elif isinstance(record, Mark) and record.name == "client.connected":
            self.connected += 1
        self._record(record)

    def exchanged(self, exchange: Exchange) -> None:
        """An answered RPC of the client."""
        if exchange.method == "PlaceOrder":
            request = resources_pb2.PlaceOrderRequest.FromString(exchange.request)
            order = resources_pb2.Order.FromString(exchange.reply) if exchange.code == "OK" else None
            self._told([order] if order else [])
            order_id = str(order.order_id) if order else ""
            key = (order.client_order_id if order else "") or request.client_order_id
            self.placed.append(Placed(key, order_id, exchange.code))
        elif exchange.code != "OK":
            return
        elif exchange.method == "GetOrder":
            self._told([resources_pb2.Order.FromString(exchange.reply)])
        elif exchange.method == "GetOpenOrders":
            self._told(exchange_pb2.GetOpenOrdersResponse.FromString(exchange.reply).orders)

    def _told(self, orders: Iterable[resources_pb2.Order]) -> None:
        for order in orders:
            status = types_pb2.OrderStatus.Name(order.status).removeprefix("ORDER_STATUS_")
            self._know(
                order.client_order_id or str(order.order_id), f"{status}:{plain(order.executed_qty.value or '0')}"
            )

    def _know(self, key: str, value: str) -> None:
        self.state[key] = value
        if len(self.state) > KEPT_ORDERS:
            forget_done(self.state)


def forget_done(state: dict[str, str]) -> None:
    """Of the older half of these orders those that are over: key -> STATUS:EXECUTED."""
    for key in list(state)[: KEPT_ORDERS // 2]:
        if state[key].split(":")[0] not in OPEN:
            del state[key]


def said(order: OrderState) -> str:
    """The order's state as a client is told it."""
    return f"{order.status}:{plain(order.executed)}"


def _known(order: OrderState, state: Mapping[str, str]) -> str | None:
    """What is known about it under either of its ids."""
    return state.get(order.client_order_id) or state.get(order.order_id)


def unmatched(state: Mapping[str, str], venue: VenueState) -> list[str]:
    """Orders open on the venue that `state` does not know as they are, and the reverse; a sentence each."""
    found = []
    for order in _of_symbol(venue.open_orders):
        known = _known(order, state)
        if known != said(order):
            found.append(f"{_name(order)}: {said(order)} on the venue, {known or 'unknown'} here")
    by_id = {key: order for order in venue.orders for key in (order.client_order_id, order.order_id) if key}
    for key, value in state.items():
        if value.split(":")[0] not in OPEN:
            continue
        known_to_venue = by_id.get(key)
        if known_to_venue is None:
            found.append(f"{key}: {value} here, unknown to the venue")
        elif known_to_venue.status not in OPEN:
            found.append(f"{key}: {value} here, {said(known_to_venue)} on the venue")
    return found


def _of_symbol(orders: Iterable[OrderState]) -> list[OrderState]:
    """The orders of the symbol that both clients are about."""
    return [one for one in orders if one.symbol == DEFAULT_SYMBOL]


def duplicated(venue: VenueState) -> list[str]:
    """Orders that stand for another one: the same client id twice, or the same side and price open at one time."""
    found = [
        f"client id {key} has {count} orders"
        for key, count in Counter(one.client_order_id for one in venue.orders if one.client_order_id).items()
        if count > 1
    ]
    levels: dict[tuple[str, str, str], list[OrderState]] = defaultdict(list)
    for order in venue.orders:
        if order.type == "LIMIT" and order.status != "REJECTED":
            levels[order.symbol, order.side, plain(order.price)].append(order)
    for (symbol, side, price), orders in levels.items():
        until_ms, holder = 0.0, ""
        # Of two in one millisecond the one that ended in it was first.
        for order in sorted(orders, key=lambda one: (one.created_ms, _ended_ms(one))):
            if until_ms - order.created_ms > SAME_MOMENT_MS:
                found.append(f"{symbol} {side} at {price}: {_name(order)} while {holder} was open")
            if _ended_ms(order) > until_ms:
                until_ms, holder = _ended_ms(order), _name(order)
    return found


def _ended_ms(order: OrderState) -> float:
    return float("inf") if order.status in OPEN else order.updated_ms


def _name(order: OrderState) -> str:
    return order.client_order_id or order.order_id


async def record_unmatched(stack: Stack, browser: Browser) -> None:
    """Facts orders.unmatched for both clients, orders.compared and orders.duplicated, as it is now."""
    venue = await stack.venue.state()
    trial = stack.trial
    trial.fact("orders.compared", len(_of_symbol(venue.open_orders)), "orders open on the venue")
    trading = await open_by_its_own_word(stack.market_maker)
    if trading is None:
        differences, how = unmatched(stack.market_maker.told.state, venue), "by what the connector told it"
    else:
        differences, how = _sets_differ(trading, venue), "by its own page"
    trial.fact("orders.unmatched", len(differences), "orders", subject="market_maker", detail=_list(differences, how))
    differences = unmatched(browser.values("orders"), venue)
    trial.fact(
        "orders.unmatched", len(differences), "orders", subject="live_server", detail=_list(differences, "by its page")
    )
    doubles = duplicated(venue)
    trial.fact("orders.duplicated", len(doubles), "orders", detail=_list(doubles, ""))


async def open_by_its_own_word(client: StackClient) -> set[str] | None:
    """Ids of the orders that the client itself says are open; None when its profile has no page for that."""
    knows = client.profile.knows
    if knows is None:
        return None
    _, page = await client.page(knows.port, knows.path)
    try:
        return set(knows.orders_of(page))
    except Missing as missing:
        raise CutShort(f"{client.name}, page {knows.path}: {missing}; it says {str(page)[:200]}") from None


def _sets_differ(known: set[str], venue: VenueState) -> list[str]:
    unknown = [one for one in _of_symbol(venue.open_orders) if not known & {one.client_order_id, one.order_id}]
    ids = {key for one in venue.open_orders for key in (one.client_order_id, one.order_id)}
    return [f"{_name(one)} is open on the venue and unknown here" for one in unknown] + [
        f"{key} is open here and not on the venue" for key in sorted(known - ids)
    ]


def _list(differences: list[str], how: str) -> str:
    return "; ".join([how, *differences[:5]] if how else differences[:5])


# -- one order's way through the stack -----------------------------------------------------------------


def record_placed(trial: Trial, client: StackClient, browser: Browser, venue: VenueState) -> None:
    """For each order that the client placed, facts order.on_book and order.same_id."""
    by_client_id = {one.client_order_id: one for one in venue.orders if one.client_order_id}
    by_id = {one.order_id: one for one in venue.orders}
    for placed in client.told.placed:
        order = by_client_id.get(placed.client_order_id) or by_id.get(placed.order_id)
        subject = placed.client_order_id or placed.order_id
        trial.fact("order.on_book", order is not None, "1: there", subject=subject)
        wrong = _wrong_ids(placed, order, client.told.state, browser)
        trial.fact("order.same_id", not wrong, "1: the same", subject=subject, detail="; ".join(wrong))


def _wrong_ids(placed: Placed, order: OrderState | None, told: Mapping[str, str], browser: Browser) -> list[str]:
    if order is None:
        return ["the venue does not know it"]
    wrong = []
    if placed.client_order_id and placed.client_order_id != order.client_order_id:
        wrong.append(f"the venue calls it {order.client_order_id!r}")
    if order.order_id.isdigit() and placed.order_id and placed.order_id != order.order_id:
        wrong.append(f"market_maker was told {placed.order_id}, the venue's is {order.order_id}")
    if _known(order, told) is None:
        wrong.append("market_maker heard of no such order")
    if _known(order, browser.values("orders")) is None:
        wrong.append("live_server pushed no such order")
    # Where the venue's ids are no numbers, the connector has numbers of its own for them.
    right = {order.client_order_id, order.order_id if order.order_id.isdigit() else placed.order_id}
    shown = browser.ids.get(order.client_order_id, set()) - right - NO_ID
    if shown:
        wrong.append(f"live_server shows it as {', '.join(sorted(shown))}")
    return wrong


def record_decisions(trial: Trial, client: StackClient, ledger: Iterable[LedgerRow]) -> None:
    """A Call DecisionToVenue for each logged decision: from its stamp to the venue's first word about the order.

    A decision that never arrived is a failed one, and one with a stamp later than its order's arrival bounds nothing:
    whatever it is the time of, it is not the decision's. Fact unmeasurable where the profile has no pattern for them.
    """
    if not client.log.patterns.decision:
        trial.fact(
            "unmeasurable", 1, subject=DECISION_TO_VENUE,
            detail=f"the profile gives no log pattern `decision` for {client.name}: nobody sees when it decides",
        )  # fmt: skip
        return
    arrived: dict[str, int] = {}
    for row in ledger:
        if row.stream == "orders":
            arrived.setdefault(row.key, row.sent_ns)
    for seq, decision in enumerate(client.log.decisions(), 1):
        done_ns = arrived.get(decision.key, decision.t_ns + NS_PER_S)
        code = "LOST" if decision.key not in arrived else "STAMPED_LATE" if done_ns < decision.t_ns else "OK"
        outcome = Outcome.OK if code == "OK" else Outcome.FAIL
        done_ns = max(done_ns, decision.t_ns)
        trial.record(Call(seq, client.name, DECISION_TO_VENUE, decision.t_ns, decision.t_ns, done_ns, outcome, code))
