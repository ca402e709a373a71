"""Compare what a connector says with what the venue knows, decimal by decimal; differences become facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from harness.client.remote import RemoteExchange
from harness.trial.trial import Trial
from harness.venue.control import OrderState, PositionState, VenueControl
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types


@dataclass(eq=False)
class Comparison:
    """Collects differences, each as `what: got, the venue has`.

    `same_ids`: the venue's order ids are numbers that the contract can carry; where they are not, each
    connector has numbers of its own for them.
    """

    same_ids: bool = True

    differences: list[str] = field(default_factory=list)
    decimals: list[str] = field(default_factory=list)
    """The differences that are about decimals."""
    decimals_compared: int = 0

    def same(self, what: str, got: object, wanted: object) -> None:
        """Anything but decimals."""
        if got != wanted:
            self.differences.append(f"{what}: got {got!r}, the venue has {wanted!r}")

    def decimal(self, what: str, got: str, wanted: str) -> None:
        """Equal to the last digit, whatever zeros trail."""
        self.decimals_compared += 1
        try:
            equal = Decimal(got) == Decimal(wanted)
        except InvalidOperation:
            equal = False
        if not equal:
            difference = f"{what}: got {got!r}, the venue has {wanted}"
            self.differences.append(difference)
            self.decimals.append(difference)

    @property
    def detail(self) -> str:
        """All differences in one line."""
        return "; ".join(self.differences)


def compare_order(compared: Comparison, got: resources.Order, wanted: OrderState, what: str = "order") -> None:
    """Every field that the contract and the venue share."""
    compared.same(f"{what}.symbol", got.symbol, wanted.symbol)
    compared.same(f"{what}.side", types.OrderSide.Name(got.side), f"ORDER_SIDE_{wanted.side}")
    compared.same(f"{what}.type", types.OrderType.Name(got.type), f"ORDER_TYPE_{wanted.type}")
    compared.same(f"{what}.status", types.OrderStatus.Name(got.status), f"ORDER_STATUS_{wanted.status}")
    if compared.same_ids and wanted.order_id.isdigit():
        compared.same(f"{what}.order_id", str(got.order_id), wanted.order_id)
    if wanted.client_order_id:
        compared.same(f"{what}.client_order_id", got.client_order_id, wanted.client_order_id)
    compared.decimal(f"{what}.quantity", got.quantity.value, wanted.quantity)
    compared.decimal(f"{what}.executed_qty", got.executed_qty.value or "0", wanted.executed)
    if wanted.type == "LIMIT":
        compared.decimal(f"{what}.price", got.price.value, wanted.price)
    if Decimal(wanted.executed):
        compared.decimal(f"{what}.avg_price", got.avg_price.value, wanted.average)


def compare_orders(compared: Comparison, got: Iterable[resources.Order], wanted: Iterable[OrderState]) -> None:
    """Open orders: the same ones, each one equal."""
    known = {_key(one.client_order_id, one.order_id): one for one in wanted}
    told = {_key(one.client_order_id, str(one.order_id)): one for one in got}
    compared.same("open orders", sorted(told), sorted(known))
    for key in told.keys() & known.keys():
        compare_order(compared, told[key], known[key], f"order {key}")


def compare_positions(compared: Comparison, got: Iterable[resources.Position], wanted: Iterable[PositionState]) -> None:
    """Positions by symbol; a flat one may be listed or not."""
    known = {one.symbol: one for one in wanted if Decimal(one.size)}
    told = {one.symbol: one for one in got if Decimal(one.size.value or "0")}
    compared.same("positions", sorted(told), sorted(known))
    for symbol in told.keys() & known.keys():
        compared.decimal(f"{symbol}.size", told[symbol].size.value, known[symbol].size)
        compared.decimal(f"{symbol}.entry_price", told[symbol].entry_price.value, known[symbol].entry_price)


async def compare_state(trial: Trial, client: RemoteExchange, venue: VenueControl) -> None:
    """Facts state.equal for open orders, positions and account: the client's view after reconciling, and the venue's.

    What the client fetched when it came back is held against the venue's state at that time as far as
    nothing moved since; what it can fetch now, against the venue's state now.
    """
    state = await venue.state()
    views: Mapping[str, Comparison] = {name: Comparison() for name in ("orders", "positions", "account")}
    compare_orders(views["orders"], await client.get_open_orders(), state.open_orders)
    compare_positions(views["positions"], await client.get_positions(), state.positions)
    account = await client.get_account()
    views["account"].decimal("total_wallet_balance", account.total_wallet_balance.value, state.account.wallet_balance)
    reconciled = Comparison()
    if client.reconciled is None:
        reconciled.differences.append("the client never reconciled")
    else:
        # The open orders have not changed since the outage: the first look after it must show today's.
        compare_orders(reconciled, client.reconciled.orders, state.open_orders)
    for subject, compared in (*views.items(), ("reconciled orders", reconciled)):
        trial.fact("state.equal", not compared.differences, "1: equal", subject=subject, detail=compared.detail)


def _key(client_order_id: str, order_id: str) -> str:
    return client_order_id or order_id
