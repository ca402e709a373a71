"""The connector starts, refuses to start and stops as the runtime contract says, and says so in its log."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import grpc
import pytest

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from .launched import Connector, stub

pytestmark = pytest.mark.self

CONFIG = """
app: {current_exchange: mock}
exchanges:
  mock: {api_key: "${SOME_KEY}", grpc_api_keys: ["${SOME_KEY}"]}
trading: {symbol: BTCUSDT, order_quantity: 0.5, strategy_type: grid, price_interval: 10}
system: {log_level: DEBUG}
"""


def config(folder: Path, text: str) -> str:
    path = folder / "config.yaml"
    path.write_text(text)
    return str(path)


def test_every_line_has_time_level_message_and_json_fields(mock: Connector) -> None:
    lines = mock.log()
    assert [line.message for line in lines[:2]] == ["exchange_connector starting", "credentials accepted"]
    serving = mock.line("serving")
    assert serving.level == "INFO"
    assert serving.fields["keepalive_time_ms"] + serving.fields["keepalive_timeout_ms"] <= 15_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_with_unavailable_and_the_process_with_0(number: signal.Signals) -> None:
    with Connector() as connector, connector.channel() as channel:
        stream = stub(channel).SubscribeOrders(rpc.SubscribeOrdersRequest())
        stream.initial_metadata()
        began_s = time.monotonic()
        assert connector.stop(number) == 0
        assert time.monotonic() - began_s < 4
        with pytest.raises(grpc.RpcError) as ended:
            next(stream)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        messages = [line.message for line in connector.log()]
        assert messages[-2:] == ["graceful shutdown", "stopped"]


def test_a_file_that_fails_validation_is_ignored_as_a_whole_with_a_warning(tmp_path: Path) -> None:
    bad = CONFIG.replace("order_quantity: 0.5", "order_quantity: 0")
    with Connector(env={"CONFIG_FILE": config(tmp_path, bad), "SOME_KEY": "key-of-a-client"}) as connector:
        warning = connector.line("config file")
        assert warning.level == "WARN"
        assert "ignored" in warning.message
        assert "trading.order_quantity" in warning.message
        assert connector.line("serving").fields["api_keys"] == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("price_interval: 10", "price_interval: -1", "price_interval"),
        ("current_exchange: mock", "current_exchange: nowhere", "unknown exchange"),
        ("trading: {", "trading: [", "not readable as YAML"),
    ],
)
def test_other_broken_files_are_ignored_too(tmp_path: Path, old: str, new: str, said: str) -> None:
    with Connector("--config", config(tmp_path, CONFIG.replace(old, new))) as connector:
        assert said in connector.line("config file").message


def test_a_missing_file_is_ignored_with_a_warning(tmp_path: Path) -> None:
    with Connector("--config", str(tmp_path / "none.yaml")) as connector:
        assert "No such file" in connector.line("config file").message


def test_the_file_is_read_variables_expand_and_the_environment_wins(tmp_path: Path) -> None:
    path = config(tmp_path, CONFIG.replace("current_exchange: mock", "current_exchange: okx"))
    env = {"EXCHANGE": "mock", "SOME_KEY": "key-of-a-client", "PORT": "0"}
    with Connector("--config", path, "--exchange", "gate", "--port", "1", env=env) as connector:
        serving = connector.line("serving")
        assert serving.fields["exchange"] == "mock"
        assert serving.fields["api_keys"] == 1
        assert connector.port != 1
        assert "key-of-a-client" not in connector.output


def test_flags_choose_exchange_and_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with Connector("--exchange", "mock", "--port", str(port), env={"EXCHANGE": "-", "PORT": "-"}) as connector:
        assert connector.port == port


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_one_sentence_and_exit_code_1(host: str) -> None:
    with socket.create_server((host, 0)) as taken:
        port = taken.getsockname()[1]
        with Connector(env={"PORT": str(port)}, wait=False) as connector:
            assert connector.exit_code() == 1
            last = connector.log()[-1]
            assert last.level == "FATAL"
            assert f"port {port} cannot be opened" in last.message


@pytest.mark.parametrize(("variable", "value"), [("PORT", "many"), ("PORT", "70000"), ("EXCHANGE", "nowhere")])
def test_an_unusable_variable_is_one_sentence_and_exit_code_1(variable: str, value: str) -> None:
    with Connector(env={variable: value}, wait=False) as connector:
        assert connector.exit_code() == 1
        assert [line.level for line in connector.log()] == ["FATAL"]


@pytest.mark.parametrize(
    ("exchange", "env", "lacks"),
    [
        ("binance", {}, "API key or secret"),
        ("binance", {"API_KEY": "the-key"}, "API key or secret"),
        ("bitget", {"API_KEY": "the-key", "API_SECRET": "the-secret"}, "passphrase"),
        ("okx", {"API_KEY": "the-key", "API_SECRET": "the-secret"}, "passphrase"),
    ],
)
def test_absent_credentials_end_the_start(exchange: str, env: dict[str, str], lacks: str) -> None:
    with Connector(env={"EXCHANGE": exchange} | env, wait=False) as connector:
        assert connector.exit_code() == 1
        failed = connector.line("Credential validation failed")
        assert failed.level == "FATAL"
        assert lacks in failed.fields["error"]
        assert "the-key" not in connector.output
        assert "the-secret" not in connector.output


def test_the_mock_starts_without_ccxt(mock: Connector) -> None:
    maps = Path(f"/proc/{mock.process.pid}/maps").read_text()
    assert "ccxt" not in maps
    assert mock.look()["rss_bytes"] < 100 * 1024 * 1024
    assert os.path.exists(f"/proc/{mock.process.pid}")
