"""Evidence of a soak as large as a real one: what a day of trading leaves behind, made in columns from a seed.

As many records of each kind, in the same order and in batches of the same length, as a recorded soak holds: the
ledger of a second stands behind that second's deliveries, and each life of the runner has files of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.evidence.columns import KINDS, META, Encoder, Meta
from harness.evidence.records import VENUE, Call, Fact, Mark, Message, Reading, Record
from harness.evidence.tables import Floats, Ints

S = 1_000_000_000
BEGIN_NS = 1_795_363_503 * S
SPAN_S = 5
BLOCK_S = 300
"""A soak's recorder writes a batch so often."""
UPDATES_PER_S = 110
ORDERS_PER_S = 4
TRADED = "BTCUSDT"
WALKS = {"ETHUSDT": (240_000, 5_714), "SOLUSDT": (12_000, 285), TRADED: (360_000, 8_571)}
"""Lowest price in ticks, and the steps of a sweep over the range."""
STRIDE, UNIT = 21, 3
SERVICES = ("connector", "market_maker", "live_server")
UNITS = {"cpu": "s", "cpu_wait": "s", "descriptors": "", "rss": "bytes", "sockets": "", "threads": ""}
ALONE = {
    "connector.runtime_units": "", "connector.subscriptions": "", "venue.sockets": "sockets",
    "venue.subscriptions": "subscriptions", "host.others": "s", "harness.cpu": "%", "harness.rss": "bytes",
    "venue.rss": "bytes",
}  # fmt: skip
LAGS_PER_S = 4
LOADS = (("load-1", "GetAccount", 5), ("load-2", "GetAccount", 5), ("market_maker", "PlaceOrder", 2),
         ("market_maker", "GetLatestPrice", 1), ("market_maker", "CancelOrder", 1))  # fmt: skip
FOLLOWED = {
    "orders": ("browser", "live_server", "market_maker", "watcher"),
    "account": ("browser", "live_server", "market_maker"),
    "positions": ("browser", "live_server", "market_maker"),
    "klines": ("browser", "live_server"),
    "prices": ("market_maker",),
}
LIVE = (("watcher", "prices", "ETHUSDT,SOLUSDT"), ("watcher", "orders", ""), ("market_maker", "prices", TRADED),
        ("market_maker", "orders", ""), ("browser", "klines", TRADED), ("browser", "orders", ""))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Soak:
    """How long it was and what happened in it, in seconds from its begin.

    `gaps`: when the runner was gone; `faults`: when the connector was slow; `lost` and `doubled`: every so many-th
    price update never came, or came twice; 0: none. `leak_bytes_per_h`: of the connector.
    """

    seconds: int
    warm_up_s: int = 600
    seed: int = 1
    gaps: tuple[tuple[int, int], ...] = ()
    faults: tuple[tuple[int, int], ...] = ()
    lost: int = 0
    doubled: int = 0
    leak_bytes_per_h: float = 0.0

    def lives(self) -> list[tuple[int, int]]:
        """Begin and end of each life of the runner."""
        begins = [0, *(end for _, end in self.gaps)]
        return list(zip(begins, [*(begin for begin, _ in self.gaps), self.seconds], strict=True))

    def slow(self, t_s: Floats) -> Any:
        """Whether a fault was on."""
        return np.logical_or.reduce([np.zeros(len(t_s), np.bool_), *((t_s >= a) & (t_s < b) for a, b in self.faults)])


def write(soak: Soak, folder: Path) -> int:
    """Write it; returns its bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, int] = {}
    checksums: dict[str, int] = {}
    for number, life in enumerate(soak.lives()):
        made = _Life(soak, number, life)
        for kind, batches in ((Message, made.messages()), (Call, made.calls()), (Reading, made.readings())):
            path, schema = _path(folder, kind, number), KINDS[kind].schema
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema, options=_ZSTD) as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    rows[path.name] = rows.get(path.name, 0) + len(batch)
            checksums[path.name] = _checksum(path)
        for single, records in ((Mark, made.marks()), (Fact, made.facts())):
            path, encoder = _path(folder, single, number), Encoder(KINDS[single])
            path.write_bytes(encoder.batch(records) + encoder.end())
            rows[path.name], checksums[path.name] = len(records), _checksum(path)
    meta = Meta("bench-1", "reference", closed=True, rows=rows, checksums=checksums)
    (folder / META).write_text(meta.text(), encoding="utf-8")
    return sum(file.stat().st_size for file in folder.iterdir())


_ZSTD = pa.ipc.IpcWriteOptions(compression="zstd")


def _path(folder: Path, kind: type[Record], number: int) -> Path:
    name = KINDS[kind].name
    return folder / (f"{name}-{number}.arrows" if number else f"{name}.arrows")


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            checksum = crc32(chunk, checksum)
    return checksum


class _Life:
    """One life of the runner: the columns of its batches, made block by block."""

    def __init__(self, soak: Soak, number: int, life: tuple[int, int]) -> None:
        self._soak, self._number, self._life = soak, number, life
        self._rng = np.random.default_rng((soak.seed, number))

    def messages(self) -> Iterator[pa.RecordBatch]:
        """The deliveries of each second, and its ledger behind them."""
        for begin in range(*self._life, BLOCK_S):
            seconds = np.arange(begin, min(begin + BLOCK_S, self._life[1]))
            updates = [*self._prices(seconds), *self._trading(seconds)]
            delivered = [self._at(client, update) for update in updates for client in update.clients]
            spelled = [_spelled(update, value) for update in updates for value in update.values]
            table = pa.concat_tables([*delivered, *spelled])
            received = table.column("received_ns").to_numpy()
            second = (
                table.column("sent_ns").to_numpy() + received * (table.column("serial").to_numpy() == 0) - BEGIN_NS
            ) // S
            ledger = np.repeat([0, 1], [sum(map(len, delivered)), sum(map(len, spelled))])
            order = np.lexsort((table.column("serial").to_numpy(), received * (1 - ledger), ledger, second))
            yield from _batches(Message, table.take(pa.array(order)), second[order] // SPAN_S)

    def _prices(self, seconds: Ints) -> list[_Update]:
        """Two symbols in turn, on even due times."""
        due = np.repeat(seconds, UPDATES_PER_S) * S + np.tile(
            np.arange(UPDATES_PER_S) * S // UPDATES_PER_S, len(seconds)
        )
        sent = BEGIN_NS + due + self._rng.integers(50_000, 900_000, len(due))
        serials = np.repeat(self._serial(seconds), UPDATES_PER_S) + 2 * np.tile(np.arange(UPDATES_PER_S), len(seconds))
        found = []
        for at, symbol in enumerate(("ETHUSDT", "SOLUSDT")):
            first = (int(seconds[0]) - self._life[0]) * UPDATES_PER_S // 2 + self._number * 1_000_003
            found += _moves(symbol, first, sent[at::2], serials[at::2], ("watcher",))
        return found

    def _trading(self, seconds: Ints) -> list[_Update]:
        """The price that is traded on moves once a second, orders change, and so do account and position."""
        sent = BEGIN_NS + seconds * S + 300_000_000
        serials = self._serial(seconds) + 2 * UPDATES_PER_S
        found = _moves(TRADED, int(seconds[0]), sent, serials, FOLLOWED["prices"])
        times = np.repeat(sent, ORDERS_PER_S) + np.tile(np.arange(1, ORDERS_PER_S + 1) * 10_000_000, len(seconds))
        each = np.repeat(serials, ORDERS_PER_S) + np.tile(np.arange(ORDERS_PER_S), len(seconds)) + 2
        numbers = pa.array(int(seconds[0]) * ORDERS_PER_S // 2 + np.arange(len(times)) // 2).cast(pa.string())
        states = pa.array(["NEW:0", "FILLED:0.001"]).take(pa.array(np.arange(len(times)) % 2))
        own = pc.binary_join_element_wise("mm", numbers, "-")
        balance = pa.array([f"{100_000 + second * 0.01:.2f}" for second in seconds])
        size = pa.array([f"{0.001 * (second % 5000 + 1):.3f}" for second in seconds])
        return [
            *found,
            _Update("orders", numbers, (states,), times, each, FOLLOWED["orders"]),
            _Update("orders", own, (states,), times, each, ()),
            _Update("account", pa.repeat("", len(sent)), (balance,), sent, serials + 6, FOLLOWED["account"]),
            _Update("positions", pa.repeat(TRADED, len(sent)), (size,), sent, serials + 7, FOLLOWED["positions"]),
        ]

    def _serial(self, seconds: Ints) -> Ints:
        """The first of each second: a price and its candle have two numbers."""
        return self._number * 1_000_000_000 + (seconds - self._life[0]) * (2 * UPDATES_PER_S + ORDERS_PER_S + 8) + 1

    def _at(self, client: str, update: _Update) -> pa.Table:
        there = np.arange(len(update.sent))
        if client == "watcher" and update.stream == "prices":
            number = update.serials // 2
            there = there[number % self._soak.lost != 0] if self._soak.lost else there
            twice = there[number[there] % self._soak.doubled == 1] if self._soak.doubled else there[:0]
            there = np.sort(np.concatenate([there, twice]))
        took = self._rng.lognormal(np.log(1.2e6), 0.5, len(there))
        took *= np.where(self._soak.slow((update.sent[there] - BEGIN_NS) / S), 40.0, 1.0)
        rows, zeros = pa.array(there), np.zeros(len(there), np.int64)
        received = update.sent[there] + took.astype(np.int64)
        digest = self._rng.integers(1, 2**63 - 1, len(there))
        return _table(client, update.stream, update.key.take(rows), update.values[0].take(rows), zeros, zeros, received,
                      zeros + 1, digest)  # fmt: skip

    def calls(self) -> Iterator[pa.RecordBatch]:
        """A constant rate of each kind; slower under a fault."""
        for begin in range(*self._life, BLOCK_S):
            length_s = min(begin + BLOCK_S, self._life[1]) - begin
            due = (
                np.concatenate(
                    [
                        (begin + np.arange(length_s * per_s) / per_s) * S + at * 1e6
                        for at, (_, _, per_s) in enumerate(LOADS)
                    ]
                ).astype(np.int64)
                + BEGIN_NS
            )
            which = np.repeat(np.arange(len(LOADS)), [length_s * per_s for _, _, per_s in LOADS])
            order = np.argsort(due, kind="stable")
            due, which = due[order], pa.array(which[order])
            sent = due + self._rng.integers(20_000, 300_000, len(due))
            took = self._rng.lognormal(np.log(1.5e6), 0.4, len(due))
            took *= np.where(self._soak.slow((due - BEGIN_NS) / S), 40.0, 1.0)
            clients, methods = (pa.array([one[side] for one in LOADS]).take(which) for side in (0, 1))
            yield from _batches(Call, pa.table({
                "seq": begin * 1000 + np.arange(len(due)), "client": clients, "method": methods, "due_ns": due,
                "sent_ns": sent, "done_ns": sent + took.astype(np.int64), "outcome": pa.repeat("ok", len(due)),
                "code": pa.repeat("OK", len(due)),
            }), (due - BEGIN_NS) // S // SPAN_S)  # fmt: skip

    def readings(self) -> Iterator[pa.RecordBatch]:
        """Every probe every second, the instrument's lag four times."""
        for begin in range(*self._life, BLOCK_S):
            length_s = min(begin + BLOCK_S, self._life[1]) - begin
            columns: list[tuple[Any, ...]] = []
            for name, unit in PROBED.items():
                per_s = LAGS_PER_S if name == "instrument.lag" else 1
                t_s = begin + np.arange(length_s * per_s) / per_s
                late_ns = self._rng.integers(0, 2_000_000, len(t_s))
                columns.append(
                    (t_s, late_ns, pa.repeat(name, len(t_s)), self._probed(name, t_s), pa.repeat(unit, len(t_s)))
                )
            t_s, late_ns, values = (np.concatenate([one[at] for one in columns]) for at in (0, 1, 3))
            probes, units = (pa.concat_arrays([one[at] for one in columns]) for at in (2, 4))
            order = np.argsort(t_s, kind="stable")
            table = pa.table({
                "t_ns": BEGIN_NS + (t_s * S).astype(np.int64) + late_ns, "probe": probes, "value": values,
                "unit": units,
            }).take(pa.array(order))  # fmt: skip
            yield from _batches(Reading, table, t_s[order].astype(np.int64) // SPAN_S)

    def _probed(self, name: str, t_s: Floats) -> Floats:
        noise = self._rng.standard_normal(len(t_s))
        if name == "connector.rss":
            tooth = 6e6 * (t_s % 900) / 900
            warm = 8e6 * (1 - np.exp(-t_s / 200))
            leak = self._soak.leak_bytes_per_h * t_s / 3600
            return np.round((80e6 + warm + tooth + leak + 1.5e5 * noise) / 4096) * 4096
        if name.endswith(".rss"):
            return np.round((70e6 + 1e5 * noise) / 4096) * 4096
        if name.endswith((".cpu", ".cpu_wait")) and not name.startswith("harness"):
            return np.round(t_s * (0.12 if name.endswith(".cpu") else 0.01), 2)
        if name == "instrument.lag":
            return np.abs(noise) * 1e-3
        if name in ("harness.cpu", "host.others"):
            return np.round(6 + np.abs(noise), 1)
        return np.round(24 + 0.3 * noise)

    def marks(self) -> list[Record]:
        """As a life of the runner leaves them."""
        begin, end = self._life
        steady = begin + self._soak.warm_up_s if self._number == 0 else begin + 5

        def mark(at_s: float, name: str, **detail: str) -> Mark:
            return Mark(BEGIN_NS + round(at_s * S), name, detail)

        made: list[Record] = [mark(begin, "trial.began", life=str(self._number + 1))]
        if self._number:
            gone = self._soak.gaps[self._number - 1][0]
            made += [mark(gone, "stream.quiet", client=client, stream=stream) for client, stream, _ in LIVE]
            made.append(mark(gone, "window.end", window="steady"))
            made.append(mark(gone, "soak.gap", life=str(self._number), seconds=f"{begin - gone:.1f}"))
            made.append(mark(begin, "soak.resumed", life=str(self._number + 1)))
        for service in SERVICES:
            made += [mark(begin + 0.1, "process.started", service=service),
                     mark(begin + 0.2, "process.serving", service=service)]  # fmt: skip
        for client, stream, keys in LIVE:
            of = {"client": client, "stream": stream, "subscription": "1"}
            made += [mark(begin + 0.5, "stream.opened", **of), mark(begin + 0.9, "stream.live", **of, keys=keys)]
        made += [mark(steady, "baseline"), mark(steady, "window.begin", window="steady")]
        for low, high in self._soak.faults:
            if begin <= low < end:
                what = {"kind": "slow", "subject": "connector"}
                made += [mark(low, "fault.begin", **what), mark(low + 1, "fault.bit", **what),
                         mark(high, "fault.heal", **what)]  # fmt: skip
        if end == self._soak.seconds:
            made += [mark(end - 3, "window.end", window="steady"), mark(end - 3, "soak.ended"),
                     mark(end - 2, "trial.settled"), mark(end, "trial.ended")]  # fmt: skip
        return made

    def facts(self) -> list[Record]:
        """It was serving all the time."""
        looks = self._life[1] - self._life[0]
        return [Fact("uptime.percent", 100.0, "%", f"life {self._number + 1}", f"{looks} of {looks} looks")]


@dataclass(frozen=True, slots=True)
class _Update:
    """Updates of one stream: each of `values` spells all of them; the first is what clients get."""

    stream: str
    key: pa.Array
    values: tuple[pa.Array, ...]
    sent: Ints
    serials: Ints
    clients: tuple[str, ...]


PROBED = {
    **{f"{service}.{probe}": unit for service in SERVICES for probe, unit in UNITS.items()},
    **ALONE, "instrument.lag": "s",
}  # fmt: skip


def _price(ticks: Ints) -> pa.Array:
    """As the venue spells it: decimal, without zeros at the end."""
    whole, cents = pa.array(ticks // 100).cast(pa.string()), pa.array(ticks % 100 + 100).cast(pa.string())
    text = pc.binary_join_element_wise(whole, pc.utf8_slice_codeunits(cents, 1, 3), ".")
    return pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".")


def _moves(symbol: str, first: int, sent: Ints, serials: Ints, clients: tuple[str, ...]) -> list[_Update]:
    """Steps of a price's sweeps from the `first` on, each with its candle."""
    steps = first + np.arange(len(sent))
    lowest, sweep = WALKS[symbol]
    number, at = steps // sweep, steps % sweep
    ticks = lowest + STRIDE * np.where(number % 2 == 0, at, sweep - 1 - at) + UNIT * (number % (STRIDE // UNIT))
    last, key = _price(ticks), pa.repeat(symbol, len(sent))
    minute = pa.array(sent // (60 * S) * 60_000).cast(pa.string())
    candle = pc.binary_join_element_wise(minute, last, ":")
    return [
        _Update("prices", key, (last, _price(ticks - 1), _price(ticks + 1)), sent, serials, clients),
        _Update("klines", key, (candle,), sent, serials + 1, FOLLOWED["klines"] if symbol == TRADED else ()),
    ]


def _spelled(update: _Update, value: pa.Array) -> pa.Table:
    zeros = np.zeros(len(update.sent), np.int64)
    return _table(VENUE, update.stream, update.key, value, update.serials, update.sent, update.sent, zeros, zeros)


def _batches(kind: type[Record], table: pa.Table, span: Ints) -> Iterator[pa.RecordBatch]:
    """The table's rows by their span, as a recorder lays them out."""
    schema = KINDS[kind].schema
    edges = [0, *(np.flatnonzero(np.diff(span)) + 1).tolist(), len(span)]
    for begin, end in pairwise(edges):
        part = table.slice(begin, end - begin).select(schema.names).combine_chunks()
        columns = [
            one.dictionary_encode().combine_chunks() if pa.types.is_dictionary(field.type) else one.combine_chunks()
            for one, field in zip(part.columns, schema, strict=True)
        ]
        yield pa.record_batch(
            [one.chunk(0) if isinstance(one, pa.ChunkedArray) else one for one in columns], schema=schema
        )


def _table(
    client: str, stream: str, key: pa.Array, value: pa.Array, serial: Ints, sent: Ints, received: Ints,
    subscription: Ints, digest: Ints,
) -> pa.Table:  # fmt: skip
    count = len(received)
    return pa.table({
        "client": pa.repeat(client, count), "stream": pa.repeat(stream, count), "key": key, "value": value,
        "serial": serial, "sent_ns": sent, "received_ns": received, "subscription": subscription, "digest": digest,
        "wrong": pa.repeat("", count),
    })  # fmt: skip
