"""The systems file: read whole, or refused with every mistake."""

from pathlib import Path

import pytest

from services.adapter.systems.systems_file import DeliveryMode, SystemsFileError, read_systems_file


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "systems.toml"
    path.write_text(text)
    return path


def test_a_system_is_read_with_its_deliveries_and_options(tmp_path: Path) -> None:
    text = """
        [[systems]]
        name = "systems/erp"
        connector = "tryton"
        poll_interval_seconds = 2
        deliver = { supplier = "update", cost_center = "create" }
        [systems.options]
        url = "http://127.0.0.1:8000"
        password_file = "secret"
    """
    (system,) = read_systems_file(_write(tmp_path, text))
    assert (system.name, system.connector, system.poll_interval_s) == ("systems/erp", "tryton", 2.0)
    assert system.deliver == {"supplier": DeliveryMode.UPDATE, "cost_center": DeliveryMode.CREATE}
    assert system.options["url"] == "http://127.0.0.1:8000"


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = """
        [[systems]]
        name = "erp"
        poll_interval_seconds = 0
        deliver = { supplier = "sometimes" }
        pasword = "x"
        [[systems]]
        name = "systems/a"
        connector = "scim"
        [[systems]]
        name = "systems/a"
        connector = "scim"
    """
    with pytest.raises(SystemsFileError) as caught:
        read_systems_file(_write(tmp_path, text))
    told = "\n".join(caught.value.mistakes)
    for mistake in ("unknown key 'pasword'", "name must be", "connector must", "above 0", "deliver must", "more than"):
        assert mistake in told


@pytest.mark.parametrize("text", ["", "systems = 3", "not toml at all [", "[[systems]]\nname='systems/a'\n[other]\n"])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SystemsFileError):
        read_systems_file(_write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemsFileError):
        read_systems_file(tmp_path / "missing.toml")
