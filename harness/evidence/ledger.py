"""Tell which of the venue's updates each delivery was: a join of the clients' messages with the venue's ledger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.evidence.records import UNKNOWN_SERIAL, VENUE
from harness.evidence.tables import Ints, Mask, MessageTable

_LARGEST = 1 << 62


def resolve(messages: MessageTable) -> MessageTable:
    """The same messages, each delivery with the serial and `sent_ns` of the update that it was.

    An update matches when stream, key and value are equal and it was sent no later than the message
    was received; of several the latest. None: UNKNOWN_SERIAL. Messages of a stream that the ledger
    does not know at all keep serial 0; messages that have a serial already keep it.
    """
    ledger = messages.client.equal(VENUE)
    kept = messages.stream.one_of(messages.stream.rows(ledger).distinct())
    raw = ~ledger & (messages.serial == 0) & kept
    if not raw.any():
        return messages
    concerned = np.flatnonzero(ledger | raw)
    update = _latest_update(messages, concerned, ledger[concerned])
    deliveries = concerned[~ledger[concerned]]
    found = update >= 0
    serial, sent_ns = messages.serial.copy(), messages.sent_ns.copy()
    serial[deliveries] = np.where(found, messages.serial[update], UNKNOWN_SERIAL)
    sent_ns[deliveries] = np.where(found, messages.sent_ns[update], messages.sent_ns[deliveries])
    serial.setflags(write=False)
    sent_ns.setflags(write=False)
    return replace(messages, serial=serial, sent_ns=sent_ns).sorted()


def _latest_update(messages: MessageTable, rows: Ints, is_update: Mask) -> Ints:
    """For each delivery among `rows` the row of its update, -1 for none."""
    says = messages.stream.codes[rows].astype(np.int64)
    for column in (messages.key, messages.value):
        says = says * len(column.names) + column.codes[rows]
    when_ns = np.where(is_update, messages.sent_ns[rows], messages.received_ns[rows])
    update = latest_update(says, is_update, when_ns, messages.serial[rows])
    return np.where(update >= 0, rows[update], -1)


def latest_update(says: Ints, is_update: Mask, when_ns: Ints, serial: Ints) -> Ints:
    """For each delivery, in their order, the position of the last update before it that says the same; -1: none.

    Numbering updates and deliveries by time, and then sorting the updates by what they say and by that number,
    puts those that a delivery can be right before the place that the delivery itself would take.
    """
    count = len(says)
    number = np.empty(count, np.int64)
    number[np.lexsort((serial, ~is_update, when_ns))] = np.arange(count)
    if int(says.max(initial=0)) >= _LARGEST // max(count, 1):
        says = np.unique(says, return_inverse=True)[1]
    place = says * count + number
    updates = np.flatnonzero(is_update)
    updates = updates[np.argsort(place[updates])]
    deliveries = np.flatnonzero(~is_update)
    if not len(updates):
        return np.full(len(deliveries), -1, np.int64)
    before = np.searchsorted(place[updates], place[deliveries]) - 1
    candidate = updates[np.maximum(before, 0)]
    found: Ints = np.where((before >= 0) & (says[candidate] == says[deliveries]), candidate, -1)
    return found
