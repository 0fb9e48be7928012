"""Merging and unmerging on a steward's word: each remembers what was decided, pair by pair of source records."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2, match_pb2
from services.mdm.domain import grouping
from services.mdm.domain import registry as record_types
from services.mdm.domain.decided_pair import Pair, across, pair
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.references import identity_key
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of, require_etag
from services.mdm.storage.deciding.scope import in_scope, missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching import match_candidates
from services.mdm.storage.matching.decisions import Kind, MatchDecisions, Verdict
from services.mdm.storage.matching.matcher import Matcher
from services.mdm.storage.matching.placing import place
from services.mdm.storage.records.regrouping import LinkOrigin, Regrouping
from services.mdm.storage.records.source_reader import RECORD_TYPE as SOURCE
from services.mdm.storage.records.working_set import Golden
from services.mdm.storage.registration.registry import Landscape
from services.mdm.storage.stewardship.golden_decisions import not_found, require_unmerged
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.tables.references import Question, newly_broken, still_referenced
from services.mdm.storage.writing.write_path import WritePath
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.records.idempotency import Answer
from services.mesh.records.store import State, too_many_changes

T = TypeVar("T")

_MOST_SHOWN = 100


class Marked(NamedTuple):
    """A golden record with the etag of the revision that a decision was made on; None = whatever it is.

    `source` is the source record that the caller named it by, if they did.
    """

    name: str
    etag: str | None
    source: str = ""


@dataclass(frozen=True)
class Merged:
    """The golden record that goes on after a merge."""

    name: str
    etag: str
    revision: int


@dataclass(frozen=True)
class Unmerged:
    """What became of a source record and of those that it was parted from."""

    golden: str
    other_golden: str
    decisions: tuple[match_pb2.MatchDecision, ...]


@dataclass(frozen=True)
class Ruling:
    """A steward's ruling on whole golden records: why, and whether what was decided otherwise is withdrawn."""

    reason: str
    withdraw: bool


class Merging:
    """Makes one golden record of two, or two of one."""

    def __init__(self, transactions: Transactions, path: WritePath, decisions: MatchDecisions) -> None:
        self._transactions = transactions
        self._path = path
        self._decisions = decisions

    def merge(self, record_type: RecordType, one: Marked, other: Marked, ruling: Ruling, decision: Decision) -> Merged:
        """Make one golden record of two.

        Raises RECORD_NOT_FOUND, RECORD_MERGED, ETAG_MISMATCH, RECORD_DELETED, MATCH_DECISION_STANDS,
        RECORD_STILL_REFERENCED, TOO_MANY_CHANGES, INVALID_CONTENT (of one with itself).
        """

        def apply(connection: Connection) -> Answer:
            if one.name == other.name:
                raise _invalid("other_name", "is the same record")
            regrouping = self._loaded(connection, record_type, (one, other), decision)
            founders = [_founder(regrouping, each.name) for each in (one, other)]
            self._link(connection, regrouping, pair(*founders), ruling, decision)
            survivor = regrouping.records.sources[founders[0]].statement.golden_record
            golden = regrouping.records.goldens[survivor]
            assert golden.head is not None  # noqa: S101 - it goes on
            return Answer(golden.name, golden.head.revision)

        def present(_: Connection, answer: Answer) -> Merged:
            return Merged(answer.record, etag_of(answer.record, answer.revision), answer.revision)

        return self._once(decision, apply, present)

    def unmerge(self, name: str, etag: str, along_with: Collection[str], reason: str, decision: Decision) -> Unmerged:
        """Part a source record, along with others, from the rest of its golden record.

        Raises RECORD_NOT_FOUND, ETAG_MISMATCH, RECORD_ALONE, INVALID_CONTENT, RECORD_STILL_REFERENCED,
        TOO_MANY_CHANGES.
        """

        def apply(connection: Connection) -> Answer:
            golden = self._golden_of(connection, name)
            marked = Marked(golden, etag, name)
            regrouping = self._loaded(connection, _type_of(golden), [marked], decision, deleted=True)
            leaving, staying = _parted(regrouping, golden, name, along_with)
            decided = self._part(connection, regrouping, leaving, staying, reason, decision)
            named = next(unit[0] for unit in leaving if name in unit)
            return next(one.answer for one in decided if named in one.pair)

        def present(connection: Connection, answer: Answer) -> Unmerged:
            two = self._decisions.answered(connection, answer).source_records
            goldens = self._goldens_left(connection, {name, *two}, answer)
            # A steward's word is in no pair: it goes with the source record that stands for its golden record.
            ours = name if name in two else next((each for each in two if goldens[each] == goldens[name]), two[0])
            (other,) = (each for each in two if each != ours)
            about = tuple(self._decisions.stood(connection, ours, answer)[:_MOST_SHOWN])
            return Unmerged(goldens[name], goldens[other], about)

        return self._once(decision, apply, present)

    def decide(self, said: match_pb2.MatchDecision, decision: Decision, *, withdraw: bool) -> match_pb2.MatchDecision:
        """Decide on a pair of source records; what must be linked is merged.

        Raises RECORD_NOT_FOUND, INVALID_CONTENT, RECORDS_LINKED, RECORD_DELETED, MATCH_DECISION_STANDS and as `merge`.
        """

        def apply(connection: Connection) -> Answer:
            return self.decide_in(connection, said, decision, withdraw=withdraw)

        return self._once(decision, apply, self._decisions.answered)

    def decide_in(
        self, connection: Connection, said: match_pb2.MatchDecision, decision: Decision, *, withdraw: bool
    ) -> Answer:
        """Decide on a pair inside the caller's transaction. Raises as `decide`."""
        decided = pair(*said.source_records)
        goldens = [self._golden_of(connection, each) for each in decided]
        record_type = _type_of(goldens[0])
        if _type_of(goldens[1]) is not record_type:
            raise _invalid("match_decision.source_records", "are of two types")
        marked = [Marked(golden, None, each) for golden, each in zip(goldens, decided, strict=True)]
        regrouping = self._loaded(connection, record_type, marked, decision, deleted=said.kind == Kind.KIND_CANNOT_LINK)
        ruling = Ruling(said.reason, withdraw)
        if said.kind == Kind.KIND_MUST_LINK:
            return self._link(connection, regrouping, decided, ruling, decision)
        if goldens[0] == goldens[1]:
            raise ConcordError(
                reasons.ERROR_REASON_RECORDS_LINKED,
                "the source records belong to one golden record: unmerge one of them",
                metadata={"golden_record": goldens[0]},
            )
        self._overrule(connection, [decided], Kind.KIND_MUST_LINK, ruling, decision)
        (answer,) = self._remember(connection, regrouping, [decided], Kind.KIND_CANNOT_LINK, said.reason, decision)
        sides = [[source.statement.name for source in regrouping.sources_of(golden)] for golden in goldens]
        self._regroup(connection, regrouping, sides, decision)
        match_candidates.drop(connection, decided)
        return answer

    def _loaded(
        self,
        connection: Connection,
        record_type: RecordType,
        marked: Sequence[Marked],
        decision: Decision,
        *,
        deleted: bool = False,
    ) -> Regrouping:
        """Return the golden records as the decision may change them; those that are deleted only where it may."""
        Matcher.hold(connection, self._path.registry.read(connection), [record_type.name])
        regrouping = Regrouping(connection, self._path.store, record_type)
        regrouping.load([one.name for one in marked if record_type.owns(one.name)])
        for one in marked:
            golden = regrouping.records.goldens.get(one.name)
            if golden is None or golden.head is None or not in_scope(golden.head.entities, decision.entities):
                raise missing(SOURCE, one.source) if one.source else not_found(record_type, one.name)
            if one.source and one.source not in golden.sources:
                raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, f"{one.source} moved meanwhile")
            if golden.head.state is State.MERGED:
                require_unmerged(self._path.store, self._path.store.read(connection, [one.name])[one.name])
            if one.etag is not None:
                require_etag(one.name, golden.head.revision, one.etag)
            if golden.head.state is State.DELETED and not deleted:
                raise ConcordError(
                    reasons.ERROR_REASON_RECORD_DELETED, f"{one.name} is deleted", metadata={"name": one.name}
                )
        return regrouping

    def _link(
        self, connection: Connection, regrouping: Regrouping, linked: Pair, ruling: Ruling, decision: Decision
    ) -> Answer:
        """Remember that a pair is one thing, and let its golden records be one."""
        sources = regrouping.records.sources
        goldens = sorted({sources[name].statement.golden_record for name in linked})
        sides = [[source.statement.name for source in regrouping.sources_of(golden)] for golden in goldens]
        parted = across(*sides) if len(sides) > 1 else [linked]
        self._overrule(connection, parted, Kind.KIND_CANNOT_LINK, ruling, decision)
        # What a steward merges stays together, whatever a model thinks of each of the others.
        together = [linked]
        if len(goldens) > 1:
            units = grouping.units(source.statement for golden in goldens for source in regrouping.sources_of(golden))
            together += [
                pair(linked.low, unit[0]) for unit in units if linked.low not in unit and unit[0] not in linked
            ]
        answer, *_ = self._remember(connection, regrouping, together, Kind.KIND_MUST_LINK, ruling.reason, decision)
        if len(goldens) > 1:
            self._regroup(connection, regrouping, [[name for side in sides for name in side]], decision)
        return answer

    def _part(  # noqa: PLR0913 - who leaves whom, why, and by whose word
        self,
        connection: Connection,
        regrouping: Regrouping,
        leaving: Sequence[tuple[str, ...]],
        staying: Sequence[tuple[str, ...]],
        reason: str,
        decision: Decision,
    ) -> list["_Decided"]:
        groups = [[name for unit in units for name in unit] for units in (leaving, staying)]
        contrary = self._contrary(connection, across(*groups), Kind.KIND_MUST_LINK)
        self._decisions.retract(connection, contrary, reason, decision.origin)
        pairs = across((unit[0] for unit in leaving), (unit[0] for unit in staying))
        answers = self._remember(connection, regrouping, pairs, Kind.KIND_CANNOT_LINK, reason, decision)
        together = [pair(leaving[0][0], unit[0]) for unit in leaving[1:]]
        self._remember(connection, regrouping, together, Kind.KIND_MUST_LINK, reason, decision)
        self._regroup(connection, regrouping, groups, decision)
        return [_Decided(*each) for each in zip(pairs, answers, strict=True)]

    def _regroup(
        self, connection: Connection, regrouping: Regrouping, groups: Sequence[Collection[str]], decision: Decision
    ) -> None:
        """Let each group be a golden record. Raises RECORD_STILL_REFERENCED when references break."""
        goldens = list(regrouping.records.goldens.values())
        record_type = goldens[0].record_type
        keys = tuple(key for golden in goldens if (key := _key(golden)))
        names = tuple(golden.name for golden in goldens)

        def change() -> list[str]:
            landscape = self._path.registry.read(connection)
            if record_type.name in landscape.models:
                self._match(connection, regrouping, landscape, record_type)
            else:
                regrouping.assign(groups, LinkOrigin.LINK_ORIGIN_STEWARD, self._path.new_id)
            regrouping.append(landscape, decision.origin)
            match_candidates.settle(connection, [name for group in groups for name in group])
            return [regrouping.records.sources[next(iter(group))].statement.golden_record for group in groups]

        if not (record_type.identity or record_type.references):
            change()
            return
        about = Question(records=names, own_type=record_type.name, keys=keys)
        assigned, lost = newly_broken(connection, about, change)
        if lost:
            raise still_referenced(connection, assigned[0], lost, decision.entities)

    def _match(
        self, connection: Connection, regrouping: Regrouping, landscape: Landscape, record_type: RecordType
    ) -> None:
        """Let the model in force decide again on everything that hangs together with what was decided.

        Raises TOO_MANY_CHANGES when that is more than one write looks at.
        """
        matcher, model, records = self._path.matcher, landscape.models[record_type.name], regrouping.records
        evaluation = matcher.evaluate(connection, landscape, model, {}, list(records.sources))
        if evaluation is not None:
            if not evaluation.whole:
                raise too_many_changes()
            place(records, record_type, evaluation, self._path.new_id)
            matcher.keep(connection, model, evaluation)

    def _remember(  # noqa: PLR0913 - a decision has many parts
        self,
        connection: Connection,
        regrouping: Regrouping,
        pairs: Sequence[Pair],
        kind: Kind.ValueType,
        reason: str,
        decision: Decision,
    ) -> list[Answer]:
        goldens = list(regrouping.records.goldens.values())
        entities = tuple(sorted({entity for golden in goldens if golden.head for entity in golden.head.entities}))
        verdict = Verdict(kind, reason, goldens[0].record_type.name, entities)
        return self._decisions.put(connection, pairs, verdict, decision.origin)

    def _overrule(
        self,
        connection: Connection,
        pairs: Collection[Pair],
        contrary: Kind.ValueType,
        ruling: Ruling,
        decision: Decision,
    ) -> None:
        """Withdraw what was decided to the contrary. Raises MATCH_DECISION_STANDS when the steward does not say so."""
        standing = self._contrary(connection, pairs, contrary)
        if standing and not ruling.withdraw:
            raise _stands(standing)
        self._decisions.retract(connection, standing, ruling.reason, decision.origin)

    def _contrary(
        self, connection: Connection, pairs: Collection[Pair], kind: Kind.ValueType
    ) -> list[match_pb2.MatchDecision]:
        wanted = {each.decision for each in pairs}
        standing = self._decisions.standing(connection, {name for each in pairs for name in each})
        return [one for one in standing if one.name in wanted and one.kind == kind]

    def _golden_of(self, connection: Connection, source: str) -> str:
        """Return the golden record that a source record belongs to. Raises RECORD_NOT_FOUND."""
        crossing = crosswalk.of_sources(connection, [source]).get(source)
        if crossing is None:
            raise missing(SOURCE, source)
        return crossing.golden

    def _goldens_left(self, connection: Connection, sources: Collection[str], answer: Answer) -> dict[str, str]:
        """Return which golden records source records belonged to when an answer's transaction was done."""
        store = self._path.store
        left = store.read_left(connection, sources, answer.record, answer.revision)
        said = {name: ingest_pb2.SourceRecord.FromString(store.inputs(one)) for name, one in left.items()}
        return {name: one.golden_record for name, one in said.items()}

    def _once(
        self, decision: Decision, apply: Callable[[Connection], Answer], present: Callable[[Connection, Answer], T]
    ) -> T:
        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


class _Decided(NamedTuple):
    """A pair and the decision on it."""

    pair: Pair
    answer: Answer


def _parted(
    regrouping: Regrouping, golden: str, name: str, along_with: Collection[str]
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return the units that leave a golden record, and those that stay. Raises RECORD_ALONE, INVALID_CONTENT."""
    here = regrouping.sources_of(golden)
    known = {source.statement.name for source in here}
    for number, other in enumerate(along_with):
        if other not in known:
            raise _invalid(f"along_with[{number}]", "does not belong to the same golden record")
    wanted = {name, *along_with}
    units = grouping.units(source.statement for source in here)
    leaving = [unit for unit in units if not wanted.isdisjoint(unit)]
    staying = [unit for unit in units if wanted.isdisjoint(unit)]
    if not staying:
        raise ConcordError(
            reasons.ERROR_REASON_RECORD_ALONE,
            "there is nothing to part it from",
            metadata={"golden_record": golden},
        )
    return leaving, staying


def _founder(regrouping: Regrouping, golden: str) -> str:
    """Return the source record that stands for a golden record."""
    units = grouping.units(source.statement for source in regrouping.sources_of(golden))
    founded = regrouping.records.sources
    return next(unit[0] for unit in units if grouping.founded_record(founded[unit[0]].statement) == golden)


def _key(golden: Golden) -> str:
    return identity_key(golden.record_type, golden.content) if golden.content is not None else ""


def _type_of(golden: str) -> RecordType:
    record_type = record_types.by_collection(golden.partition("/")[0])
    assert record_type is not None  # noqa: S101 - the crosswalk holds masters only
    return record_type


def _stands(standing: Sequence[match_pb2.MatchDecision]) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_MATCH_DECISION_STANDS,
        "it was decided otherwise, and that stands",
        metadata={"decisions": str(len(standing))},
        preconditions=[
            Precondition("MATCH_DECISION", one.name, f"{one.author} decided otherwise: {one.reason}")
            for one in standing[:_MOST_SHOWN]
        ],
    )


def _invalid(field: str, description: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_INVALID_CONTENT,
        "the decision contradicts itself",
        violations=[FieldViolation(field, description)],
    )
