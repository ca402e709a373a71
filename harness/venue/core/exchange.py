"""The exchange itself: matches orders, books fills, moves prices, and emits a numbered event for each change."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from decimal import Decimal

from harness.venue.core.account import Account, Position
from harness.venue.core.decimals import ZERO, canonical, money
from harness.venue.core.events import AccountChanged, Event, FundingChanged, OrderChanged, PriceMoved
from harness.venue.core.instruments import Instrument
from harness.venue.core.ledger import Ledger
from harness.venue.core.margins import Margins
from harness.venue.core.market import Market
from harness.venue.core.orderbook import OrderBook
from harness.venue.core.orders import Fill, Force, Kind, Order, Side, Status, Ticket
from harness.venue.core.recent import Recent
from harness.venue.core.refusal import Reason, Refused
from harness.venue.core.rules import check_ticket, opening_qty

MAKER_FEE = Decimal("0.0002")
TAKER_FEE = Decimal("0.0004")
BALANCE_STEP = Decimal("0.00010000")
POSITION_STEPS = 5000
FUNDING_STEP = Decimal("0.000001")


class Exchange(Margins):
    """All state and all behaviour; it knows no venue, no socket and no clock but `now_ns`."""

    def __init__(
        self, *, seed: int, instruments: Iterable[Instrument], accounts: Iterable[str], now_ns: Callable[[], int]
    ) -> None:
        self._now_ns = now_ns
        self.skew_ms = 0
        """How far the venue's own clock is ahead (negative: behind)."""
        now_ms = self.now_ms()
        super().__init__({one.symbol: Market(one, seed, now_ms) for one in instruments})
        self.accounts = {name: Account(name, updated_ms=now_ms) for name in accounts}
        self.ledger = Ledger()
        self.book = OrderBook(first_id=random.Random(f"{seed}:orders").randrange(10_000_000, 90_000_000))
        self.listeners: list[Callable[[Event], None]] = []
        self.books_would_take = False
        """Venues differ: a post-only order that would take is refused, or (True) booked and cancelled at once."""
        self.unfilled_status = Status.EXPIRED
        """What an order becomes that the venue itself ends: CANCELED on venues that know no expiry."""
        self.client_id_prefixes: tuple[str, ...] = ("",)
        """What clients may see before a client id: the ledger has an order under each of these spellings."""
        self._recent = Recent()

    def now_ms(self) -> int:
        """The venue's clock, Unix ms."""
        return self._now_ns() // 1_000_000 + self.skew_ms

    def market(self, symbol: str) -> Market:
        """Refused when there is none of that symbol."""
        market = self.markets.get(symbol)
        if market is None:
            raise Refused(Reason.UNKNOWN_SYMBOL, symbol)
        return market

    # -- orders ---------------------------------------------------------------------------------

    def place(self, account: Account, ticket: Ticket) -> Order:
        """Check, book and match; Refused leaves everything as it was."""
        market = self.market(ticket.symbol)
        check_ticket(ticket, market)
        if ticket.client_id and self.book.by_client_id(account.name, ticket.client_id):
            raise Refused(Reason.CLIENT_ID_USED, ticket.client_id)
        position = account.position(ticket.symbol)
        if ticket.reduce_only and position.size * ticket.side.sign >= 0:
            raise Refused(Reason.REDUCE_ONLY, ticket.symbol)
        crossing = self._crosses(market, ticket)
        would_take = ticket.force is Force.GTX and crossing
        if would_take and not self.books_would_take:
            raise Refused(Reason.WOULD_TAKE, ticket.symbol)
        opening = ZERO if ticket.reduce_only else opening_qty(ticket, position.size)
        price = ticket.price if ticket.kind is Kind.LIMIT else market.mark
        if opening and money(opening * price / position.leverage) > self.available(account):
            raise Refused(Reason.MARGIN, ticket.symbol)
        now_ms = self.now_ms()
        order = Order(
            self.book.next_id(), account.name, ticket, market.instrument, now_ms, now_ms, opening, position.leverage
        )
        self.book.add(order)
        account.reserved += order.reserved
        if ticket.kind is Kind.LIMIT:
            market.side(ticket.side).add(order)
        self._order_changed(account, order, "NEW")
        if would_take:
            order.ended_by_venue = True
            self._finish(account, order, Status.CANCELED)
        else:
            self._match(account, order, market)
        return order

    def cancel(self, account: Account, order: Order) -> Order:
        """Refused with ORDER_DONE when it is not open any more."""
        if not order.status.is_open:
            raise Refused(Reason.ORDER_DONE, str(order.order_id))
        self._finish(account, order, Status.CANCELED)
        return order

    def cancel_all(self, account: Account, symbol: str = "") -> list[Order]:
        """Cancel every open order, or those of one symbol."""
        orders = self.book.open_orders(account.name, symbol)
        for order in orders:
            self._finish(account, order, Status.CANCELED)
        return orders

    def fill(self, order: Order, qty: Decimal | None = None, price: Decimal | None = None) -> None:
        """Fill an open order as maker, whatever the market price: all that remains, or `qty` of it."""
        if not order.status.is_open:
            raise Refused(Reason.ORDER_DONE, str(order.order_id))
        wanted = order.remaining if qty is None else qty
        if not ZERO < wanted <= order.remaining or wanted % order.instrument.step:
            raise Refused(Reason.QUANTITY_STEP, "qty", f"{wanted} of {order.remaining}")
        self._execute(order, wanted, order.ticket.price if price is None else price, maker=True)

    def _crosses(self, market: Market, ticket: Ticket) -> bool:
        if ticket.kind is Kind.MARKET:
            return True
        best = market.side(ticket.side.other).best()
        if ticket.side is Side.BUY:
            return ticket.price >= market.ask or (best is not None and ticket.price >= best.ticket.price)
        return ticket.price <= market.bid or (best is not None and ticket.price <= best.ticket.price)

    def _match(self, account: Account, order: Order, market: Market) -> None:
        """Take what rests at better prices first, then the venue's endless liquidity; then the time in force."""
        ticket = order.ticket
        opposite = market.side(ticket.side.other)
        while order.status.is_open and self._crosses(market, ticket):
            best = opposite.best()
            house = market.ask if ticket.side is Side.BUY else market.bid
            if best is not None and (best.ticket.price - house) * ticket.side.sign < 0:
                given = self._execute(best, min(order.remaining, best.remaining), best.ticket.price, maker=True)
                if given and order.status.is_open:
                    self._execute(order, given, best.ticket.price, maker=False)
            else:
                self._execute(order, order.remaining, house, maker=False)
        if order.status.is_open and ticket.force in (Force.IOC, Force.FOK):
            self._end(account, order)

    def _execute(self, order: Order, qty: Decimal, price: Decimal, *, maker: bool) -> Decimal:
        """Returns how much was executed: a reduce-only order gives no more than there is to reduce."""
        account = self.accounts[order.account]
        position = account.position(order.symbol)
        if order.ticket.reduce_only:
            qty = min(qty, max(ZERO, -position.size * order.ticket.side.sign))
            if not qty:
                self._end(account, order)
                return ZERO
        now_ms = self.now_ms()
        before = order.reserved
        fee = money(qty * price * (MAKER_FEE if maker else TAKER_FEE))
        realised = self._trade(account, position, qty * order.ticket.side.sign, price, fee)
        fill = Fill(
            self.book.next_trade_id(), order.order_id, order.symbol, order.ticket.side, qty, price, fee, realised,
            maker, now_ms,
        )  # fmt: skip
        order.fills.append(fill)
        order.executed += qty
        order.quote_executed += qty * price
        order.fees += fee
        order.updated_ms = now_ms
        order.status = Status.PARTIALLY_FILLED if order.remaining else Status.FILLED
        account.reserved += order.reserved - before
        if not order.status.is_open:
            self._forget(order)
        self.book.filled(account.name, fill)
        self._order_changed(account, order, "TRADE", fill)
        self._account_changed(account, "ORDER", realised - fee, (position,))
        return qty

    def _end(self, account: Account, order: Order) -> None:
        order.ended_by_venue = True
        self._finish(account, order, self.unfilled_status)

    def _finish(self, account: Account, order: Order, status: Status) -> None:
        account.reserved -= order.reserved
        order.status = status
        order.updated_ms = self.now_ms()
        self._forget(order)
        self._order_changed(account, order, status.value)

    def _forget(self, order: Order) -> None:
        self.markets[order.symbol].side(order.ticket.side).remove(order)
        self.book.closed(order)

    # -- what suites move -----------------------------------------------------------------------

    def move_price(self, symbol: str) -> int:
        """One step of the walk; returns the serial of the price update."""
        market = self.market(symbol)
        now_ms = self.now_ms()
        if market.candles.is_over(now_ms):
            # The ended candle gets a last trade of its own: its closing value is one that nobody has seen before.
            self._price_changed(market, market.walk.step(market.last), market.trades[-1].t_ms, True)
        return self._price_changed(market, market.walk.step(market.last), now_ms, False)

    def set_price(self, symbol: str, price: Decimal) -> int:
        """The price is `price` from now on; Refused when it is not a positive multiple of the tick."""
        market = self.market(symbol)
        if price <= market.instrument.tick or price % market.instrument.tick:
            raise Refused(Reason.PRICE_TICK, "price", str(price))
        return self._price_changed(market, price, self.now_ms(), False)

    def move_position(self, account: Account, symbol: str) -> int:
        """A trade elsewhere gives the position a size that it has not had for long; returns the serial."""
        market, position = self.market(symbol), account.position(symbol)
        step = market.instrument.step
        while True:
            count = self._recent.count(f"{account.name}:{symbol}")
            sign = 1 if count // POSITION_STEPS % 2 == 0 else -1
            size = sign * step * (1 + count % POSITION_STEPS)
            if size != position.size and self._recent.is_new(f"positions:{account.name}:{symbol}", size):
                return self.set_position(account, symbol, size)

    def set_position(self, account: Account, symbol: str, size: Decimal) -> int:
        """Bring the position to a signed size by a trade elsewhere at the last price; returns the serial."""
        market, position = self.market(symbol), account.position(symbol)
        if size % market.instrument.step:
            raise Refused(Reason.QUANTITY_STEP, "size", str(size))
        if size == position.size:
            raise Refused(Reason.QUANTITY_NOT_POSITIVE, "size", f"the position already is {size}")
        qty = size - position.size
        fee = money(abs(qty) * market.last * TAKER_FEE)
        realised = self._trade(account, position, qty, market.last, fee)
        return self._account_changed(account, "ADJUSTMENT", realised - fee, (position,)).position_serials[0]

    def move_balance(self, account: Account, amount: Decimal | None = None) -> int:
        """Deposit (negative: withdraw) an amount, or a small one never used before; returns the serial."""
        if amount is None:
            amount = BALANCE_STEP + money(Decimal(self._recent.count("balance") % 1_000_000) * Decimal("0.00000001"))
        if not amount or amount != money(amount) or account.wallet + amount < 0:
            raise Refused(Reason.ILLEGAL_PARAMETER, "amount", str(amount))
        account.wallet += amount
        account.deposited += amount
        return self._account_changed(account, "DEPOSIT" if amount > 0 else "WITHDRAW", amount, ()).serial

    def move_funding(self, symbol: str, rate: Decimal | None = None) -> int:
        """A new funding rate; returns the serial."""
        market = self.market(symbol)
        if rate is None:
            rate = FUNDING_STEP * (100 + self._recent.count(f"funding:{symbol}") % 900)
        market.funding_rate = rate
        now_ns = self._now_ns()
        serial = self.ledger.emit("funding", ((symbol, canonical(rate)),), now_ns)
        self._tell(FundingChanged(serial, self.now_ms(), market))
        return serial

    # -- emitting -------------------------------------------------------------------------------

    def _trade(self, account: Account, position: Position, qty: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        realised = position.trade(qty, price)
        account.wallet += realised - fee
        account.fees += fee
        account.paid_for_trades += qty * price
        position.updated_ms = self.now_ms()
        position.created_ms = position.created_ms or position.updated_ms
        return realised

    def _price_changed(self, market: Market, price: Decimal, t_ms: int, closes: bool) -> int:
        trade = market.trade(price, t_ms)
        now_ns = self._now_ns()
        symbol = market.instrument.symbol
        values = {canonical(market.last), canonical(market.bid), canonical(market.ask)}
        values.add(canonical((market.bid + market.ask) / 2))
        serial = self.ledger.emit("prices", [(symbol, value) for value in values], now_ns)
        candles = market.candles.current()
        spelled = {f"{candle.open_ms}:{canonical(candle.close)}" for candle in candles.values()}
        kline_serial = self.ledger.emit("klines", [(symbol, value) for value in spelled], now_ns)
        self._tell(PriceMoved(serial, kline_serial, self.now_ms(), market, trade, candles, closes))
        self._fill_reached(market)
        return serial

    def _fill_reached(self, market: Market) -> None:
        while (buy := market.buys.best()) is not None and buy.ticket.price >= market.ask:
            self._execute(buy, buy.remaining, buy.ticket.price, maker=True)
        while (sell := market.sells.best()) is not None and sell.ticket.price <= market.bid:
            self._execute(sell, sell.remaining, sell.ticket.price, maker=True)

    def _order_changed(self, account: Account, order: Order, execution: str, fill: Fill | None = None) -> None:
        value = f"{order.status.value}:{canonical(order.executed)}"
        keys = [str(order.order_id)]
        if order.client_id:
            keys += [prefix + order.client_id for prefix in self.client_id_prefixes]
        serial = self.ledger.emit("orders", [(key, value) for key in keys], self._now_ns(), account.name)
        self._tell(OrderChanged(serial, self.now_ms(), account, order, execution, fill))

    def _account_changed(
        self, account: Account, reason: str, change: Decimal, positions: tuple[Position, ...]
    ) -> AccountChanged:
        account.updated_ms = self.now_ms()
        now_ns = self._now_ns()
        serial = self.ledger.emit("account", (("", canonical(account.wallet)),), now_ns, account.name)
        serials = tuple(
            self.ledger.emit("positions", ((one.symbol, canonical(one.size)),), now_ns, account.name)
            for one in positions
        )
        event = AccountChanged(serial, serials, account.updated_ms, account, reason, change, positions)
        self._tell(event)
        return event

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)
