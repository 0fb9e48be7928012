"""The promotion of a tree proposal: each change becomes a steward's word on its record, in the caller's transaction."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import tree_pb2
from services.mdm.domain import stewarding, tree
from services.mdm.domain.effective import at, to_date
from services.mdm.domain.identifiers import match_keys
from services.mdm.domain.record_type import PARENTS, RecordType
from services.mdm.domain.references import identity_key, parents_path
from services.mdm.domain.tree import Member, bare
from services.mdm.storage.registration.registry import HUB
from services.mdm.storage.stewardship.golden_decisions import Standing, Stewardship
from services.mdm.storage.tables import match_keys as keys
from services.mdm.storage.tables.references import BrokenReference, Question, broken, cycles, newly_broken
from services.mdm.storage.trees.forest import Contents, Forest, TreeScope, tree_scope
from services.mdm.storage.writing.write_path import Submission, WritePath
from services.mesh.errors import ConcordError
from services.mesh.records.leaf import Origin
from services.mesh.records.store import State

Kind = tree_pb2.TreeProblem.Kind


class Promotion:
    """Makes proposals true, or tells why that can't be."""

    def __init__(self, forest: Forest, stewardship: Stewardship, path: WritePath) -> None:
        self._forest = forest
        self._stewardship = stewardship
        self._path = path

    def make(
        self,
        connection: Connection,
        proposal: tree_pb2.TreeProposal,
        origin: Origin,
        entities: frozenset[str] | None,
    ) -> tuple[tree_pb2.TreeProblem, ...]:
        """Apply a proposal's changes; return what is wrong with that: then the caller rolls back."""
        where, day = tree_scope(proposal.record_type, proposal.scope), to_date(proposal.effective_date)
        contents = self._forest.contents(connection, where, entities)
        known = _Known(tree.members(where.record_type, contents, proposal.hierarchy, day), where.scope)
        problems = tuple(_unclear(proposal, known))
        if problems:
            return problems
        changed = {known.found(change)[0].name: change for change in proposal.changes}
        self._hold(connection, where.record_type, {name: contents[name] for name in changed})
        submissions = [
            self._submission(connection, where, contents[name], (name, change), proposal, entities)
            for name, change in changed.items()
        ]
        identities = tuple(identity_key(where.record_type, contents[name]) for name in changed)
        about = Question(records=tuple(changed), own_type=where.record_type.name, keys=identities)
        _, lost = newly_broken(connection, about, lambda: self._path.apply(connection, submissions, origin))
        told = {each.record for each in broken(connection, _within(about, entities))} if lost else set()
        path = parents_path(where.record_type, proposal.hierarchy)
        routes = cycles(connection, changed, path, day)
        return (*_broken(changed, lost, told), *_cycles(where.record_type, contents, routes))

    def _hold(self, connection: Connection, record_type: RecordType, contents: Contents) -> None:
        """Hold what will be changed until the transaction ends, in the write path's order: nothing collides later."""
        self._path.hold_matching(connection, record_type)
        carried = (key for content in contents.values() for key in match_keys(record_type, content))
        keys.hold_keys(connection, [(HUB, name) for name in contents])
        keys.lock(connection, [f"match/{record_type.name}/{key.kind}/{key.value}" for key in carried])
        self._path.store.lock(connection, list(contents))

    def _submission(  # noqa: PLR0913 - a change has many parts
        self,
        connection: Connection,
        where: TreeScope,
        seen: Message,
        changed: tuple[str, tree_pb2.TreeChange],
        proposal: tree_pb2.TreeProposal,
        entities: frozenset[str] | None,
    ) -> Submission:
        kind, (name, change) = where.record_type, changed
        hierarchy, day = proposal.hierarchy, to_date(proposal.effective_date)
        standing = self._stewardship.standing(connection, kind, name, entities)
        _require_unchanged(kind, standing, seen, day)
        if change.close:
            said = stewarding.close(kind, standing.hub, standing.golden, day)
        else:
            desired = _hung(where, standing.golden, hierarchy, change, day)
            said = stewarding.assert_fields(kind, standing.hub, standing.golden, desired, [kind.slice_field or ""], day)
        return self._stewardship.submission(connection, kind, name, said, entities, standing=standing)


class _Known:
    """The records in effect on a proposal's day, found by the keys of its changes."""

    def __init__(self, members: Iterable[Member], scope: str) -> None:
        self._scope = scope
        self._by_key: defaultdict[str, list[Member]] = defaultdict(list)
        for member in members:
            self._by_key[bare(member.key)].append(member)

    def found(self, change: tree_pb2.TreeChange) -> list[Member]:
        """Return the records that a change may mean: of its scope, of the tree's own, of any."""
        named = self._by_key[bare(change.key)]
        if change.scope:
            return [member for member in named if member.scope == change.scope]
        return [member for member in named if member.scope == self._scope] or named


def _require_unchanged(record_type: RecordType, standing: Standing, seen: Message, day: date) -> None:
    """Raise CONCURRENT_CHANGE unless a change means the record that it meant before the record was held."""
    there = standing.revision.state is State.ACTIVE and at(record_type, standing.golden, day) is not None
    if not there or identity_key(record_type, standing.golden) != identity_key(record_type, seen):
        raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, f"{standing.revision.record} changed meanwhile")


def _unclear(proposal: tree_pb2.TreeProposal, known: _Known) -> Iterator[tree_pb2.TreeProblem]:
    times = Counter(member.name for change in proposal.changes for member in known.found(change))
    for change in proposal.changes:
        found = known.found(change)
        names = [member.name for member in found]
        if not found:
            text = "is the key of no record that is in effect on that day"
            yield tree_pb2.TreeProblem(kind=Kind.KIND_UNKNOWN_KEY, key=change.key, description=text)
        elif len(found) > 1:
            text = "is the key of several records"
            yield tree_pb2.TreeProblem(kind=Kind.KIND_AMBIGUOUS_KEY, key=change.key, description=text, records=names)
        elif times[names[0]] > 1:
            text = "is changed more than once, by several spellings of its key"
            yield tree_pb2.TreeProblem(kind=Kind.KIND_AMBIGUOUS_KEY, key=change.key, description=text, records=names)
        elif (change.parent_scope or found[0].scope, bare(change.parent_key)) == found[0].place:
            text = "would hang below itself"
            yield tree_pb2.TreeProblem(kind=Kind.KIND_CYCLE, key=change.key, description=text, records=names)


def _hung(where: TreeScope, golden: Message, hierarchy: str, change: tree_pb2.TreeChange, day: date) -> Message:
    """Return the record as in effect on a day, below the parent that the change names, if it names one."""
    now = at(where.record_type, golden, day)
    assert now is not None  # noqa: S101 - only what is in effect is changed
    slices = getattr(now, where.record_type.slice_field or "")
    piece = slices[0] if slices else slices.add()
    others = [parent for parent in getattr(piece, PARENTS) if parent.hierarchy != hierarchy]
    piece.ClearField(PARENTS)
    getattr(piece, PARENTS).extend(others)
    if change.parent_key:
        getattr(piece, PARENTS).add(
            hierarchy=hierarchy, parent_code=change.parent_key, parent_scope=change.parent_scope
        )
    return now


def _within(question: Question, entities: frozenset[str] | None) -> Question:
    return Question(records=question.records, own_type=question.own_type, keys=question.keys, scope=entities)


def _broken(
    changed: Mapping[str, tree_pb2.TreeChange], lost: Sequence[BrokenReference], told: set[str]
) -> Iterator[tree_pb2.TreeProblem]:
    """Give what would refer to nothing: the moved records themselves, then others to what ends."""
    ending: defaultdict[str, list[BrokenReference]] = defaultdict(list)
    for each in lost:
        change = changed.get(each.record)
        if change is not None and each.target_key.partition("|")[2] == bare(change.parent_key):
            text = f"{each.path} would name {each.target_key.partition('|')[2]}, which is not there all the time"
            yield tree_pb2.TreeProblem(kind=Kind.KIND_ORPHAN, key=change.key, description=text, records=[each.record])
        else:
            ending[each.target_key].append(each)
    spelt = {bare(change.key): change.key for change in changed.values()}
    for target_key, each_of in sorted(ending.items()):
        scope, _, key = target_key.partition("|")
        kinds = ", ".join(sorted({each.record_type for each in each_of}))
        yield tree_pb2.TreeProblem(
            kind=Kind.KIND_STILL_REFERENCED,
            scope=scope,
            key=spelt.get(key, key),
            description=f"would end while {len(each_of)} references to it go on: {kinds}",
            records=sorted({each.record for each in each_of} & told),
        )


def _cycles(
    record_type: RecordType, contents: Contents, routes: Iterable[Sequence[str]]
) -> Iterator[tree_pb2.TreeProblem]:
    """Give the cycles that changed records would hang in; what the caller may not see of them is not told."""
    assert record_type.identity is not None  # noqa: S101 - what hangs in trees has a key
    scope_field, key_field = record_type.identity
    for route in routes:
        seen = [name for name in route if name in contents]
        first = seen.index(min(seen, key=lambda name: bare(getattr(contents[name], key_field))))
        circle = [*seen[first:], *seen[:first], seen[first]]
        spelt = " → ".join(getattr(contents[name], key_field) for name in circle)
        yield tree_pb2.TreeProblem(
            kind=Kind.KIND_CYCLE,
            scope=getattr(contents[circle[0]], scope_field),
            key=getattr(contents[circle[0]], key_field),
            description=f"hangs below itself: {spelt}" if len(seen) == len(route) else "hangs below itself elsewhere",
            records=seen,
        )
