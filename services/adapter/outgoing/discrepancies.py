"""Discrepancies: where a system and the hub differ and a person has to look."""

from typing import TypeAlias, cast

from sqlalchemy import Connection

from concord.adapter.v1.adapter_pb2 import Discrepancy
from services.adapter.outpost import Outpost
from services.adapter.storage.ledger import Entry, new_name

Findings: TypeAlias = dict["tuple[Discrepancy.Kind.ValueType, str]", tuple[str, ...]]
"""What differs: the paths by kind and key; a difference of a whole document has no paths."""


class Discrepancies:
    """The discrepancies of one system; every method works inside the caller's transaction."""

    def __init__(self, outpost: Outpost) -> None:
        self._outpost = outpost

    def settle_with(self, connection: Connection, golden_record: str, findings: Findings) -> None:
        """Make the open discrepancies of a golden record those found now: open, correct or settle them."""
        ledger, system = self._outpost.ledger, self._outpost.name
        names = ledger.open_of_golden(connection, system, Discrepancy, golden_record)
        if not names and not findings:
            return
        found = ledger.read(connection, names).values() if names else ()
        waiting = {(each.kind, each.key): each for each in (cast("Discrepancy", content) for content in found)}
        changed = [
            self._stated(golden_record, kind, key, paths, waiting.get((kind, key)))
            for (kind, key), paths in findings.items()
            if (kind, key) not in waiting or tuple(waiting[kind, key].paths) != paths
        ]
        gone = [self._settled(each) for known, each in waiting.items() if known not in findings]
        ledger.put(connection, changed + gone, self._outpost.origin("discrepancies"))

    def _stated(
        self,
        golden_record: str,
        kind: Discrepancy.Kind.ValueType,
        key: str,
        paths: tuple[str, ...],
        waiting: Discrepancy | None,
    ) -> Entry:
        content = Discrepancy(
            name=waiting.name if waiting else new_name(self._outpost.name, Discrepancy),
            golden_record=golden_record,
            key=key,
            kind=kind,
            paths=paths,
            create_time=waiting.create_time if waiting else None,
        )
        return Entry(self._outpost.name, content, key, golden_record, kind)

    def _settled(self, waiting: Discrepancy) -> Entry:
        content = Discrepancy()
        content.CopyFrom(waiting)
        content.settled = True
        return Entry(self._outpost.name, content, waiting.key, waiting.golden_record, waiting.kind, open=False)
