"""Groups of source records that are one thing, and the names of the golden records that they are.

For every source record that ever stood alone a golden record was founded. A group goes by the oldest of those that were
founded for its members. So names follow from the groups, whatever merges and unmerges led to them: a part that is
taken out of a group again goes by the name that it had, and nothing depends on the direction of a merge.
"""

from collections import defaultdict
from collections.abc import Iterable

from concord.mdm.v1 import ingest_pb2 as pb
from services.mdm.domain.stewarding import HUB


def founded_record(said: pb.SourceRecord) -> str:
    """Return the golden record that was founded for a source record; empty while it never stood alone.

    A steward's word belongs to the record that it is about.
    """
    if said.system == HUB:
        return said.key
    founded = said.link_origin == pb.SourceRecord.LINK_ORIGIN_FOUNDED
    return said.founded_record or (said.golden_record if founded else "")


def units(statements: Iterable[pb.SourceRecord]) -> list[tuple[str, ...]]:
    """Return what can't be parted, by name: a source record with what stewards said of the record founded for it.

    The first of a unit stands for it: the system's source record where there is one.
    """
    found: defaultdict[str, list[pb.SourceRecord]] = defaultdict(list)
    for said in statements:
        found[founded_record(said) or said.name].append(said)
    in_order = (sorted(unit, key=lambda said: (said.system == HUB, said.name)) for unit in found.values())
    return sorted(tuple(said.name for said in unit) for unit in in_order)


def name_of(statements: Iterable[pb.SourceRecord]) -> str:
    """Return the golden record that these source records are together; empty when none was founded for any of them."""
    return min((name for said in statements if (name := founded_record(said))), default="")
