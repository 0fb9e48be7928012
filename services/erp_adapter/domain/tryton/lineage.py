"""What a row of a tree lies below: its parents, read along with it as far up as `LEVELS`."""

from collections.abc import Iterator

from services.erp_adapter.domain.tryton.held import Held

LEVELS = 8
"""How many levels of parents are read."""


def fields(prefix: str, *names: str) -> tuple[str, ...]:
    """Return the fields of the parents of the row at `prefix` (empty = the row read); the last names its parent."""
    parents = [f"{prefix}{'parent.' * level}" for level in range(1, LEVELS + 1)]
    return (*(f"{parent}{name}" for parent in parents for name in names), f"{parents[-1]}parent")


def of(row: Held) -> Iterator[Held]:
    """Give a row, then its parents, the nearest first. Raises UntranslatableError for more than were read."""
    yield row
    while "parent" not in row.row:  # which only the last one has that was read
        above = row.one("parent")
        if above is None:
            return
        row = above
        yield row
    if row.row["parent"] is not None:
        raise row.refused("parent", f"lies more than {LEVELS} levels above")
