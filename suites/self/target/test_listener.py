"""A service that restarts itself behind the harness's back is seen, whatever number its process has afterwards."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from harness.evidence.clock import monotonic_s
from harness.evidence.records import Mark
from harness.target.listener import Listener
from harness.target.owner import Owner
from harness.target.service import Recognisable, Service

from .workshop import PROGRAMS, Play, Workshop

pytestmark = pytest.mark.self

LIMIT_S = 20.0
LOOP = ["sh", "-c", 'while :; do "$0" "$1"; done', "{python}", str(PROGRAMS / "small_server.py")]
DIED = {"service": "connector", "code": "unknown"}


async def seen_restarting(service: Service) -> bool:
    """Look until it is seen."""
    assert isinstance(service, Recognisable)
    end_s = monotonic_s() + LIMIT_S
    while not await service.restarted_itself():
        if monotonic_s() >= end_s:
            return False
    return True


def told(workshop: Workshop) -> list[dict[str, str]]:
    return [dict(mark.detail) for mark in workshop.marks("process.died")]


def test_one_that_executes_itself_anew_has_died_and_serves_again(workshop: Workshop, play: Play, kind: str) -> None:
    async def choreography() -> None:
        service = await workshop.launcher(kind).start_connector("mock")
        assert isinstance(service, Recognisable)
        assert not await service.restarted_itself()
        assert not await service.restarted_itself()
        before = service.pid
        assert before is not None
        try:
            os.kill(before, signal.SIGUSR2)
        except PermissionError:
            pytest.skip("its container belongs to somebody else")
        assert await seen_restarting(service)
        assert service.pid == before
        assert told(workshop) == [DIED]
        [again] = workshop.marks("process.restarted_serving")
        assert again.detail == {"service": "connector"}
        assert 0 < again.earliest_ns < again.t_ns
        await service.wait_serving()
        assert not await service.restarted_itself()

    play(choreography)


def test_one_under_a_loop_has_died_and_the_next_one_is_measured(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.processes(command=LOOP).start_connector("mock")
        assert isinstance(service, Recognisable)
        assert not await service.restarted_itself()
        before = service.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        assert await seen_restarting(service)
        assert await service.wait_exit(0.0) is None, "its loop goes on"
        assert service.pid not in (None, before)
        assert told(workshop) == [DIED]
        assert len(workshop.marks("process.restarted_serving")) == 1
        assert "connector.rss" in {reading.probe for reading in await service.introspect()}

    play(choreography)


def test_a_restart_by_the_harness_is_none_of_its_own(workshop: Workshop, play: Play) -> None:
    async def choreography() -> None:
        service = await workshop.processes().start_connector("mock")
        assert isinstance(service, Recognisable)
        assert not await service.restarted_itself()
        await service.restart()
        assert not await service.restarted_itself()
        await service.kill()
        assert not await service.restarted_itself()
        codes = [mark.detail["code"] for mark in workshop.records if isinstance(mark, Mark) and "code" in mark.detail]
        assert codes == ["0", "137"]
        assert workshop.marks("process.restarted_serving") == []

    play(choreography)


def test_a_worker_that_is_replaced_is_no_restart_of_its_service() -> None:
    """Several processes accept at the same socket, and one of them goes."""
    here = Owner.current()
    gone = Owner(here.pid, here.start_ticks + 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        inode = os.fstat(server.fileno()).st_ino
        seen = Listener.of({inode}, [here.pid])
        assert seen == Listener(frozenset({inode}), frozenset({here}))
        assert Listener(seen.inodes, frozenset({here, gone})).still_there(set)
        assert not Listener(seen.inodes, frozenset({gone})).still_there(set), "handed on to somebody else"
    assert not seen.still_there(set), "the same process, and another socket"


def test_where_nobody_may_look_into_a_process_its_socket_has_to_do() -> None:
    seen = Listener.of({7}, [])
    assert seen.still_there(lambda: {7, 8})
    assert not seen.still_there(lambda: {8})
