"""Logging in: token files, the device flow against a real HTTP server, tokens used against a real hub."""

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from clients.cli.connection import device_flow
from clients.cli.connection.credentials import Grant
from clients.cli.mistake import Mistake
from tests.support.command_line import CONTEXT, CommandLine
from tests.support.hub.served import READER, ServedHub
from tests.support.server.device_issuer import USER_CODE, DeviceIssuer, serving_devices


@pytest.fixture
def issuer(mesh: ServedHub) -> Iterator[DeviceIssuer]:
    with serving_devices(DeviceIssuer(mesh.issuer, READER)) as serving:
        yield serving


@pytest.fixture
def stranger(mesh: ServedHub, tmp_path: Path) -> CommandLine:
    """A command line that nobody logged in to."""
    command_line = CommandLine(tmp_path)
    command_line.configure(hub=f"127.0.0.1:{mesh.port}")
    return command_line


def test_without_a_log_in_a_command_says_so_and_exits_with_4(stranger: CommandLine) -> None:
    said = stranger("list", "suppliers")
    assert (said.status, said.out) == (4, "no suppliers\n"[:0])
    assert said.err.splitlines()[-1] == "fix: concord login"


def test_a_person_who_approves_is_logged_in(stranger: CommandLine, issuer: DeviceIssuer, tmp_path: Path) -> None:
    issuer.answers = ["authorization_pending"]
    said = stranger("login", "--issuer", issuer.url, "--scope", "mdm.suppliers.read")
    assert said.status == 0, said
    assert USER_CODE in said.err
    assert issuer.asked[0] == {"client_id": "concord-cli", "scope": "mdm.suppliers.read"}
    assert issuer.asked[-1]["grant_type"] == device_flow.GRANT_TYPE
    kept = tmp_path / "tokens" / f"{CONTEXT}.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stranger.asked("list", "suppliers") == []
    assert stranger.asked("whoami")["sub"] == "person"
    stranger.done("logout")
    assert not kept.exists()
    assert stranger("list", "suppliers").status == 4


def test_the_endpoints_can_be_named_without_metadata(stranger: CommandLine, issuer: DeviceIssuer) -> None:
    said = stranger("login", "--device-endpoint", f"{issuer.url}/device", "--token-endpoint", f"{issuer.url}/token")
    assert said.status == 0, said


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("access_denied", "the log-in was denied"),
        ("expired_token", "nobody approved the log-in in time"),
        ("invalid_client", "the issuer refuses: invalid_client"),
    ],
)
def test_a_log_in_that_fails_says_why(stranger: CommandLine, issuer: DeviceIssuer, answer: str, told: str) -> None:
    issuer.answers = ["authorization_pending", answer]
    said = stranger("login", "--issuer", issuer.url)
    assert said.status == 2
    assert f"error: {told}" in said.err


def test_an_issuer_that_asks_to_slow_down_is_asked_less_often(issuer: DeviceIssuer) -> None:
    issuer.answers = ["authorization_pending", "slow_down", "authorization_pending", "slow_down"]
    waits: list[float] = []
    with device_flow.issuer("concord-cli") as opened:
        endpoints = opened.discover(issuer.url)
        begun = opened.begin(endpoints, "")
        assert opened.await_grant(endpoints, begun, wait=waits.append).access_token
    assert waits == [0, 0, 5, 5, 10]


def test_nobody_is_waited_for_longer_than_the_issuer_does(issuer: DeviceIssuer) -> None:
    issuer.answers = ["authorization_pending"] * 100
    now = 0.0

    def wait(_seconds: float) -> None:
        nonlocal now
        now += 5

    with device_flow.issuer("concord-cli") as opened:
        endpoints = opened.discover(issuer.url)
        begun = opened.begin(endpoints, "")
        with pytest.raises(Mistake, match="nobody approved"):
            opened.await_grant(endpoints, begun, wait=wait, clock=lambda: now)
    assert now == 60


def test_another_issuers_metadata_are_refused(stranger: CommandLine, issuer: DeviceIssuer) -> None:
    issuer.claimed_issuer = "https://evil.example.org"
    assert "another issuer's" in stranger("login", "--issuer", issuer.url).err


def test_no_secret_goes_to_others_in_clear(stranger: CommandLine) -> None:
    said = stranger("login", "--issuer", "http://login.example.org")
    assert said.status == 2
    assert "goes over https" in said.err


def test_a_token_that_ends_is_renewed_by_itself(stranger: CommandLine, issuer: DeviceIssuer) -> None:
    issuer.lifetime = timedelta(seconds=5)
    assert stranger("login", "--issuer", issuer.url).status == 0
    issuer.lifetime = timedelta(hours=1)
    asked = len(issuer.asked)
    assert stranger.asked("list", "suppliers") == []
    assert [form["grant_type"] for form in issuer.asked[asked:]] == ["refresh_token"]


def test_a_renewal_that_is_refused_says_to_log_in_again(stranger: CommandLine, issuer: DeviceIssuer) -> None:
    issuer.lifetime = timedelta(seconds=5)
    assert stranger("login", "--issuer", issuer.url).status == 0
    issuer.answers = ["invalid_grant"]
    said = stranger("list", "suppliers")
    assert said.status == 2
    assert said.err.endswith("fix: concord login\n")


def test_a_token_comes_from_the_input_but_never_from_an_argument(mesh: ServedHub, stranger: CommandLine) -> None:
    token = mesh.issuer.issue("piped", "tests", READER, ("*",))
    stranger.done("login", "--token-file", "-", given=f"{token}\n")
    assert stranger.asked("whoami")["sub"] == "piped"
    assert stranger.asked("list", "suppliers") == []
    for command in ("login", "list"):
        assert "--token " not in stranger.done(
            *([command, "suppliers", "--help"] if command == "list" else [command, "--help"])
        )


def test_a_file_without_a_token_is_refused_at_once(stranger: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "no.token").write_text("two words\n")
    for file in ("no.token", "missing.token"):
        said = stranger("login", "--token-file", str(tmp_path / file))
        assert (said.status, said.out) == (2, "")


def test_an_expired_token_is_told_with_its_end_and_the_fix(
    mesh: ServedHub, stranger: CommandLine, tmp_path: Path
) -> None:
    token = mesh.issuer.issue("late", "tests", READER, ("*",), lifetime=timedelta(hours=-1))
    mesh.issuer.write_token(tmp_path / "token", token)
    stranger.done("login", "--token-file", str(tmp_path / "token"))
    said = stranger("list", "suppliers", "--json")
    assert said.status == 4
    assert said.error["reason"] == "CREDENTIALS_EXPIRED"
    assert "concord login" in said.error["fix"]
    assert stranger.asked("whoami")["expired"] is True


def test_a_grant_does_not_show_its_tokens() -> None:
    assert "secret" not in repr(Grant("secret-access", "secret-refresh"))
