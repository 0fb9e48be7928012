"""The options of a Tryton in the systems file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.erp_adapter.domain.tryton.conventions import Conventions

_REQUIRED = ("url", "database", "user", "password_file")
_TEXTS = (*_REQUIRED, "company", "supplier_category", "hierarchy", "currency")
_KNOWN = {*_TEXTS, "entities", "timeout_seconds"}
_ENTITY = re.compile(r"entities/[^/]+")
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class TrytonOptions:
    """Where a Tryton is, as whom to log in, and what it means by what it holds."""

    url: str
    database: str
    user: str
    password_file: Path
    conventions: Conventions
    company: str = ""
    """The company's name, needed where Tryton has several."""
    timeout_s: float = _TIMEOUT_S

    @classmethod
    def parse(cls, system: str, options: Mapping[str, object]) -> "TrytonOptions":
        """Read the options of `systems/{system}`. Raises ValueError with every mistake, one a line."""
        if mistakes := list(_mistakes(options)):
            raise ValueError("\n".join(mistakes))
        texts = {name: str(options[name]) for name in _TEXTS if name in options}
        named = {name: texts[name] for name in ("supplier_category", "hierarchy", "currency") if name in texts}
        return cls(
            url=texts["url"],
            database=texts["database"],
            user=texts["user"],
            password_file=Path(texts["password_file"]),
            conventions=Conventions(system.removeprefix("systems/"), _entities(options.get("entities", {})), **named),
            company=texts.get("company", ""),
            timeout_s=float(str(options.get("timeout_seconds", _TIMEOUT_S))),
        )


def _entities(table: object) -> dict[str, str]:
    return {str(name): str(entity) for name, entity in table.items()} if isinstance(table, Mapping) else {}


def _mistakes(options: Mapping[str, object]) -> Iterator[str]:
    for unknown in sorted(set(options) - _KNOWN):
        yield f"unknown option {unknown!r}"
    for name in _TEXTS:
        value = options.get(name)
        if (name in _REQUIRED or name in options) and not (isinstance(value, str) and value):
            yield f"{name} must be a text that is not empty"
    entities = _entities(options.get("entities", {}))
    if not isinstance(options.get("entities", {}), Mapping) or not all(map(_ENTITY.fullmatch, entities.values())):
        yield "entities must give entities/{id} by the name that accounts' notes use"
    if len(set(entities.values())) < len(entities):
        yield "entities must not give one entity two names"
    timeout = options.get("timeout_seconds", _TIMEOUT_S)
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or timeout <= 0:
        yield "timeout_seconds must be a number above 0"
