"""The issuer's keys: from a file that changes, and from a server that is not always there."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.development.issuer import DevelopmentIssuer
from services.mesh.errors import ConcordError
from services.mesh.identity import signing_keys
from services.mesh.identity.signing_keys import FileKeys, UrlKeys
from tests.support.told_clock import ToldClock


def jwks(folder: Path, *key_ids: str) -> str:
    (key,) = json.loads(DevelopmentIssuer(folder / "issuer").jwks_file.read_text())["keys"]
    return json.dumps({"keys": [{**key, "kid": key_id} for key_id in key_ids]})


class Issuer:
    """An identity provider's JWKS endpoint that can be told what to answer."""

    def __init__(self) -> None:
        self.answer = ""
        self.status = 200
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(issuer.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(issuer.answer.encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    served = Issuer()
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    served.server.server_close()
    thread.join()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ToldClock:
    told = ToldClock()
    monkeypatch.setattr(signing_keys, "time", told)
    return told


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(jwks(tmp_path, "first"))
    keys = FileKeys(file)
    assert keys.find("first") is not None
    assert keys.find("second") is None
    file.write_text(jwks(tmp_path, "second"))
    assert keys.find("first") is None
    assert keys.find("second") is not None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"keys": []}', '{"keys": [{"kty": "RSA"}]}', "null"])
def test_a_file_that_breaks_leaves_its_former_keys_in_use(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(jwks(tmp_path, "first"))
    keys = FileKeys(file)
    file.write_text(damage)
    assert keys.find("first") is not None
    file.unlink()
    assert keys.find("first") is not None
    file.write_text(jwks(tmp_path, "second"))
    assert keys.find("first") is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"keys": []}', "null"])
def test_a_file_that_is_broken_from_the_beginning_is_refused(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "jwks.json"
    with pytest.raises(OSError, match=r"jwks\.json"):
        FileKeys(file)
    file.write_text(damage)
    with pytest.raises(ValueError, match=r".+"):
        FileKeys(file)


def test_unknown_key_ids_do_not_hammer_the_issuer(issuer: Issuer, clock: ToldClock, tmp_path: Path) -> None:
    issuer.answer = jwks(tmp_path, "first")
    keys = UrlKeys(issuer.url)
    assert keys.find("first") is not None
    for number in range(20):
        assert keys.find(f"unknown-{number}") is None
    assert issuer.asked == 1
    clock.now += 31
    issuer.answer = jwks(tmp_path, "first", "second")
    assert keys.find("second") is not None
    assert issuer.asked == 2


def test_known_keys_outlast_an_issuer_that_is_away(issuer: Issuer, clock: ToldClock, tmp_path: Path) -> None:
    issuer.answer = jwks(tmp_path, "first")
    keys = UrlKeys(issuer.url)
    assert keys.find("first") is not None
    issuer.status = 503
    clock.now += 3600
    for _ in range(20):
        assert keys.find("first") is not None
    assert issuer.asked == 2
    with pytest.raises(ConcordError) as caught:
        keys.find("second")
    assert caught.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    assert issuer.asked == 2


def test_a_withdrawn_key_is_forgotten_at_the_next_fetch(issuer: Issuer, clock: ToldClock, tmp_path: Path) -> None:
    issuer.answer = jwks(tmp_path, "first", "second")
    keys = UrlKeys(issuer.url)
    assert keys.find("first") is not None
    issuer.answer = jwks(tmp_path, "second")
    clock.now += 301
    assert keys.find("first") is None


@pytest.mark.parametrize(
    ("status", "answer"), [(503, ""), (302, ""), (200, "<html>"), (200, "[]"), (200, '{"keys": []}'), (200, "null")]
)
def test_an_issuer_without_a_usable_answer_is_a_dependency_that_is_not_there(
    issuer: Issuer, clock: ToldClock, tmp_path: Path, status: int, answer: str
) -> None:
    issuer.status, issuer.answer = status, answer
    keys = UrlKeys(issuer.url)
    for _ in range(5):
        with pytest.raises(ConcordError) as caught:
            keys.find("first")
        assert caught.value.metadata == {"dependency": "token issuer"}
    assert issuer.asked == 1
    issuer.status, issuer.answer = 200, jwks(tmp_path, "first")
    clock.now += 31
    assert keys.find("first") is not None


@pytest.mark.parametrize("url", ["http://idp.example/jwks", "file:///etc/passwd", "ftp://127.0.0.1/x", "jwks.json", ""])
def test_keys_do_not_come_from_where_others_can_answer(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        UrlKeys(url)


@pytest.mark.parametrize("url", ["https://idp.example/jwks", "http://127.0.0.1:1/x", "http://[::1]:1/x"])
def test_keys_come_by_https_or_from_loopback(url: str) -> None:
    UrlKeys(url)
