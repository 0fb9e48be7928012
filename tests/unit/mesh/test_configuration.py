"""Configuration from the environment."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from services.mesh.configuration import ConfigurationError, Secret, describe, load
from services.mesh.identity.authentication import AuthenticationSettings
from services.mesh.postgres.database import DatabaseSettings
from services.mesh.server.settings import ServerSettings
from services.mesh.telemetry import TelemetrySettings


@dataclass(frozen=True)
class Tls:
    certificate: Path
    depth: int = 1


@dataclass(frozen=True)
class Pool:
    size: int = 4
    wait: timedelta = timedelta(seconds=2)


@dataclass(frozen=True)
class Settings:
    url: str
    password: Secret
    ratio: float = 0.5
    verbose: bool = False
    folder: Path | None = None
    pin: Secret | None = None
    pool: Pool = Pool(size=9)
    spare: Pool = field(default_factory=Pool)
    tls: Tls | None = None


@pytest.fixture
def required(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "password").write_text("hunter2\n")
    return {"APP_URL": "postgresql://x", "APP_PASSWORD_FILE": str(tmp_path / "password")}


def mistakes(environ: dict[str, str], settings: type = Settings) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(settings, environ, "APP")
    assert all(mistake in str(caught.value) for mistake in caught.value.mistakes)
    return caught.value.mistakes


def test_defaults_stand_where_nothing_is_said(required: dict[str, str]) -> None:
    assert load(Settings, required, "APP") == Settings(url="postgresql://x", password=Secret("hunter2"))


def test_every_kind_of_field_is_read(required: dict[str, str]) -> None:
    said = {
        "APP_RATIO": "0.25",
        "APP_VERBOSE": "true",
        "APP_FOLDER": "/srv/x",
        "APP_PIN_FILE": required["APP_PASSWORD_FILE"],
        "APP_POOL_WAIT": "1.5",
        "APP_TLS_CERTIFICATE": "/tls/crt",
        "OTHER_X": "ignored",
    }
    loaded = load(Settings, required | said, "APP")
    assert loaded == Settings(
        url="postgresql://x",
        password=Secret("hunter2"),
        ratio=0.25,
        verbose=True,
        folder=Path("/srv/x"),
        pin=Secret("hunter2"),
        pool=Pool(size=9, wait=timedelta(seconds=1.5)),
        tls=Tls(Path("/tls/crt")),
    )


def test_a_secret_is_not_in_a_repr(required: dict[str, str]) -> None:
    assert "hunter2" not in repr(load(Settings, required, "APP"))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text(" \n")
    found = mistakes(
        {
            "APP_PASSWORD_FILE": "/nowhere/secret",
            "APP_PIN_FILE": str(empty),
            "APP_RATIO": "nan",
            "APP_VERBOSE": "yes",
            "APP_POOL_SIZE": "many",
            "APP_POOL_WAIT": "1e99",
            "APP_TLS_DEPTH": "2",
            "APP_FOLDR": "/x",
            "APP_COMPLETELY_DIFFERENT": "1",
        }
    )
    assert found == (
        "APP_URL is missing: a text",
        "APP_PASSWORD_FILE names a file that can't be read: No such file or directory",
        "APP_RATIO is 'nan', which is not a number",
        "APP_VERBOSE is 'yes', which is not true or false",
        "APP_PIN_FILE names a file that can't be read: it is empty",
        "APP_POOL_SIZE is 'many', which is not a whole number",
        "APP_POOL_WAIT is '1e99', which is not a number of seconds",
        "APP_TLS_CERTIFICATE is missing: a path",
        "APP_COMPLETELY_DIFFERENT is not a variable of this service",
        "APP_FOLDR is not a variable of this service; did you mean APP_FOLDER?",
    )


def test_a_secret_put_into_the_variable_itself_is_not_shown(required: dict[str, str]) -> None:
    found = mistakes(required | {"APP_PASSWORD_FILE": "s3cr3t"})
    assert "s3cr3t" not in " ".join(found)


def test_a_secret_without_its_file_is_refused(required: dict[str, str]) -> None:
    assert "APP_PASSWORD is not a variable of this service; did you mean APP_PASSWORD_FILE?" in mistakes(
        required | {"APP_PASSWORD": "hunter2"}
    )


def test_an_empty_variable_counts_as_not_set(required: dict[str, str]) -> None:
    assert load(Settings, required | {"APP_FOLDER": "", "APP_TLS_DEPTH": ""}, "APP").tls is None
    assert mistakes(required | {"APP_URL": ""}) == ("APP_URL is missing: a text",)


def test_settings_that_contradict_themselves_are_a_mistake() -> None:
    found = mistakes({"APP_ISSUER": "https://idp"}, AuthenticationSettings)
    assert found == ("APP_*: exactly one of jwks_file and jwks_url says where the issuer's keys are",)
    both = {"APP_ISSUER": "https://idp", "APP_JWKS_URL": "http://idp.example/jwks"}
    assert "https" in mistakes(both, AuthenticationSettings)[0]


def test_a_field_that_cannot_be_configured_is_a_defect() -> None:
    @dataclass(frozen=True)
    class Wrong:
        callback: object

    with pytest.raises(TypeError, match=r"Wrong\.callback"):
        load(Wrong, {}, "APP")


@pytest.mark.parametrize("settings", [AuthenticationSettings, DatabaseSettings, ServerSettings, TelemetrySettings])
def test_the_settings_of_the_mesh_can_be_configured(settings: type) -> None:
    assert describe(settings, "CONCORD_X").startswith("CONCORD_X_")


def test_the_table_for_help_names_every_variable_with_its_kind_and_default() -> None:
    rows = [" ".join(line.split()) for line in describe(Settings, "APP").splitlines()]
    assert rows == [
        "APP_URL a text required",
        "APP_PASSWORD_FILE the path of a file with a secret required",
        "APP_RATIO a number default 0.5",
        "APP_VERBOSE true or false default false",
        "APP_FOLDER a path optional",
        "APP_PIN_FILE the path of a file with a secret optional",
        "APP_POOL_SIZE a whole number default 9",
        "APP_POOL_WAIT a number of seconds default 2",
        "APP_SPARE_SIZE a whole number default 4",
        "APP_SPARE_WAIT a number of seconds default 2",
        "APP_TLS_CERTIFICATE a path required with any APP_TLS_*",
        "APP_TLS_DEPTH a whole number default 1",
    ]
