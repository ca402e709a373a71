"""What one generator process writes down in its window, compactly, and how that becomes records afterwards.

Nothing is decoded while the load runs: a message is its bytes and the kernel's stamp, so that tens of thousands a
second are kept whole. Decoding names each of them (key, value, digest, its own send stamp) once the window is over.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, TypedDict

from google.protobuf.message import DecodeError

from harness.client.content import PRICES, digest_of, read
from harness.evidence.clock import NS_PER_S
from harness.evidence.records import Call, Mark, Message, Outcome, Record
from harness.trial.load.plan import NULL, LoadPlan
from harness.trial.load.template import STREAM_OF
from harness.wire.opensqt.market_maker.v1 import events_pb2

CHUNK = 20_000
"""Records of one parcel."""
LATEST_NS = 2**62
"""In the year 2116: whatever is stamped later was never stamped."""


class Row(NamedTuple):
    """One call, as it is kept."""

    user: int
    seq: int
    due_ns: int
    sent_ns: int
    done_ns: int
    outcome: str
    code: str


class Parcel(TypedDict):
    """Columns of one kind of record, in types that any transport takes: calls, or messages of one subscription."""

    kind: str
    user: int
    subscription: int
    numbers: bytes
    sizes: bytes
    content: bytes
    names: list[str]


class Notebook:
    """Appended to at thousands a second by one process; `parcels` empties it."""

    def __init__(self, count_only: bool = False) -> None:
        self._count_only = count_only
        self.window_ns = (0, 0)
        self.calls: list[Row] = []
        self.inside = self.failed = 0
        """Calls sent, or messages received, in the window; of the calls those that did not end OK."""
        self.marks: list[tuple[int, str, dict[str, str]]] = []
        self._full: list[Parcel] = []
        self._reading: dict[tuple[int, int], tuple[list[int], list[bytes]]] = {}
        self._free_ns: dict[tuple[int, int], int] = {}
        self.made = self.messages = 0
        """Calls and messages that were written down, to be shipped."""

    def called(self, row: Row) -> None:
        """One call."""
        if self.window_ns[0] <= row.sent_ns < self.window_ns[1]:
            self.inside += 1
            self.failed += row.outcome != Outcome.OK.value
        if not self._count_only:
            self.calls.append(row)
            self.made += 1

    def heard(self, user: int, subscription: int, received_ns: int, payloads: Sequence[bytes]) -> None:
        """Messages that one receive brought. Those of one stamp are set 1 ns apart: no other order is kept."""
        number = len(payloads)
        if self.window_ns[0] <= received_ns < self.window_ns[1]:
            self.inside += number
        if self._count_only:
            return
        times, contents = self._reading.setdefault((user, subscription), ([], []))
        first_ns = max(received_ns, self._free_ns.get((user, subscription), 0))
        self._free_ns[user, subscription] = first_ns + number
        times += range(first_ns, first_ns + number)
        contents += payloads
        self.messages += number
        if len(contents) >= CHUNK:
            del self._reading[user, subscription]
            self._full.append(_messages(user, subscription, times, contents))

    def parcels(self) -> Iterator[Parcel]:
        """Everything so far, in parcels of at most about CHUNK records."""
        rows, self.calls = self.calls, []
        for start in range(0, len(rows), CHUNK):
            yield _calls(rows[start : start + CHUNK])
        full, self._full = self._full, []
        yield from full
        reading, self._reading = self._reading, {}
        for (user, subscription), (times, contents) in reading.items():
            yield _messages(user, subscription, times, contents)


def records(parcel: Parcel, plan: LoadPlan, ahead_ns: int) -> Iterator[Record]:
    """The records of a parcel. `ahead_ns`: how far the clock it was written by is ahead of this one."""
    numbers = array("q", parcel["numbers"])
    if parcel["kind"] == "calls":
        names, code = parcel["names"], parcel["sizes"]
        for row in range(len(numbers) // 5):
            user, seq, due_ns, sent_ns, done_ns = numbers[5 * row : 5 * row + 5]
            outcome, _, name = names[code[row]].partition(" ")
            yield Call(
                seq, plan.name_of(user), plan.method, due_ns - ahead_ns, sent_ns - ahead_ns, done_ns - ahead_ns,
                Outcome(outcome), name,
            )  # fmt: skip
        return
    client, stream = plan.name_of(parcel["user"]), STREAM_OF[plan.method]
    content, at = parcel["content"], 0
    for received_ns, size in zip(numbers, array("I", parcel["sizes"]), strict=True):
        raw, at = content[at : at + size], at + size
        seen = read(stream, raw)
        yield Message(
            client, NULL if client == NULL else stream, seen.key, seen.value, 0, stamp_ns(stream, raw),
            received_ns - ahead_ns, parcel["subscription"], digest_of(raw), seen.wrong,
        )  # fmt: skip


def marks(told: Iterable[tuple[int, str, dict[str, str]]], ahead_ns: int) -> Iterator[Mark]:
    """The marks of a notebook, by this process's clock."""
    return (Mark(t_ns - ahead_ns, name, detail) for t_ns, name, detail in told)


def stamp_ns(stream: str, raw: bytes) -> int:
    """When the target says it sent this message (Unix ns by its clock); 0 where it carries no stamp that can be one.

    A Go service that never set the field sends the year 1, which no 64 bits of nanoseconds can hold.
    """
    if stream != PRICES:
        return 0
    try:
        stamp = events_pb2.PriceChange.FromString(raw).timestamp
    except DecodeError:
        return 0
    t_ns = int(stamp.seconds * NS_PER_S + stamp.nanos)
    return t_ns if 0 < t_ns < LATEST_NS else 0


def _calls(rows: Sequence[Row]) -> Parcel:
    names: dict[str, int] = {}
    codes = bytes(names.setdefault(f"{row.outcome} {row.code}", len(names)) for row in rows)
    numbers = array("q", chain.from_iterable(row[:5] for row in rows))
    return Parcel(
        kind="calls", user=0, subscription=0, numbers=numbers.tobytes(), sizes=codes, content=b"", names=list(names)
    )


def _messages(user: int, subscription: int, times: Sequence[int], contents: Sequence[bytes]) -> Parcel:
    sizes = array("I", map(len, contents))
    return Parcel(
        kind="messages", user=user, subscription=subscription, numbers=array("q", times).tobytes(),
        sizes=sizes.tobytes(), content=b"".join(contents), names=[],
    )  # fmt: skip
