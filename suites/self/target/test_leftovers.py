"""Nothing of a run stays behind: not after kill -9, not after Ctrl-C; and other living runs are left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.evidence.clock import NS_PER_S, now_ns
from harness.target.engine import Engine
from harness.target.lease import LEASE_S, Lease
from harness.target.leftovers import environment_of, left_of, spared, sweep
from harness.target.owner import (
    ENV_OWNER,
    ENV_PLACE,
    LABEL_OWNER,
    Owner,
    Tag,
    orphaned,
    place,
    scratch_root,
    start_time_ticks,
)

from .workshop import PROGRAMS, Play, Workshop, gone, small_profile

pytestmark = pytest.mark.self

LIMIT_S = 30


@contextmanager
def owner(
    folder: Path, image: str = "", *ways: str, profile: Path | None = None
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A living owner and the pid of its service. `profile` None: the small server's."""
    folder.mkdir(exist_ok=True)
    environment = {"PORT": "{grpc_port}", "HOST": "0.0.0.0"}
    profile = profile or small_profile(folder, *ways, environment=environment)
    command = [sys.executable, "-m", "suites.self.target.programs.owner", str(profile), str(folder), image]
    project = PROGRAMS.parents[3]
    popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=project)
    try:
        assert popen.stdout is not None
        yield popen, int(popen.stdout.readline())
    finally:
        popen.kill()
        popen.wait(LIMIT_S)
        if popen.stdout is not None:
            popen.stdout.close()
        sweep()


def test_sweep_removes_what_a_killed_owner_left_and_nothing_else(tmp_path: Path) -> None:
    with owner(tmp_path / "living") as (_, other), owner(tmp_path / "dead", "", "grandchild") as (popen, service):
        tag = environment_of(service)[ENV_OWNER]
        assert Owner.parse(tag) is not None
        popen.kill()
        popen.wait(LIMIT_S)
        assert not gone(service), "nothing stops it before the sweep"
        removed = sweep()
        assert gone(service)
        assert len([one for one in removed if one.startswith("process") and tag in one]) == 2, removed
        assert not (scratch_root() / tag.replace(":", "-")).exists()
        assert not gone(other), "another run that lives"
        assert (scratch_root() / environment_of(other)[ENV_OWNER].replace(":", "-")).exists()


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    with owner(tmp_path / "interrupted", "", "grandchild", "deaf") as (popen, service):
        tag = environment_of(service)[ENV_OWNER]
        popen.send_signal(signal.SIGINT)
        assert popen.wait(LIMIT_S) == 130
        assert gone(service)
        assert not (scratch_root() / tag.replace(":", "-")).exists()


@pytest.mark.docker
def test_sweep_removes_containers_and_networks_of_a_killed_owner(tmp_path: Path, small_image: str) -> None:
    with (
        owner(tmp_path / "living", small_image) as (_, other),
        owner(tmp_path / "dead", small_image) as (popen, service),
    ):
        label = str(Owner(popen.pid, _start_ticks(popen.pid)))
        assert len(_labelled(label)) == 2, "a container and its network"
        popen.kill()
        popen.wait(LIMIT_S)
        removed = sweep()
        assert gone(service)
        assert {one.split()[0] for one in removed if label in one} == {"container", "network"}
        assert _labelled(label) == []
        assert not gone(other)


@pytest.mark.docker
def test_sweep_removes_the_compose_project_of_a_killed_owner(composing: Workshop, small_image: str) -> None:
    composing.compose_profile()
    with owner(composing.folder, small_image, profile=composing.folder / "small.yaml") as (popen, service):
        label = str(Owner(popen.pid, _start_ticks(popen.pid)))
        popen.kill()
        popen.wait(LIMIT_S)
        removed = sweep()
        assert gone(service)
        assert {one.split()[0] for one in removed if label in one} == {"container", "network", "volume"}
        assert _labelled(label) == []


def _start_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def _labelled(owner_label: str) -> list[str]:
    engine = Engine.reach()
    assert engine is not None
    try:
        wanted: dict[str, str | list[str] | bool] = {"label": f"{LABEL_OWNER}={owner_label}"}
        containers = engine.client.containers.list(all=True, filters=wanted)
        networks = engine.client.networks.list(filters=wanted)
        return [*(str(one.name) for one in containers), *(str(one.name) for one in networks)]
    finally:
        engine.close()


@pytest.mark.docker
def test_a_closed_launcher_leaves_no_container_and_no_network(containers: Workshop, play: object) -> None:
    async def choreography() -> None:
        launcher = containers.containers()
        await launcher.start_connector("mock")
        assert len(_labelled(str(Owner.current()))) == 2
        await launcher.close()
        assert _labelled(str(Owner.current())) == []

    assert callable(play)
    play(choreography)


def test_what_is_left_of_a_run_is_counted(workshop: Workshop, play: Play, kind: str) -> None:
    """While it runs everything of it is there, after its end nothing; another run's things are another's."""

    async def choreography() -> None:
        launcher = workshop.with_client(kind)
        await launcher.start_connector("mock")
        await launcher.start_service("market_maker", {"connector_address": "127.0.0.1:9"})
        left = dict((await left_of(workshop.run)).items())
        counts = {what: len(names) for what, names in left.items() if names}
        assert counts == ({"processes": 2} if kind == "process" else {"containers": 2, "networks": 1})
        assert all(not names for _, names in (await left_of("other")).items())
        if kind == "process":
            assert all("small_server.py" in name for name in left["processes"])
        await launcher.close()
        assert all(not names for _, names in (await left_of(workshop.run)).items())

    play(choreography)


def test_an_owner_is_a_pid_and_its_start() -> None:
    here = Owner.current()
    assert here.alive()
    assert not Owner(here.pid, here.start_ticks + 1).alive(), "the pid was used again"
    assert Owner.parse(str(here)) == here
    assert Owner.parse("nonsense") is None


def test_what_cannot_be_known_to_be_orphaned_is_left_alone() -> None:
    dead = str(Owner(os.getpid(), 1))
    boot, _, namespace = place().partition("/")

    def judged(owner_text: str, place_text: str) -> bool:
        return orphaned({ENV_OWNER: owner_text, ENV_PLACE: place_text}, ENV_OWNER, ENV_PLACE)

    assert judged(dead, place())
    assert judged(str(Owner.current()), f"earlier-boot/{namespace}"), "no process outlives a boot"
    assert not judged(str(Owner.current()), place())
    assert not judged(dead, f"{boot}/pid:[1]"), "another pid namespace: that number is somebody else there"
    assert not judged("", place())
    assert not judged("somebody", place())


def test_everything_started_carries_the_tag() -> None:
    tag = Tag.of("run-7")
    assert tag.environment()["NFR_RUN"] == "run-7"
    assert tag.labels()["nfr.owner"] == f"{os.getpid()}:{Owner.current().start_ticks}"


def test_sweep_spares_the_services_of_a_soak_for_a_quarter_of_an_hour(tmp_path: Path) -> None:
    with owner(tmp_path / "dead") as (popen, service):
        dead = environment_of(service)[ENV_OWNER]
        holder = str(Owner(popen.pid, start_time_ticks(popen.pid) or 0))
        assert dead == holder
        lease = Lease(dead, holder, now_ns(), "RUN", "`nfr soak --resume RUN` takes them up")
        lease.write()
        assert not [one for one in spared() if "RUN" in one], "its runner lives: nothing is said"
        popen.kill()
        popen.wait(LIMIT_S)
        assert not [one for one in sweep() if dead in one]
        assert not gone(service)
        assert [one for one in spared() if "soak RUN" in one and "nfr soak --resume RUN" in one]
        replace(lease, t_ns=now_ns() - int((LEASE_S + 1) * NS_PER_S)).write()
        assert not [one for one in spared() if "soak RUN" in one]
        assert [one for one in sweep() if dead in one]
        assert gone(service)
