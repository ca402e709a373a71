"""Connection: follow one HTTP/2 connection by the bytes of both directions, and tell what becomes of its RPCs."""

from __future__ import annotations

import logging

import grpc
from hpack import Decoder
from hpack.exceptions import HPACKError
from hyperframe.frame import SettingsFrame

from harness.client.methods import SERVICE
from harness.trial.tap import contract, status
from harness.trial.tap.frames import PREFACE, FrameReader, Malformed
from harness.trial.tap.rpcs import Rpc, StreamRpc, UnaryRpc
from harness.trial.tap.witness import Witness

# hpack writes each decoded header into its debug log, the API key too.
logging.getLogger("hpack").setLevel(logging.INFO)

_HEADERS_LIMIT_BYTES = 1024 * 1024
_TABLE_LIMIT_BYTES = 1024 * 1024
_NO_ERROR = 0

Headers = dict[bytes, bytes]


class TappedConnection:
    """What a proxy tells about one connection: all bytes that it forwards, in order, and the end.

    A request must be told before its answer can be: before it is forwarded, or in the same step of the loop. Whatever
    the bytes are, nothing is raised: what cannot be read is recorded as tap.blind. Only what `record` and
    `on_exchange` raise comes through.
    """

    def __init__(self, witness: Witness, t_ns: int) -> None:
        self._witness = witness
        self._rpcs: dict[int, Rpc] = {}
        self._answered = False
        self._leaving = False
        self._blind = False
        self._over = False
        requests, replies = _Requests(self), _Replies(self)
        self._requests = FrameReader(requests, PREFACE)
        self._replies = FrameReader(replies, b"")
        self._request_headers = _HeaderReader()
        self._reply_headers = _HeaderReader()
        witness.connections += 1
        witness.mark("connection.opened", t_ns)

    def sent(self, chunk: bytes, t_ns: int) -> None:
        """Bytes of the client, seen at `t_ns` (Unix ns)."""
        self._feed(self._requests, chunk, t_ns)

    def replied(self, chunk: bytes, t_ns: int) -> None:
        """Bytes of the service, seen at `t_ns` (Unix ns)."""
        self._feed(self._replies, chunk, t_ns)

    def closed(self, t_ns: int) -> None:
        """The connection is gone, whoever ended it; again: nothing."""
        if self._over:
            return
        self._over = True
        lost, self._rpcs = self._rpcs, {}
        code = grpc.StatusCode.CANCELLED if self._leaving else grpc.StatusCode.UNAVAILABLE
        for rpc in lost.values():
            rpc.over(code, t_ns, by_client=self._leaving)
        self._witness.connections -= 1
        if self._answered:
            self._witness.mark("client.disconnected", t_ns)
        self._witness.mark("connection.closed", t_ns)

    def _feed(self, reader: FrameReader, chunk: bytes, t_ns: int) -> None:
        if self._blind or self._over:
            return
        try:
            reader.feed(chunk, t_ns)
        except Malformed as error:
            self._lose_sight(str(error), t_ns)
        except BaseException:
            self._blind = True  # the rest of the chunk is lost, so the next one would be misread
            raise

    def _lose_sight(self, why: str, t_ns: int) -> None:
        self._blind = True
        lost, self._rpcs = self._rpcs, {}
        self._witness.blind(why, t_ns)
        for rpc in lost.values():
            rpc.lost_sight(t_ns)

    # What the two directions' frames mean.

    def rpc(self, stream: int) -> Rpc | None:
        """The RPC under way on this HTTP/2 stream, if it is one of the contract's."""
        return self._rpcs.get(stream)

    def request_headers(self, stream: int, block: bytes, t_ns: int) -> None:
        """The client begins an RPC."""
        headers = self._request_headers.read(block)
        path = headers.get(b":path", b"")
        if stream in self._rpcs or headers.get(b":method") != b"POST":
            return
        timeout_ns = status.timeout_ns(headers.get(b"grpc-timeout"))
        rpc: Rpc
        if path in contract.STREAM:
            rpc = StreamRpc(self._witness, t_ns, timeout_ns, self._witness.stream(contract.STREAM[path]))
        elif path in contract.UNARY:
            rpc = UnaryRpc(self._witness, t_ns, timeout_ns, contract.UNARY[path])
        elif path.startswith(f"/{SERVICE}/".encode()):
            self._witness.blind("a method that the contract lacks was called", t_ns)
            return
        else:
            return
        rpc.requests.encoding = headers.get(b"grpc-encoding", b"")
        self._rpcs[stream] = rpc

    def reply_headers(self, stream: int, block: bytes, *, last: bool, t_ns: int) -> None:
        """The service begins to answer, or ends the answer."""
        headers = self._reply_headers.read(block)
        rpc = self._rpcs.get(stream)
        if rpc is None:
            return
        rpc.http_status = headers.get(b":status", rpc.http_status)
        if last:
            self.end(stream, status.of_trailers(headers.get(b"grpc-status"), rpc.http_status), t_ns)
        else:
            rpc.replies.encoding = headers.get(b"grpc-encoding", rpc.replies.encoding)

    def end(
        self, stream: int, code: grpc.StatusCode, t_ns: int, *, by_client: bool = False, undone: bool = False
    ) -> None:
        """The RPC on this stream, if there is one, is over."""
        rpc = self._rpcs.pop(stream, None)
        if rpc is None:
            return
        rpc.over(code, t_ns, by_client=by_client, undone=undone)
        if code is grpc.StatusCode.OK and isinstance(rpc, UnaryRpc) and not self._answered:
            self._answered = True
            self._witness.mark("client.connected", t_ns)

    def reset(self, stream: int, error: int, t_ns: int, *, by_client: bool) -> None:
        """One side has reset the stream."""
        rpc = self._rpcs.get(stream)
        if rpc is not None:
            code = status.of_reset(error, t_ns - rpc.began_ns, rpc.timeout_ns)
            self.end(stream, code, t_ns, by_client=by_client, undone=error == status.REFUSED_STREAM)

    def client_leaves(self, error: int) -> None:
        """The client has announced that it closes the connection."""
        self._leaving = self._leaving or error == _NO_ERROR

    def refuse_beyond(self, last_stream: int, t_ns: int) -> None:
        """The service has announced that it takes on nothing beyond this stream."""
        for stream in [stream for stream in self._rpcs if stream > last_stream]:
            self.end(stream, grpc.StatusCode.UNAVAILABLE, t_ns, undone=True)

    def table_size(self, frame: SettingsFrame, *, of_client: bool) -> None:
        """A peer has said how large a header table it keeps: the other one may use as much."""
        size = frame.settings.get(SettingsFrame.HEADER_TABLE_SIZE)
        if size is not None:
            (self._reply_headers if of_client else self._request_headers).allow(size)


class _HeaderReader:
    """The header compression of one direction."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=_HEADERS_LIMIT_BYTES)

    def allow(self, size: int) -> None:
        """The largest table ever allowed counts: blocks under way may still use it when a smaller one is announced."""
        allowed = min(max(size, self._decoder.max_allowed_table_size), _TABLE_LIMIT_BYTES)
        self._decoder.max_allowed_table_size = allowed

    def read(self, block: bytes) -> Headers:
        """The last value of each header. Malformed: from here on no header of this direction can be read."""
        try:
            return {bytes(name): bytes(value) for name, value in self._decoder.decode(block, raw=True)}
        except (HPACKError, IndexError, ValueError):
            raise Malformed("headers do not decompress") from None


class _Requests:
    """The frames that the client sends."""

    def __init__(self, connection: TappedConnection) -> None:
        self._connection = connection

    def data(self, stream: int, chunk: bytes, start: int, end: int, *, last: bool, t_ns: int) -> None:
        rpc = self._connection.rpc(stream)
        if rpc is not None:
            rpc.request(chunk, start, end, t_ns)

    def headers(self, stream: int, block: bytes, *, last: bool, t_ns: int) -> None:
        self._connection.request_headers(stream, block, t_ns)

    def settings(self, frame: SettingsFrame) -> None:
        self._connection.table_size(frame, of_client=True)

    def reset(self, stream: int, error: int, t_ns: int) -> None:
        self._connection.reset(stream, error, t_ns, by_client=True)

    def goaway(self, last_stream: int, error: int, t_ns: int) -> None:
        self._connection.client_leaves(error)


class _Replies:
    """The frames that the service sends."""

    def __init__(self, connection: TappedConnection) -> None:
        self._connection = connection

    def data(self, stream: int, chunk: bytes, start: int, end: int, *, last: bool, t_ns: int) -> None:
        rpc = self._connection.rpc(stream)
        if rpc is not None:
            rpc.reply(chunk, start, end, t_ns)
            if last:  # without trailers, so without a status
                self._connection.end(stream, grpc.StatusCode.UNKNOWN, t_ns)

    def headers(self, stream: int, block: bytes, *, last: bool, t_ns: int) -> None:
        self._connection.reply_headers(stream, block, last=last, t_ns=t_ns)

    def settings(self, frame: SettingsFrame) -> None:
        self._connection.table_size(frame, of_client=False)

    def reset(self, stream: int, error: int, t_ns: int) -> None:
        self._connection.reset(stream, error, t_ns, by_client=False)

    def goaway(self, last_stream: int, error: int, t_ns: int) -> None:
        self._connection.refuse_beyond(last_stream, t_ns)
