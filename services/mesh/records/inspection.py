"""Questions that tests and operators ask a service's database about its own completeness."""

from collections.abc import Mapping

from sqlalchemy import Connection


def tables_without_change_trigger(connection: Connection, exempt: Mapping[str, str]) -> list[str]:
    """Name every table that can change without evidence and is not in `exempt` (table → reason).

    Raises ValueError for an exemption of a table that does not exist, or one without a reason.
    """
    raise NotImplementedError


def revisions_without_change(connection: Connection) -> list[tuple[str, int]]:
    """List (record, revision) of revisions that have no change row; always empty unless triggers were bypassed."""
    raise NotImplementedError
