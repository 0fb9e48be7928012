"""Tokens by client credentials: when they are fetched, how often, and what is told when none is given."""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.identity import client_credentials
from services.mesh.identity.client_credentials import ClientCredentials, CredentialsSettings
from tests.support.told_clock import ToldClock
from tests.support.waiting import eventually


class Issuer:
    """A token endpoint that numbers its tokens and can be told what to answer."""

    def __init__(self) -> None:
        self.status = 200
        self.life: object = 90
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.answers = threading.Event()
        self.answers.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                issuer.asked.append((b64decode(self.headers["Authorization"].split()[1]).decode(), form))
                issuer.answers.wait(60)
                ok = {"access_token": f"token-{len(issuer.asked)}", "expires_in": issuer.life}
                self.send_response(issuer.status)
                self.end_headers()
                self.wfile.write(json.dumps(ok if issuer.status == 200 else {"error": "invalid_client"}).encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ToldClock:
    told = ToldClock()
    monkeypatch.setattr(client_credentials, "time", told)
    return told


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
def source(issuer: Issuer, tmp_path: Path) -> ClientCredentials:
    (tmp_path / "secret").write_text("a b:%\n")
    url = f"http://127.0.0.1:{issuer.server.server_port}/token"
    return ClientCredentials(CredentialsSettings(url, "mdm", tmp_path / "secret", audience="concord", scope="a b"))


def test_a_token_is_asked_for_as_rfc_6749_says_and_used_again(issuer: Issuer, source: ClientCredentials) -> None:
    assert [source.token() for _ in range(3)] == ["token-1"] * 3
    ((client, form),) = issuer.asked
    assert client == "mdm:a+b%3A%25"
    assert form == {"grant_type": ["client_credentials"], "audience": ["concord"], "scope": ["a b"]}


def test_it_is_renewed_before_its_end_while_the_old_one_is_used(
    issuer: Issuer, source: ClientCredentials, clock: ToldClock
) -> None:
    assert source.token() == "token-1"
    issuer.answers.clear()
    clock.now += 61
    assert [source.token() for _ in range(5)] == ["token-1"] * 5
    issuer.answers.set()
    assert eventually(lambda: source.token() == "token-2")
    assert len(issuer.asked) == 2


def test_where_no_thread_can_be_started_the_old_token_is_used_and_the_next_is_fetched_later(
    issuer: Issuer, source: ClientCredentials, clock: ToldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    assert source.token() == "token-1"
    clock.now += 61
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", no_thread)
        assert source.token() == "token-1"
    clock.now += 2
    assert eventually(lambda: source.token() == "token-2")
    assert len(issuer.asked) == 2


def test_while_the_issuer_is_away_the_old_token_is_used_until_it_ends(
    issuer: Issuer, source: ClientCredentials, clock: ToldClock
) -> None:
    assert source.token() == "token-1"
    issuer.status = 503
    clock.now += 61
    assert source.token() == "token-1"
    assert eventually(lambda: source._failures == 1)
    clock.now += 28
    assert source.token() == "token-1"
    clock.now += 2
    with pytest.raises(ConcordError) as caught:
        source.token()
    assert caught.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    assert caught.value.metadata == {"dependency": "token issuer"}
    issuer.status = 200
    clock.now += 30
    assert source.token().startswith("token-")


def test_an_issuer_that_gives_nothing_is_not_hammered(
    issuer: Issuer, source: ClientCredentials, clock: ToldClock
) -> None:
    issuer.status = 503
    for pause in (0.0, 0.9, 0.2, 1.0, 1.1):
        clock.now += pause
        for _ in range(10):
            with pytest.raises(ConcordError):
                source.token()
    assert len(issuer.asked) == 3


def test_many_callers_at_once_ask_once(issuer: Issuer, source: ClientCredentials) -> None:
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(source.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["token-1"] * 8
    assert len(issuer.asked) == 1


def test_a_new_secret_is_used_at_the_next_fetch(
    issuer: Issuer, source: ClientCredentials, clock: ToldClock, tmp_path: Path
) -> None:
    source.token()
    (tmp_path / "secret").write_text("new")
    clock.now += 91
    assert source.token() == "token-2"
    assert [client for client, _ in issuer.asked] == ["mdm:a+b%3A%25", "mdm:new"]


def test_a_client_that_is_refused_or_has_no_secret_is_told_so(
    issuer: Issuer, source: ClientCredentials, clock: ToldClock, tmp_path: Path
) -> None:
    issuer.status = 401
    with pytest.raises(ConcordError, match="invalid_client") as caught:
        source.token()
    assert caught.value.reason == reasons.ERROR_REASON_CREDENTIALS_INVALID
    (tmp_path / "secret").unlink()
    clock.now += 30
    with pytest.raises(ConcordError) as caught:
        source.token()
    assert caught.value.reason == reasons.ERROR_REASON_CREDENTIALS_MISSING


def test_an_issuer_that_is_away_for_a_day_is_still_told_of_and_spared(
    issuer: Issuer, source: ClientCredentials, clock: ToldClock
) -> None:
    issuer.status = 503
    source._failures = 1100
    with pytest.raises(ConcordError) as refused:
        source.token()
    assert refused.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    clock.now += 29.0
    with pytest.raises(ConcordError):
        source.token()
    assert len(issuer.asked) == 1


@pytest.mark.parametrize("life", [0, -1])
def test_a_token_that_is_at_its_end_is_no_token(issuer: Issuer, source: ClientCredentials, life: int) -> None:
    issuer.life = life
    with pytest.raises(ConcordError) as refused:
        source.token()
    assert refused.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE


def test_a_life_that_is_told_as_text_is_understood(issuer: Issuer, source: ClientCredentials, clock: ToldClock) -> None:
    issuer.life = "90"
    assert source.token() == "token-1"
    clock.now += 91
    assert source.token() == "token-2"


@pytest.mark.parametrize("life", ["an hour", "nan", "inf", None, True, [90]])
def test_a_life_that_is_no_number_is_refused_by_its_value(
    issuer: Issuer, source: ClientCredentials, life: object
) -> None:
    issuer.life = life
    with pytest.raises(ConcordError, match="its expires_in is no number of seconds") as refused:
        source.token()
    assert refused.value.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE


def test_a_token_that_was_refused_is_fetched_anew_before_its_time(source: ClientCredentials, clock: ToldClock) -> None:
    assert source.token() == "token-1"
    clock.now += 31
    source.refused()
    assert eventually(lambda: source.token() == "token-2")


def test_a_token_that_has_only_just_come_is_not_fetched_again_for_a_refusal(
    issuer: Issuer, source: ClientCredentials, clock: ToldClock
) -> None:
    assert source.token() == "token-1"
    clock.now += 29
    for _ in range(10):
        source.refused()
    assert not source._fetching.locked()
    assert source.token() == "token-1"
    assert len(issuer.asked) == 1
