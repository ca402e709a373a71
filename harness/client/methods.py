"""The contract's unary RPCs as data: path, how to write and read them, and whether they change the venue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message as Wire

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as exchange
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

SERVICE = "opensqt.market_maker.v1.ExchangeService"

Request = TypeVar("Request", bound=Wire)
Reply = TypeVar("Reply", bound=Wire)


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Reply]):
    """One unary RPC. `writes`: after a lost answer it may or may not have been done."""

    name: str
    request: type[Request]
    parse: Callable[[bytes], Reply]
    writes: bool = False

    @property
    def path(self) -> str:
        """The HTTP/2 path of the method."""
        return f"/{SERVICE}/{self.name}"

    def serialise(self, request: Request) -> bytes:
        """The request's bytes."""
        return request.SerializeToString()


GET_NAME = Method("GetName", exchange.GetNameRequest, exchange.GetNameResponse.FromString)
GET_TYPE = Method("GetType", exchange.GetTypeRequest, exchange.GetTypeResponse.FromString)
PLACE_ORDER = Method("PlaceOrder", resources.PlaceOrderRequest, resources.Order.FromString, writes=True)
BATCH_PLACE_ORDERS = Method(
    "BatchPlaceOrders", exchange.BatchPlaceOrdersRequest, exchange.BatchPlaceOrdersResponse.FromString, writes=True
)
CANCEL_ORDER = Method("CancelOrder", exchange.CancelOrderRequest, exchange.CancelOrderResponse.FromString, writes=True)
BATCH_CANCEL_ORDERS = Method(
    "BatchCancelOrders", exchange.BatchCancelOrdersRequest, exchange.BatchCancelOrdersResponse.FromString, writes=True
)
CANCEL_ALL_ORDERS = Method(
    "CancelAllOrders", exchange.CancelAllOrdersRequest, exchange.CancelAllOrdersResponse.FromString, writes=True
)
GET_ORDER = Method("GetOrder", exchange.GetOrderRequest, resources.Order.FromString)
GET_OPEN_ORDERS = Method("GetOpenOrders", exchange.GetOpenOrdersRequest, exchange.GetOpenOrdersResponse.FromString)
GET_ACCOUNT = Method("GetAccount", exchange.GetAccountRequest, resources.Account.FromString)
GET_POSITIONS = Method("GetPositions", exchange.GetPositionsRequest, exchange.GetPositionsResponse.FromString)
GET_BALANCE = Method("GetBalance", exchange.GetBalanceRequest, exchange.GetBalanceResponse.FromString)
GET_LATEST_PRICE = Method("GetLatestPrice", exchange.GetLatestPriceRequest, exchange.GetLatestPriceResponse.FromString)
GET_TICKERS = Method("GetTickers", exchange.GetTickersRequest, exchange.GetTickersResponse.FromString)
GET_OPEN_INTEREST = Method(
    "GetOpenInterest", exchange.GetOpenInterestRequest, exchange.GetOpenInterestResponse.FromString
)
GET_HISTORICAL_KLINES = Method(
    "GetHistoricalKlines", exchange.GetHistoricalKlinesRequest, exchange.GetHistoricalKlinesResponse.FromString
)
FETCH_EXCHANGE_INFO = Method(
    "FetchExchangeInfo", exchange.FetchExchangeInfoRequest, exchange.FetchExchangeInfoResponse.FromString
)
GET_SYMBOL_INFO = Method("GetSymbolInfo", exchange.GetSymbolInfoRequest, resources.SymbolInfo.FromString)
GET_SYMBOLS = Method("GetSymbols", exchange.GetSymbolsRequest, exchange.GetSymbolsResponse.FromString)
GET_FUNDING_RATE = Method("GetFundingRate", exchange.GetFundingRateRequest, resources.FundingRate.FromString)
GET_FUNDING_RATES = Method(
    "GetFundingRates", exchange.GetFundingRatesRequest, exchange.GetFundingRatesResponse.FromString
)
GET_HISTORICAL_FUNDING_RATES = Method(
    "GetHistoricalFundingRates",
    exchange.GetHistoricalFundingRatesRequest,
    exchange.GetHistoricalFundingRatesResponse.FromString,
)
