"""Profiles: the two that come with the harness load, and every mistake in one is a sentence with its place."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from harness.target.credentials import Credentials
from harness.target.errors import ProfileError
from harness.target.expansion import expand, fill, fill_tree
from harness.target.profile import PROFILES, known_profiles, load_profile
from harness.target.recipe import Place, Recipe, connector_filling, cook, refusal_of_config

pytestmark = pytest.mark.self

GO = {"OPENSQT_CONNECTOR_BIN": "/opt/exchange_connector"}
MINIMAL = "name: mine\nservices:\n  connector:\n    command: [./connector]\n"


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ProfileError) as caught:
        load_profile(write(folder, text), {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_reference_starts_as_process_and_container_over_a_strict_venue() -> None:
    profile = load_profile("reference", {})
    assert profile.connector.starts_as() == {"process", "container"}
    assert profile.venue_profile == "strict"
    assert profile.polled_s("account") == 0


def test_opensqt_is_polled_and_lenient_and_named_by_the_environment() -> None:
    profile = load_profile("opensqt", GO)
    assert profile.connector.command == ("/opt/exchange_connector",)
    assert profile.connector.unset == {"image": ("OPENSQT_CONNECTOR_IMAGE",)}
    assert profile.connector.starts_as() == {"process"}
    assert profile.connector.introspection == (), "no page without its address"
    assert (profile.polled_s("account"), profile.polled_s("positions"), profile.polled_s("prices")) == (5, 5, 0)
    assert profile.venue_profile == "lenient"


def test_opensqt_with_its_pages() -> None:
    profile = load_profile("opensqt", {**GO, "OPENSQT_PPROF_URL": "http://127.0.0.1:6060/debug/pprof"})
    [source] = profile.connector.introspection
    assert (source.kind, source.url) == ("pprof", "http://127.0.0.1:6060/debug/pprof")


def test_opensqt_without_anything_to_start_names_the_variables() -> None:
    with pytest.raises(ProfileError, match=r"set OPENSQT_CONNECTOR_BIN .* or OPENSQT_CONNECTOR_IMAGE"):
        load_profile("opensqt", {})


def test_unknown_name_lists_the_known_and_the_nearest() -> None:
    with pytest.raises(ProfileError, match=r"no target 'refrence': did you mean reference\? known are opensqt"):
        load_profile("refrence")
    with pytest.raises(ProfileError, match="does not exist"):
        load_profile("no/such/file.yaml")


def test_relative_command_is_the_profile_folders(tmp_path: Path) -> None:
    assert load_profile(write(tmp_path, MINIMAL)).connector.command == (str(tmp_path / "connector"),)


def test_a_file_that_only_attaches(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, "services: {connector: {address: 'connector.lan:50051'}}"))
    assert profile.name == "mine"
    assert profile.connector.starts_as() == {"attached"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: [", "line 1: not valid YAML"),
        ("just a text", "must hold a mapping"),
        ("name: x\nservices: {}\n", "line 2: services: a service named connector is needed"),
        (MINIMAL + "    comand: []\n", "line 5: services.connector.comand: Extra inputs are not permitted"),
        (MINIMAL + "keepalive_s: never\n", "line 5: keepalive_s"),
        (MINIMAL + "streams: {trades: {pushed: true}}\n", "'trades' is not a stream"),
        (MINIMAL + "streams: {account: {polled_s: 5, pushed: true}}\n", "either pushed: true or polled_s"),
        (MINIMAL + "    ports: {http: 80}\n", "a port named grpc is needed"),
        ("services: {connector: {address: 'http://host:1'}}", "not of the form host:port"),
        (MINIMAL + "    introspection: [{kind: pprof, port: debug}]\n", "not among ports"),
        (MINIMAL + "    environment: {X: '${UNSET_X}'}\n", "set UNSET_X in the environment"),
        (
            MINIMAL + "deferred: [{case: 3.1.1, owner: o, until: 2026-12-01}]\n",
            "line 5: deferred.0.reason: Field required",
        ),
        (
            MINIMAL + "deferred: [{case: 3.1.1, reason: r, owner: o, until: 2026-13-01}]\n",
            "not valid YAML (month must be in 1..12)",
        ),
    ],
)
def test_every_mistake_has_its_place(tmp_path: Path, text: str, says: str) -> None:
    assert says in refusal(tmp_path, text)


CLIENT = MINIMAL + "  live_server:\n    command: [./live]\n    ports: {http: 80}\n    health: {}\n"
KINDS = CLIENT + "    pushes:\n      kinds:\n        kline: "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CLIENT.replace("    health: {}\n", ""), "line 6: services.live_server: a port named grpc is needed"),
        (CLIENT.replace("{}", "{port: web}"), "services.live_server: health names the port 'web', which is not among"),
        (CLIENT.replace("{}", "{path: health}"), "line 8: services.live_server.health.path: 'health' is not a path"),
        (MINIMAL + "    health: {port: grpc}\n", "the connector is asked by gRPC health"),
        (MINIMAL + "    ports: {grpc: 70000}\n", "line 5: services.connector.ports: port grpc is 70000"),
        (CLIENT + "    log: {error: '('}\n", "line 9: services.live_server.log.error: '(' is not a regular expression"),
        (CLIENT + "    log: {decision: 'order (?P<key>.)'}\n", "needs the named groups (?P<key>...) and (?P<t_ns>...)"),
        (CLIENT + "    config_refused: ['[']\n", "line 9: services.live_server.config_refused: '[' is not a regular"),
        (KINDS + "{stream: candles, value: '{close}'}\n", "line 11: services.live_server.pushes.kinds.kline.stream: "),
        (KINDS + "{stream: klines, value: close}\n", "'close' names no field: write it as {name}"),
        (KINDS + "{stream: klines, value: '{close'}\n", "names no field"),
        (KINDS + "{stream: klines, value: '{a b}'}\n", "{a b} is not the name of a field"),
        (KINDS + "{stream: klines, key: [a..b], value: '{c}'}\n", "'a..b' is not the name of a field"),
        (CLIENT + "    pushes: {kinds: {}}\n", "line 9: services.live_server.pushes.kinds"),
        (CLIENT + "    knows: {path: /status}\n", "line 9: services.live_server.knows.orders: Field required"),
        (CLIENT + "    scaled: {environment: {X: 0.5}, factor: 0}\n", "line 9: services.live_server.scaled.factor"),
        (MINIMAL + "orders_at_stop: kept\n", "line 5: orders_at_stop: Input should be 'cancelled' or 'persisted'"),
        (MINIMAL + "compose: {file: c.yaml}\n", "name the connector's service in that file"),
        (MINIMAL + "    compose: exchange\n", "give the file too, as compose: {file: …}"),
    ],
)
def test_every_mistake_about_a_client_has_its_place(tmp_path: Path, text: str, says: str) -> None:
    assert says in refusal(tmp_path, text)


@pytest.mark.parametrize(("name", "environ"), [("reference", {}), ("opensqt", GO)])
def test_the_clients_of_the_profiles_that_come_along(name: str, environ: dict[str, str]) -> None:
    profile = load_profile(name, environ)
    assert set(profile.services) == {"connector", "market_maker", "live_server"}
    for client in ("market_maker", "live_server"):
        service = profile.services[client]
        assert service.health is not None
        assert (service.health.path, service.serving_port) == ("/health", "http")
        assert "{connector_address}" in service.environment["EXCHANGE_GRPC_ADDRESS"]
    pushes = profile.services["live_server"].pushes
    assert pushes is not None
    assert {kind.stream for kind in pushes.kinds.values()} == {"klines", "orders", "account", "positions"}


def test_opensqt_without_its_clients_still_loads() -> None:
    profile = load_profile("opensqt", GO)
    assert profile.services["market_maker"].starts_as() == frozenset()
    assert profile.services["live_server"].unset["command"] == ("OPENSQT_LIVE_SERVER_BIN",)
    with_it = load_profile("opensqt", {**GO, "OPENSQT_LIVE_SERVER_IMAGE": "opensqt/live:1"})
    assert with_it.services["live_server"].starts_as() == {"container"}


def test_scaled_holds_texts(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, CLIENT + "    scaled: {environment: {BACKOFF_SCALE: 0.02}, factor: 0.02}\n"))
    scaled = profile.services["live_server"].scaled
    assert scaled is not None
    assert dict(scaled.environment) == {"BACKOFF_SCALE": "0.02"}


def test_deferrals(tmp_path: Path) -> None:
    text = MINIMAL + 'deferred: [{case: "3.1.1", reason: not built, owner: ann, until: 2027-01-31}]\n'
    [deferred] = load_profile(write(tmp_path, text)).deferred
    assert (deferred.case, deferred.criterion, deferred.until) == ("3.1.1", "", datetime.date(2027, 1, 31))


def test_variables_are_filled_in_with_defaults() -> None:
    assert expand("${A}/${B:-b}", {"A": "a"}).text == "a/b"
    assert expand("${A}${B}${A}", {}).missing == ("A", "B")
    assert expand("${A:-}", {}).text == ""


def test_values_are_filled_in_and_absent_ones_leave_their_entry_out() -> None:
    assert fill("{a}-${A}", {"a": "1"}, "here") == "1-${A}", "the service's own variables stay"
    tree = {"{a}": {"keep": 1, "drop": "{b}", "list": ["{b}", "x"]}}
    assert fill_tree(tree, {"a": "k", "b": None}, "here") == {"k": {"keep": 1, "list": ["x"]}}
    with pytest.raises(ProfileError, match=r"\{c\} is not a value .* use one of a"):
        fill("{c}", {"a": "1"}, "here")


def cooked(profile_name: str, venue_url: str = "", known: Credentials | None = None) -> Recipe:
    return cook(
        load_profile(profile_name, GO).connector,
        Place({"grpc": 4001, "introspection": 4002}, "/tmp/c.yaml", "/usr/bin/python3"),
        connector_filling("bitget", venue_url, known, "here"),
        environment={"EXTRA": "1"},
        where="here",
    )


@pytest.mark.parametrize("name", known_profiles())
def test_what_a_connector_is_given(name: str) -> None:
    known = Credentials("the-key", "the-secret", "the-phrase")
    recipe = cooked(name, "http://venue.test:8080", known)
    given = recipe.environment
    assert (given["EXCHANGE"], given["PORT"], given["CONFIG_FILE"]) == ("bitget", "4001", "/tmp/c.yaml")
    assert (given["API_KEY"], given["API_SECRET"], given["PASSPHRASE"]) == ("the-key", "the-secret", "the-phrase")
    assert given["EXTRA"] == "1"
    assert "venue.test" in given["NO_PROXY"].split(",")
    assert recipe.config_text is not None
    assert "base_url: http://venue.test:8080" in recipe.config_text
    assert 'secret_key: "${API_SECRET}"' in recipe.config_text
    assert not any(text in recipe.config_text for text in (known.key, known.secret, known.passphrase))
    assert not any(text in repr(recipe) + repr(known) for text in (known.key, known.secret, known.passphrase))


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "venue", "ftp://venue", "http://"])
def test_a_venue_address_without_scheme_or_host_is_refused(url: str) -> None:
    with pytest.raises(ProfileError, match="write it as http://HOST:PORT"):
        cooked("opensqt", url)


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ('2026-01-01 WARN config validation failed, using defaults {"file": "x"}', True),
        ("WARN Ignoring invalid config file", True),
        ("ERROR Failed to load config: no such file", True),
        ('INFO config loaded {"exchange": "binance"}', False),
        ("WARN slow reader cut off", False),
    ],
)
def test_a_config_file_that_was_not_accepted_shows_in_the_log(line: str, refused: bool) -> None:
    service = load_profile("opensqt", GO).connector
    assert bool(refusal_of_config(service, ("INFO starting", line))) is refused


def test_every_profile_that_comes_along_is_known() -> None:
    assert {path.stem for path in PROFILES.iterdir()} == set(known_profiles()) == {"reference", "opensqt"}
