"""HPACK at the price of a dictionary look-up: blocks that leave the compression state as it was are remembered."""

from __future__ import annotations

import math

from hpack import Decoder, Encoder
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from harness.client.measuring.status import Fields

USER_AGENT = "grpc-nfr-measuring/1.0"
ACCEPTED_ENCODINGS = "identity,deflate,gzip"

_LARGEST_TABLE_BYTES = 4096
_MOST_REMEMBERED = 256
_LARGEST_DIGITS = 10**8


def grpc_timeout(timeout_s: float) -> str:
    """The header's text, eight digits at most; rounded up, so that the server never gives up before the client."""
    for per_s, unit in ((1e6, "u"), (1e3, "m"), (1, "S")):
        amount = max(1, math.ceil(timeout_s * per_s))
        if amount < _LARGEST_DIGITS:
            return f"{amount}{unit}"
    return f"{_LARGEST_DIGITS - 1}S"


class RequestBlocks:
    """Header blocks of one connection's requests.

    Metadata is never put into the compression table: a key must not become guessable from block lengths.
    """

    def __init__(self, scheme: str, authority: str, metadata: tuple[tuple[str, str], ...]) -> None:
        self._encoder = Encoder()
        self._first = ((":method", "POST"), (":scheme", scheme))
        self._authority = (":authority", authority)
        self._common = (
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", USER_AGENT),
            ("grpc-accept-encoding", ACCEPTED_ENCODINGS),
        )
        self._metadata = tuple(NeverIndexedHeaderTuple(name, value) for name, value in metadata)
        self._remembered: dict[tuple[str, float], bytes] = {}

    def block(self, path: str, timeout_s: float) -> bytes:
        """The block for one request; `timeout_s` inf: no deadline."""
        known = self._remembered.get((path, timeout_s))
        return self._encode(path, timeout_s) if known is None else known

    def limit_table(self, size_bytes: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE. A larger table than usual is never used."""
        size_bytes = min(size_bytes, _LARGEST_TABLE_BYTES)
        encoder = self._encoder
        if size_bytes != encoder.header_table_size:
            encoder.header_table_size = size_bytes
            # RFC 7541, 4.2: of several changes since the last block the smallest and the last are told. hpack would
            # tell them all, also those beyond what the peer allows now.
            encoder.table_size_changes[:] = sorted({min(encoder.table_size_changes), size_bytes})
            self._remembered.clear()

    def _encode(self, path: str, timeout_s: float) -> bytes:
        fields = [*self._first, (":path", path), self._authority]
        if timeout_s != math.inf:
            fields.append(("grpc-timeout", grpc_timeout(timeout_s)))
        table = self._encoder.header_table
        resized, before = table.resized, tuple(table.dynamic_entries)
        everything = [HeaderTuple(*field) for field in (*fields, *self._common)]
        block = self._encoder.encode([*everything, *self._metadata])
        if resized or tuple(table.dynamic_entries) != before:
            self._remembered.clear()  # the indices in them have moved
        elif len(self._remembered) < _MOST_REMEMBERED:
            self._remembered[path, timeout_s] = block
        return block


class ReplyBlocks:
    """Reads the header blocks of one connection's replies."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._remembered: dict[bytes, Fields] = {}

    def read(self, block: bytes) -> Fields:
        """The fields; of a repeated one the last. hpack.HPACKError when the block is broken or far too large."""
        known = self._remembered.get(block)
        if known is not None:
            return known
        before = self._state()
        fields: Fields = {bytes(name): bytes(value) for name, value in self._decoder.decode(block, raw=True)}
        if self._state() != before:
            self._remembered.clear()  # the indices in them have moved
        elif len(self._remembered) < _MOST_REMEMBERED:
            self._remembered[block] = fields
        return fields

    def _state(self) -> tuple[int, tuple[tuple[bytes, bytes], ...]]:
        table = self._decoder.header_table
        return table.maxsize, tuple(table.dynamic_entries)
