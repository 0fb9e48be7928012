"""Placing: source records come to belong to the golden records that an evaluation tells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from concord.mdm.v1 import ingest_pb2
from services.mdm.domain.matching.grouping.clustering import Join, Reason
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.matching.matcher import Evaluation
from services.mdm.storage.matching.voices import Voice
from services.mdm.storage.records.working_set import Golden, WorkingSet

LinkOrigin = ingest_pb2.SourceRecord.LinkOrigin

_ORIGINS = {
    Reason.DECISION: LinkOrigin.LINK_ORIGIN_STEWARD,
    Reason.IDENTIFIER: LinkOrigin.LINK_ORIGIN_IDENTIFIER,
    Reason.MODEL: LinkOrigin.LINK_ORIGIN_MODEL,
}


@dataclass(frozen=True)
class _Group:
    """A group that is not as it was: its golden record, who stands for it, who has to move there."""

    golden: str
    founder: str
    moving: tuple[Voice, ...]


def place(records: WorkingSet, record_type: RecordType, evaluation: Evaluation, new_id: Callable[[], str]) -> None:
    """Let the groups of an evaluation be golden records; what this touches is locked and read first."""
    named = (_group(record_type, evaluation.voices, members, new_id) for members in evaluation.partition.groups)
    groups = [group for group in named if group.moving]
    needed = {name for group in groups for name in _needed(group)} - records.goldens.keys()
    records.load(dict.fromkeys(needed, record_type), (), {})
    origins = _origins(evaluation.partition.joins)
    for group in groups:
        records.goldens.setdefault(group.golden, Golden(record_type, group.golden))
        for voice in group.moving:
            source = records.sources[voice.source_record]
            founder = voice.source_record == group.founder
            origin = LinkOrigin.LINK_ORIGIN_FOUNDED if founder else origins[voice.source_record]
            model = evaluation.model.name if origin == LinkOrigin.LINK_ORIGIN_MODEL else ""
            source.relink(group.golden, voice.founded or (group.golden if founder else ""), origin, model)
            records.crossings[source.statement.system, source.statement.key] = source.crossing
    records.regroup()


def _group(
    record_type: RecordType, voices: Mapping[str, Voice], members: Sequence[str], new_id: Callable[[], str]
) -> _Group:
    here = [voices[name] for name in members]
    golden = min((voice.founded for voice in here if voice.founded), default="")
    founder = next((voice.source_record for voice in here if golden and voice.founded == golden), members[0])
    golden = golden or record_type.name_of(new_id())
    return _Group(golden, founder, tuple(voice for voice in here if voice.golden != golden))


def _needed(group: _Group) -> set[str]:
    """Return the golden records that a group touches: its own, those it takes from, those founded for who moves."""
    moved = {name for voice in group.moving for name in (voice.golden, voice.founded)}
    return {group.golden, *moved} - {""}


def _origins(joins: Sequence[Join]) -> dict[str, LinkOrigin.ValueType]:
    """Return why each source record is linked: the strongest reason of those that joined it with others."""
    found: dict[str, LinkOrigin.ValueType] = {}
    for reason in (Reason.MODEL, Reason.IDENTIFIER, Reason.DECISION):
        found |= {name: _ORIGINS[reason] for join in joins if join.reason is reason for name in join[:2]}
    return found
