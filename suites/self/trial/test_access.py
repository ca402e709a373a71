"""A connector that demands TLS and an API key is tried like any other: the profile says so, no case has to know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.client.channel import API_KEY_HEADER, Access, Tls, metadata
from harness.evidence.records import Call, Fact, Mark, Message, Record
from harness.target.choice import choose_launcher
from harness.target.errors import NotServingError, ProfileError, TargetError
from harness.target.profile import load_profile
from harness.trial.booked import record_booked
from harness.trial.calibration import calibrate_for
from harness.trial.cycles import connect_and_leave
from harness.trial.interleaved import Party, Turns, run_turns
from harness.trial.load.flow import flow_load
from harness.trial.load.plan import LoadPlan
from harness.trial.load.run import run_load
from harness.trial.resting import RESTING
from harness.trial.stage import Stage
from harness.trial.warm_up import warm_up
from suites.self.client.test_tls import certificate
from suites.self.shell.ran import reference_with

from .loads import on_stage

pytestmark = pytest.mark.self

KEY = "k3y-of-the-guarded-connector"


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profile of the reference connector with TLS and a key, which its client side takes from the environment."""
    monkeypatch.setenv("CONNECTOR_KEY", KEY)
    return profile(tmp_path)


def profile(folder: Path, **access: object) -> Path:
    """`access`: what differs from what is right."""
    public, private = certificate("connector.test")
    for name, pem in (("connector.pem", public), ("key.pem", private)):
        (folder / name).write_bytes(pem)
    path = reference_with(folder)
    whole = yaml.safe_load(path.read_text())
    connector = whole["services"]["connector"]
    connector["config"]["exchanges"]["{exchange}"] |= {
        "tls_cert_file": str(folder / "connector.pem"),
        "tls_key_file": str(folder / "key.pem"),
        "grpc_api_keys": ["${GRPC_KEY}"],
    }
    connector["environment"]["GRPC_KEY"] = "${CONNECTOR_KEY:-" + KEY + "}"
    connector["ready_s"] = 8
    right = {"tls": {"ca_file": "connector.pem", "server_name": "connector.test"}, "api_key": "${CONNECTOR_KEY}"}
    connector["access"] = {**right, **access}
    path.write_text(yaml.safe_dump(whole))
    return path


def calls(records: list[Record]) -> Iterator[Call]:
    return (one for one in records if isinstance(one, Call))


def written(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.suffix in (".log", ".json"))


def test_loads_and_clients_get_in_and_nothing_tells_the_key(guarded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trial"

    async def body(stage: Stage) -> None:
        connector = await stage.connector("mock")
        trial, address = stage.trial, connector.direct_address
        load = LoadPlan(address, "PlaceOrder", 50, 1, client="load", users=2, request=RESTING)
        await calibrate_for(stage, load)
        await warm_up(trial, load)
        booked = await run_load(trial, load, env=stage.labels)
        await record_booked(trial, booked, "none", "BTCUSDT")
        request = {"symbols": [f"SYM{number:02d}USDT" for number in range(25)]}
        prices = LoadPlan(address, "SubscribePrice", 250, 1, client="prices", request=request, window="prices")
        await warm_up(trial, prices)  # which hears nothing where it is not let in; a call that is refused is quick too
        await run_load(trial, prices, env=stage.labels)
        await run_turns(trial, Turns((Party("through", "grpc", address),), 20, 50, window="turns"), env=stage.labels)
        end = asyncio.Event()
        trial.overhear(lambda record: end.set() if isinstance(record, Call) and record.client == "flow" else None)
        await flow_load(trial, LoadPlan(address, "GetAccount", 50, 1, client="flow"), end, env=stage.labels)
        async with connector.client("client") as client, connector.health() as health:
            await client.get_account()
            assert await health.check() == "SERVING"
        await connect_and_leave(connector, 1)
        async with stage.follower(connector, ["follower"], ["prices"]) as follower:
            await follower.wait_first(10)

    records = on_stage(folder, body, target=str(guarded))
    codes = {(one.client.rpartition("-")[0] or one.client, one.code) for one in calls(records)}
    wanted = {(name, "OK") for name in ("load", "through", "flow", "client", "cycle")}
    assert codes >= wanted, codes
    assert {code for _name, code in codes} == {"OK"}, codes
    assert any(isinstance(one, Message) and one.client == "prices" for one in records)
    assert sum(isinstance(one, Mark) and one.name == "load.warm" for one in records) == 2
    assert any(isinstance(one, Fact) and one.name == "instrument.ceiling" for one in records)
    assert KEY not in written(folder)
    assert KEY not in "".join(map(repr, records))


@pytest.mark.parametrize("key", ["not-this-one", ""])
def test_a_wrong_key_is_one_sentence_that_does_not_tell_it(tmp_path: Path, key: str) -> None:
    path = profile(tmp_path, api_key=key)

    async def body(stage: Stage) -> None:
        await stage.connector("mock")

    with pytest.raises(TargetError, match=r"refuses the harness \(UNAUTHENTICATED\): give a key") as refused:
        on_stage(tmp_path / "trial", body, target=str(path))
    assert not key or key not in str(refused.value)


def test_one_that_runs_already_is_attached_to_with_its_key_or_not_at_all(guarded: Path, tmp_path: Path) -> None:
    whole = yaml.safe_load(guarded.read_text())
    access = {"tls": whole["services"]["connector"]["access"]["tls"], "api_key": KEY}

    async def body(stage: Stage) -> None:
        connector = await stage.connector("mock")
        for name, given in (("with", access), ("without", {"tls": access["tls"]})):
            service = {"address": connector.address, "access": given}
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"services": {"connector": service}}))
        factory = await asyncio.to_thread(choose_launcher, load_profile(str(tmp_path / "with.yaml")), "attached")
        launcher = factory.make("run", lambda name: tmp_path / f"{name}.log", lambda _: None)
        attached = await launcher.start_connector("mock")
        assert attached.address == connector.address
        await launcher.close()
        with pytest.raises(TargetError, match=r"UNAUTHENTICATED\): .* what it demands \(TLS, a key\) as `access`"):
            await asyncio.to_thread(choose_launcher, load_profile(str(tmp_path / "without.yaml")), "attached")

    on_stage(tmp_path / "trial", body, target=str(guarded))


def test_an_authority_that_did_not_sign_it_keeps_the_harness_out(tmp_path: Path) -> None:
    path = profile(tmp_path, api_key=KEY)
    (tmp_path / "connector.pem").rename(tmp_path / "served.pem")
    (tmp_path / "connector.pem").write_bytes(certificate("connector.test")[0])
    path.write_text(path.read_text().replace(f"{tmp_path}/connector.pem", f"{tmp_path}/served.pem"))

    async def body(stage: Stage) -> None:
        await stage.connector("mock")

    with pytest.raises(NotServingError, match="last answer: UNAVAILABLE"):
        on_stage(tmp_path / "trial", body, target=str(path))


def test_a_file_that_is_not_there_and_a_variable_that_is_not_set_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONNECTOR_KEY", raising=False)
    with pytest.raises(ProfileError, match="service connector, api_key: set CONNECTOR_KEY in the environment"):
        load_profile(str(profile(tmp_path)))
    with pytest.raises(ProfileError, match=r"connector.access.tls.ca_file: .*other.pem is not there: give"):
        load_profile(str(profile(tmp_path, api_key="", tls={"ca_file": "other.pem"})))


def test_only_the_connector_demands_something(tmp_path: Path) -> None:
    path = profile(tmp_path, api_key="")
    whole = yaml.safe_load(path.read_text())
    whole["services"]["market_maker"]["access"] = {"api_key": "k"}
    path.write_text(yaml.safe_dump(whole))
    with pytest.raises(ProfileError, match="market_maker has `access`: only the connector can demand TLS or a key"):
        load_profile(str(path))


def test_a_plan_keeps_a_key_of_its_own_and_goes_to_the_generator_whole() -> None:
    access = Access(Tls(Path("/ca.pem"), "connector.test"), KEY)
    plan = LoadPlan("127.0.0.1:1", "GetAccount", 1, 1)
    assert LoadPlan.from_json(plan.admitted(access).to_json()) == plan.admitted(access)
    assert plan.admitted(access).metadata == ((API_KEY_HEADER, KEY),)
    own = LoadPlan("127.0.0.1:1", "GetAccount", 1, 1, metadata=metadata("own"))
    assert own.admitted(access).metadata == ((API_KEY_HEADER, "own"),)
    assert KEY not in repr(plan.admitted(access))
    turns = Turns((Party("through", "grpc", "a:1"), Party("native", "native", "b:1", "k", "s")), 1, 1).admitted(access)
    assert Turns.from_json(turns.to_json()) == turns
    assert [one.tls for one in turns.parties] == [access.tls, None]
