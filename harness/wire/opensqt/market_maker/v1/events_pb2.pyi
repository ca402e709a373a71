import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import decimal_pb2 as _decimal_pb2
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as _resources_pb2
from harness.wire.opensqt.market_maker.v1 import types_pb2 as _types_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OrderUpdate(_message.Message):
    __slots__ = ("exchange", "order_id", "client_order_id", "symbol", "side", "type", "status", "price", "quantity", "executed_qty", "avg_price", "update_time", "last_trade")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_QTY_FIELD_NUMBER: _ClassVar[int]
    AVG_PRICE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_TRADE_FIELD_NUMBER: _ClassVar[int]
    exchange: str
    order_id: int
    client_order_id: str
    symbol: str
    side: _types_pb2.OrderSide
    type: _types_pb2.OrderType
    status: _types_pb2.OrderStatus
    price: _decimal_pb2.Decimal
    quantity: _decimal_pb2.Decimal
    executed_qty: _decimal_pb2.Decimal
    avg_price: _decimal_pb2.Decimal
    update_time: int
    last_trade: _resources_pb2.Trade
    def __init__(self, exchange: _Optional[str] = ..., order_id: _Optional[int] = ..., client_order_id: _Optional[str] = ..., symbol: _Optional[str] = ..., side: _Optional[_Union[_types_pb2.OrderSide, str]] = ..., type: _Optional[_Union[_types_pb2.OrderType, str]] = ..., status: _Optional[_Union[_types_pb2.OrderStatus, str]] = ..., price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., quantity: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., executed_qty: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., avg_price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., update_time: _Optional[int] = ..., last_trade: _Optional[_Union[_resources_pb2.Trade, _Mapping]] = ...) -> None: ...

class PriceChange(_message.Message):
    __slots__ = ("exchange", "symbol", "price", "timestamp")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    exchange: str
    symbol: str
    price: _decimal_pb2.Decimal
    timestamp: _timestamp_pb2.Timestamp
    def __init__(self, exchange: _Optional[str] = ..., symbol: _Optional[str] = ..., price: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FundingUpdate(_message.Message):
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
