"""The promotion of a tree proposal: each change becomes a steward's word on its record, in the caller's transaction."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import tree_pb2
from services.mdm.domain import stewarding, tree
from services.mdm.domain.effective import at, to_date
from services.mdm.domain.record_type import PARENTS
from services.mdm.domain.references import identity_key
from services.mdm.domain.tree import Member, Wrong, bare, days_of_change
from services.mdm.storage.forest import Contents, Forest, TreeScope, tree_of, tree_scope
from services.mdm.storage.references import BrokenReference, Question, broken, newly_broken
from services.mdm.storage.stewardship import Stewardship
from services.mdm.storage.write_path import Submission, WritePath
from services.mesh.records.leaf import Origin

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
        submissions = [
            self._submission(connection, where, name, change, proposal.hierarchy, day, entities)
            for name, change in changed.items()
        ]
        keys = tuple(identity_key(where.record_type, contents[name]) for name in changed)
        about = Question(records=tuple(changed), own_type=where.record_type.name, keys=keys)
        _, lost = newly_broken(connection, about, lambda: self._path.apply(connection, submissions, origin))
        told = {each.record for each in broken(connection, _within(about, entities))} if lost else set()
        after = self._forest.contents(connection, where, entities)
        return (*_broken(changed, lost, told), *_cycles(where, after, proposal.hierarchy, day))

    def _submission(  # noqa: PLR0913 - a change has many parts
        self,
        connection: Connection,
        where: TreeScope,
        name: str,
        change: tree_pb2.TreeChange,
        hierarchy: str,
        day: date,
        entities: frozenset[str] | None,
    ) -> Submission:
        kind = where.record_type
        standing = self._stewardship.standing(connection, kind, name, entities)
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


def _unclear(proposal: tree_pb2.TreeProposal, known: _Known) -> Iterator[tree_pb2.TreeProblem]:
    for change in proposal.changes:
        found = known.found(change)
        names = [member.name for member in found]
        if not found:
            text = "is the key of no record that is in effect on that day"
            yield tree_pb2.TreeProblem(kind=Kind.KIND_UNKNOWN_KEY, key=change.key, description=text)
        elif len(found) > 1:
            text = "is the key of several records"
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
        if change is not None and each.target_key.rpartition("|")[2] == bare(change.parent_key):
            text = f"{each.path} would name {each.target_key.rpartition('|')[2]}, which is not there all the time"
            yield tree_pb2.TreeProblem(kind=Kind.KIND_ORPHAN, key=change.key, description=text, records=[each.record])
        else:
            ending[each.target_key].append(each)
    spelt = {bare(change.key): change.key for change in changed.values()}
    for target_key, each_of in sorted(ending.items()):
        scope, _, key = target_key.rpartition("|")
        kinds = ", ".join(sorted({each.record_type for each in each_of}))
        yield tree_pb2.TreeProblem(
            kind=Kind.KIND_STILL_REFERENCED,
            scope=scope,
            key=spelt.get(key, key),
            description=f"would end while {len(each_of)} references to it go on: {kinds}",
            records=sorted({each.record for each in each_of} & told),
        )


def _cycles(where: TreeScope, contents: Contents, hierarchy: str, day: date) -> Iterator[tree_pb2.TreeProblem]:
    """Give the cycles that the tree has from a day on, each once."""
    seen: set[str] = set()
    for change_day in days_of_change(where.record_type, contents.values(), day):
        for problem in tree_of(where, contents, hierarchy, change_day).problems:
            if problem.kind is Wrong.CYCLE and problem.description not in seen:
                seen.add(problem.description)
                yield tree_pb2.TreeProblem(
                    kind=Kind.KIND_CYCLE,
                    scope=problem.scope,
                    key=problem.key,
                    description=problem.description,
                    records=problem.records,
                )
