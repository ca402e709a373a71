import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import decimal_pb2 as _decimal_pb2
from harness.wire.opensqt.market_maker.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Account(_message.Message):
    __slots__ = ("total_wallet_balance", "total_margin_balance", "available_balance", "positions", "account_leverage", "is_unified", "health_score", "margin_mode", "adjusted_equity", "total_maintenance_margin")
    TOTAL_WALLET_BALANCE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MARGIN_BALANCE_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_BALANCE_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_LEVERAGE_FIELD_NUMBER: _ClassVar[int]
    IS_UNIFIED_FIELD_NUMBER: _ClassVar[int]
    HEALTH_SCORE_FIELD_NUMBER: _ClassVar[int]
    MARGIN_MODE_FIELD_NUMBER: _ClassVar[int]
    ADJUSTED_EQUITY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MAINTENANCE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    total_wallet_balance: _decimal_pb2.Decimal
    total_margin_balance: _decimal_pb2.Decimal
    available_balance: _decimal_pb2.Decimal
    positions: _containers.RepeatedCompositeFieldContainer[Position]
    account_leverage: int
    is_unified: bool
    health_score: _decimal_pb2.Decimal
    margin_mode: _types_pb2.MarginMode
    adjusted_equity: _decimal_pb2.Decimal
    total_maintenance_margin: _decimal_pb2.Decimal
    def __init__(self, total_wallet_balance: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., total_margin_balance: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., available_balance: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., positions: _Optional[_Iterable[_Union[Position, _Mapping]]] = ..., account_leverage: _Optional[int] = ..., is_unified: _Optional[bool] = ..., health_score: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., margin_mode: _Optional[_Union[_types_pb2.MarginMode, str]] = ..., adjusted_equity: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., total_maintenance_margin: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("symbol", "size", "entry_price", "mark_price", "unrealized_pnl", "leverage", "margin_type", "isolated_margin", "liquidation_price", "haircut", "narrative_sector")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_PRICE_FIELD_NUMBER: _ClassVar[int]
    MARK_PRICE_FIELD_NUMBER: _ClassVar[int]
    UNREALIZED_PNL_FIELD_NUMBER: _ClassVar[int]
    LEVERAGE_FIELD_NUMBER: _ClassVar[int]
    MARGIN_TYPE_FIELD_NUMBER: _ClassVar[int]
    ISOLATED_MARGIN_FIELD_NUMBER: _ClassVar[int]
    LIQUIDATION_PRICE_FIELD_NUMBER: _ClassVar[int]
    HAIRCUT_FIELD_NUMBER: _ClassVar[int]
    NARRATIVE_SECTOR_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    size: _decimal_pb2.Decimal
    entry_price: _decimal_pb2.Decimal
    mark_price: _decimal_pb2.Decimal
    unrealized_pnl: _decimal_pb2.Decimal
    leverage: int
    margin_type: str
    isolated_margin: _decimal_pb2.Decimal
    liquidation_price: _decimal_pb2.Decimal
    haircut: _decimal_pb2.Decimal
    narrative_sector: str
    def __init__(self, symbol: _Optional[str] = ..., size: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., entry_price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., mark_price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., unrealized_pnl: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., leverage: _Optional[int] = ..., margin_type: _Optional[str] = ..., isolated_margin: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., liquidation_price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., haircut: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., narrative_sector: _Optional[str] = ...) -> None: ...

class SymbolInfo(_message.Message):
    __slots__ = ("symbol", "price_precision", "quantity_precision", "base_asset", "quote_asset", "min_quantity", "min_notional", "tick_size", "step_size", "narrative_sector")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    PRICE_PRECISION_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_PRECISION_FIELD_NUMBER: _ClassVar[int]
    BASE_ASSET_FIELD_NUMBER: _ClassVar[int]
    QUOTE_ASSET_FIELD_NUMBER: _ClassVar[int]
    MIN_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_FIELD_NUMBER: _ClassVar[int]
    STEP_SIZE_FIELD_NUMBER: _ClassVar[int]
    NARRATIVE_SECTOR_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    price_precision: int
    quantity_precision: int
    base_asset: str
    quote_asset: str
    min_quantity: _decimal_pb2.Decimal
    min_notional: _decimal_pb2.Decimal
    tick_size: _decimal_pb2.Decimal
    step_size: _decimal_pb2.Decimal
    narrative_sector: str
    def __init__(self, symbol: _Optional[str] = ..., price_precision: _Optional[int] = ..., quantity_precision: _Optional[int] = ..., base_asset: _Optional[str] = ..., quote_asset: _Optional[str] = ..., min_quantity: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., min_notional: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., tick_size: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., step_size: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., narrative_sector: _Optional[str] = ...) -> None: ...

class Trade(_message.Message):
    __slots__ = ("trade_id", "order_id", "symbol", "side", "price", "quantity", "fee", "fee_asset", "timestamp", "realized_pnl")
    TRADE_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    FEE_ASSET_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    REALIZED_PNL_FIELD_NUMBER: _ClassVar[int]
    trade_id: str
    order_id: int
    symbol: str
    side: _types_pb2.OrderSide
    price: _decimal_pb2.Decimal
    quantity: _decimal_pb2.Decimal
    fee: _decimal_pb2.Decimal
    fee_asset: str
    timestamp: _timestamp_pb2.Timestamp
    realized_pnl: _decimal_pb2.Decimal
    def __init__(self, trade_id: _Optional[str] = ..., order_id: _Optional[int] = ..., symbol: _Optional[str] = ..., side: _Optional[_Union[_types_pb2.OrderSide, str]] = ..., price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., quantity: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., fee: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., fee_asset: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., realized_pnl: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("order_id", "client_order_id", "symbol", "side", "type", "price", "quantity", "executed_qty", "avg_price", "status", "created_at", "update_time", "trades")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_QTY_FIELD_NUMBER: _ClassVar[int]
    AVG_PRICE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TRADES_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    client_order_id: str
    symbol: str
    side: _types_pb2.OrderSide
    type: _types_pb2.OrderType
    price: _decimal_pb2.Decimal
    quantity: _decimal_pb2.Decimal
    executed_qty: _decimal_pb2.Decimal
    avg_price: _decimal_pb2.Decimal
    status: _types_pb2.OrderStatus
    created_at: _timestamp_pb2.Timestamp
    update_time: int
    trades: _containers.RepeatedCompositeFieldContainer[Trade]
    def __init__(self, order_id: _Optional[int] = ..., client_order_id: _Optional[str] = ..., symbol: _Optional[str] = ..., side: _Optional[_Union[_types_pb2.OrderSide, str]] = ..., type: _Optional[_Union[_types_pb2.OrderType, str]] = ..., price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., quantity: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., executed_qty: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., avg_price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., status: _Optional[_Union[_types_pb2.OrderStatus, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[int] = ..., trades: _Optional[_Iterable[_Union[Trade, _Mapping]]] = ...) -> None: ...

class Candle(_message.Message):
    __slots__ = ("symbol", "open", "high", "low", "close", "volume", "timestamp", "is_closed")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    IS_CLOSED_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    open: _decimal_pb2.Decimal
    high: _decimal_pb2.Decimal
    low: _decimal_pb2.Decimal
    close: _decimal_pb2.Decimal
    volume: _decimal_pb2.Decimal
    timestamp: int
    is_closed: bool
    def __init__(self, symbol: _Optional[str] = ..., open: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., high: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., low: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., close: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., volume: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., timestamp: _Optional[int] = ..., is_closed: _Optional[bool] = ...) -> None: ...

class FundingRate(_message.Message):
    __slots__ = ("exchange", "symbol", "rate", "predicted_rate", "next_funding_time", "timestamp")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_RATE_FIELD_NUMBER: _ClassVar[int]
    NEXT_FUNDING_TIME_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    exchange: str
    symbol: str
    rate: _decimal_pb2.Decimal
    predicted_rate: _decimal_pb2.Decimal
    next_funding_time: int
    timestamp: int
    def __init__(self, exchange: _Optional[str] = ..., symbol: _Optional[str] = ..., rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., predicted_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., next_funding_time: _Optional[int] = ..., timestamp: _Optional[int] = ...) -> None: ...

class Ticker(_message.Message):
    __slots__ = ("symbol", "price_change", "price_change_percent", "last_price", "volume", "quote_volume", "timestamp", "open_interest")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    PRICE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    PRICE_CHANGE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    LAST_PRICE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    QUOTE_VOLUME_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    OPEN_INTEREST_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    price_change: _decimal_pb2.Decimal
    price_change_percent: _decimal_pb2.Decimal
    last_price: _decimal_pb2.Decimal
    volume: _decimal_pb2.Decimal
    quote_volume: _decimal_pb2.Decimal
    timestamp: int
    open_interest: _decimal_pb2.Decimal
    def __init__(self, symbol: _Optional[str] = ..., price_change: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., price_change_percent: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., last_price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., volume: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., quote_volume: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., timestamp: _Optional[int] = ..., open_interest: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ...) -> None: ...

class PlaceOrderRequest(_message.Message):
    __slots__ = ("symbol", "side", "type", "time_in_force", "quantity", "price", "reduce_only", "post_only", "client_order_id", "use_margin")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TIME_IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    REDUCE_ONLY_FIELD_NUMBER: _ClassVar[int]
    POST_ONLY_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    USE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    side: _types_pb2.OrderSide
    type: _types_pb2.OrderType
    time_in_force: _types_pb2.TimeInForce
    quantity: _decimal_pb2.Decimal
    price: _decimal_pb2.Decimal
    reduce_only: bool
    post_only: bool
    client_order_id: str
    use_margin: bool
    def __init__(self, symbol: _Optional[str] = ..., side: _Optional[_Union[_types_pb2.OrderSide, str]] = ..., type: _Optional[_Union[_types_pb2.OrderType, str]] = ..., time_in_force: _Optional[_Union[_types_pb2.TimeInForce, str]] = ..., quantity: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., reduce_only: _Optional[bool] = ..., post_only: _Optional[bool] = ..., client_order_id: _Optional[str] = ..., use_margin: _Optional[bool] = ...) -> None: ...
