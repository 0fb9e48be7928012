"""The options of a Tryton in the systems file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from concord.mdm.v1.account_pb2 import Account
from concord.mdm.v1.location_pb2 import Location
from services.erp_adapter.domain.tryton.conventions import LOCATION_KINDS, Conventions

_REQUIRED = ("url", "database", "user", "password_file")
_CONVENTIONS = ("supplier_category", "hierarchy", "currency", "location_hierarchy", "account_hierarchy", "ledger")
_TEXTS = (*_REQUIRED, "company", *_CONVENTIONS, "account_segments")
_TABLES = ("entities", "location_entities", "location_kinds", "account_types")
_KNOWN = {*_TEXTS, *_TABLES, "timeout_seconds"}
_ENTITY = re.compile(r"entities/[^/]+")
_LEDGER = re.compile(r"ledgers/[^/]+")
_KINDS = frozenset(name.removeprefix("KIND_") for name in Location.Kind.keys()[1:])
_TYPES = frozenset(name.removeprefix("TYPE_") for name in Account.Type.keys()[1:])
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
        return cls(
            url=texts["url"],
            database=texts["database"],
            user=texts["user"],
            password_file=Path(texts["password_file"]),
            conventions=_conventions(system.removeprefix("systems/"), texts, options),
            company=texts.get("company", ""),
            timeout_s=float(str(options.get("timeout_seconds", _TIMEOUT_S))),
        )


def _conventions(system: str, texts: Mapping[str, str], options: Mapping[str, object]) -> Conventions:
    named = {name: texts[name] for name in _CONVENTIONS if name in texts}
    return Conventions(
        system,
        **{"ledger": f"ledgers/{system}", **named},
        entities=_table(options, "entities"),
        location_entities=_table(options, "location_entities"),
        location_kinds=_table(options, "location_kinds") or LOCATION_KINDS,
        account_types=_table(options, "account_types"),
        account_segments=re.compile(texts["account_segments"]) if "account_segments" in texts else None,
    )


def _table(options: Mapping[str, object], name: str) -> dict[str, str]:
    table = options.get(name)
    return {str(key): str(value) for key, value in table.items()} if isinstance(table, Mapping) else {}


def _mistakes(options: Mapping[str, object]) -> Iterator[str]:
    for unknown in sorted(set(options) - _KNOWN):
        yield f"unknown option {unknown!r}"
    for name in _TEXTS:
        value = options.get(name)
        if (name in _REQUIRED or name in options) and not (isinstance(value, str) and value):
            yield f"{name} must be a text that is not empty"
    yield from _mistakes_in_tables(options)
    yield from _mistakes_about_accounts(options)
    timeout = options.get("timeout_seconds", _TIMEOUT_S)
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or timeout <= 0:
        yield "timeout_seconds must be a number above 0"


def _mistakes_in_tables(options: Mapping[str, object]) -> Iterator[str]:
    for name in _TABLES:
        if not isinstance(options.get(name, {}), Mapping):
            yield f"{name} must be a table"
    entities = _table(options, "entities")
    if not all(map(_ENTITY.fullmatch, entities.values())):
        yield "entities must give entities/{id} by the name that accounts' notes use"
    if len(set(entities.values())) < len(entities):
        yield "entities must not give one entity two names"
    if not all(map(_ENTITY.fullmatch, _table(options, "location_entities").values())):
        yield "location_entities must give entities/{id} by the code of a location"
    for name, allowed in (("location_kinds", _KINDS), ("account_types", _TYPES)):
        if not allowed.issuperset(_table(options, name).values()):
            yield f"{name} must give one of {', '.join(sorted(allowed))}"


def _mistakes_about_accounts(options: Mapping[str, object]) -> Iterator[str]:
    ledger, segments = options.get("ledger"), options.get("account_segments")
    if isinstance(ledger, str) and ledger and not _LEDGER.fullmatch(ledger):
        yield "ledger must be ledgers/{id}"
    if isinstance(segments, str) and segments and not _names_groups(segments):
        yield "account_segments must be a regular expression with named groups"


def _names_groups(pattern: str) -> bool:
    try:
        return bool(re.compile(pattern).groupindex)
    except re.error:
        return False
