"""The native client against a simulated venue: it reads the account over one connection and says what went wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import pytest

from harness.client.native import NativeAccount
from harness.evidence.records import Outcome
from suites.self.venue.workshop import KEY, run, venue

pytestmark = pytest.mark.self


def test_it_reads_the_account_over_one_connection_with_ordered_stamps() -> None:
    async def body() -> None:
        async with venue() as running:
            native = NativeAccount(f"127.0.0.1:{running.port}", KEY.key, KEY.secret)
            reads = [await asyncio.to_thread(native.read) for _ in range(20)]
            native.close()
        assert {one.code for one in reads} == {"OK"}
        for one in reads:
            assert one.due_ns <= one.sent_ns <= one.written_ns <= one.done_ns + 1_000_000
            assert json.loads(one.reply)["totalWalletBalance"]

    run(body)


def test_a_refusal_is_the_venues_own_and_names_no_secret() -> None:
    async def body() -> None:
        async with venue() as running:
            native = NativeAccount(f"127.0.0.1:{running.port}", KEY.key, "another secret")
            refused = await asyncio.to_thread(native.read)
            native.close()
        assert refused.outcome is Outcome.FAIL
        assert refused.code.startswith("HTTP_4")
        assert refused.details.startswith("-1022")
        assert "another secret" not in refused.details

    run(body)


def test_a_late_due_time_is_kept() -> None:
    native = NativeAccount("127.0.0.1:1", "key", "secret", timeout_s=1)
    assert native.read(due_ns=17).due_ns == 17


def test_nobody_there_is_unavailable_and_a_mute_venue_is_given_up() -> None:
    assert NativeAccount("127.0.0.1:1", "key", "secret", timeout_s=1).read().code == "UNAVAILABLE"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        native = NativeAccount(f"127.0.0.1:{mute.getsockname()[1]}", "key", "secret", timeout_s=0.2)
        assert native.read().code == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize(
    "reply", [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
              b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"],
)  # fmt: skip
def test_what_is_no_whole_reply_is_a_lost_connection_and_the_next_call_makes_a_new_one(reply: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def answer() -> None:
            for said in (reply, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"):
                peer, _ = odd.accept()
                with peer:
                    peer.recv(4096)
                    peer.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        native = NativeAccount(f"127.0.0.1:{odd.getsockname()[1]}", "key", "secret", timeout_s=5)
        assert native.read().code == "UNAVAILABLE"
        again = native.read()
        assert (again.code, again.reply) == ("OK", b"{}")
        native.close()
        thread.join()
