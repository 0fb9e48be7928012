"""A service's process: its readiness line, its orderly end, its exit codes."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, change_pb2_grpc
from services.mesh.errors import from_rpc_error

READER = (("authorization", "Bearer reader"),)


@contextmanager
def process(mode: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.service.mesh.served_process", mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def ready(started: "subprocess.Popen[str]") -> int:
    assert started.stdout is not None
    told = json.loads(started.stdout.readline())
    assert told["service"] == "small"
    return int(told["port"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_with_a_reason_then_runs_the_steps_in_order(number: signal.Signals) -> None:
    with process("serving") as started:
        with grpc.insecure_channel(f"127.0.0.1:{ready(started)}") as channel:
            stream = change_pb2_grpc.ChangeServiceStub(channel).WatchChanges(
                change_pb2.WatchChangesRequest(), metadata=READER
            )
            next(stream)
            started.send_signal(number)
            with pytest.raises(grpc.RpcError) as raised:
                next(stream)
        out, _ = started.communicate(timeout=60)
    assert from_rpc_error(raised.value).reason == reasons.ERROR_REASON_SHUTTING_DOWN
    assert out.split() == ["relay", "database"]
    assert started.returncode == 0


def test_a_step_that_fails_keeps_none_from_running_and_leaks_no_value() -> None:
    with process("failing") as started:
        ready(started)
        started.terminate()
        out, err = started.communicate(timeout=60)
    assert out.split() == ["relay", "database"]
    assert started.returncode == 1
    assert "98-7654321" not in err
    assert json.loads(err.splitlines()[-1])["exception"][0]["type"] == "builtins.KeyError"


def test_a_wrong_configuration_is_told_plainly_and_whole() -> None:
    with process("misconfigured") as started:
        _, err = started.communicate(timeout=60)
    assert started.returncode == 2
    assert "CONCORD_PORT is missing" in err
    assert "CONCORD_WORKERS is not a number" in err
    assert "Traceback" not in err
