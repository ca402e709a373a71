"""Run as a program: users as greenlets over the measuring client, in a process that gevent has patched; prints JSON.

It is a program of its own because patching cannot be undone. The arguments: address, CA file or "-".
"""

from __future__ import annotations

from gevent import monkey  # type: ignore[import-untyped,unused-ignore]

monkey.patch_all()

# After patching, as in Locust's process.
import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path as File  # noqa: E402

import gevent  # noqa: E402

from harness.client.channel import Tls  # noqa: E402
from harness.client.measuring import MeasuringClient, Stream, Timed  # noqa: E402
from harness.evidence.clock import monotonic_s, now_ns  # noqa: E402

from .measured import COUNT, ECHO, FOREVER, SLEEP  # noqa: E402

USERS, CALLS = 20, 10


def user(client: MeasuringClient, number: int) -> int:
    with client:
        right = 0
        for at in range(CALLS):
            request = b"%d %d" % (number, at)
            right += client.unary(ECHO, request).reply == request
            client.unary(SLEEP, b"0.02")
        return right


def held(timed: list[Timed], seen_ns: list[int], client: MeasuringClient) -> None:
    timed.append(client.unary(SLEEP, b"0.01"))
    seen_ns.append(now_ns())


def counted(stream: Stream) -> int:
    return sum(len(batch.payloads) for batch in stream)


def main() -> None:
    address, roots = sys.argv[1:]
    tls = None if roots == "-" else Tls(File(roots))
    began_s = monotonic_s()
    users = [gevent.spawn(user, MeasuringClient(address, tls=tls), number) for number in range(USERS)]
    gevent.joinall(users, timeout=60, raise_error=True)
    together_s = monotonic_s() - began_s

    # One greenlet waits for a reply of 10 ms while nothing here runs for 600: only the kernel knows when it came.
    timed: list[Timed] = []
    seen_ns: list[int] = []
    with MeasuringClient(address, tls=tls) as client:
        client.unary(SLEEP, b"0.01")
        waiting = gevent.spawn(held, timed, seen_ns, client)
        gevent.sleep(0.002)
        monkey.get_original("time", "sleep")(0.6)  # nothing else runs meanwhile
        waiting.join(10)

    with MeasuringClient(address, tls=tls) as client:
        messages = counted(client.stream(COUNT, b"2000 20"))
        stream = client.stream(FOREVER, b"")
        reader = gevent.spawn(counted, stream)
        gevent.sleep(0.05)
        cancel_s = monotonic_s()
        stream.cancel()
        reader.join(5)
        cancelled_s = monotonic_s() - cancel_s
        late = client.unary(SLEEP, b"1", timeout_s=0.1)
        after = client.unary(ECHO, b"after")
    print(  # noqa: T201 (this program's answer)
        json.dumps(
            {
                "right": sum(one.value for one in users),
                "together_s": together_s,
                "stamps": client.stamps,
                "held_latency_ms": (timed[0].done_ns - timed[0].sent_ns) / 1e6,
                "held_seen_ms": (seen_ns[0] - timed[0].sent_ns) / 1e6,
                "messages": messages,
                "cancelled_s": cancelled_s,
                "stream_code": stream.code,
                "late": late.code,
                "after": after.code,
            }
        )
    )


if __name__ == "__main__":
    main()
