"""The systems file: which systems an adapter serves, and how (TOML).

[[systems]]
name = "systems/erp"
connector = "tryton"
poll_interval_seconds = 30
deliver = { supplier = "update", cost_center = "create" }
[systems.options]       # the connector's own, secrets as files
url = "http://127.0.0.1:8000"
password_file = "/run/secrets/erp"
"""

import enum
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_NAME = re.compile(r"systems/[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_KEYS = {"name", "connector", "poll_interval_seconds", "deliver", "options"}
_DEFAULT_INTERVAL_S = 30.0


class SystemsFileError(Exception):
    """The systems file can't be used; `mistakes` holds every reason."""

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {mistake}" for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class DeliveryMode(enum.Enum):
    """What golden records of a type do to a system."""

    UPDATE = "update"
    """Documents that belong to a golden record are kept up with it."""
    CREATE = "create"
    """Golden records without a document get one, too."""


@dataclass(frozen=True)
class ServedSystem:
    """One system as configured. A record type that `deliver` does not name is only read."""

    name: str
    connector: str
    poll_interval_s: float = _DEFAULT_INTERVAL_S
    deliver: Mapping[str, DeliveryMode] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict, repr=False)


def read_systems_file(path: Path) -> tuple[ServedSystem, ...]:
    """Read the systems in the file's order. Raises SystemsFileError with every mistake in it."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SystemsFileError(path, [str(error)]) from error
    tables = content.get("systems")
    if not isinstance(tables, list) or set(content) != {"systems"}:
        raise SystemsFileError(path, ["must consist of [[systems]] tables, or of `systems = []` for none yet"])
    mistakes = [mistake for number, table in enumerate(tables, 1) for mistake in _mistakes(number, table)]
    names = [str(table.get("name")) for table in tables]
    mistakes += [f"{name} comes more than once" for name in sorted({name for name in names if names.count(name) > 1})]
    if mistakes:
        raise SystemsFileError(path, mistakes)
    return tuple(_system(table) for table in tables)


def _system(table: Mapping[str, Any]) -> ServedSystem:
    return ServedSystem(
        name=table["name"],
        connector=table["connector"],
        poll_interval_s=float(table.get("poll_interval_seconds", _DEFAULT_INTERVAL_S)),
        deliver={kind: DeliveryMode(mode) for kind, mode in table.get("deliver", {}).items()},
        options=table.get("options", {}),
    )


def _mistakes(number: int, table: Mapping[str, Any]) -> Iterator[str]:
    place = f"system {number}"
    for unknown in sorted(set(table) - _KEYS):
        yield f"{place}: unknown key {unknown!r}"
    if not isinstance(table.get("name"), str) or not _NAME.fullmatch(table["name"]):
        yield f"{place}: name must be like `systems/erp`"
    if not isinstance(table.get("connector"), str) or not table["connector"]:
        yield f"{place}: connector must name a kind of connector"
    interval = table.get("poll_interval_seconds", _DEFAULT_INTERVAL_S)
    if not isinstance(interval, int | float) or isinstance(interval, bool) or interval <= 0:
        yield f"{place}: poll_interval_seconds must be a number above 0"
    deliver = table.get("deliver", {})
    modes = {mode.value for mode in DeliveryMode}
    if not isinstance(deliver, dict) or not all(mode in modes for mode in deliver.values()):
        yield f'{place}: deliver must give "update" or "create" by record type'
    if not isinstance(table.get("options", {}), dict):
        yield f"{place}: options must be a table"
