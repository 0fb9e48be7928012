"""The one write path of the hub: from what sources say to golden revisions, in the caller's transaction.

lock the identifiers → find who carries them → lock the golden records → restate → link → match, where a model is in
force (`appending` goes on: survive → append the source and golden revisions → index).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain.assertions import Restated, restate
from services.mdm.domain.identifiers import MatchKey, match_keys
from services.mdm.domain.linking import Candidate, Link, Linker, Sighting
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.etag import etag_of, require_etag
from services.mdm.storage.deciding.payment_changes import NONE, Changes
from services.mdm.storage.matching.identifier_reviews import ask_about
from services.mdm.storage.matching.matcher import Matcher
from services.mdm.storage.matching.placing import place
from services.mdm.storage.records.appending import append
from services.mdm.storage.records.working_set import Golden, Read, Source, WorkingSet
from services.mdm.storage.registration.registry import HUB, Registry
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.tables import match_keys as keys
from services.mdm.storage.tables.crosswalk import Crossing
from services.mesh.errors import ConcordError
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, State

Outcome = ingest_pb2.SubmitSourceRecordsResponse.Outcome
LinkOrigin = ingest_pb2.SourceRecord.LinkOrigin


@dataclass(frozen=True)
class Submission:
    """A valid source record on its way in; `golden` and `entities` where they are decided already."""

    record_type: RecordType
    said: ingest_pb2.SourceRecord
    content: Message
    golden: str = ""
    origin: LinkOrigin.ValueType = LinkOrigin.LINK_ORIGIN_UNSPECIFIED
    entities: tuple[str, ...] = ()
    scope: frozenset[str] | None = None
    """The entities within which the caller may reach golden records; None = all."""
    expected_revision: int = 0
    """The golden revision that a steward decided on; 0 = whatever it is."""
    decided: frozenset[str] = frozenset()
    """The paths that a steward decided on, and so says anew."""
    survivor: str = ""
    """The golden record that the delivered one goes on in, when it was merged away since."""
    read: tuple[Read, ...] = ()
    """What was read to decide: it need not be read again while it is still the newest."""
    by: Origin | None = None
    """Who says it; None = who makes the write."""

    @property
    def delivered(self) -> str:
        """The golden record whose delivery created the document in its system, if one did."""
        return self.survivor or self.said.echo.golden_record

    @property
    def crossing(self) -> tuple[str, str]:
        """What identifies the source record."""
        return self.said.system, self.said.key


@dataclass(frozen=True)
class Applied:
    """What became of a submission; revisions are those after the write, names empty when there was nothing to do."""

    outcome: Outcome.ValueType
    source_record: str = ""
    revision: int = 0
    golden: str = ""
    golden_revision: int = 0
    made: Revision | None = field(default=None, compare=False, repr=False)
    """The golden revision where the write made one."""
    link_origin: LinkOrigin.ValueType = LinkOrigin.LINK_ORIGIN_UNSPECIFIED
    """Who linked the source record."""
    awaited: Changes = field(default=NONE, compare=False, repr=False)
    """The payment-critical changes that have to be receipted before it is acknowledged."""


class WritePath:
    """Applies submissions; stateless but for its parts, safe in threads."""

    def __init__(
        self,
        store: RecordStore,
        registry: Registry,
        linkers: Mapping[str, Linker],
        matcher: Matcher,
        new_id: Callable[[], str],
    ) -> None:
        self.store = store
        self.matcher = matcher
        self.registry = registry
        self.linkers = linkers
        self.new_id = new_id

    def hold_matching(self, connection: Connection, record_type: RecordType) -> None:
        """Hold what `apply` holds first, for whoever holds more before that: else two of them wait for one another."""
        Matcher.hold(connection, self.registry.latest, [record_type.name])

    def apply(self, connection: Connection, submissions: Sequence[Submission], origin: Origin) -> list[Applied]:
        """Apply submissions of distinct (system, key) pairs; return what became of each, in their order.

        Raises ConcordError CONCURRENT_CHANGE when a record changed under it, ETAG_MISMATCH when a golden record is not
        at the expected revision, ValueError for a pair that comes twice.
        """
        if len({s.crossing for s in submissions}) != len(submissions):
            raise ValueError("a source record may come once per write")
        write = _Write(self, connection)
        outcomes = write.take(submissions)
        write.match(submissions)
        append(connection, self.store, write.records, write.landscape, origin)
        write.ask()
        return [write.applied(s, outcome) for s, outcome in zip(submissions, outcomes, strict=True)]


class _Write:
    """One run of the write path: what it locked, read and decided."""

    def __init__(self, path: WritePath, connection: Connection) -> None:
        self._path = path
        self._connection = connection
        self._goldens_by_key: defaultdict[tuple[str, MatchKey], set[str]] = defaultdict(set)
        self._holders: list[keys.Holder] = []
        self.landscape = path.registry.read(connection)
        self.records = WorkingSet(connection, path.store)

    def take(self, submissions: Sequence[Submission]) -> list[Outcome.ValueType]:
        """Lock and read all that the submissions touch, then restate and link each of them."""
        Matcher.hold(self._connection, self.landscape, {s.record_type.name for s in submissions})
        carried = [match_keys(s.record_type, s.content) for s in submissions]
        types = self._lock(submissions, carried)
        known = crosswalk.by_key(self._connection, [s.crossing for s in submissions if not s.golden])
        for submission in submissions:
            crossing = known.get(submission.crossing)
            decided = crossing.golden if crossing else submission.golden or submission.delivered
            if decided:
                types[decided] = submission.record_type
        read = {each.revision.record: each for submission in submissions for each in submission.read}
        self.records.load(types, [crossing.source_record for crossing in known.values()], read)
        self._require_unmoved([*known.values(), *self._holders])
        for submission in submissions:
            self._require_expected(submission)
        return [self._take_one(s, held) for s, held in zip(submissions, carried, strict=True)]

    def match(self, submissions: Sequence[Submission]) -> None:
        """Let match models decide where what is new belongs, and again on everything that hangs together with it."""
        for record_type in {s.record_type.name: s.record_type for s in submissions}.values():
            model = self.landscape.models.get(record_type.name)
            if model is None:
                continue
            matcher, records = self._path.matcher, self.records
            written = [source for source in records.touched_sources() if source.record_type is record_type]
            changed = {source.statement.name: matcher.voices.of(source, records) for source in written}
            evaluation = matcher.evaluate(self._connection, self.landscape, model, changed)
            if evaluation is not None:
                place(records, record_type, evaluation, self._path.new_id)
                matcher.keep(self._connection, model, evaluation)

    def ask(self) -> None:
        """Let stewards decide where one identifier has led to several golden records, and no model decides."""
        contested = [(*each, goldens) for each, goldens in self._goldens_by_key.items() if len(goldens) > 1]
        if not contested:
            return
        touched = {golden.name for golden in self.records.touched_goldens()}
        for record_type, key, goldens in contested:
            if not touched.isdisjoint(goldens) and record_type not in self.landscape.models:
                ask_about(self._connection, self._path.matcher, record_type, self._carriers(key, goldens))

    def _carriers(self, key: MatchKey, goldens: Collection[str]) -> list[str]:
        """Return for each of the golden records the first source record that carries an identifier now."""
        sources = [sorted(self.records.goldens[golden].sources) for golden in sorted(goldens)]
        carrying = ([name for name in names if self._carries(name, key)] for names in sources)
        return [names[0] for names in carrying if names]

    def _carries(self, name: str, key: MatchKey) -> bool:
        return key in self.records.sources[name].identifiers()

    def applied(self, submission: Submission, outcome: Outcome.ValueType) -> Applied:
        """Return what became of a submission after everything was appended."""
        crossing = self.records.crossings.get(submission.crossing)
        if crossing is None:
            return Applied(outcome)
        statement = self.records.sources[crossing.source_record].statement
        golden = self.records.goldens[statement.golden_record]
        revision = golden.head.revision if golden.head else 0
        names = (statement.name, statement.revision, golden.name, revision)
        return Applied(outcome, *names, golden.made, statement.link_origin)

    def _lock(
        self, submissions: Sequence[Submission], carried: Sequence[tuple[MatchKey, ...]]
    ) -> dict[str, RecordType]:
        """Lock what the submissions are about; return the golden records that carry the same identifiers."""
        types = {s.record_type.name: s.record_type for s in submissions}
        wanted = [(s.record_type.name, key) for s, held in zip(submissions, carried, strict=True) for key in held]
        matters = [f"match/{name}/{key.kind}/{key.value}" for name, key in wanted]
        # What is decided already is held by its golden record.
        keys.hold_keys(self._connection, [s.crossing for s in submissions if not s.golden])
        keys.lock(self._connection, matters)
        found: dict[str, RecordType] = {}
        self._holders = keys.holders(self._connection, wanted)
        for holder in self._holders:
            self._goldens_by_key[holder.record_type, holder.key].add(holder.golden)
            found[holder.golden] = types[holder.record_type]
        return found

    def _require_unmoved(self, links: Sequence[Crossing | keys.Holder]) -> None:
        """Raise CONCURRENT_CHANGE when a source record was relinked after its link was read, before it was locked."""
        for link in links:
            source = self.records.sources.get(link.source_record)
            if source is None or source.statement.golden_record != link.golden:
                raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, f"{link.source_record} was relinked")

    def _require_expected(self, submission: Submission) -> None:
        golden = self.records.goldens.get(submission.golden)
        if submission.expected_revision and golden and golden.head:
            require_etag(golden.name, golden.head.revision, etag_of(golden.name, submission.expected_revision))

    def _take_one(self, submission: Submission, carried: tuple[MatchKey, ...]) -> Outcome.ValueType:
        crossing = self.records.crossings.get(submission.crossing)
        before = self.records.sources[crossing.source_record] if crossing else None
        earlier = before.statement if before else None
        restated = restate(submission.record_type, earlier, submission.said, submission.decided)
        # A system that deletes what it never spoke of says nothing; a steward who does means the golden record.
        if restated is None or (before is None and submission.said.deleted and not submission.golden):
            return Outcome.OUTCOME_UNCHANGED
        if before:
            before.restate(restated, submission.content, submission.by)
        else:
            self._found(submission, carried, restated)
        if golden := restated.statement.golden_record:
            for key in carried:
                self._goldens_by_key[submission.record_type.name, key].add(golden)
        return Outcome.OUTCOME_UPDATED if before else Outcome.OUTCOME_CREATED

    def _found(self, submission: Submission, carried: tuple[MatchKey, ...], restated: Restated) -> None:
        said = restated.statement
        said.name = f"{said.system}/sourceRecords/{self._path.new_id()}"
        if submission.golden or submission.delivered or submission.record_type.name not in self.landscape.models:
            golden, said.link_origin = self._golden_for(submission, carried)
            said.golden_record = golden.name
            golden.sources.append(said.name)
        entities = submission.entities or self._entities_of(said.system)
        self.records.sources[said.name] = Source(
            submission.record_type,
            said,
            submission.content,
            entities,
            touched=True,
            by=submission.by,
            standing=restated.standing,
        )
        self.records.crossings[submission.crossing] = self.records.sources[said.name].crossing

    def _entities_of(self, system: str) -> tuple[str, ...]:
        # What a steward says about a record does not extend it to the hub's own entity.
        return () if system == HUB else (self.landscape.systems[system].entity,)

    def _golden_for(self, submission: Submission, carried: tuple[MatchKey, ...]) -> tuple[Golden, LinkOrigin.ValueType]:
        name, origin = submission.golden, submission.origin
        if not name:
            link = self._link(submission, carried)
            name = link.golden or submission.record_type.name_of(self._path.new_id())
            origin = link.origin or LinkOrigin.LINK_ORIGIN_FOUNDED
        golden = self.records.goldens.setdefault(name, Golden(submission.record_type, name))
        if golden.head is not None and golden.head.state is State.MERGED:
            raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, f"{name} was merged away")
        return golden, origin

    def _link(self, submission: Submission, carried: tuple[MatchKey, ...]) -> Link:
        names = {name for key in carried for name in self._goldens_by_key[submission.record_type.name, key]}
        candidates = [self._candidate(self.records.goldens[name]) for name in sorted(names)]
        system = self.landscape.systems[submission.said.system]
        sighting = Sighting(system.name, system.free_of_duplicates, submission.delivered or None)
        return self._path.linkers[submission.record_type.name].decide(sighting, carried, candidates, None)

    def _candidate(self, golden: Golden) -> Candidate:
        sources = [self.records.sources[name] for name in golden.sources]
        carried = frozenset(key for source in sources for key in source.identifiers())
        return Candidate(golden.name, carried, frozenset(s.statement.system for s in sources if not s.deleted))
