"""Tell which of the venue's updates each delivery was: a join of the clients' messages with the venue's ledger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.evidence.records import UNKNOWN_SERIAL, VENUE
from harness.evidence.tables import Ints, MessageTable


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


def _latest_update(messages: MessageTable, rows: Ints, is_update: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    """For each delivery among `rows` the row of its update, -1 for none.

    Sorting updates and deliveries together by what they say and when puts each delivery right
    behind the updates that it can be; the last one before it is the answer.
    """
    says = messages.stream.codes[rows].astype(np.int64)
    for column in (messages.key, messages.value):
        says = says * len(column.names) + column.codes[rows]
    when_ns = np.where(is_update, messages.sent_ns[rows], messages.received_ns[rows])
    order = np.lexsort((messages.serial[rows], ~is_update, when_ns, says))
    position = np.arange(len(order))
    last = np.maximum.accumulate(np.where(is_update[order], position, -1))
    same = (last >= 0) & (says[order][last] == says[order])
    update = np.full(len(rows), -1, np.int64)
    update[order] = np.where(same, rows[order][last], -1)
    return update[~is_update]
