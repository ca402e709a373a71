"""Metrics over the time from the venue's sending of an update to the client's receiving it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import Floats, Ints, MessageTable
from harness.verdict.interval import Interval
from harness.verdict.metric import Load, Measurement, Metric, Of, Parameter, UnseenError, number, text, without
from harness.verdict.metrics.messages import SELECTORS, selected
from harness.verdict.owed import ledger, live_spans, owed_serials
from harness.verdict.quantiles import quantile_interval, ranks, samples_needed
from harness.verdict.selecting import NS_PER_MS, named, subscribers

LAG = "instrument.lag"
QUANTILE = Parameter("quantile", "quantile", "which quantile, between 0 and 1", required=True)
BASELINE = Parameter("baseline", "text", "the window to compare with", required=True)
RESOLUTION = Parameter("resolution_ms", "number", "differences below this are noise: the least divisor")


def delivery_ms(evidence: Evidence, of: Of) -> Measurement:
    """For each client the quantile of received - sent over each update's first delivery, once it was live.

    The low end takes off what this instrument may have been late itself (readings instrument.lag), but for clients
    whose receipts the kernel stamps; an owed update that never arrived took at least until the end of the evidence.
    """
    names = subscribers(evidence, of)
    return _each(names, (_of_client(evidence, name, of) for name in names))


def delivery_added_ms(evidence: Evidence, of: Of) -> Measurement:
    """The quantile inside the window minus the one inside the baseline window, for each client."""
    names = subscribers(evidence, of)
    pairs = (_both(evidence, name, of) for name in names)
    return _each(names, (inside - outside for inside, outside in pairs))


def delivery_ratio(evidence: Evidence, of: Of) -> Measurement:
    """The quantile inside the window over the baseline's, which counts as at least `resolution_ms`."""
    names, least_ms = subscribers(evidence, of), number(of, "resolution_ms", 0.0)
    pairs = (_both(evidence, name, of) for name in names)
    return _each(names, (inside / outside.at_least(least_ms) for inside, outside in pairs))


def of_samples(low: Floats, high: Floats, quantile: float) -> Measurement:
    """The quantile's interval, with the reason when there are too few samples for an upper end."""
    interval = quantile_interval(low, high, quantile, floor=0.0)
    few = ranks(len(low), quantile)[1] > len(low)
    needed = f"{len(low)} samples cannot bound p{quantile * 100:g} from above, {samples_needed(quantile)} can"
    return Measurement(interval, needed if few else "", samples=len(low))


def best_of(of: Of, load: Load, samples: str) -> Interval | None:
    """What so many planned samples, all of them zero, would prove about the quantile."""
    if samples not in load:
        return None
    zeros = np.zeros(load[samples])
    return quantile_interval(zeros, zeros, number(of, "quantile"), floor=0.0)


def _best(of: Of, load: Load) -> Interval | None:
    return best_of(of, load, "messages")


def _each(names: Sequence[str], parts: Iterable[Interval]) -> Measurement:
    """One part a client: the same update at several clients is no further sample, it sways together."""
    known = tuple(parts)
    return Measurement.each(known, (f"{name}: {explained(part)}" for name, part in zip(names, known, strict=True)))


def explained(part: Interval) -> str:
    """An interval in brackets."""
    return f"[{part.low:.4g}, {part.high:.4g}]"


def _both(evidence: Evidence, client: str, of: Of) -> tuple[Interval, Interval]:
    plain = without(of, "baseline", "resolution_ms")
    baseline = {**plain, "window": text(of, "baseline")}
    return _of_client(evidence, client, plain), _of_client(evidence, client, baseline)


def _of_client(evidence: Evidence, client: str, of: Of) -> Interval:
    low, high = samples_ms(evidence, client, of)
    return quantile_interval(low, high, number(of, "quantile"), floor=0.0)


def samples_ms(evidence: Evidence, client: str, of: Of) -> tuple[Floats, Floats]:
    """At least and at most so many milliseconds for each update owed to a client. Raises UnseenError for none."""
    mine = {**of, "client": client}
    rows = _first_deliveries(evidence, client, mine)
    took = (rows.received_ns - rows.sent_ns) / NS_PER_MS
    late = _never_arrived_ms(evidence, client, mine, rows)
    if not len(took) and not len(late):
        raise UnseenError(f"no delivery to {client} could be told apart by the venue's ledger")
    low = np.concatenate([np.maximum(took - lag_ms(evidence, client, rows.received_ns), 0.0), late])
    return low, np.concatenate([took, np.full(len(late), math.inf)])


def by_kernel(evidence: Evidence, client: str) -> bool:
    """Whether the kernel stamped what this client received: it cannot have come to it late."""
    opened = [one for one in named(evidence, "stream.opened") if one.detail.get("client") == client]
    return bool(opened) and all(one.detail.get("received_by") == "kernel" for one in opened)


def lag_ms(evidence: Evidence, client: str, times_ns: Ints) -> Floats:
    """How late the instrument may have been at each time: the worst lag of the reading that covers it."""
    readings = evidence.readings.rows(evidence.readings.probe.equal(LAG))
    if not len(readings) or by_kernel(evidence, client):
        return np.zeros(len(times_ns))
    covering = np.minimum(np.searchsorted(readings.t_ns, times_ns), len(readings) - 1)
    lag: Floats = np.maximum(readings.value[covering], 0.0) * 1000
    return lag


def _first_deliveries(evidence: Evidence, client: str, of: Of) -> MessageTable:
    """Each update's first delivery to the client; states from before it was live are no deliveries in time."""
    rows = selected(evidence, of, by_sent=True)
    rows = rows.rows((rows.serial > 0) & (rows.sent_ns > 0))
    if live_spans(evidence, client, of):
        owed = owed_serials(evidence, client, of)
        mask = np.zeros(len(rows), np.bool_)
        for stream, serials in owed.items():
            mask |= rows.stream.equal(stream) & np.isin(rows.serial, serials)
        rows = rows.rows(mask)
    _, first = np.unique(np.stack([rows.stream.codes.astype(np.int64), rows.serial]), axis=1, return_index=True)
    return rows.rows(np.sort(first))


def _never_arrived_ms(evidence: Evidence, client: str, of: Of, arrived: MessageTable) -> Floats:
    """For each owed update that never arrived the time from its sending to the end of the evidence."""
    end_ns = evidence.span_ns()[1]
    waited: list[Floats] = [np.zeros(0)]
    for stream, owed in owed_serials(evidence, client, of).items():
        absent = np.setdiff1d(owed, arrived.serial[arrived.stream.equal(stream)])
        rows = ledger(evidence, stream).rows
        serials, at = np.unique(rows.serial, return_index=True)
        sent_ns = rows.sent_ns[at[np.searchsorted(serials, absent)]]
        waited.append(np.maximum(end_ns - sent_ns, 0) / NS_PER_MS)
    return np.concatenate(waited)


METRICS = (
    Metric(
        "messages.delivery_ms", "ms", "time from the venue's sending to the client's receiving",
        (*SELECTORS, QUANTILE), delivery_ms, _best, pooled=True, timed=True,
    ),
    Metric(
        "messages.delivery_added_ms", "ms", "delivery time in the window minus that in the baseline window",
        (*SELECTORS, QUANTILE, BASELINE), delivery_added_ms, pooled=True, timed=True,
        unknown=Interval(-math.inf, math.inf),
    ),
    Metric(
        "messages.delivery_ratio", "", "delivery time in the window over that in the baseline window",
        (*SELECTORS, QUANTILE, BASELINE, RESOLUTION), delivery_ratio, pooled=True, paced=True,
    ),
)  # fmt: skip
