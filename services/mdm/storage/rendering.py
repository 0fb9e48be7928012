"""Rendering published changes: each with its record as the revision says, and the keys that belong to it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import change_pb2, ledger_pb2, reference_data_pb2, system_pb2
from services.mdm.domain import registry as record_types
from services.mdm.storage.deciding.proposals import Proposals
from services.mdm.storage.matching.decisions import RECORD_TYPE as DECIDED
from services.mdm.storage.matching.decisions import MatchDecisions
from services.mdm.storage.models.audits import RECORD_TYPE as AUDITED
from services.mdm.storage.models.audits import MatchAudits
from services.mdm.storage.models.stored_models import RECORD_TYPE as MODELLED
from services.mdm.storage.models.stored_models import StoredModels
from services.mdm.storage.records.golden_reader import GoldenReader, merged_into
from services.mdm.storage.records.pin_records import RECORD_TYPE as PINNED
from services.mdm.storage.records.source_reader import RECORD_TYPE as SOURCE
from services.mdm.storage.records.source_reader import SourceReader
from services.mdm.storage.registration.registry import CODE_MAP, RULES, present_registered
from services.mdm.storage.retention.holds import RECORD_TYPE as HELD
from services.mdm.storage.retention.holds import Holds
from services.mdm.storage.stewardship.change_request_records import RECORD_TYPE as REQUESTED
from services.mdm.storage.stewardship.change_requests import ChangeRequests
from services.mdm.storage.stewardship.pins import Pins
from services.mdm.storage.survivorship.rules import SurvivorshipRules
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.writing.quarantine import RECORD_TYPE as QUARANTINED
from services.mdm.storage.writing.quarantine import Quarantine
from services.mesh.feed.reader import PublishedChange
from services.mesh.records.store import RecordStore, Revision, State

Present = Callable[[Revision, bool], Message]


class Rendering:
    """Renders the changes of a transaction for one subscriber's clearance."""

    def __init__(  # noqa: PLR0913 - one for each kind of record
        self,
        store: RecordStore,
        reader: GoldenReader,
        sources: SourceReader,
        quarantine: Quarantine,
        decisions: MatchDecisions,
        models: StoredModels,
        pins: Pins,
        requests: ChangeRequests,
        rules: SurvivorshipRules,
        audits: MatchAudits,
        holds: Holds,
        proposals: Iterable[Proposals[Any]],
    ) -> None:
        self._store = store
        self._reader = reader
        self._present: dict[str, Present] = {
            SOURCE: lambda revision, clear: sources.present(revision, clear=clear),
            QUARANTINED: lambda revision, clear: quarantine.present(revision, clear=clear),
            DECIDED: lambda revision, _clear: decisions.present(revision),
            AUDITED: lambda revision, _clear: audits.present(revision),
            MODELLED: lambda revision, _clear: models.present(revision),
            REQUESTED: lambda revision, clear: requests.present(revision, clear=clear),
            PINNED: lambda revision, clear: pins.present(revision, clear=clear),
            RULES: lambda revision, _clear: rules.present(revision),
            HELD: lambda revision, _clear: holds.present(revision),
            "system": lambda revision, _clear: present_registered(store, revision, system_pb2.System),
            "ledger": lambda revision, _clear: present_registered(store, revision, ledger_pb2.Ledger),
            "code_list": lambda revision, _clear: present_registered(store, revision, reference_data_pb2.CodeList),
            CODE_MAP: lambda revision, _clear: present_registered(store, revision, reference_data_pb2.CodeMap),
            "entity": lambda revision, _clear: present_registered(store, revision, system_pb2.Entity),
            **{kept.record_type: _without_clearance(kept.present) for kept in proposals},
        }

    def renders(self, record_type: str) -> bool:
        """Say whether there are records of a type: a master's, or a kind that the hub keeps itself."""
        return record_type in self._present or record_types.by_name(record_type) is not None

    def changes(
        self, connection: Connection, published: Sequence[PublishedChange], *, clear: bool
    ) -> list[change_pb2.Change]:
        """Return the changes as subscribers get them; with `clear` RESTRICTED values too."""
        revisions = self._store.read_revisions(connection, [(change.record, change.revision) for change in published])
        golden = [change.record for change in published if record_types.by_name(change.record_type)]
        crossings = crosswalk.of_goldens(connection, golden) if golden else {}
        return [
            self._change(change, revisions[change.record, change.revision], crossings.get(change.record, ()), clear)
            for change in published
        ]

    def _change(
        self,
        published: PublishedChange,
        revision: Revision,
        crossings: Sequence[crosswalk.Crossing],
        clear: bool,  # noqa: FBT001 - passed on
    ) -> change_pb2.Change:
        change = change_pb2.Change(
            position=published.position,
            record=published.record,
            record_type=published.record_type,
            revision=published.revision,
            operation=int(published.operation),  # type: ignore[arg-type] # the same numbers in both contracts
            traceparent=published.traceparent,
            content=self._content(revision, clear),
            crosswalk=[
                change_pb2.CrosswalkEntry(system=c.system, key=c.key, source_record=c.source_record)
                for c in crossings
                if c.live
            ],
        )
        change.change_time.FromDatetime(published.occurred_at)
        if revision.state is State.MERGED and not revision.erased:
            change.merged_into = merged_into(self._store, revision)
        return change

    def _content(self, revision: Revision, clear: bool) -> PackedMessage | None:  # noqa: FBT001 - passed on
        """Return the record as the revision says it; of what was erased what is left, None = nothing."""
        record_type = record_types.by_name(revision.record_type)
        if record_type is None:
            return None if revision.erased else _packed(self._present[revision.record_type](revision, clear))
        if revision.erased:
            return _packed(self._reader.remains(record_type, revision))
        return _packed(self._reader.present(record_type, revision, clear=clear))


def _without_clearance(present: Callable[[Revision], Message]) -> Present:
    """Return how records that hold nothing RESTRICTED are presented."""
    return lambda revision, _clear: present(revision)


def _packed(message: Message) -> PackedMessage:
    packed = PackedMessage()
    packed.Pack(message, deterministic=True)
    return packed
