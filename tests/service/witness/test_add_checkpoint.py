"""The witness over HTTP, and as a process: what it answers, and what it still knows after a restart."""

import http.client
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clients.verifier.checkpoint import Checkpoint, cosignatures
from clients.verifier.note import VerifierKey
from services.witness.storage.state_directory import StateDirectory
from services.witness.transport.add_checkpoint import LARGEST_BODY_BYTES
from tests.support.audit.evidence import WITNESS, WITNESS_KEY, base64_of, checkpoint, hashes
from tests.support.audit.log_keys import KEY
from tests.support.audit.witnesses import witness
from tests.support.merkle.naive_proofs import consistency_path

LEAVES = [str(number).encode() for number in range(20)]


def body(old_size: int, leaves: list[bytes]) -> bytes:
    path = consistency_path(old_size, hashes(leaves)) if 0 < old_size <= len(leaves) else []
    return "\n".join([f"old {old_size}", *map(base64_of, path), "", ""]).encode() + checkpoint(leaves)


def posted(port: int, data: bytes, path: str = "/add-checkpoint", **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, data, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers["Content-Type"]
    finally:
        connection.close()


def test_a_checkpoint_that_continues_is_cosigned(tmp_path: Path) -> None:
    with witness(tmp_path) as server:
        for old_size, size in ((0, 5), (5, 12), (12, 12), (12, 20)):
            status, line, _ = posted(server.port, body(old_size, LEAVES[:size]))
            assert status == 200
            cosigned = Checkpoint.parse(checkpoint(LEAVES[:size]) + line.encode())
            assert [each.witness for each in cosignatures(cosigned, [WITNESS_KEY])] == [WITNESS.name]


def test_what_was_cosigned_is_known_after_a_restart(tmp_path: Path) -> None:
    with witness(tmp_path) as server:
        assert posted(server.port, body(0, LEAVES[:5]))[0] == 200
    with witness(tmp_path) as server:
        assert posted(server.port, body(0, LEAVES)) == (409, "5\n", "text/x.tlog.size")
        assert posted(server.port, body(5, [b"changed", *LEAVES[1:]]))[0] == 422
        assert posted(server.port, body(5, [b"changed", *LEAVES[1:5]]))[0] == 409
        assert posted(server.port, body(5, LEAVES))[0] == 200


@pytest.mark.parametrize(
    ("path", "data", "headers", "status"),
    [
        ("/add-checkpoint", b"nothing", {}, 400),
        ("/add-checkpoint", b"x" * (LARGEST_BODY_BYTES + 1), {}, 400),
        ("/add-checkpoint", b"", {"Content-Length": "many"}, 400),
        ("/checkpoints", b"", {}, 404),
    ],
)
def test_what_is_no_submission_is_refused(
    tmp_path: Path, path: str, data: bytes, headers: dict[str, str], status: int
) -> None:
    with witness(tmp_path) as server:
        assert posted(server.port, data, path, **headers)[0] == status


def test_of_two_that_continue_the_same_checkpoint_at_once_one_is_cosigned(tmp_path: Path) -> None:
    left, right = [*LEAVES[:5], b"left"], [*LEAVES[:5], b"right"]
    with witness(tmp_path) as server, ThreadPoolExecutor(8) as threads:
        posted(server.port, body(0, LEAVES[:5]))
        told = list(threads.map(lambda leaves: posted(server.port, body(5, leaves))[0], [left, right] * 4))
    assert told.count(200) == 1
    assert set(told) == {200, 409}


def test_a_state_belongs_to_one_process(tmp_path: Path) -> None:
    with witness(tmp_path), pytest.raises(BlockingIOError):
        StateDirectory(tmp_path / "state")


def test_a_state_that_cannot_be_read_cosigns_nothing(tmp_path: Path) -> None:
    with witness(tmp_path) as server:
        posted(server.port, body(0, LEAVES[:5]))
        (state,) = (tmp_path / "state").glob("*.checkpoint")
        state.write_text("broken")
        assert posted(server.port, body(0, LEAVES))[0] == 500


def test_it_runs_as_a_process_with_a_key_that_it_made(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.witness"]
    made = subprocess.run(
        [*command, "new-key", "w.example.org", tmp_path / "key"], capture_output=True, text=True, check=True
    )
    key = VerifierKey.parse(made.stdout)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "log.vkey").write_text(str(KEY.verifier))
    told = {"KEY_FILE": "key", "LOG_KEYS_FILE": "log.vkey", "STATE_DIRECTORY": "state"}
    environment = {f"CONCORD_WITNESS_{name}": str(tmp_path / file) for name, file in told.items()}
    running = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        ready = running.stdout.readline()
        port = int(ready.rpartition(":")[2].strip(" }\n"))
        status, line, _ = posted(port, body(0, LEAVES))
        cosigned = Checkpoint.parse(checkpoint(LEAVES) + line.encode())
        assert (status, [each.witness for each in cosignatures(cosigned, [key])]) == (200, ["w.example.org"])
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.wait()


def test_keys_that_are_none_are_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("nothing")
    (tmp_path / "log.vkey").write_text(str(KEY.verifier))
    told = {"KEY_FILE": "key", "LOG_KEYS_FILE": "log.vkey", "STATE_DIRECTORY": "state"}
    environment = {f"CONCORD_WITNESS_{name}": str(tmp_path / file) for name, file in told.items()}
    done = subprocess.run(
        [sys.executable, "-m", "services.witness"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "the witness's key is not" in done.stderr
    assert "Traceback" not in done.stderr
