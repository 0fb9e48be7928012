"""What the connector has to know of each kind of Tryton's documents; one module per noun declares one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from google.protobuf.message import Message

from services.adapter.systems.connector import Expression, Translation, Value
from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton.company import Company
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Row

Domain: TypeAlias = Sequence[object]

LARGEST_ID = 2**31 - 1
"""PostgreSQL's integers, which ids are, go no further."""


@dataclass(frozen=True)
class Site:
    """Where a noun's calls go: client, company and conventions."""

    client: TrytonClient
    company: Company
    conventions: Conventions

    def search(self, model: str, domain: Domain, fields: Sequence[str] = ("id",)) -> list[dict[str, Any]]:
        """Read the rows in the domain, by id."""
        return self.client.search_read(model, domain, fields, context=self.company.context)

    def context(self, **more: object) -> dict[str, object]:
        """Return the context of a write."""
        return {**self.company.context, **more}

    def only(self, model: str, domain: Domain, what: str) -> int:
        """Return the id of the first row in the domain. Raises TrytonError PERMANENT when there is none."""
        found = self.search(model, domain)
        if not found:
            raise TrytonError(RemoteErrorKind.PERMANENT, f"Tryton has no such {what}")
        return int(found[0]["id"])


@dataclass(frozen=True)
class Noun:
    """One kind of document."""

    model: str
    record_type: str
    message: type[Message]
    fields: tuple[str, ...]
    """What is read of a row, related rows' fields with dots."""
    changed_with: tuple[str, ...]
    """The children whose changes are changes of the document, `` being the row itself."""
    masters: Callable[[Conventions], Domain]
    """Which rows of the model are masters."""
    translate: Callable[[Row, Conventions], Translation]
    express: Callable[[Any, date, Conventions], Expression]
    find: Callable[[Site, Any], int | None]
    """Search the row of a golden record."""
    create: Callable[[Site, Any, Mapping[str, Value]], int]
    """Create a row that says the values. Raises TrytonError; ValueError for values that the model can't hold."""
    update: Callable[[Site, Row, Mapping[str, Value]], None]
    """Make a row say the values, unless it changed since it was read. Raises as `create`."""
    is_gone: Callable[[Row], bool] = lambda _: False
    """Whether a row that is still there counts as deleted."""

    def key(self, row_id: int) -> str:
        """Return the document's key."""
        return f"{self.model}/{row_id}"

    def changed_since(self, since: object) -> Domain:
        """Return the domain of the rows that changed, or whose children did."""
        prefixes = [f"{child}." if child else "" for child in self.changed_with]
        return ["OR", *((f"{prefix}last_modified_at", ">=", since) for prefix in prefixes)]


def read_fields(prefix: str, *names: str) -> tuple[str, ...]:
    """Return the fields of related rows, with what tells when they changed."""
    return tuple(f"{prefix}.{name}" for name in (*names, "last_modified_at", "_timestamp"))
