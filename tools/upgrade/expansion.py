"""Migrations only expand: what a revision file must not do to the schema while the previous release still uses it.

Expand, migrate, contract: a release adds what it needs; the next may remove what no supported release uses any more, in
a revision file that says so: `contracts_since = "v1.4.0"`, the release that stopped using it.
"""

import importlib.util
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from unittest import mock

_CONTRACTS = "contracts_since"
_TAG = re.compile(r"v\d+\.\d+\.\d+")
_ROLE = "service_role"

_QUOTED = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|--[^\n]*", re.DOTALL)
_CREATED = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\S+)")
_TABLE = re.compile(r"(?:ALTER TABLE (?:ONLY )?|\bON )(\S+)")
_COLUMN = re.compile(r"ADD COLUMN (?:IF NOT EXISTS )?(.+?)(?=, ADD COLUMN|$)")

_NARROWING = {
    "drops": re.compile(
        r"^DROP (?!INDEX)|\bDROP (?:COLUMN|CONSTRAINT|DEFAULT|NOT NULL|EXPRESSION|IDENTITY)|^ALTER TABLE \S+ DROP "
    ),
    "renames": re.compile(r"\bRENAME\b"),
    "changes a type": re.compile(r"\bALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE\b"),
    "refuses NULL": re.compile(r"\bSET NOT NULL\b"),
    "removes rows": re.compile(r"^(?:DELETE FROM|TRUNCATE)\b"),
    "takes a right away": re.compile(r"^REVOKE (?!.* FROM PUBLIC$)"),
}
"""What narrows, whatever table it is done to; of a function's rights only PUBLIC's may be taken, which it never had."""
_NARROWING_WHAT_WAS_THERE = {
    "adds a constraint": re.compile(r"\bADD (?:CONSTRAINT|CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|EXCLUDE)\b"),
    "adds uniqueness": re.compile(r"^CREATE UNIQUE INDEX\b"),
}
"""What narrows a table that an earlier revision created."""


class UnmarkedContractError(Exception):
    """A revision file says that it contracts, but not since which release."""


def narrowing(file: Path) -> Iterator[tuple[str, str]]:
    """Yield what in a revision file the previous release may not survive: how, and the statement in one line.

    A file that is marked as a contract step yields nothing. Raises UnmarkedContractError for a mark that is no release.
    """
    module, scripts = _run(file)
    since = getattr(module, _CONTRACTS, None)
    if since is not None:
        if not _TAG.fullmatch(str(since)):
            raise UnmarkedContractError(f"{file}: {_CONTRACTS} = {since!r} is no release")
        return
    statements = [statement for script in scripts for statement in _statements(script)]
    created = {name for statement in statements for name in _CREATED.findall(statement)}
    for statement in statements:
        for how in _found(statement, created):
            yield how, statement


def _found(statement: str, created: set[str]) -> Iterator[str]:
    yield from (how for how, pattern in _NARROWING.items() if pattern.search(statement))
    table = _TABLE.search(statement)
    if table is None or table[1] in created:
        return
    yield from (how for how, pattern in _NARROWING_WHAT_WAS_THERE.items() if pattern.search(statement))
    if any(" NOT NULL" in column and " DEFAULT " not in column for column in _COLUMN.findall(statement)):
        yield "adds a column that earlier releases don't fill"


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script, each in one line, without what is quoted or a function's body."""
    for statement in _QUOTED.sub("''", script).split(";"):
        words = " ".join(statement.split())
        if words:
            yield words


def _run(file: Path) -> tuple[ModuleType, Sequence[str]]:
    """Run a revision file without a database; return it and the SQL that it would run."""
    scripts: list[str] = []
    specification = importlib.util.spec_from_file_location(f"revision_{file.stem}", file)
    assert specification is not None and specification.loader is not None  # noqa: S101, PT018 - a path of a .py file
    module = importlib.util.module_from_spec(specification)
    with (
        mock.patch("services.mesh.postgres.migrations.run_script", scripts.append),
        mock.patch("services.mesh.postgres.migrations.granted_role", return_value=_ROLE),
    ):
        specification.loader.exec_module(module)
        module.upgrade()
    return module, scripts
