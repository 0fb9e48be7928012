"""The options of a SCIM service in the systems file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.saas_adapter.domain.scim.conventions import Conventions

_REQUIRED = ("url", "token_file")
_TEXTS = (*_REQUIRED, "hierarchy")
_KNOWN = {*_TEXTS, "entities", "timeout_seconds"}
_ENTITY = re.compile(r"entities/[^/]+")
_HIERARCHY = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class ScimOptions:
    """Where a SCIM service is, which token to show it, and what it means by what it holds."""

    url: str
    token_file: Path
    conventions: Conventions
    timeout_s: float = _TIMEOUT_S

    @classmethod
    def parse(cls, options: Mapping[str, object]) -> "ScimOptions":
        """Read the options. Raises ValueError with every mistake, one a line."""
        if mistakes := list(_mistakes(options)):
            raise ValueError("\n".join(mistakes))
        named = {"hierarchy": str(options["hierarchy"])} if "hierarchy" in options else {}
        return cls(
            url=str(options["url"]),
            token_file=Path(str(options["token_file"])),
            conventions=Conventions(_entities(options.get("entities", {})), **named),
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
    hierarchy = options.get("hierarchy")
    if isinstance(hierarchy, str) and hierarchy and not _HIERARCHY.fullmatch(hierarchy):
        yield "hierarchy must be a small letter and up to 63 small letters, digits, `-` and `_`"
    entities = _entities(options.get("entities", {}))
    if not isinstance(options.get("entities", {}), Mapping) or not all(map(_ENTITY.fullmatch, entities.values())):
        yield "entities must give entities/{id} by the name that cost centers use"
    if len(set(entities.values())) < len(entities):
        yield "entities must not give one entity two names"
    timeout = options.get("timeout_seconds", _TIMEOUT_S)
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or timeout <= 0:
        yield "timeout_seconds must be a number above 0"
