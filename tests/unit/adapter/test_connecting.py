"""Connectors are made from the systems file, or every mistake is told before anything starts."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from services.adapter.app import connect
from services.adapter.settings import AdapterSettings
from services.mesh.calling.peer import PeerSettings
from services.mesh.configuration import ConfigurationError
from services.mesh.identity.authentication import AuthenticationSettings
from services.mesh.postgres.database import DatabaseSettings
from tests.support.adapter.fake_connector import FakeConnector, FakeSystem


def _settings(tmp_path: Path, text: str) -> AdapterSettings:
    file = tmp_path / "systems.toml"
    file.write_text(text)
    peer = PeerSettings("127.0.0.1:1", file)
    return AdapterSettings(
        DatabaseSettings("postgresql://nobody@127.0.0.1/none"),
        AuthenticationSettings("issuer", jwks_file=file),
        file,
        peer,
        peer,
        file,
    )


def _make(system: str, options: Mapping[str, object]) -> FakeConnector:
    del system
    if "url" not in options:
        raise ValueError("url is missing\nuser is missing")
    return FakeConnector(FakeSystem())


def test_every_system_gets_its_connector(tmp_path: Path) -> None:
    text = '[[systems]]\nname="systems/a"\nconnector="fake"\ndeliver={supplier="update"}\noptions={url="x"}\n'
    ((system, connector),) = connect(_settings(tmp_path, text), {"fake": _make})
    assert (system.name, connector.kind) == ("systems/a", "fake")


def test_unknown_connectors_wrong_options_and_unknown_types_are_told_together(tmp_path: Path) -> None:
    text = """
        [[systems]]
        name = "systems/a"
        connector = "fax"
        [[systems]]
        name = "systems/b"
        connector = "fake"
        [[systems]]
        name = "systems/c"
        connector = "fake"
        deliver = { employee = "update" }
        options = { url = "x" }
    """
    with pytest.raises(ConfigurationError) as caught:
        connect(_settings(tmp_path, text), {"fake": _make})
    assert len(caught.value.mistakes) == 4
    told = str(caught.value)
    for part in ("no connector 'fax'", "url is missing", "user is missing", "no employee to deliver"):
        assert part in told
