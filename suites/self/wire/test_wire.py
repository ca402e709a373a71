"""The generated wire code is current, and says what the contract says, field number by field number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor

from harness.wire import generate
from harness.wire.opensqt.market_maker.v1 import events_pb2, exchange_pb2, resources_pb2, types_pb2

pytestmark = pytest.mark.self

PACKAGE = "opensqt.market_maker.v1"

# Values count up from 0; each is spelled with its enum's name in front, for example ORDER_SIDE_BUY.
ENUMS = {
    "ExchangeType": "UNSPECIFIED SPOT FUTURES",
    "OrderSide": "UNSPECIFIED BUY SELL",
    "OrderType": "UNSPECIFIED LIMIT MARKET",
    "OrderStatus": "UNSPECIFIED NEW PARTIALLY_FILLED FILLED CANCELED REJECTED EXPIRED",
    "TimeInForce": "UNSPECIFIED GTC IOC FOK GTX",
    "MarginMode": "UNSPECIFIED REGULAR UNIFIED PORTFOLIO",
}

RESOURCES = """
Account: 1 total_wallet_balance Decimal; 2 total_margin_balance Decimal; 3 available_balance Decimal;
    4 positions repeated Position; 5 account_leverage int32; 6 is_unified bool; 7 health_score Decimal;
    8 margin_mode MarginMode; 9 adjusted_equity Decimal; 10 total_maintenance_margin Decimal
Position: 1 symbol string; 2 size Decimal; 3 entry_price Decimal; 4 mark_price Decimal;
    5 unrealized_pnl Decimal; 6 leverage int32; 7 margin_type string; 8 isolated_margin Decimal;
    9 liquidation_price Decimal; 10 haircut Decimal; 11 narrative_sector string
SymbolInfo: 1 symbol string; 2 price_precision int32; 3 quantity_precision int32; 4 base_asset string;
    5 quote_asset string; 6 min_quantity Decimal; 7 min_notional Decimal; 8 tick_size Decimal;
    9 step_size Decimal; 10 narrative_sector string
Trade: 1 trade_id string; 2 order_id int64; 3 symbol string; 4 side OrderSide; 5 price Decimal;
    6 quantity Decimal; 7 fee Decimal; 8 fee_asset string; 9 timestamp Timestamp;
    10 realized_pnl Decimal
Order: 1 order_id int64; 2 client_order_id string; 3 symbol string; 4 side OrderSide; 5 type OrderType;
    6 price Decimal; 7 quantity Decimal; 8 executed_qty Decimal; 9 avg_price Decimal;
    10 status OrderStatus; 11 created_at Timestamp; 12 update_time int64; 13 trades repeated Trade
Candle: 1 symbol string; 2 open Decimal; 3 high Decimal; 4 low Decimal; 5 close Decimal; 6 volume Decimal;
    7 timestamp int64; 8 is_closed bool
FundingRate: 1 exchange string; 2 symbol string; 3 rate Decimal; 4 predicted_rate Decimal;
    5 next_funding_time int64; 6 timestamp int64
Ticker: 1 symbol string; 2 price_change Decimal; 3 price_change_percent Decimal; 4 last_price Decimal;
    5 volume Decimal; 6 quote_volume Decimal; 7 timestamp int64; 8 open_interest Decimal
PlaceOrderRequest: 1 symbol string; 2 side OrderSide; 3 type OrderType; 4 time_in_force TimeInForce;
    5 quantity Decimal; 6 price Decimal; 7 reduce_only bool; 8 post_only bool;
    9 client_order_id string; 10 use_margin bool
"""

EVENTS = """
OrderUpdate: 1 exchange string; 2 order_id int64; 3 client_order_id string; 4 symbol string; 5 side OrderSide;
    6 type OrderType; 7 status OrderStatus; 8 price Decimal; 9 quantity Decimal;
    10 executed_qty Decimal; 11 avg_price Decimal; 12 update_time int64; 13 last_trade Trade
PriceChange: 1 exchange string; 2 symbol string; 3 price Decimal; 4 timestamp Timestamp
FundingUpdate: 1 exchange string; 2 symbol string; 3 rate Decimal; 4 predicted_rate Decimal;
    5 next_funding_time int64; 6 timestamp int64
"""

EXCHANGE = """
GetNameRequest:
GetNameResponse: 1 name string
GetTypeRequest:
GetTypeResponse: 1 type ExchangeType; 2 is_unified_margin bool
BatchPlaceOrdersRequest: 1 orders repeated PlaceOrderRequest
BatchPlaceOrdersResponse: 1 orders repeated Order; 2 all_success bool; 3 errors repeated BatchOrderError
BatchOrderError: 1 index int32; 2 client_order_id string; 3 error_message string; 4 code int32
CancelOrderRequest: 1 symbol string; 2 order_id int64; 3 use_margin bool
CancelOrderResponse:
BatchCancelOrdersRequest: 1 symbol string; 2 order_ids repeated int64; 3 use_margin bool
BatchCancelOrdersResponse: 1 errors repeated BatchOrderError
CancelAllOrdersRequest: 1 symbol string; 2 use_margin bool
CancelAllOrdersResponse:
GetOrderRequest: 1 symbol string; 2 order_id int64; 3 client_order_id string; 4 use_margin bool
GetOpenOrdersRequest: 1 symbol string; 2 use_margin bool
GetOpenOrdersResponse: 1 orders repeated Order
GetAccountRequest:
GetPositionsRequest: 1 symbol string
GetPositionsResponse: 1 positions repeated Position
GetBalanceRequest: 1 asset string
GetBalanceResponse: 1 balance Decimal
GetLatestPriceRequest: 1 symbol string
GetLatestPriceResponse: 1 price Decimal
GetHistoricalKlinesRequest: 1 symbol string; 2 interval string; 3 limit int32
GetHistoricalKlinesResponse: 1 candles repeated Candle
FetchExchangeInfoRequest: 1 symbol string
FetchExchangeInfoResponse:
GetSymbolInfoRequest: 1 symbol string
GetSymbolsRequest:
GetSymbolsResponse: 1 symbols repeated string
GetFundingRateRequest: 1 symbol string
GetFundingRatesRequest:
GetFundingRatesResponse: 1 rates repeated FundingRate
GetHistoricalFundingRatesRequest: 1 symbol string; 2 limit int32
GetHistoricalFundingRatesResponse: 1 rates repeated FundingRate
GetTickersRequest:
GetTickersResponse: 1 tickers repeated Ticker
GetOpenInterestRequest: 1 symbol string
GetOpenInterestResponse: 1 open_interest Decimal
SubscribeFundingRateRequest: 1 symbol string
SubscribePriceRequest: 1 symbols repeated string
SubscribeOrdersRequest:
SubscribeKlinesRequest: 1 symbols repeated string; 2 interval string
SubscribeAccountRequest:
SubscribePositionsRequest: 1 symbol string
"""

RPCS = """
GetName GetNameRequest GetNameResponse
GetType GetTypeRequest GetTypeResponse
PlaceOrder PlaceOrderRequest Order
BatchPlaceOrders BatchPlaceOrdersRequest BatchPlaceOrdersResponse
CancelOrder CancelOrderRequest CancelOrderResponse
BatchCancelOrders BatchCancelOrdersRequest BatchCancelOrdersResponse
CancelAllOrders CancelAllOrdersRequest CancelAllOrdersResponse
GetOrder GetOrderRequest Order
GetOpenOrders GetOpenOrdersRequest GetOpenOrdersResponse
GetAccount GetAccountRequest Account
GetPositions GetPositionsRequest GetPositionsResponse
GetBalance GetBalanceRequest GetBalanceResponse
GetLatestPrice GetLatestPriceRequest GetLatestPriceResponse
GetTickers GetTickersRequest GetTickersResponse
GetOpenInterest GetOpenInterestRequest GetOpenInterestResponse
GetHistoricalKlines GetHistoricalKlinesRequest GetHistoricalKlinesResponse
FetchExchangeInfo FetchExchangeInfoRequest FetchExchangeInfoResponse
GetSymbolInfo GetSymbolInfoRequest SymbolInfo
GetSymbols GetSymbolsRequest GetSymbolsResponse
GetFundingRate GetFundingRateRequest FundingRate
GetFundingRates GetFundingRatesRequest GetFundingRatesResponse
GetHistoricalFundingRates GetHistoricalFundingRatesRequest GetHistoricalFundingRatesResponse
SubscribeFundingRate SubscribeFundingRateRequest stream of FundingUpdate
SubscribePrice SubscribePriceRequest stream of PriceChange
SubscribeOrders SubscribeOrdersRequest stream of OrderUpdate
SubscribeKlines SubscribeKlinesRequest stream of Candle
SubscribeAccount SubscribeAccountRequest stream of Account
SubscribePositions SubscribePositionsRequest stream of Position
"""

FULL_NAMES = {"Decimal": "google.type.Decimal", "Timestamp": "google.protobuf.Timestamp"}


def messages_of(table: str) -> dict[str, list[str]]:
    """Message name to fields, each "number name [repeated] type"."""
    found: dict[str, list[str]] = {}
    for line in table.strip().replace("\n    ", " ").splitlines():
        name, _, fields = line.partition(":")
        found[name] = [field.strip() for field in fields.split(";") if field.strip()]
    return found


def described(field: FieldDescriptor) -> str:
    """A field as the tables above spell it."""
    if field.message_type is not None:
        kind = field.message_type.full_name
    elif field.enum_type is not None:
        kind = field.enum_type.full_name
    else:
        kind = _SCALARS[field.type]
    kind = kind.removeprefix(f"{PACKAGE}.")
    short = next((short for short, full in FULL_NAMES.items() if full == kind), kind)
    return f"{field.number} {field.name} {'repeated ' if field.is_repeated else ''}{short}"


_SCALARS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_BOOL: "bool",
}

FILES: dict[str, tuple[FileDescriptor, str]] = {
    "resources": (resources_pb2.DESCRIPTOR, RESOURCES),
    "events": (events_pb2.DESCRIPTOR, EVENTS),
    "exchange": (exchange_pb2.DESCRIPTOR, EXCHANGE),
}


def expected_messages() -> Iterator[tuple[str, str, list[str]]]:
    for file, (_, table) in FILES.items():
        for name, fields in messages_of(table).items():
            yield file, name, fields


def test_generated_code_is_current() -> None:
    assert generate.outdated() == []


def test_the_tables_are_whole() -> None:
    assert (len(ENUMS), len(list(expected_messages())), len(RPCS.strip().splitlines())) == (6, 57, 28)
    assert sum(len(fields) for _, _, fields in expected_messages()) == 162


@pytest.mark.parametrize(("file", "name", "fields"), list(expected_messages()))
def test_message(file: str, name: str, fields: list[str]) -> None:
    descriptor: Descriptor = FILES[file][0].message_types_by_name[name]
    assert descriptor.full_name == f"{PACKAGE}.{name}"
    assert [described(field) for field in descriptor.fields] == fields


@pytest.mark.parametrize("file", FILES)
def test_no_message_beyond_the_contract(file: str) -> None:
    descriptor, table = FILES[file]
    assert set(descriptor.message_types_by_name) == set(messages_of(table))
    assert descriptor.name == f"opensqt/market_maker/v1/{file}.proto"


@pytest.mark.parametrize("name", ENUMS)
def test_enum(name: str) -> None:
    descriptor: EnumDescriptor = types_pb2.DESCRIPTOR.enum_types_by_name[name]
    prefix = "".join(f"_{letter}" if letter.isupper() else letter for letter in name).lstrip("_").upper()
    expected = [(number, f"{prefix}_{value}") for number, value in enumerate(ENUMS[name].split())]
    assert [(value.number, value.name) for value in descriptor.values] == expected


def test_no_enum_beyond_the_contract() -> None:
    assert set(types_pb2.DESCRIPTOR.enum_types_by_name) == set(ENUMS)
    assert not any(file.enum_types_by_name for file, _ in FILES.values())


def test_service() -> None:
    service = exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"]
    assert service.full_name == f"{PACKAGE}.ExchangeService"
    found = [
        f"{rpc.name} {rpc.input_type.name} {'stream of ' if rpc.server_streaming else ''}{rpc.output_type.name}"
        for rpc in service.methods
    ]
    assert sorted(found) == sorted(RPCS.strip().splitlines())
    assert not any(rpc.client_streaming for rpc in service.methods)


def test_a_golden_message_on_the_wire() -> None:
    """Bytes written by hand from the field numbers: what the real service sends must read the same."""
    raw = bytes.fromhex("0a0762696e616e63651207425443555344541a0a0a0834353030302e3130")
    change = events_pb2.PriceChange.FromString(raw)
    assert (change.exchange, change.symbol, change.price.value) == ("binance", "BTCUSDT", "45000.10")
    assert change.SerializeToString() == raw
