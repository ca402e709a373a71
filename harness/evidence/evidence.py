"""Evidence: everything that one trial left behind, frozen; all judging reads this and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.evidence.columns import load_records
from harness.evidence.ledger import resolve
from harness.evidence.records import Call, Fact, Mark, Message, Reading, Record
from harness.evidence.tables import CallTable, MessageTable, ReadingTable


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The records of one trial in the order of time, deliveries resolved against the venue's ledger.

    `torn`: one sentence for each part that was lost when the recording was cut off; empty when it is whole.
    """

    calls: CallTable
    messages: MessageTable
    marks: tuple[Mark, ...]
    readings: ReadingTable
    facts: tuple[Fact, ...]
    host: str = ""
    target: str = ""
    plan_digest: str = ""
    torn: tuple[str, ...] = ()

    @classmethod
    def of(cls, *records: Record, host: str = "", target: str = "", plan_digest: str = "") -> Evidence:
        """From records in any order: for hand-written histories."""
        return cls(
            calls=CallTable.of([one for one in records if isinstance(one, Call)]),
            messages=resolve(MessageTable.of([one for one in records if isinstance(one, Message)])),
            marks=_in_time(one for one in records if isinstance(one, Mark)),
            readings=ReadingTable.of([one for one in records if isinstance(one, Reading)]),
            facts=_in_order(one for one in records if isinstance(one, Fact)),
            host=host,
            target=target,
            plan_digest=plan_digest,
        )

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """What a Recorder wrote into this folder, up to the last complete batch.

        Raises EvidenceError (one sentence) when the folder holds no evidence.
        """
        loaded = load_records(path)
        return cls(
            calls=loaded.calls.sorted(),
            messages=resolve(loaded.messages.sorted()),
            marks=_in_time(loaded.marks),
            readings=loaded.readings.sorted(),
            facts=_in_order(loaded.facts),
            host=loaded.meta.host,
            target=loaded.meta.target,
            plan_digest=loaded.meta.plan_digest,
            torn=loaded.torn,
        )

    def span_ns(self) -> tuple[int, int]:
        """First and last time at which anything was recorded; (0, 0) when nothing was."""
        columns = [self.calls.sent_ns, self.calls.done_ns, self.messages.received_ns, self.readings.t_ns]
        times = [int(column[0]) for column in columns if len(column)]
        times += [int(column.max()) for column in columns if len(column)]
        times += [mark.t_ns for mark in (*self.marks[:1], *self.marks[-1:])]
        return (min(times), max(times)) if times else (0, 0)


def _in_time(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(sorted(marks, key=lambda one: (one.t_ns, one.name, sorted(one.detail.items()), one.earliest_ns)))


def _in_order(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(facts, key=lambda one: (one.name, one.subject, one.value, one.detail, one.unit)))
