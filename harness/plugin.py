"""The pytest shell: translates pytest's items to cases, carries them out, judges them and writes the report."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harness.evidence.recorder import RecorderError
from harness.record.errors import RecordError
from harness.session import CaseMissed, HarnessBroken, NfrSession, Options
from harness.soak.outlook import projection
from harness.soak.plan import DAY_S, seconds_of
from harness.spec.case import Case
from harness.spec.loader import SpecError
from harness.target.errors import TargetError

Body = Callable[..., Coroutine[Any, Any, None]]

ROOT = Path(__file__).resolve().parent.parent
HARNESS_FAILED = 3
"""Exit code when the harness itself cannot go on."""
PROVIDED = ("trial", "stage", "venue", "connector", "stack")
"""What a body may ask for by parameter name; any other parameter is an ordinary pytest fixture."""

_SESSION = pytest.StashKey[NfrSession]()


class BoundCase:
    """A case id and the body that carries it out: what @case makes of a test function."""

    def __init__(self, case_id: str, body: Body) -> None:
        self.case_id = case_id
        self.body = body
        self.asks_for = tuple(inspect.signature(body).parameters)


def case(case_id: str) -> Callable[[Body], Callable[..., None]]:
    """Bind the test to the case of this id; the body gets what it asks for by name, see PROVIDED."""

    def bind(body: Body) -> Callable[..., None]:
        bound = BoundCase(case_id, body)

        def test(**fixtures: Any) -> None:
            raise AssertionError(
                "a case is carried out by harness.plugin, which is not loaded; run from the repository"
            )

        test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
        test.__wrapped__ = body  # type: ignore[attr-defined]  # pytest shows the body's place
        parameters = [p for name, p in inspect.signature(body).parameters.items() if name not in PROVIDED]
        test.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        test.bound = bound  # type: ignore[attr-defined]
        return test

    return bind


def pytest_addoption(parser: pytest.Parser) -> None:
    """The surface users rely on."""
    group = parser.getgroup("nfr", "non-functional requirements of the exchange connector")
    group.addoption("--target", default="reference", metavar="NAME|FILE", help="profile of the target (reference)")
    group.addoption(
        "--launcher",
        default="auto",
        choices=("auto", "container", "process"),
        help="auto: the profile's Compose file when it names one, else containers when a Docker engine answers and has "
        "the image, else processes",
    )
    group.addoption("--reports", default=str(ROOT / "reports"), metavar="DIR", help="where runs are written")
    group.addoption("--seed", type=int, default=1, metavar="N", help="seed of venues and loads (1)")
    group.addoption(
        "--soak-duration", metavar="TIME",
        help="steady time of the soak, for example 24h, 10m or 3m; a shorter one than 24h gives a projection, never a "
        "pass; without it the soak is skipped",
    )  # fmt: skip
    group.addoption("--specs", default=str(ROOT / "specs"), metavar="DIR", help="the cases' YAML files")


MARKERS = (
    "integration: the ten integration cases (3.1.1 to 3.2.5)",
    "e2e: the six end-to-end cases",
    "performance: the nine performance cases",
    "stability: the four stability cases",
    "soak: the 24 h soak",
    "extensions: cases beyond the 29",
    "self: tests of the harness itself",
    "slow: tests of the harness that make test leaves out and the nightly run does not",
    "docker: needs a Docker engine",
    "browser: needs Chromium",
)


def pytest_configure(config: pytest.Config) -> None:
    """Load the specs once; SIGTERM ends a run as Ctrl-C does, so that everything started is taken down."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.inipath is None and Path.cwd() == ROOT:
        # pytest looks for its settings before it knows our options, and takes the folder after a blank for tests.
        raise pytest.UsageError(
            f"pytest took a folder that an option names for one of tests, and found no settings in {config.rootpath}: "
            "write --option=DIR instead of --option DIR"
        )
    options = Options(
        target=config.getoption("--target"),
        launcher=config.getoption("--launcher"),
        reports=Path(config.getoption("--reports")),
        seed=config.getoption("--seed"),
        specs=Path(config.getoption("--specs")),
        suites=ROOT / "suites",
        command=tuple(str(argument) for argument in config.invocation_params.args),
    )
    try:
        config.stash[_SESSION] = NfrSession.prepare(options)
    except SpecError as broken:
        raise pytest.UsageError(str(broken)) from None

    def stop(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def pytest_itemcollected(item: pytest.Item) -> None:
    """A case's item gets its group's marker from the spec."""
    bound = _bound(item)
    if bound is None:
        return
    known = item.config.stash[_SESSION].cases.get(bound.case_id)
    if known is None:
        raise pytest.UsageError(item.config.stash[_SESSION].unknown_case(bound.case_id, item.nodeid))
    item.add_marker(known.group.value)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A soak is carried out only by those who say how long it may last."""
    if config.getoption("--soak-duration"):
        return
    reason = "the soak takes 24 h: give it a time with --soak-duration 24h (3m: a projection), or run nfr soak"
    for item in items:
        if item.get_closest_marker("soak") is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse before running: what could not be judged, and a target that cannot be had."""
    nfr = session.config.stash[_SESSION]
    selected = [
        bound.case_id for item in session.items if (bound := _bound(item)) and not item.get_closest_marker("skip")
    ]
    if not selected:
        return
    refusals = nfr.refusals(selected)
    if refusals:
        raise pytest.UsageError("\n".join(refusals))
    if session.config.option.collectonly:
        return
    try:
        nfr.begin(selected)
    except (TargetError, HarnessBroken) as refused:
        raise pytest.UsageError(str(refused)) from None


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say what runs against what, before it starts."""
    return config.stash[_SESSION].header()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Carry the case out and judge it; the test fails unless the verdict is pass."""
    bound = _bound(pyfuncitem)
    if bound is None:
        return None
    nfr = pyfuncitem.config.stash[_SESSION]
    known: Case = nfr.cases[bound.case_id]
    fixtures = {name: pyfuncitem.funcargs[name] for name in bound.asks_for if name not in PROVIDED}
    missed, broken = "", ""
    try:
        for number in range(1, known.trials + 1):
            with asyncio.Runner() as runner:
                runner.run(nfr.carry_out(known, bound.body, bound.asks_for, fixtures, number))
        nfr.judge(known)
    except CaseMissed as told:
        missed = str(told)
        if projection := _projection(pyfuncitem, nfr):
            pytest.skip(projection)
    except (HarnessBroken, RecordError, RecorderError) as told:
        broken = str(told)
    if broken:
        pytest.exit(broken, returncode=HARNESS_FAILED)
    if missed:
        pytest.fail(missed, pytrace=False)
    return True


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Close the run and write its report."""
    nfr = session.config.stash.get(_SESSION, None)
    if nfr is None:
        return
    try:
        nfr.end(interrupted=exitstatus in (pytest.ExitCode.INTERRUPTED, HARNESS_FAILED))
    except RecordError as broken:
        nfr.complaints.append(str(broken))
        session.exitstatus = HARNESS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The verdicts by group against acceptance.yaml, and where the report is."""
    for line in config.stash[_SESSION].summary(terminalreporter._tw.fullwidth, terminalreporter._tw._file):
        terminalreporter.write_line(line)


def _projection(item: pytest.Function, nfr: NfrSession) -> str:
    """Why a soak that was asked to be shorter than its case is neither passed nor failed; empty when it failed."""
    bound = _bound(item)
    duration = item.config.getoption("--soak-duration")
    if bound is None or item.get_closest_marker("soak") is None or seconds_of(duration) >= DAY_S:
        return ""
    verdict = nfr.verdicts[bound.case_id]
    return projection(verdict, duration)


def _bound(item: pytest.Item) -> BoundCase | None:
    bound = getattr(getattr(item, "function", None), "bound", None)
    return bound if isinstance(bound, BoundCase) else None
