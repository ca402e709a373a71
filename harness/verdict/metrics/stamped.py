"""Metrics over the time from the stamp that a message itself carries to its receipt, and over the rate of messages."""

from __future__ import annotations

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import Floats, Ints, MessageTable
from harness.verdict.interval import Interval
from harness.verdict.metric import Load, Measurement, Metric, Of, Parameter, UnseenError, number, text, without
from harness.verdict.metrics.delivery import QUANTILE, best_of, explained, lag_ms, of_samples
from harness.verdict.metrics.messages import SELECTORS, selected
from harness.verdict.metrics.rates import BLOCK, block_edges, counted
from harness.verdict.selecting import NS_PER_MS, closed, subscribers, windows

_RESOLUTIONS_NS = (1_000_000_000, 1_000_000, 1_000)


def stamped_ms(evidence: Evidence, of: Of) -> Measurement:
    """For each client the quantile of received - sent, sent being the sender's own stamp in the message.

    The high end is the plain difference; the low end takes off the stamps' resolution (whole milliseconds:
    1 ms) and, where no kernel stamps receipts, what this instrument may have been late itself. Says nothing
    of messages that never came.
    """
    names = subscribers(evidence, of)
    measured = [of_samples(*samples_ms(evidence, name, of), number(of, "quantile")) for name in names]
    parts = [one.interval for one in measured if one.interval is not None]
    notes = [f"{name}: {one.reason or explained(part)}" for name, one, part in zip(names, measured, parts, strict=True)]
    return Measurement.each(parts, notes, min(one.samples or 0 for one in measured))


def samples_ms(evidence: Evidence, client: str, of: Of) -> tuple[Floats, Floats]:
    """At least and at most so many milliseconds for each stamped message. Raises UnseenError for none."""
    rows = selected(evidence, {**of, "client": client})
    rows = rows.rows(rows.sent_ns > 0)
    if not len(rows):
        raise UnseenError(f"no message to {client} carried its sender's stamp")
    took = (rows.received_ns - rows.sent_ns) / NS_PER_MS
    if took.min() < 0:
        ahead = f"{-took.min():.3g} ms after it was received"
        raise UnseenError(f"a message to {client} is stamped {ahead}: the stamps are of another clock")
    low = took - resolution_ns(rows.sent_ns) / NS_PER_MS - lag_ms(evidence, client, rows.received_ns)
    return np.maximum(low, 0.0), took


def resolution_ns(stamps_ns: Ints) -> int:
    """The unit in which all of these are whole: 1 s, 1 ms, 1 us, or 0 for nanoseconds."""
    return next((unit for unit in _RESOLUTIONS_NS if not (stamps_ns % unit).any()), 0)


def sustained_per_s(evidence: Evidence, of: Of) -> Measurement:
    """For each client the messages a second in the worst whole block of `block_s` of the window.

    An update that the venue sent once counts once, however often it is delivered.
    """
    block_s = number(of, "block_s", 1.0)
    names = subscribers(evidence, of)
    parts = []
    for name in names:
        received = _once_each(selected(evidence, {**without(of, "window", "block_s"), "client": name})).received_ns
        spans = closed(evidence, windows(evidence, text(of, "window")), received)
        counts = counted(received, [block_edges(span, block_s) for span in spans])
        parts.append(Interval.exactly(int(counts.min()) / block_s))
    return Measurement.each(parts, (f"{name} got {part.low:.4g}/s" for name, part in zip(names, parts, strict=True)))


def _once_each(rows: MessageTable) -> MessageTable:
    """The first delivery of each update that the venue's ledger knows, and all that it does not know."""
    _, first = np.unique(np.stack([rows.stream.codes.astype(np.int64), rows.serial]), axis=1, return_index=True)
    mask = rows.serial == 0
    mask[first] = True
    return rows.rows(mask)


def _best(of: Of, load: Load) -> Interval | None:
    return best_of(of, load, "messages")


METRICS = (
    Metric("messages.stamped_ms", "ms", "time from the stamp in the message to its receipt",
           (*SELECTORS, QUANTILE), stamped_ms, _best, pooled=True, timed=True),
    Metric("messages.sustained_per_s", "/s", "messages a second at each client in the worst block of the window",
           (*(one for one in SELECTORS if one.name not in ("after", "before", "window")),
            Parameter("window", "text", "the windows to cut into blocks", required=True), BLOCK),
           sustained_per_s, paced=True),
)  # fmt: skip
