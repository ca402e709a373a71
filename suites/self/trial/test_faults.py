"""Every registered fault keeps the contract: healthy before, felt and proven while it lasts, healthy after, marks."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path as FilePath

import pytest

from harness.target.errors import CannotDoError
from harness.target.service import Capability
from harness.trial.faults import FAULTS, Over, black_hole, isolate, kill, refuse, reset
from harness.trial.path import Path
from harness.trial.trial import CutShort
from suites.self.target.conftest import containers, small_image, workshop  # noqa: F401 - fixtures
from suites.self.target.workshop import Workshop

from .scenes import Scene, new_trial, path_scene, process_scene, service_scene, venue_scene
from .wires import Client, echo, play

pytestmark = pytest.mark.self

SCENES = {Over.SERVICE: process_scene, Over.PATH: path_scene, Over.VENUE: venue_scene}


class BodyError(Exception):
    """What a trial's body dies of."""


def scene_of(name: str, folder: FilePath) -> AbstractAsyncContextManager[Scene]:
    return SCENES[FAULTS[name].over](name, folder)


def check_marks(scene: Scene, name: str, wanted: list[str]) -> None:
    marks = scene.marks
    assert [one.name for one in marks] == wanted
    assert {(one.detail["kind"], one.detail["subject"]) for one in marks} == {(name, scene.named)}
    begin, *rest = marks
    assert [one.t_ns for one in marks] == sorted(one.t_ns for one in marks)
    for one in rest:
        assert one.earliest_ns == 0 or begin.t_ns <= one.earliest_ns <= one.t_ns


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_healthy_before_bitten_meanwhile_healed_after(name: str, tmp_path: FilePath) -> None:
    async def body() -> None:
        async with scene_of(name, tmp_path) as scene:
            await scene.healthy()
            async with FAULTS[name].begin(scene.trial, scene.subject, **scene.arguments) as fault:
                await scene.suffers()
                await fault.bites()
                assert fault.bit
            await scene.healthy()
            check_marks(scene, name, ["fault.begin", "fault.bit", "fault.heal"])

    asyncio.run(asyncio.wait_for(body(), 60))


@pytest.mark.parametrize("how", ["exception", "cancelled"])
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_healed_also_when_the_body_dies(name: str, how: str, tmp_path: FilePath) -> None:
    async def body() -> None:
        async with scene_of(name, tmp_path) as scene:
            begun = asyncio.Event()

            async def dies() -> None:
                async with FAULTS[name].begin(scene.trial, scene.subject, **scene.arguments):
                    begun.set()
                    if how == "exception":
                        raise BodyError
                    await asyncio.Event().wait()

            dying = asyncio.create_task(dies())
            if how == "cancelled":
                await begun.wait()
                dying.cancel()
                await asyncio.sleep(0)
                dying.cancel()
            with pytest.raises(BodyError if how == "exception" else asyncio.CancelledError):
                await dying
            await scene.healthy()
            names = [one.name for one in scene.marks]
            assert names[0] == "fault.begin"
            assert names[-1] == "fault.heal"

    asyncio.run(asyncio.wait_for(body(), 60))


def test_the_registry_says_what_each_does_and_needs() -> None:
    for name, kind in FAULTS.items():
        assert kind.name == name
        assert kind.does
    assert {name for name, kind in FAULTS.items() if Capability.KILL in kind.needs} == {"kill", "stop"}
    assert FAULTS["pause"].needs == {Capability.PAUSE}


def test_a_fault_that_meets_no_traffic_leaves_no_proof(tmp_path: FilePath) -> None:
    async def body() -> None:
        trial, records = new_trial(tmp_path)
        async with echo() as service, Path(service.address, "idle") as path:
            async with black_hole(trial, path) as fault:
                with pytest.raises(CutShort, match=r"black-hole on idle did not bite within 0\.1 s"):
                    await fault.bites(0.1)
            assert [getattr(one, "name", "") for one in records] == ["fault.begin", "fault.heal"]

    play(body)


def test_a_bite_at_the_very_end_is_still_seen(tmp_path: FilePath) -> None:
    """The bytes fall into the hole in the last moment, when nobody would have looked any more."""

    async def body() -> None:
        trial, records = new_trial(tmp_path)
        async with echo() as service, Path(service.address, "late") as path, await Client.to(path.address) as client:
            await client.echoed()
            async with black_hole(trial, path):
                await client.send(b"x")
                for _ in range(3):
                    await asyncio.sleep(0)
            assert [getattr(one, "name", "") for one in records] == ["fault.begin", "fault.bit", "fault.heal"]

    play(body)


def test_nothing_to_reset_is_said_at_once(tmp_path: FilePath) -> None:
    async def body() -> None:
        trial, records = new_trial(tmp_path)
        async with echo() as service, Path(service.address, "idle") as path:
            with pytest.raises(CutShort, match="no connection is open on idle"):
                async with reset(trial, path):
                    pass
            assert records == []

    play(body)


def test_what_is_dead_already_cannot_be_killed(tmp_path: FilePath) -> None:
    async def body() -> None:
        async with process_scene("kill", tmp_path) as scene:
            await scene.subject.kill()
            with pytest.raises(CutShort, match="connector had ended before, with code 137"):
                async with kill(scene.trial, scene.subject):
                    pass
            assert scene.marks == []

    asyncio.run(asyncio.wait_for(body(), 60))


def test_a_process_without_paths_cannot_be_isolated(tmp_path: FilePath) -> None:
    async def body() -> None:
        async with process_scene("isolate", tmp_path) as scene:
            with pytest.raises(CannotDoError, match="give the paths to and from it"):
                async with isolate(scene.trial, scene.subject):
                    pass
            async with isolate(scene.trial, scene.subject, **scene.arguments):
                await scene.suffers()
            assert "black holes on the paths" in scene.marks[0].detail["how"]

    asyncio.run(asyncio.wait_for(body(), 60))


@pytest.mark.docker
@pytest.mark.parametrize("name", ["kill", "stop", "pause", "isolate"])
def test_the_same_for_a_container(name: str, containers: Workshop) -> None:  # noqa: F811
    """A container has a network to be taken off and a freezer of its own: no path is needed."""

    async def body() -> None:
        try:
            async with service_scene(name, containers.containers(), containers.folder) as scene:
                scene.arguments.pop("paths", None)
                await scene.healthy()
                async with FAULTS[name].begin(scene.trial, scene.subject, **scene.arguments) as fault:
                    await scene.suffers()
                    await fault.bites()
                await scene.healthy()
                check_marks(scene, name, ["fault.begin", "fault.bit", "fault.heal"])
                if name == "isolate":
                    assert scene.marks[0].detail["how"] == "network"
                if name == "pause":
                    assert scene.marks[1].detail["seen"]
        finally:
            await containers.close()

    asyncio.run(asyncio.wait_for(body(), 60))


def test_faults_can_stand_inside_each_other(tmp_path: FilePath) -> None:
    async def body() -> None:
        trial, records = new_trial(tmp_path)
        async with echo() as service, Path(service.address, "way") as path, await Client.to(path.address) as client:
            await client.echoed()
            async with refuse(trial, path), black_hole(trial, path, direction="down") as hole:
                await client.send(b"up only")
                await hole.bites()
            await client.exactly(7)
            kinds = [(getattr(one, "name", ""), getattr(one, "detail", {})["kind"]) for one in records]
            assert kinds == [
                ("fault.begin", "refuse"), ("fault.bit", "refuse"), ("fault.begin", "black-hole"),
                ("fault.bit", "black-hole"), ("fault.heal", "black-hole"), ("fault.heal", "refuse"),
            ]  # fmt: skip

    play(body)
