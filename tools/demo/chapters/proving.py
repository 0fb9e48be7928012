"""Chapter: the evidence of every mutation, counted against the databases of the services that made them."""

from collections import defaultdict

from concord.audit.v1.audit_pb2 import CountLeavesRequest, GetLeafRequest, Leaf, ListGapsRequest
from concord.mdm.v1.supplier_pb2 import ExplainSupplierRequest
from tools.demo.chapters.correcting import PURPOSE, REASON, Correction
from tools.demo.story import Story
from tools.landscape import counting
from tools.landscape.callers import AUDITOR, STEWARD
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every
from tools.landscape.settling import ADAPTERS

_SHOWN_BYTES = 6


def tell(story: Story, landscape: Landscape, correction: Correction) -> None:
    """Compare counts, look for gaps, read the steward's leaf."""
    _compare(story, landscape)
    gaps = list(every(landscape.callers.audit(AUDITOR).ListGaps, ListGapsRequest(), "gaps"))
    story.expect("revisions without evidence", len(gaps), 0)
    story.tell("No revision is missing in the audit: revisions have no gaps, so a missing one would show.")
    _read_leaf(story, landscape, correction)


# Refused calls, questions and the like change nothing: they have evidence, and no revision.
_ACTS = {field.name for field in Leaf.DESCRIPTOR.oneofs_by_name["act"].fields}


def _compare(story: Story, landscape: Landscape) -> None:
    leaves: dict[str, dict[str, int]] = defaultdict(dict)
    for count in landscape.callers.audit(AUDITOR).CountLeaves(CountLeavesRequest()).counts:
        if count.record_type not in _ACTS:
            leaves[count.source_service][count.record_type] = count.count
    rows: list[tuple[str, str, int, int, int]] = []
    for service in ("mdm", *ADAPTERS):
        revisions = counting.revisions(landscape.postgres, service)
        changes = counting.changes(landscape.postgres, service)
        story.expect(f"change rows of {service}", dict(sorted(changes.items())), dict(sorted(revisions.items())))
        story.expect(f"leaves of {service}", dict(sorted(leaves[service].items())), dict(sorted(revisions.items())))
        rows += [
            (service, kind, count, changes[kind], leaves[service][kind]) for kind, count in sorted(revisions.items())
        ]
    story.expect("services with evidence", sorted(leaves), sorted(("mdm", *ADAPTERS)))
    total = [sum(row[place] for row in rows) for place in (2, 3, 4)]  # type: ignore[misc] # the counts
    story.table(("service", "record type", "revisions", "change rows", "leaves"), [*rows, ("all", "", *total)])


def _read_leaf(story: Story, landscape: Landscape, correction: Correction) -> None:
    hub = landscape.callers.hub(STEWARD)
    explanation = hub.suppliers.ExplainSupplier(ExplainSupplierRequest(name=correction.supplier)).explanation
    [winner] = [value.winner for value in explanation.values if value.path == "legal_name"]
    request = GetLeafRequest(source_service="mdm", record=winner.source_record, revision=winner.source_revision)
    leaf = landscape.callers.audit(AUDITOR).GetLeaf(request).leaf.leaf
    story.expect("who corrected the supplier", leaf.actor, STEWARD.subject)
    story.expect("what for, and why", [leaf.purpose, leaf.reason], [PURPOSE, REASON])
    story.tell(
        "The evidence of the steward's correction says who, when and why, and commits to what without telling it:"
    )
    story.table(("leaf", ""), _lines(leaf))


def _lines(leaf: Leaf) -> list[tuple[str, str]]:
    return [
        ("record", f"{leaf.record} revision {leaf.revision}"),
        ("who", f"{leaf.actor} with {leaf.client} from {leaf.client_address}"),
        ("when", f"{leaf.occurred_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"),
        ("why", f"{leaf.purpose}; {leaf.reason}"),
        *((each.path, f"{_short(each.old)} → {_short(each.new)}") for each in leaf.fields),
        ("content", _short(leaf.content_digest)),
    ]


def _short(commitment: bytes) -> str:
    return f"{commitment[:_SHOWN_BYTES].hex()}…" if commitment else "nothing"
