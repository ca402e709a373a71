"""The stack's state as facts: health pages, the venue's sockets, and whether everybody tells the same."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from harness.client.health import OVERALL, SERVICE
from harness.trial.browser import Browser
from harness.trial.compare import Comparison, compare_orders, compare_positions
from harness.trial.nudge import DEFAULT_SYMBOL
from harness.trial.orders import unmatched
from harness.trial.stack import Stack
from harness.trial.trial import Trial
from harness.venue.control import VenueState


async def record_health(trial: Trial, stack: Stack) -> None:
    """Facts health.ok: the connector's two health names and each client's page."""
    async with stack.connector.health() as health:
        for name in (OVERALL, SERVICE):
            answer = await health.check(name)
            trial.fact("health.ok", answer == "SERVING", "1: ok", subject=f"connector {name}".strip(), detail=answer)
    for name, client in stack.clients.items():
        page = client.profile.health
        if page is None:
            continue
        status, said = await client.page(page.port, page.path)
        detail = str(said)[:200]
        trial.fact("health.ok", status == 200, "1: ok", subject=f"{name} {page.path}", detail=f"{status}: {detail}")


async def record_sockets(trial: Trial, stack: Stack, clients: int) -> None:
    """Wait until the venue's sockets are at rest, then mark clients.N and write down how many each endpoint has."""
    await stack.stage.at_rest("venue.sockets")
    trial.mark(f"clients.{clients}")
    meters = await stack.venue.meters()
    endpoints: dict[str, int] = {}
    for one in meters.sockets:
        name = f"{one.path} {one.kind}"
        endpoints[name] = endpoints.get(name, 0) + one.now
    for name, now in endpoints.items():
        if now:
            trial.fact("venue.endpoint_sockets", now, "connections", subject=f"{name} with {clients} clients")


async def compare_stack(trial: Trial, stack: Stack, browser: Browser) -> None:
    """Facts state.equal for orders, positions and account: what the connector answers and what a page of live_server
    shows, each against the venue."""
    venue = await stack.venue.state()
    asked = {name: Comparison() for name in ("orders", "positions", "account")}
    async with stack.connector.client("comparison", recorded=False) as client:
        compare_orders(asked["orders"], await client.get_open_orders(), venue.open_orders)
        compare_positions(asked["positions"], await client.get_positions(), venue.positions)
        account = await client.get_account()
    asked["account"].decimal("total_wallet_balance", account.total_wallet_balance.value, venue.account.wallet_balance)
    for what, compared in asked.items():
        _record(trial, f"connector {what}", compared)
    for what, compared in _shown(browser, venue).items():
        _record(trial, f"live_server {what}", compared)


def _record(trial: Trial, subject: str, compared: Comparison) -> None:
    trial.fact("state.equal", not compared.differences, "1: equal", subject=subject, detail=compared.detail)


def _shown(browser: Browser, venue: VenueState) -> Mapping[str, Comparison]:
    orders, positions, account = Comparison(), Comparison(), Comparison()
    orders.differences += unmatched(browser.values("orders"), venue)
    shown = {key: value for key, value in browser.values("positions").items() if Decimal(value)}
    held = {one.symbol: one.size for one in venue.positions if Decimal(one.size) and one.symbol == DEFAULT_SYMBOL}
    positions.same("positions", sorted(shown), sorted(held))
    for symbol in shown.keys() & held.keys():
        positions.decimal(f"{symbol}.size", shown[symbol], held[symbol])
    for value in browser.values("account").values():
        account.decimal("total_wallet_balance", value, venue.account.wallet_balance)
    account.same("accounts shown", len(browser.values("account")), 1)
    return {"orders": orders, "positions": positions, "account": account}
