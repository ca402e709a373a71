"""Clients of one stream compared with each other: who got everything, in the same order, with the same bytes."""

from __future__ import annotations

import pytest

from harness.evidence.records import Fact, Mark, Record
from harness.spec.case import Argument

from .histories import MS, deliveries, ends, live, measured, status, stream_mark, updates

pytestmark = pytest.mark.self

SENT = range(1, 51)
ALL: dict[str, Argument] = {"client": "c*", "stream": "prices"}


def three(*last: int) -> list[Record]:
    """c1 and c2 received everything, c3 what is given."""
    clients = ("c1", "c2", "c3")
    history: list[Record] = [*live(*clients), *updates(SENT), Mark(100 * MS, "trial.settled")]
    for client, received in zip(clients, (SENT, SENT, last), strict=True):
        history += deliveries(received, client)
    return history


HEALTHY = three(*SENT)
DROPPED = three(*(n for n in SENT if n != 7))
DOUBLED = three(*sorted([*SENT, 7]))
SWAPPED = three(1, 3, 2, *range(4, 51))


class TestCompleteClients:
    def test_all_three_are_complete(self) -> None:
        assert status("messages.complete_clients", "==", 3, ALL, HEALTHY) == "pass"
        assert ends("messages.complete_clients", {"client": "c*"}, HEALTHY) == (3, 3)

    @pytest.mark.parametrize("history", [DROPPED, DOUBLED], ids=["dropped", "doubled"])
    def test_a_client_without_an_update_or_with_one_twice_is_not(self, history: list[Record]) -> None:
        assert ends("messages.complete_clients", ALL, history) == (2, 2)
        assert status("messages.complete_clients", "==", 3, ALL, history) == "fail"
        assert "c3" in measured("messages.complete_clients", ALL, history).reason

    def test_a_client_that_got_nothing_is_not(self) -> None:
        assert ends("messages.complete_clients", ALL, three()) == (2, 2)

    def test_a_client_that_never_was_live_may_or_may_not_be(self) -> None:
        history = [*HEALTHY, stream_mark(0, "opened", "c4")]
        assert ends("messages.complete_clients", ALL, history) == (3, 4)

    def test_a_client_without_a_subscription_is_no_subscriber(self) -> None:
        history = [*HEALTHY, Mark(1, "health.watched", {"client": "checker"})]
        assert ends("messages.complete_clients", {"client": "c*"}, history) == (3, 3)


class TestSequenceDifferences:
    def test_identical_sequences_pass(self) -> None:
        assert status("messages.sequence_differences", "==", 0, ALL, HEALTHY) == "pass"

    @pytest.mark.parametrize("history", [DROPPED, DOUBLED, SWAPPED], ids=["dropped", "doubled", "swapped"])
    def test_any_difference_fails_and_names_the_client(self, history: list[Record]) -> None:
        assert status("messages.sequence_differences", "==", 0, ALL, history) == "fail"
        assert "c3" in measured("messages.sequence_differences", ALL, history).reason

    def test_only_updates_owed_to_all_are_compared(self) -> None:
        joined_late = [
            *live("c1"), *live("c2", at_ns=20 * MS), *updates(SENT), Mark(100 * MS, "trial.settled"),
            *deliveries(SENT, "c1"), *deliveries(range(21, 51), "c2"),
        ]  # fmt: skip
        assert ends("messages.sequence_differences", ALL, joined_late) == (0, 0)

    def test_a_polled_state_sent_again_is_no_difference(self) -> None:
        polled = Fact("cadence.polled", 1.0, "", "prices")
        assert ends("messages.sequence_differences", ALL, [*DOUBLED, polled]) == (0, 0)

    def test_one_client_alone_shows_nothing(self) -> None:
        alone = [*live("c1"), *updates(SENT), *deliveries(SENT)]
        assert status("messages.sequence_differences", "==", 0, ALL, alone) == "inconclusive"


class TestPayloadDifferences:
    def test_equal_bytes_pass(self) -> None:
        assert status("messages.payload_differences", "==", 0, ALL, HEALTHY) == "pass"

    def test_other_bytes_at_one_client_fail(self) -> None:
        history = [*live("c1", "c2"), *updates(SENT), *deliveries(SENT), *deliveries(range(1, 50), "c2")]
        assert ends("messages.payload_differences", ALL, history) == (0, 0)
        history += deliveries([50], "c2", digest=2)
        assert ends("messages.payload_differences", ALL, history) == (1, 1)
        assert status("messages.payload_differences", "==", 0, ALL, history) == "fail"

    def test_updates_that_reached_one_client_only_show_nothing(self) -> None:
        history = [*live("c1", "c2"), *updates(SENT), *deliveries(SENT)]
        assert status("messages.payload_differences", "==", 0, ALL, history) == "inconclusive"
