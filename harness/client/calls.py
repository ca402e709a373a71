"""The contract's unary RPCs as typed methods, each call recorded with its due, sent and done times."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import grpc
from grpc import aio

from harness.client import methods
from harness.client.channel import one_line
from harness.client.codes import outcome_of
from harness.client.errors import RemoteError
from harness.client.link import Link
from harness.client.methods import Method, Reply, Request
from harness.evidence.clock import now_ns
from harness.evidence.records import Call, Outcome, Record
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as exchange
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

NO_LINK = "not connected: the connection is lost and not yet restored"


class UnaryCalls(ABC):
    """All unary RPCs. Each records a Call and raises RemoteError when the code is not OK.

    `due_ns` is when the call should have been sent, for callers with a timetable; by default when it was.
    """

    def __init__(self, name: str, record: Callable[[Record], None], api_key: str | None, deadline_s: float) -> None:
        self.name = name
        self._record = record
        self._secret = api_key
        self._deadline_s = deadline_s
        self._seq = itertools.count(1)

    @abstractmethod
    async def _link_for_call(self) -> Link | None:
        """The connection to use; None when there is none and no first attempt to wait for."""

    async def call(self, method: Method[Request, Reply], request: Request, *, due_ns: int | None = None) -> Reply:
        """Make one call. RemoteError when it fails; a call that could not be sent fails as UNAVAILABLE."""
        sent_ns = now_ns()
        due_ns = sent_ns if due_ns is None else due_ns
        link = await self._link_for_call()
        if link is None:
            # Never sent, so never done: this write has failed for certain, whatever the table says.
            self._note(method, due_ns, sent_ns, Outcome.FAIL, grpc.StatusCode.UNAVAILABLE)
            raise RemoteError(grpc.StatusCode.UNAVAILABLE.name, NO_LINK, method.name)
        code = grpc.StatusCode.CANCELLED  # what is recorded when our own task is cancelled meanwhile
        try:
            reply = await link.unary(method, request, self._deadline_s)
            code = grpc.StatusCode.OK
        except aio.AioRpcError as error:
            code = error.code()
            raise RemoteError(code.name, one_line(error.details(), self._secret), method.name) from None
        finally:
            self._note(method, due_ns, sent_ns, outcome_of(code, writes=method.writes), code)
        return reply

    def _note(
        self, method: Method[Request, Reply], due_ns: int, sent_ns: int, outcome: Outcome, code: grpc.StatusCode
    ) -> None:
        done_ns = now_ns()
        self._record(Call(next(self._seq), self.name, method.name, due_ns, sent_ns, done_ns, outcome, code.name))

    async def get_name(self, *, due_ns: int | None = None) -> str:
        """The exchange's name."""
        return (await self.call(methods.GET_NAME, exchange.GetNameRequest(), due_ns=due_ns)).name

    async def get_type(self, *, due_ns: int | None = None) -> exchange.GetTypeResponse:
        """Spot or futures, and whether the margin is unified."""
        return await self.call(methods.GET_TYPE, exchange.GetTypeRequest(), due_ns=due_ns)

    async def place_order(self, request: resources.PlaceOrderRequest, *, due_ns: int | None = None) -> resources.Order:
        """Place one order (see harness.client.requests); the same client_order_id again gives the same order."""
        return await self.call(methods.PLACE_ORDER, request, due_ns=due_ns)

    async def batch_place_orders(
        self, orders: Sequence[resources.PlaceOrderRequest], *, due_ns: int | None = None
    ) -> exchange.BatchPlaceOrdersResponse:
        """Place several orders; the reply names those that failed."""
        request = exchange.BatchPlaceOrdersRequest(orders=orders)
        return await self.call(methods.BATCH_PLACE_ORDERS, request, due_ns=due_ns)

    async def cancel_order(
        self, symbol: str, order_id: int, *, use_margin: bool = False, due_ns: int | None = None
    ) -> None:
        """Cancel one order."""
        request = exchange.CancelOrderRequest(symbol=symbol, order_id=order_id, use_margin=use_margin)
        await self.call(methods.CANCEL_ORDER, request, due_ns=due_ns)

    async def batch_cancel_orders(
        self, symbol: str, order_ids: Sequence[int], *, use_margin: bool = False, due_ns: int | None = None
    ) -> exchange.BatchCancelOrdersResponse:
        """Cancel several orders; the reply names those that failed."""
        request = exchange.BatchCancelOrdersRequest(symbol=symbol, order_ids=order_ids, use_margin=use_margin)
        return await self.call(methods.BATCH_CANCEL_ORDERS, request, due_ns=due_ns)

    async def cancel_all_orders(self, symbol: str, *, use_margin: bool = False, due_ns: int | None = None) -> None:
        """Cancel all open orders of a symbol."""
        request = exchange.CancelAllOrdersRequest(symbol=symbol, use_margin=use_margin)
        await self.call(methods.CANCEL_ALL_ORDERS, request, due_ns=due_ns)

    async def get_order(
        self, symbol: str, order_id: int = 0, client_order_id: str = "", *, use_margin: bool = False,
        due_ns: int | None = None,
    ) -> resources.Order:  # fmt: skip
        """One order, by either of its ids."""
        request = exchange.GetOrderRequest(
            symbol=symbol, order_id=order_id, client_order_id=client_order_id, use_margin=use_margin
        )
        return await self.call(methods.GET_ORDER, request, due_ns=due_ns)

    async def get_open_orders(
        self, symbol: str = "", *, use_margin: bool = False, due_ns: int | None = None
    ) -> tuple[resources.Order, ...]:
        """Orders still on the book, of one symbol or of all."""
        request = exchange.GetOpenOrdersRequest(symbol=symbol, use_margin=use_margin)
        return tuple((await self.call(methods.GET_OPEN_ORDERS, request, due_ns=due_ns)).orders)

    async def get_account(self, *, due_ns: int | None = None) -> resources.Account:
        """Balances and positions."""
        return await self.call(methods.GET_ACCOUNT, exchange.GetAccountRequest(), due_ns=due_ns)

    async def get_positions(self, symbol: str = "", *, due_ns: int | None = None) -> tuple[resources.Position, ...]:
        """Positions of one symbol or of all."""
        request = exchange.GetPositionsRequest(symbol=symbol)
        return tuple((await self.call(methods.GET_POSITIONS, request, due_ns=due_ns)).positions)

    async def get_balance(self, asset: str, *, due_ns: int | None = None) -> str:
        """The balance of one asset, a decimal string."""
        reply = await self.call(methods.GET_BALANCE, exchange.GetBalanceRequest(asset=asset), due_ns=due_ns)
        return str(reply.balance.value)

    async def get_latest_price(self, symbol: str, *, due_ns: int | None = None) -> str:
        """The last price of one symbol, a decimal string."""
        request = exchange.GetLatestPriceRequest(symbol=symbol)
        return str((await self.call(methods.GET_LATEST_PRICE, request, due_ns=due_ns)).price.value)

    async def get_tickers(self, *, due_ns: int | None = None) -> tuple[resources.Ticker, ...]:
        """24 h statistics of all symbols."""
        return tuple((await self.call(methods.GET_TICKERS, exchange.GetTickersRequest(), due_ns=due_ns)).tickers)

    async def get_open_interest(self, symbol: str, *, due_ns: int | None = None) -> str:
        """Open interest of one symbol, a decimal string."""
        request = exchange.GetOpenInterestRequest(symbol=symbol)
        return str((await self.call(methods.GET_OPEN_INTEREST, request, due_ns=due_ns)).open_interest.value)

    async def get_historical_klines(
        self, symbol: str, interval: str, limit: int, *, due_ns: int | None = None
    ) -> tuple[resources.Candle, ...]:
        """The last `limit` candles."""
        request = exchange.GetHistoricalKlinesRequest(symbol=symbol, interval=interval, limit=limit)
        return tuple((await self.call(methods.GET_HISTORICAL_KLINES, request, due_ns=due_ns)).candles)

    async def fetch_exchange_info(self, symbol: str = "", *, due_ns: int | None = None) -> None:
        """Make the connector load the venue's trading rules."""
        request = exchange.FetchExchangeInfoRequest(symbol=symbol)
        await self.call(methods.FETCH_EXCHANGE_INFO, request, due_ns=due_ns)

    async def get_symbol_info(self, symbol: str, *, due_ns: int | None = None) -> resources.SymbolInfo:
        """Precisions and minimum sizes of one symbol."""
        request = exchange.GetSymbolInfoRequest(symbol=symbol)
        return await self.call(methods.GET_SYMBOL_INFO, request, due_ns=due_ns)

    async def get_symbols(self, *, due_ns: int | None = None) -> tuple[str, ...]:
        """All symbols."""
        return tuple((await self.call(methods.GET_SYMBOLS, exchange.GetSymbolsRequest(), due_ns=due_ns)).symbols)

    async def get_funding_rate(self, symbol: str, *, due_ns: int | None = None) -> resources.FundingRate:
        """The funding rate of one symbol."""
        request = exchange.GetFundingRateRequest(symbol=symbol)
        return await self.call(methods.GET_FUNDING_RATE, request, due_ns=due_ns)

    async def get_funding_rates(self, *, due_ns: int | None = None) -> tuple[resources.FundingRate, ...]:
        """The funding rates of all symbols."""
        reply = await self.call(methods.GET_FUNDING_RATES, exchange.GetFundingRatesRequest(), due_ns=due_ns)
        return tuple(reply.rates)

    async def get_historical_funding_rates(
        self, symbol: str, limit: int, *, due_ns: int | None = None
    ) -> tuple[resources.FundingRate, ...]:
        """The last `limit` funding rates of one symbol."""
        request = exchange.GetHistoricalFundingRatesRequest(symbol=symbol, limit=limit)
        return tuple((await self.call(methods.GET_HISTORICAL_FUNDING_RATES, request, due_ns=due_ns)).rates)
