"""With Tls the client trusts the CA it was given, and no other."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.client.channel import Tls
from harness.client.errors import ConnectFailed
from harness.client.remote import RemoteExchange

from .scripted import LIMIT_S, QUICK, Sink, price, serving

pytestmark = pytest.mark.self


def certificate(name: str) -> tuple[bytes, bytes]:
    """A self-signed certificate for `name` and 127.0.0.1, and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private


def test_tls_with_the_right_and_the_wrong_authority(tmp_path: Path) -> None:
    async def story() -> None:
        sink = Sink()
        own, key = certificate("connector.test")
        other, _ = certificate("connector.test")
        (tmp_path / "own.pem").write_bytes(own)
        (tmp_path / "other.pem").write_bytes(other)
        async with serving(grpc.ssl_server_credentials([(key, own)])) as server:
            for tls in (Tls(tmp_path / "own.pem"), Tls(tmp_path / "own.pem", "connector.test")):
                trusted = RemoteExchange(server.address, name="c1", record=sink, tls=tls, backoff=QUICK)
                async with trusted as exchange:
                    prices = exchange.prices(["BTCUSDT"]).start()
                    await server.exchange.listeners("prices", 1)
                    server.exchange.publish("prices", price("1"))
                    assert await prices.wait_received(1, LIMIT_S)
                await server.exchange.listeners("prices", 0)
            for name, tls_or_none in (("other", Tls(tmp_path / "other.pem")), ("plaintext", None)):
                stranger = RemoteExchange(
                    server.address, name=name, record=sink, tls=tls_or_none, backoff=QUICK, deadline_s=1
                )
                with pytest.raises(ConnectFailed, match="after 10 attempts: UNAVAILABLE"):
                    await stranger.connect()

    asyncio.run(asyncio.wait_for(story(), 30))
