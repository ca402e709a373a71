"""Images that the harness builds: one Dockerfile, of which each image takes the stages that it needs."""

from __future__ import annotations

import pytest

from harness.target.engine_choice import venue_build
from harness.target.images import content_digest, stages_of
from harness.target.profile import load_profile

pytestmark = pytest.mark.self

DOCKERFILE = """ARG BASE=x
FROM ${BASE} AS stack
RUN make
from stack as tools
RUN tool
FROM stack AS one
COPY --from=tools /t /t
FROM stack AS two
CMD two
"""


@pytest.mark.parametrize(
    ("target", "has"), [("stack", {"make"}), ("one", {"make", "tool", "COPY"}), ("two", {"make", "CMD"})]
)
def test_a_stage_brings_what_it_needs_and_nothing_else(target: str, has: set[str]) -> None:
    text = stages_of(DOCKERFILE, target)
    assert text.startswith("ARG BASE=x\nFROM ${BASE} AS stack\n")
    assert {word for word in ("make", "tool", "COPY", "CMD") if word in text} == has


def test_each_service_of_the_reference_stack_is_a_stage_of_the_one_dockerfile() -> None:
    services = load_profile("reference", {}).services
    builds = [service.build for service in services.values()]
    assert [build.target for build in builds if build] == ["connector", "market-maker", "live-server"]
    for build in (*builds, venue_build()):
        assert build is not None
        text = stages_of(build.dockerfile.read_text(), build.target)
        assert [line for line in text.splitlines() if line.startswith("FROM")] == [
            "FROM ${BASE} AS stack",
            f"FROM stack AS {build.target}",
        ]


def test_all_of_them_change_together() -> None:
    builds = [service.build for service in load_profile("reference", {}).services.values()]
    assert len({content_digest(build) for build in builds if build}) == 1
