from google.type import decimal_pb2 as _decimal_pb2
from harness.wire.opensqt.market_maker.v1 import events_pb2 as _events_pb2
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as _resources_pb2
from harness.wire.opensqt.market_maker.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetNameRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetNameResponse(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetTypeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetTypeResponse(_message.Message):
    __slots__ = ("type", "is_unified_margin")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    IS_UNIFIED_MARGIN_FIELD_NUMBER: _ClassVar[int]
    type: _types_pb2.ExchangeType
    is_unified_margin: bool
    def __init__(self, type: _Optional[_Union[_types_pb2.ExchangeType, str]] = ..., is_unified_margin: _Optional[bool] = ...) -> None: ...

class BatchPlaceOrdersRequest(_message.Message):
    __slots__ = ("orders",)
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[_resources_pb2.PlaceOrderRequest]
    def __init__(self, orders: _Optional[_Iterable[_Union[_resources_pb2.PlaceOrderRequest, _Mapping]]] = ...) -> None: ...

class BatchPlaceOrdersResponse(_message.Message):
    __slots__ = ("orders", "all_success", "errors")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    ALL_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Order]
    all_success: bool
    errors: _containers.RepeatedCompositeFieldContainer[BatchOrderError]
    def __init__(self, orders: _Optional[_Iterable[_Union[_resources_pb2.Order, _Mapping]]] = ..., all_success: _Optional[bool] = ..., errors: _Optional[_Iterable[_Union[BatchOrderError, _Mapping]]] = ...) -> None: ...

class BatchOrderError(_message.Message):
    __slots__ = ("index", "client_order_id", "error_message", "code")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    index: int
    client_order_id: str
    error_message: str
    code: int
    def __init__(self, index: _Optional[int] = ..., client_order_id: _Optional[str] = ..., error_message: _Optional[str] = ..., code: _Optional[int] = ...) -> None: ...

class CancelOrderRequest(_message.Message):
    __slots__ = ("symbol", "order_id", "use_margin")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    USE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    order_id: int
    use_margin: bool
    def __init__(self, symbol: _Optional[str] = ..., order_id: _Optional[int] = ..., use_margin: _Optional[bool] = ...) -> None: ...

class CancelOrderResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BatchCancelOrdersRequest(_message.Message):
    __slots__ = ("symbol", "order_ids", "use_margin")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    USE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    order_ids: _containers.RepeatedScalarFieldContainer[int]
    use_margin: bool
    def __init__(self, symbol: _Optional[str] = ..., order_ids: _Optional[_Iterable[int]] = ..., use_margin: _Optional[bool] = ...) -> None: ...

class BatchCancelOrdersResponse(_message.Message):
    __slots__ = ("errors",)
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    errors: _containers.RepeatedCompositeFieldContainer[BatchOrderError]
    def __init__(self, errors: _Optional[_Iterable[_Union[BatchOrderError, _Mapping]]] = ...) -> None: ...

class CancelAllOrdersRequest(_message.Message):
    __slots__ = ("symbol", "use_margin")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    USE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    use_margin: bool
    def __init__(self, symbol: _Optional[str] = ..., use_margin: _Optional[bool] = ...) -> None: ...

class CancelAllOrdersResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetOrderRequest(_message.Message):
    __slots__ = ("symbol", "order_id", "client_order_id", "use_margin")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    USE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    order_id: int
    client_order_id: str
    use_margin: bool
    def __init__(self, symbol: _Optional[str] = ..., order_id: _Optional[int] = ..., client_order_id: _Optional[str] = ..., use_margin: _Optional[bool] = ...) -> None: ...

class GetOpenOrdersRequest(_message.Message):
    __slots__ = ("symbol", "use_margin")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    USE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    use_margin: bool
    def __init__(self, symbol: _Optional[str] = ..., use_margin: _Optional[bool] = ...) -> None: ...

class GetOpenOrdersResponse(_message.Message):
    __slots__ = ("orders",)
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Order]
    def __init__(self, orders: _Optional[_Iterable[_Union[_resources_pb2.Order, _Mapping]]] = ...) -> None: ...

class GetAccountRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPositionsRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...

class GetPositionsResponse(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Position]
    def __init__(self, positions: _Optional[_Iterable[_Union[_resources_pb2.Position, _Mapping]]] = ...) -> None: ...

class GetBalanceRequest(_message.Message):
    __slots__ = ("asset",)
    ASSET_FIELD_NUMBER: _ClassVar[int]
    asset: str
    def __init__(self, asset: _Optional[str] = ...) -> None: ...

class GetBalanceResponse(_message.Message):
    __slots__ = ("balance",)
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    balance: _decimal_pb2.Decimal
    def __init__(self, balance: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ...) -> None: ...

class GetLatestPriceRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...

class GetLatestPriceResponse(_message.Message):
    __slots__ = ("price",)
    PRICE_FIELD_NUMBER: _ClassVar[int]
    price: _decimal_pb2.Decimal
    def __init__(self, price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ...) -> None: ...

class GetHistoricalKlinesRequest(_message.Message):
    __slots__ = ("symbol", "interval", "limit")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    interval: str
    limit: int
    def __init__(self, symbol: _Optional[str] = ..., interval: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class GetHistoricalKlinesResponse(_message.Message):
    __slots__ = ("candles",)
    CANDLES_FIELD_NUMBER: _ClassVar[int]
    candles: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Candle]
    def __init__(self, candles: _Optional[_Iterable[_Union[_resources_pb2.Candle, _Mapping]]] = ...) -> None: ...

class FetchExchangeInfoRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...

class FetchExchangeInfoResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSymbolInfoRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...

class GetSymbolsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSymbolsResponse(_message.Message):
    __slots__ = ("symbols",)
    SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    symbols: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, symbols: _Optional[_Iterable[str]] = ...) -> None: ...

class GetFundingRateRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...

class GetFundingRatesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetFundingRatesResponse(_message.Message):
    __slots__ = ("rates",)
    RATES_FIELD_NUMBER: _ClassVar[int]
    rates: _containers.RepeatedCompositeFieldContainer[_resources_pb2.FundingRate]
    def __init__(self, rates: _Optional[_Iterable[_Union[_resources_pb2.FundingRate, _Mapping]]] = ...) -> None: ...

class GetHistoricalFundingRatesRequest(_message.Message):
    __slots__ = ("symbol", "limit")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    limit: int
    def __init__(self, symbol: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class GetHistoricalFundingRatesResponse(_message.Message):
    __slots__ = ("rates",)
    RATES_FIELD_NUMBER: _ClassVar[int]
    rates: _containers.RepeatedCompositeFieldContainer[_resources_pb2.FundingRate]
    def __init__(self, rates: _Optional[_Iterable[_Union[_resources_pb2.FundingRate, _Mapping]]] = ...) -> None: ...

class GetTickersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetTickersResponse(_message.Message):
    __slots__ = ("tickers",)
    TICKERS_FIELD_NUMBER: _ClassVar[int]
    tickers: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Ticker]
    def __init__(self, tickers: _Optional[_Iterable[_Union[_resources_pb2.Ticker, _Mapping]]] = ...) -> None: ...

class GetOpenInterestRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...

class GetOpenInterestResponse(_message.Message):
    __slots__ = ("open_interest",)
    OPEN_INTEREST_FIELD_NUMBER: _ClassVar[int]
    open_interest: _decimal_pb2.Decimal
    def __init__(self, open_interest: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ...) -> None: ...

class SubscribeFundingRateRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...

class SubscribePriceRequest(_message.Message):
    __slots__ = ("symbols",)
    SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    symbols: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, symbols: _Optional[_Iterable[str]] = ...) -> None: ...

class SubscribeOrdersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubscribeKlinesRequest(_message.Message):
    __slots__ = ("symbols", "interval")
    SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    symbols: _containers.RepeatedScalarFieldContainer[str]
    interval: str
    def __init__(self, symbols: _Optional[_Iterable[str]] = ..., interval: _Optional[str] = ...) -> None: ...

class SubscribeAccountRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubscribePositionsRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...
