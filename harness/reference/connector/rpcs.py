"""The RPC table: every method of the contract's descriptor bound to its implementation, refusals to status codes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from harness.reference.connector.calls import Calls
from harness.reference.connector.refusal import Refusal
from harness.reference.connector.streams import Streams
from harness.reference.log import Log
from harness.wire.opensqt.market_maker.v1 import exchange_pb2

Context = grpc.aio.ServicerContext[Any, Any]
_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def exchange_rpcs(calls: Calls, streams: Streams, log: Log, on_call: Callable[[], None]) -> grpc.GenericRpcHandler:
    """A handler for all methods of ExchangeService; `on_call` hears of each unary call.

    Raises AttributeError when a method is not implemented.
    """
    service = exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"]
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for method in service.methods:
        request = GetMessageClass(method.input_type)
        name = _HUMP.sub("_", method.name).lower()
        if method.server_streaming:
            # No serializer: the hub made the bytes, once for all subscribers.
            stream = _stream(method.name, getattr(streams, name), log)
            handlers[method.name] = grpc.unary_stream_rpc_method_handler(stream, request.FromString)
        else:
            reply = GetMessageClass(method.output_type)
            unary = _unary(method.name, getattr(calls, name), log, on_call)
            handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                unary, request.FromString, reply.SerializeToString
            )
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _unary(
    name: str, call: Callable[[Any], Awaitable[Message]], log: Log, on_call: Callable[[], None]
) -> Callable[[Any, Context], Awaitable[Message]]:
    async def answer(request: object, context: Context) -> Message:
        on_call()
        try:
            return await call(request)
        except Exception as error:  # noqa: BLE001 - whatever it is becomes a status code
            code, reason = _status(name, error, log)
            await context.abort(code, reason)

    return answer


def _stream(
    name: str, call: Callable[[Any, Context], Awaitable[None]], log: Log
) -> Callable[[Any, Context], Awaitable[None]]:
    async def answer(request: object, context: Context) -> None:
        try:
            await call(request, context)
        except (asyncio.InvalidStateError, grpc.aio.UsageError):
            return  # the client went away while a message was on its way
        except Exception as error:  # noqa: BLE001 - whatever it is becomes a status code
            code, reason = _status(name, error, log)
            await context.abort(code, reason)

    return answer


def _status(name: str, error: Exception, log: Log) -> tuple[grpc.StatusCode, str]:
    if isinstance(error, Refusal):
        if error.code is grpc.StatusCode.UNKNOWN:
            log.error("unmapped venue error", rpc=name, error=error.reason)
        else:
            log.debug("call refused", rpc=name, code=error.code.name, error=error.reason)
        return error.code, log.redact(error.reason)
    log.error("call failed", rpc=name, error=f"{type(error).__name__}: {error}")
    return grpc.StatusCode.UNKNOWN, log.redact(f"{type(error).__name__}: {error}")
