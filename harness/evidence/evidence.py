"""Evidence: everything that one trial left behind, frozen; all judging reads this and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from harness.evidence.columns import load_records
from harness.evidence.ledger import resolve
from harness.evidence.records import Call, Fact, Mark, Message, Reading, Record
from harness.evidence.slices import Fold, Slices, Slicing
from harness.evidence.survey import message_files
from harness.evidence.tables import CallTable, MessageTable, ReadingTable

LARGE_BYTES = 8 << 20
"""Message files that are larger, some half a million messages, are not loaded whole."""
F = TypeVar("F", bound=Fold)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The records of one trial in the order of time, deliveries resolved against the venue's ledger.

    `torn`: one sentence for each part that was lost when the recording was cut off; empty when it is whole.
    """

    calls: CallTable
    stored: MessageTable | Slices
    """The messages; a large recording's stay on the disk and are read slice by slice."""
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
            stored=resolve(MessageTable.of([one for one in records if isinstance(one, Message)])),
            marks=_in_time(one for one in records if isinstance(one, Mark)),
            readings=ReadingTable.of([one for one in records if isinstance(one, Reading)]),
            facts=_in_order(one for one in records if isinstance(one, Fact)),
            host=host,
            target=target,
            plan_digest=plan_digest,
        )

    @classmethod
    def load(cls, path: Path, *, slices: Slicing | None = None) -> Evidence:
        """What a Recorder wrote into this folder, up to the last complete batch.

        Messages that are too many for memory stay on the disk; `slices`: they do however few they are.
        Raises EvidenceError (one sentence) when the folder holds no evidence.
        """
        files = message_files(path)
        is_large = slices is not None or sum(file.stat().st_size for file in files) > LARGE_BYTES
        loaded = load_records(path, messages=not is_large)
        stored: MessageTable | Slices
        if is_large:
            stored = Slices(files, loaded.meta, slices or Slicing())
            loaded = replace(loaded, torn=(*stored.survey.losses, *loaded.torn))
        else:
            stored = resolve(loaded.messages.sorted())
        return cls(
            calls=loaded.calls,
            stored=stored,
            marks=_in_time(loaded.marks),
            readings=loaded.readings,
            facts=_in_order(loaded.facts),
            host=loaded.meta.host,
            target=loaded.meta.target,
            plan_digest=loaded.meta.plan_digest,
            torn=loaded.torn,
        )

    @property
    def messages(self) -> MessageTable:
        """All messages as one table; of a large recording that takes memory for each (see `folded`)."""
        return self.stored.whole() if isinstance(self.stored, Slices) else self.stored

    def folded(self, key: Hashable, make: Callable[[], F]) -> F:
        """What `make` makes, after it has taken all messages, in the order of time. Equal keys share one."""
        if isinstance(self.stored, Slices):
            return self.stored.folded(key, make)
        fold = make()
        fold.take(self.stored)
        return fold

    def expect(self, key: Hashable, make: Callable[[], Fold]) -> None:
        """Somebody will ask for this fold: a large recording is then read once for all of them."""
        if isinstance(self.stored, Slices):
            self.stored.expect(key, make)

    def message_clients(self) -> tuple[str, ...]:
        """The clients of all messages, sorted; the venue among them when it sent any."""
        return self.stored.survey.clients if isinstance(self.stored, Slices) else self.stored.client.distinct()

    def received_ns(self) -> tuple[int, ...]:
        """Of the first and the last message; empty when there is none."""
        if isinstance(self.stored, Slices):
            return (self.stored.survey.first_ns, self.stored.survey.last_ns) if self.stored.survey.clients else ()
        times = self.stored.received_ns
        return (int(times[0]), int(times.max())) if len(times) else ()

    def span_ns(self) -> tuple[int, int]:
        """First and last time at which anything was recorded; (0, 0) when nothing was."""
        columns = [self.calls.sent_ns, self.calls.done_ns, self.readings.t_ns]
        times = [*self.received_ns(), *(int(column[0]) for column in columns if len(column))]
        times += [int(column.max()) for column in columns if len(column)]
        times += [mark.t_ns for mark in (*self.marks[:1], *self.marks[-1:])]
        return (min(times), max(times)) if times else (0, 0)


def _in_time(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(sorted(marks, key=lambda one: (one.t_ns, one.name, sorted(one.detail.items()), one.earliest_ns)))


def _in_order(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(facts, key=lambda one: (one.name, one.subject, one.value, one.detail, one.unit)))
