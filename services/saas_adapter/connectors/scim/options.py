"""The options of a SCIM service in the systems file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.saas_adapter.domain.scim.conventions import Conventions
from services.saas_adapter.domain.scim.workforce import WORKER_TYPES

_REQUIRED = ("url", "token_file")
_TEXTS = (*_REQUIRED, "hierarchy", "workforce_extension")
_TABLES = ("entities", "worker_types", "contractor_classifications")
_KNOWN = {*_TEXTS, *_TABLES, "timeout_seconds"}
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
        default = Conventions()
        conventions = Conventions(
            entities=_table(options, "entities"),
            hierarchy=str(options.get("hierarchy", default.hierarchy)),
            worker_types=_table(options, "worker_types"),
            contractor_classifications=_table(options, "contractor_classifications"),
            workforce_extension=str(options.get("workforce_extension", default.workforce_extension)),
        )
        return cls(
            url=str(options["url"]),
            token_file=Path(str(options["token_file"])),
            conventions=conventions,
            timeout_s=float(str(options.get("timeout_seconds", _TIMEOUT_S))),
        )


def _table(options: Mapping[str, object], name: str) -> dict[str, str]:
    table = options.get(name, {})
    return {str(key): str(value) for key, value in table.items()} if isinstance(table, Mapping) else {}


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
    entities = _table(options, "entities")
    if not isinstance(options.get("entities", {}), Mapping) or not all(map(_ENTITY.fullmatch, entities.values())):
        yield "entities must give entities/{id} by the name that cost centers use"
    if len(set(entities.values())) < len(entities):
        yield "entities must not give one entity two names"
    yield from _mistakes_in_engagements(options)
    timeout = options.get("timeout_seconds", _TIMEOUT_S)
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or timeout <= 0:
        yield "timeout_seconds must be a number above 0"


def _mistakes_in_engagements(options: Mapping[str, object]) -> Iterator[str]:
    types, classifications = (_table(options, name) for name in ("worker_types", "contractor_classifications"))
    if not isinstance(options.get("worker_types", {}), Mapping) or not set(types.values()) <= set(WORKER_TYPES):
        yield f"worker_types must give one of {', '.join(WORKER_TYPES)} by userType"
    told = options.get("contractor_classifications", {})
    if not isinstance(told, Mapping) or not all(classifications.values()):
        yield "contractor_classifications must give codes by userType"
    for kind in sorted(classifications):
        if types.get(kind) not in {"contractor", "agency"}:
            yield f"contractor_classifications names {kind!r}, which worker_types does not make contractor or agency"
