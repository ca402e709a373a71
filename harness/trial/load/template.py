"""The requests of a load: one message with blanks, filled in for each call and serialised."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from google.protobuf import json_format
from google.protobuf.message import Message as Wire
from google.protobuf.message_factory import GetMessageClass

from harness.client.content import ACCOUNT, FUNDING, KLINES, ORDERS, POSITIONS, PRICES
from harness.client.measuring import Path
from harness.client.methods import SERVICE
from harness.wire.opensqt.market_maker.v1 import exchange_pb2

_WRITES = frozenset(("PlaceOrder", "BatchPlaceOrders", "CancelOrder", "BatchCancelOrders", "CancelAllOrders"))
STREAM_OF: Mapping[str, str] = {
    "SubscribeAccount": ACCOUNT,
    "SubscribePositions": POSITIONS,
    "SubscribeOrders": ORDERS,
    "SubscribePrice": PRICES,
    "SubscribeKlines": KLINES,
    "SubscribeFundingRate": FUNDING,
}
_DECIMAL = "google.type.Decimal"


def rpc(method: str) -> Path:
    """The RPC of that short name. ValueError when the contract has none."""
    methods = exchange_pb2.DESCRIPTOR.services_by_name[SERVICE.rpartition(".")[2]].methods_by_name
    if method not in methods:
        raise ValueError(f"the contract has no method {method!r}: use one of {', '.join(sorted(methods))}")
    return Path(f"/{SERVICE}/{method}", method in _WRITES)


def requests(method: str, fields: Mapping[str, object], run: str) -> Callable[[int], bytes]:
    """Request number n in bytes. Fields by their names in the contract, enums by name, decimals as texts.

    {n} and {run} in texts are filled in. ValueError when the request has no such field.
    """
    rpc(method)
    service = exchange_pb2.DESCRIPTOR.services_by_name[SERVICE.rpartition(".")[2]]
    make: type[Wire] = GetMessageClass(service.methods_by_name[method].input_type)
    text = json.dumps(_spelled(fields, make.DESCRIPTOR))

    def filled(number: int) -> bytes:
        whole = text.replace("{n}", str(number)).replace("{run}", run)
        return json_format.Parse(whole, make()).SerializeToString()

    try:
        first = filled(1)
    except json_format.ParseError as error:
        raise ValueError(f"the load's request does not fit {method}: {' '.join(str(error).split())}") from None
    return filled if "{n}" in text else lambda _number: first


def _spelled(value: object, descriptor: object) -> object:
    """The fields as protobuf's JSON mapping wants them: a decimal is a message there."""
    if not isinstance(value, Mapping):
        return value
    known = getattr(descriptor, "fields_by_name", {})
    made: dict[str, object] = {}
    for name, one in value.items():
        field = known.get(name)
        of = getattr(field, "message_type", None)
        if of is None:
            made[name] = one
        elif of.full_name == _DECIMAL and not isinstance(one, Mapping):
            made[name] = {"value": str(one)}
        elif isinstance(one, list | tuple):
            made[name] = [_spelled(item, of) for item in one]
        else:
            made[name] = _spelled(one, of)
    return made
