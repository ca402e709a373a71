"""Caller: one Locust user: a MeasuringClient that calls on its own absolute timetable, or reads one stream.

Imports locust, which patches the whole process: only Locust's own process may import this module.
"""

from __future__ import annotations

import locust  # isort: skip  (first of all: it patches what the others use)

from collections.abc import Iterator
from functools import lru_cache

import gevent  # type: ignore[import-untyped,unused-ignore]
from locust.env import Environment
from locust.exception import StopUser

from harness.client.measuring import MeasuringClient, Path, Stream
from harness.evidence.clock import NS_PER_MS, NS_PER_S, now_ns
from harness.evidence.records import Outcome
from harness.trial.load.arrivals import dues_ns, left_out
from harness.trial.load.conductor import conduct, crew_of
from harness.trial.load.crew import Crew, Job
from harness.trial.load.notebook import Row, stamp_ns
from harness.trial.load.plan import Shape
from harness.trial.load.tally import StreamTally
from harness.trial.load.template import STREAM_OF, requests, rpc
from harness.trial.load.tempo import Alarm

KNOCK = Path("/grpc.health.v1.Health/Check")
"""Asked before the load so that no call of the load has to connect; it is no evidence."""
PAUSE_S = 0.01
"""After a call that failed where there is no timetable, and before a broken stream is opened again."""
DRAIN_LIMIT_S = 5.0
STAMPED_LATE_NS = NS_PER_S
"""A connector may stamp when it forwards: what the venue sent inside the window is then stamped after it."""
QUIET_S = 0.5


class Caller(locust.User):
    """See the module. What it does is the plan's, see `harness.trial.load.plan`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.crew: Crew = crew_of(environment)
        self.alarm = Alarm()
        self.reached: bool | None = None
        self.why = ""
        self._client: MeasuringClient | None = None

    def on_start(self) -> None:
        """Connect."""
        self.crew.joined(self)
        plan = self.crew.plan
        self._client = MeasuringClient(plan.address, tls=plan.tls, metadata=plan.metadata, timeout_s=plan.timeout_s)
        knocked = self._client.unary(KNOCK, b"")
        self.reached = knocked.code not in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
        self.why = "" if self.reached else knocked.details or knocked.code

    def on_stop(self) -> None:
        """Leave."""
        self.reached = bool(self.reached)
        self.crew.stamps = self._client.stamps if self._client is not None else self.crew.stamps
        self.alarm.close()
        if self._client is not None:
            self._client.close()
        self.crew.left(self)

    @locust.task
    def work(self) -> None:
        """All calls of this user, or its stream."""
        self.crew.going.wait()
        while (job := self.crew.job) is not None and self._client is not None:
            self.alarm.rest()
            if job.plan.streams:
                self._read(self._client, job)
            else:
                self._call(self._client, job)
            if self.crew.job is job:
                break
        raise StopUser

    def _call(self, client: MeasuringClient, job: Job) -> None:
        crew, plan, alarm = self.crew, job.plan, self.alarm
        index = crew.index(self)
        method, name = rpc(plan.method), plan.method
        fill = requests(plan.method, plan.request, job.run)
        fire = self.environment.events.request.fire
        dues = dues_ns(plan, index, job.total, job.start_ns)
        closed = plan.shape is Shape.CLOSED
        seq = index + 1
        free_ns = took_ns = 0
        if closed:
            alarm.until(job.start_ns)
        for due_ns in dues:
            request = fill(seq)
            if due_ns > now_ns():
                alarm.until(due_ns)
                over = due_ns >= crew.end_ns  # waiting for it, this user was free: it is sent whenever it wakes
            else:
                over = now_ns() >= crew.end_ns
            if over or crew.job is not job:
                if not closed:
                    unsent, held = left_out(_again(due_ns, dues), free_ns, took_ns, crew.end_ns)
                    crew.unsent += unsent
                    crew.held += held
                return
            timed = client.unary(method, request, due_ns)
            crew.notebook.called(
                Row(index, seq, timed.due_ns, timed.sent_ns, timed.done_ns, timed.outcome.value, timed.code)
            )
            took_ns = timed.done_ns - timed.sent_ns
            free_ns = max(timed.due_ns, free_ns) + took_ns
            failed = timed.outcome is not Outcome.OK
            fire(
                request_type="gRPC", name=name, response_time=(timed.done_ns - timed.due_ns) / NS_PER_MS,
                response_length=len(timed.reply), exception=_failure(timed.code) if failed else None, context={},
            )  # fmt: skip
            if closed and failed:
                gevent.sleep(PAUSE_S)
            seq += job.total

    def _read(self, client: MeasuringClient, job: Job) -> None:
        crew, plan = self.crew, job.plan
        index = crew.index(self)
        name, stream_name = plan.name_of(index), STREAM_OF[plan.method]
        request = requests(plan.method, plan.request, job.run)(index + 1)
        tally = StreamTally(self.environment, plan.method)
        subscription = 0
        while now_ns() < crew.end_ns and crew.job is job:
            subscription += 1
            detail = {"client": name, "stream": stream_name, "subscription": str(subscription)}
            marks = crew.notebook.marks
            stamped = {"received_by": client.stamps}  # the kernel: then no process that was late can have delayed it
            marks.append((now_ns(), "stream.opened", {**detail, **stamped}))
            with client.stream(rpc(plan.method), request) as stream:
                live = self._listen(stream, index, subscription, tally, detail)
                broke = stream.code
            if broke:
                tally.failed(broke)
                marks.append((stream.ended_ns, "stream.down" if live else "stream.error", {**detail, "code": broke}))
                gevent.sleep(PAUSE_S)
            else:
                marks.append((crew.end_ns, "stream.quiet", detail))
        tally.flush()

    def _listen(self, stream: Stream, user: int, subscription: int, tally: StreamTally, detail: dict[str, str]) -> bool:
        """Read to the end of the window and what was sent before it; whether anything came."""
        crew, job, heard = self.crew, self.crew.job, self.crew.notebook.heard
        plan_stream, came, looked_ns = STREAM_OF[crew.plan.method], False, 0
        while not stream.code and crew.job is job:
            batch = stream.receive(QUIET_S if now_ns() >= crew.end_ns - NS_PER_S else 1.0)
            t_ns = now_ns()
            if batch is None:
                if t_ns >= crew.end_ns:
                    break
                continue
            if not came:
                crew.notebook.marks.append((batch.received_ns, "stream.live", detail))
                came = True
            heard(user, subscription, batch.received_ns, batch.payloads)
            tally.took(batch.received_ns, batch.payloads)
            if t_ns - looked_ns > 10 * NS_PER_MS:
                looked_ns = t_ns
                gevent.sleep(0)  # a stream that never pauses must not starve the others of this process
                if t_ns >= crew.end_ns:
                    last_ns = stamp_ns(plan_stream, batch.payloads[-1])
                    if last_ns > crew.end_ns + STAMPED_LATE_NS or t_ns > crew.end_ns + DRAIN_LIMIT_S * NS_PER_S:
                        break
        return came


@lru_cache(maxsize=64)
def _failure(code: str) -> RuntimeError:
    """One error object a code: Locust counts them by their text."""
    return RuntimeError(code)


def _again(first: int, others: Iterator[int]) -> Iterator[int]:
    yield first
    yield from others


conduct(locust.events)
