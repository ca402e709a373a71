"""Health, API keys, the rate limit and TLS."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from .launched import Connector, stub

pytestmark = pytest.mark.self

SERVICE = "opensqt.market_maker.v1.ExchangeService"
FIRST, SECOND = "client-key-one-5d7e9b", "client-key-two-8f0a1c"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def check(channel: grpc.Channel, service: str = "") -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    return int(health_pb2_grpc.HealthStub(channel).Check(request).status)


def test_both_names_serve_and_any_other_is_not_found(mock: Connector) -> None:
    with mock.channel() as channel:
        assert check(channel) == check(channel, SERVICE) == SERVING
        with pytest.raises(grpc.RpcError) as refused:
            check(channel, "other.Service")
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_watch_tells_now_and_the_end() -> None:
    with Connector() as connector, connector.channel() as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        unknown = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="other"))
        assert next(watch).status == SERVING
        assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        assert connector.stop() == 0
        assert next(watch).status == NOT_SERVING


def test_the_container_health_check_agrees(mock: Connector) -> None:
    command = [sys.executable, "-m", "harness.reference.connector.healthcheck"]
    root = Path(__file__).parents[3]
    assert subprocess.run([*command, mock.address], cwd=root, capture_output=True, timeout=20).returncode == 0
    gone = subprocess.run([*command, "127.0.0.1:1"], cwd=root, capture_output=True, text=True, timeout=20)
    assert gone.returncode == 1
    assert "UNAVAILABLE" in gone.stderr


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connector]:
    path = tmp_path_factory.mktemp("guarded") / "config.yaml"
    path.write_text(f"exchanges: {{mock: {{grpc_api_keys: [{FIRST}, {SECOND}], grpc_rate_limit: 5}}}}\n")
    with Connector("--config", str(path)) as connector:
        yield connector


@pytest.mark.parametrize("key", [None, "", "wrong", FIRST[:-1], FIRST + "x"])
def test_without_a_listed_key_no_call_and_no_stream(guarded: Connector, key: str | None) -> None:
    metadata = () if key is None else (("x-api-key", key),)
    with guarded.channel() as channel:
        calls = stub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            calls.GetName(rpc.GetNameRequest(), metadata=metadata)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.RpcError) as refused:
            next(calls.SubscribeAccount(rpc.SubscribeAccountRequest(), metadata=metadata))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert FIRST not in guarded.output


def test_health_needs_no_key(guarded: Connector) -> None:
    with guarded.channel() as channel:
        assert check(channel) == SERVING


def test_each_key_has_its_own_rate(guarded: Connector) -> None:
    with guarded.channel() as channel:
        calls = stub(channel)

        def outcome(key: str) -> str:
            try:
                calls.GetName(rpc.GetNameRequest(), metadata=(("x-api-key", key),))
            except grpc.RpcError as error:
                return str(error.code().name)
            return "OK"

        began_s = time.monotonic()
        outcomes = [outcome(FIRST) for _ in range(30)]
        allowed = 5 + 5 * (time.monotonic() - began_s) + 1
        assert outcomes[:5] == ["OK"] * 5
        assert set(outcomes) == {"OK", "RESOURCE_EXHAUSTED"}
        assert outcomes.count("OK") <= allowed
        assert outcome(SECOND) == "OK"


def test_tls_when_certificate_and_key_are_configured(tmp_path: Path) -> None:
    certificate, key = made_certificate(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(f"exchanges: {{mock: {{tls_cert_file: {certificate}, tls_key_file: {key}}}}}\n")
    with Connector("--config", str(path)) as connector:
        assert connector.line("serving").fields["tls"] is True
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(connector.address, credentials) as channel:
            assert stub(channel).GetName(rpc.GetNameRequest(), timeout=5).name == "mock"
        with connector.channel() as plain, pytest.raises(grpc.RpcError):
            stub(plain).GetName(rpc.GetNameRequest(), timeout=5)


def test_an_unreadable_certificate_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("exchanges: {mock: {tls_cert_file: /no/cert.pem, tls_key_file: /no/key.pem}}\n")
    with Connector("--config", str(path), wait=False) as connector:
        assert connector.exit_code() == 1
        assert "/no/cert.pem cannot be read" in connector.log()[-1].message


def made_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_introspection_is_off_unless_asked_for() -> None:
    with Connector(env={"INTROSPECTION_PORT": "-"}) as connector:
        assert connector.introspection_port == -1


def test_both_introspection_pages_tell_the_same(mock: Connector) -> None:
    with mock.channel() as channel:
        stream = stub(channel).SubscribePrice(rpc.SubscribePriceRequest(symbols=["BTCUSDT"]))
        next(stream)
        page = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"http://127.0.0.1:{mock.introspection_port}/metrics", timeout=5
        )
        with page:
            lines = page.read().decode().splitlines()
        told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        look = mock.look()
        assert int(told["connector_runtime_units"]) == look["runtime_units"] == look["tasks"] + look["threads"]
        assert told['connector_subscriptions{stream="prices"}'] == "1"
        assert int(told["connector_rss_bytes"]) > 10_000_000
        assert look["os_threads"] >= look["threads"]
        stream.cancel()
    assert mock.settles("subscriptions_total", 0) == 0
