"""Rpcs: one RPC of a watched connection, unary or a server stream, from its headers to its end."""

from __future__ import annotations

import grpc

from harness.client.methods import Method
from harness.trial.tap import contract
from harness.trial.tap.payloads import PayloadReader
from harness.trial.tap.witness import Exchange, TappedStream, Witness


class Rpc:
    """What both kinds share: when the headers were seen, the deadline, the messages both ways."""

    __slots__ = ("_witness", "began_ns", "http_status", "replies", "requests", "timeout_ns")

    def __init__(self, witness: Witness, t_ns: int, timeout_ns: int) -> None:
        self._witness = witness
        self.began_ns = t_ns
        self.timeout_ns = timeout_ns
        self.http_status = b""
        self.requests = PayloadReader()
        self.replies = PayloadReader()

    def request(self, chunk: bytes, start: int, end: int, t_ns: int) -> None:
        """Content of a DATA frame from the client."""
        raise NotImplementedError

    def reply(self, chunk: bytes, start: int, end: int, t_ns: int) -> None:
        """Content of a DATA frame from the service."""
        raise NotImplementedError

    def over(self, code: grpc.StatusCode, t_ns: int, *, by_client: bool = False, undone: bool = False) -> None:
        """The RPC has ended. `by_client`: the client gave it up; `undone`: the service never took it on."""
        raise NotImplementedError

    def lost_sight(self, t_ns: int) -> None:
        """What becomes of the RPC cannot be seen any more."""
        raise NotImplementedError


class UnaryRpc(Rpc):
    """A unary RPC: recorded as a Call when it is over."""

    __slots__ = ("_answer", "_answered", "_asked", "_method", "_question", "_sent_ns")

    def __init__(self, witness: Witness, t_ns: int, timeout_ns: int, method: Method) -> None:  # type: ignore[type-arg]
        super().__init__(witness, t_ns, timeout_ns)
        self._method = method
        self._question = self._answer = b""
        self._asked = self._answered = False
        self._sent_ns = t_ns

    def request(self, chunk: bytes, start: int, end: int, t_ns: int) -> None:
        """Keep the request; its last byte's time is when the call was sent."""
        for message in self.requests.feed(chunk, start, end):
            if not self._asked:
                self._asked, self._question = True, message
        if not self._asked or end > start:
            self._sent_ns = t_ns

    def reply(self, chunk: bytes, start: int, end: int, t_ns: int) -> None:
        """Keep the answer; the trailers say whether it counts."""
        for message in self.replies.feed(chunk, start, end):
            if not self._answered:
                self._answered, self._answer = True, message

    def over(self, code: grpc.StatusCode, t_ns: int, *, by_client: bool = False, undone: bool = False) -> None:
        """Record the Call."""
        readable = not (self.requests.unreadable or self.replies.unreadable)
        if not readable:
            why = self.requests.unreadable or self.replies.unreadable
            self._witness.blind(why, t_ns, method=self._method.name)
        ok = code is grpc.StatusCode.OK
        if ok and readable and not self._answered:
            code, ok = grpc.StatusCode.INTERNAL, False  # gRPC's clients take a success without an answer for that
        exchange = Exchange(
            self._method.name, self._question, self._answer if ok else b"", code.name, self._sent_ns, t_ns
        )
        # A request that has not passed in whole was never the service's to do.
        unsent = not self._asked and not self.requests.unreadable
        self._witness.answered(exchange, code, writes=self._method.writes, undone=not ok and (undone or unsent))
        if readable:
            self._witness.tell(exchange)

    def lost_sight(self, t_ns: int) -> None:
        """Nothing is recorded: how the call ended is not known, and tap.blind says so."""


class StreamRpc(Rpc):
    """One subscription to a server stream."""

    __slots__ = ("_stream", "_subscription", "_unseen")

    def __init__(self, witness: Witness, t_ns: int, timeout_ns: int, stream: TappedStream) -> None:
        super().__init__(witness, t_ns, timeout_ns)
        self._stream = stream
        self._subscription = stream.opened(t_ns)
        self._unseen = False

    def request(self, chunk: bytes, start: int, end: int, t_ns: int) -> None:
        """Note which symbols are asked for."""
        for message in self.requests.feed(chunk, start, end):
            if self._subscription == self._stream.subscription:
                self._stream.keys = contract.symbols_of(self._stream.stream, message)
        if self.requests.unreadable:
            self._witness.blind(self.requests.unreadable, t_ns, stream=self._stream.stream)

    def reply(self, chunk: bytes, start: int, end: int, t_ns: int) -> None:
        """Record each message."""
        for message in self.replies.feed(chunk, start, end):
            self._stream.deliver(message, self._subscription, t_ns)
        if self.replies.unreadable and not self._unseen:
            self._unseen = True
            self._witness.blind(self.replies.unreadable, t_ns, stream=self._stream.stream)
            self._stream.mark("stream.quiet", self._subscription, t_ns)

    def over(self, code: grpc.StatusCode, t_ns: int, *, by_client: bool = False, undone: bool = False) -> None:
        """Record how the subscription ended, in the words that the harness's own client uses."""
        self._stream.live -= 1
        if by_client and code is grpc.StatusCode.CANCELLED:
            self._stream.mark("stream.cancelled", self._subscription, t_ns)
            return
        self._stream.mark("stream.down", self._subscription, t_ns)
        self._stream.mark("stream.error", self._subscription, t_ns, code=code.name)

    def lost_sight(self, t_ns: int) -> None:
        """From here on nothing is owed, as far as the evidence can tell."""
        self._stream.live -= 1
        self._stream.mark("stream.quiet", self._subscription, t_ns)
