"""Selection: which messages the common selectors of a criterion leave, of a whole table or of any part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE
from harness.evidence.tables import Mask, MessageTable
from harness.verdict.metric import Of
from harness.verdict.owed import key_mask, within
from harness.verdict.selecting import Span, clients, fits, in_spans


@dataclass(frozen=True, slots=True)
class Selection:
    """`within`: the spans of time; None: any time. `by_sent`: a message belongs where it was sent, if known."""

    names: tuple[str, ...]
    of: Of
    within: Sequence[Span] | None
    by_sent: bool

    @classmethod
    def of_criterion(cls, evidence: Evidence, of: Of, *, by_sent: bool = False) -> Selection:
        """What a criterion's arguments select; `client: venue` is the ledger. UnseenError without such a client."""
        names = (VENUE,) if of.get("client") == VENUE else clients(evidence, of)
        return cls(names, of, within(evidence, of), by_sent)

    def rows(self, rows: MessageTable) -> MessageTable:
        """Those of these rows, in their order."""
        return rows.rows(self.mask(rows))

    def mask(self, rows: MessageTable) -> Mask:
        """Which of these rows."""
        mask = rows.client.one_of(self.names)
        if "stream" in self.of:
            wanted = self.of["stream"]
            mask &= rows.stream.one_of(name for name in rows.stream.names if fits(name, wanted))
        mask &= key_mask(rows, self.of)
        if self.within is not None:
            times = np.where(rows.sent_ns > 0, rows.sent_ns, rows.received_ns) if self.by_sent else rows.received_ns
            mask &= in_spans(times, self.within)
        return mask
