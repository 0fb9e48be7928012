"""One whole comparison of a service's evidence with the audit's, from the first record to the last."""

from services.mesh.evidence.comparison import Finding, OwnSide, Side, compare
from services.mesh.report import Report, Row

_MOST_LISTED = 1000
"""Differences that the report names one by one; the sums count all of them."""


def reconcile(source_service: str, own: OwnSide, audit: Side) -> Report:
    """Compare everything; alarming is any difference but what waits to be published. Raises ConcordError."""
    listed: list[Row] = []
    compared = waiting = differences = 0
    behind: str | None = ""
    while behind is not None:
        page = compare(own, audit, behind)
        compared, waiting = compared + page.compared, waiting + page.waiting
        differences += len(page.differences)
        listed += map(_row, page.differences[: _MOST_LISTED - len(listed)])
        behind = page.behind
    sums: Row = {
        "service": source_service,
        "compared": compared,
        "waiting": waiting,
        "differences": differences,
    }
    return Report(sums, listed, alarming=differences > 0)


def _row(found: Finding) -> Row:
    return {
        "record": found.record,
        "revision": found.revision,
        "kind": found.kind.name.lower(),
        "own_hash": found.own_hash.hex(),
        "audited_hash": found.audited_hash.hex(),
    }
