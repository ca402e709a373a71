"""What is left when the stack was told to stop: orders at the venue, words in the logs, things on this host."""

from __future__ import annotations

from harness.target.leftovers import left_of
from harness.target.owner import ENV_RUN
from harness.trial.orders import OPEN
from harness.trial.stack import Stack
from harness.trial.stage import Stage
from harness.trial.trial import Trial
from harness.venue.control import OrderState, VenueState


async def record_orders_handled(trial: Trial, stack: Stack, before: VenueState) -> None:
    """Facts about each order that was open at the stop, and about those that nobody knows of now.

    cancelled: none of them may be open any more; persisted: each must still be. As the profile's `orders_at_stop`.
    """
    after = await stack.venue.state()
    now = {one.order_id: one for one in after.orders}
    kept = stack.stage.profile.orders_at_stop == "persisted"
    trial.fact("orders.open_at_stop", len(before.open_orders), "orders")
    for order in before.open_orders:
        status = now[order.order_id].status if order.order_id in now else "gone from the venue"
        trial.fact(
            "orders.handled_as_configured", (status in OPEN) == kept, "1: as configured",
            subject=_name(order), detail=status,
        )  # fmt: skip
    known = stack.market_maker.told.state
    unknown = [one for one in after.open_orders if not {one.client_order_id, one.order_id} & known.keys()]
    trial.fact("orders.unknown_left", len(unknown), "orders", detail=", ".join(map(_name, unknown[:5])))


def _name(order: OrderState) -> str:
    return order.client_order_id or order.order_id


def record_shutdown_logs(trial: Trial, stack: Stack) -> None:
    """Facts log.says_graceful_shutdown, said since the stack was told to stop, and log.panics of each service."""
    for name, log in stack.logs.items():
        said = log.says_graceful(stack.stopped_ns)
        trial.fact("log.says_graceful_shutdown", said, "1: said", subject=name)
        log.record_panics(trial, name)


async def record_left_over(trial: Trial, stage: Stage) -> None:
    """Facts containers.left, networks.left, volumes.left and processes.left of this run, all of it being closed."""
    left = await left_of(stage.labels[ENV_RUN])
    for what, names in left.items():
        trial.fact(f"{what}.left", len(names), what, detail=", ".join(names[:5]))
