"""Delivering: golden revisions on the agenda reach the system, each value once.

For every entry, in this order:
1. Let the hub say it in the system's own codes. What has no certain code there is neither written nor taken back, and
   keeps a document from being created: it would be found with a value that nobody said.
2. Find its document: the primary key, a document that was created for it, or none.
3. Read the documents as they are now. What the hub has not seen yet is taken in first: a delivery never overwrites a
   word that the hub does not know.
4. Leave the entry when the hub has decided anew since, or does not accept the document as it stands.
5. Compare with what the golden record says today; write what differs, begun in the ledger before and concluded after.
6. Take the written document in, so that the hub knows its echo (and links it, when it was created).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.adapter.v1.adapter_pb2 import Discrepancy
from services.adapter.domain.delivered import field_of, outstanding
from services.adapter.domain.effective import next_turn
from services.adapter.hub.client import Translated
from services.adapter.hub.golden import identity, is_in_use, masked_fields, open_golden
from services.adapter.incoming.intake import Intake
from services.adapter.outgoing.deliveries import Deliveries
from services.adapter.outgoing.discrepancies import Discrepancies, Findings
from services.adapter.outpost import Outpost
from services.adapter.storage import documents
from services.adapter.storage.agenda import AgendaEntry
from services.adapter.storage.documents import KnownDocument
from services.adapter.systems.connector import Document, Expression, UntranslatableError, Value, Writing
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.adapter.systems.remote_failure import typed
from services.adapter.systems.systems_file import DeliveryMode
from services.mesh.telemetry import span

_log = logging.getLogger(__name__)

_AT_ONCE = 100
_MOST_CONFLICTS = 3


@dataclass(frozen=True)
class _Task:
    """An entry with its golden record and the document it goes to ("" = to be created).

    `golden` is in the system's codes; `untranslated` are the values that it lacks for that.
    """

    entry: AgendaEntry
    golden: Message
    key: str
    desired: Expression
    untranslated: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    unwritten: Document | None = None


class Delivering:
    """Works the agenda of one system off. Not to be used by two threads at once, nor beside its intake."""

    def __init__(self, outpost: Outpost, intake: Intake) -> None:
        self._outpost = outpost
        self._intake = intake
        self._deliveries = Deliveries(outpost)
        self._discrepancies = Discrepancies(outpost)

    def run(self, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Work off what is ready, by position, until nothing is or `go_on` tells to stop between two documents.

        Returns whether it came to the end.
        Raises RemoteError when the system does not answer, ConcordError when hub or database do not; the agenda keeps
        what is not concluded.
        """
        after: AgendaEntry | None = None
        while go_on():
            with self._outpost.database.reading() as connection:
                ready = self._outpost.agenda.ready(connection, self._outpost.today(), after, _AT_ONCE)
            if not ready:
                return True
            after = ready[-1]
            for _ in range(_MOST_CONFLICTS):
                ready = self._work_off(ready, go_on)
                if not ready:
                    break
        return False

    def _work_off(self, entries: Sequence[AgendaEntry], go_on: Callable[[], bool]) -> list[AgendaEntry]:
        """Work entries off and return those whose document changed under our hands."""
        with span("deliver", system=self._outpost.name, entries=len(entries)):
            return self._attempt(entries, go_on)

    def _attempt(self, entries: Sequence[AgendaEntry], go_on: Callable[[], bool]) -> list[AgendaEntry]:
        tasks = self._tasks(self._complete(entries))
        current = self._outpost.connector.current(sorted({task.key for task in tasks if task.key}))
        known = self._observe(tasks, current)
        conflicted: list[AgendaEntry] = []
        written: list[Document] = []
        done: list[_Task] = []
        for task in tasks:
            if not go_on():
                break
            document, standing = current.get(task.key), known.get(task.key)
            if not task.key:
                self._create(task, written, done)
            elif document is None or document.deleted or standing is None:
                done.append(replace(task, desired=Expression({}), untranslated=()))
            elif self._is_current(task, standing) and not self._update(task, document, standing, written, done):
                conflicted.append(task.entry)
        self._conclude(done)
        if written:
            self._intake.take_in(written)
        return conflicted

    def _complete(self, entries: Sequence[AgendaEntry]) -> list[AgendaEntry]:
        """Ask the hub for golden records that are to be looked at again without having changed."""
        outpost, asked = self._outpost, list[AgendaEntry]()
        for entry in (entry for entry in entries if not entry.content):
            packed = outpost.hub.golden_record(entry.record_type, entry.golden_record)
            with outpost.database.transaction() as connection:
                if packed is None:
                    self._forget(connection, entry)
                    continue
                _, revision = identity(open_golden(packed))
                keys, content = outpost.hub.keys(outpost.name, entry.golden_record), packed.SerializeToString()
                asked.append(replace(entry, revision=revision, keys=keys, content=content))
                outpost.agenda.put(connection, asked[-1:])
        return [entry for entry in entries if entry.content] + asked

    def _tasks(self, entries: Sequence[AgendaEntry]) -> list[_Task]:
        tasks = list[_Task]()
        said = [self._translated(entry) for entry in entries]
        with self._outpost.database.transaction() as connection:
            for entry, translated in zip(entries, said, strict=True):
                if translated is None:
                    self._forget(connection, entry)
                    continue
                key = self._key(connection, entry)
                if key is None:
                    self._drop(connection, entry)
                    continue
                golden = open_golden(translated.golden)
                try:
                    desired = self._outpost.express(entry.record_type, golden)
                except UntranslatableError as error:
                    self._give_up(connection, entry, key, error)
                    continue
                tasks.append(_Task(entry, golden, key, desired, translated.left_out))
        return tasks

    def _translated(self, entry: AgendaEntry) -> Translated | None:
        """Return what an entry is in the system's codes; None for what is no longer in use."""
        packed = Any.FromString(entry.content)
        return self._outpost.hub.translated(self._outpost.name, packed) if is_in_use(open_golden(packed)) else None

    def _key(self, connection: Connection, entry: AgendaEntry) -> str | None:
        """Return the key to deliver to, "" for a document to be created, None for nothing to do."""
        mode = self._outpost.system.deliver.get(entry.record_type)
        if mode is None:
            return None
        if entry.keys:
            return entry.keys[0]
        created = documents.of_golden(connection, self._outpost.name, entry.golden_record)
        unanswered = [document.key for document in created if not document.content]
        if unanswered:
            return unanswered[0]
        return "" if mode is DeliveryMode.CREATE else None

    def _observe(self, tasks: Sequence[_Task], current: Mapping[str, Document | None]) -> dict[str, KnownDocument]:
        """Take in what the hub has not seen yet and return what is known of the documents then."""
        keys = [key for key, document in current.items() if document]
        with self._outpost.database.reading() as connection:
            known = documents.read(connection, self._outpost.name, keys)
        belongs = {task.key: task.entry.golden_record for task in tasks}
        unseen = [
            document
            for key, document in current.items()
            if document and not self._is_seen(document, known[key], belongs[key])
        ]
        if not unseen:
            return known
        self._intake.take_in(unseen)
        with self._outpost.database.reading() as connection:
            return documents.read(connection, self._outpost.name, keys)

    def _is_seen(self, document: Document, known: KnownDocument, golden_record: str) -> bool:
        try:
            record, _, _ = self._intake.source_record(document, known)
        except UntranslatableError:
            return False
        is_same = bool(known.content) and self._outpost.content_token(record) == known.content
        return is_same and known.accepted and known.golden_record == golden_record

    def _is_current(self, task: _Task, known: KnownDocument) -> bool:
        """Tell whether the entry is the hub's last word on the document; else leave it for when it is."""
        agenda, entry = self._outpost.agenda, task.entry
        if known.accepted and known.golden_record == entry.golden_record and known.golden_revision <= entry.revision:
            return True
        with self._outpost.database.transaction() as connection:
            if not known.accepted:
                agenda.block(connection, entry)
            elif known.golden_record != entry.golden_record:
                self._drop(connection, entry)
            else:
                agenda.wait_for(connection, entry, known.golden_revision)
        return False

    def _update(
        self, task: _Task, document: Document, known: KnownDocument, written: list[Document], done: list[_Task]
    ) -> bool:
        """Write what differs; False when the document changed meanwhile."""
        shown = self._outpost.express(task.entry.record_type, self._outpost.translate(document).content).values
        masked = masked_fields(task.golden) | {field_of(path) for path in task.untranslated}
        values = outstanding(task.desired, shown, known.delivered, self._outpost.matches, masked)
        if values:
            return self._write(task, document, values, written, done)
        done.append(replace(task, unwritten=document))
        return True

    def _create(self, task: _Task, written: list[Document], done: list[_Task]) -> None:
        """Create a document, unless the system has one for the golden record already."""
        try:
            key = self._outpost.connector.find(task.entry.record_type, task.golden)
        except UntranslatableError as error:
            with self._outpost.database.transaction() as connection:
                self._give_up(connection, task.entry, "", error)
            return
        if key is None and task.untranslated:
            done.append(task)
            return
        if key is None:
            self._write(task, None, task.desired.values, written, done)
            return
        document = self._outpost.connector.current([key])[key]
        if document is None:
            return  # it went in between: looked for again the next time
        self._intake.take_in([document])
        with self._outpost.database.transaction() as connection:
            known = documents.read(connection, self._outpost.name, [key])[key]
            if known.golden_record == task.entry.golden_record:
                self._outpost.agenda.wait_for(connection, task.entry, known.golden_revision)
            elif not known.accepted:
                self._outpost.agenda.block(connection, task.entry)
            else:
                self._discrepancies.settle_with(
                    connection, task.entry.golden_record, {(Discrepancy.KIND_DUPLICATE_KEY, key): ()}
                )
                self._drop(connection, task.entry)

    def _write(
        self,
        task: _Task,
        document: Document | None,
        values: Mapping[str, Value],
        written: list[Document],
        done: list[_Task],
    ) -> bool:
        database, key = self._outpost.database, document.key if document else ""
        with database.transaction() as connection:
            delivery = self._deliveries.begin(connection, task.entry, task.golden, key, values)
        try:
            after = self._outpost.connector.write(Writing(task.entry.record_type, task.golden, values, document))
        except RemoteError as error:
            if error.kind is RemoteErrorKind.CONFLICT:
                return False
            # What may have been carried out stays begun: it is looked up before anything else happens.
            if error.kind is not RemoteErrorKind.PERMANENT or error.outcome_unknown:
                raise
            with database.transaction() as connection:
                self._deliveries.fail(connection, delivery, typed(error, self._outpost.name))
            done.append(replace(task, refused=tuple(sorted(values))))
            return True
        with database.transaction() as connection:
            self._deliveries.succeed(connection, delivery, after)
            self._conclude_one(connection, task)
        written.append(after)
        return True

    def _conclude(self, tasks: Sequence[_Task]) -> None:
        if tasks:
            with self._outpost.database.transaction() as connection:
                for task in tasks:
                    self._conclude_one(connection, task)

    def _conclude_one(self, connection: Connection, task: _Task) -> None:
        """Take an entry off the agenda, or put it off to the next day on which something in it changes."""
        entry = task.entry
        if task.unwritten:
            self._deliveries.conclude(connection, entry.golden_record, task.unwritten)
        findings: Findings = {(Discrepancy.KIND_DUPLICATE_KEY, key): () for key in entry.keys[1:]}
        if task.desired.inexpressible:
            findings[Discrepancy.KIND_NOT_EXPRESSIBLE, task.key] = tuple(sorted(task.desired.inexpressible))
        if task.untranslated:
            findings[Discrepancy.KIND_CODE_UNTRANSLATED, task.key] = task.untranslated
        if task.refused:
            findings[Discrepancy.KIND_DELIVERY_REFUSED, task.key] = task.refused
        self._discrepancies.settle_with(connection, entry.golden_record, findings)
        turn = next_turn(task.golden, self._outpost.today())
        if turn:
            self._outpost.agenda.defer(connection, entry, turn)
        else:
            self._outpost.agenda.drop(connection, entry)

    def _give_up(self, connection: Connection, entry: AgendaEntry, key: str, error: UntranslatableError) -> None:
        """Leave a record as the system has it: one that the connector can't say must not keep all others back."""
        _log.error("%s: %s can't be said there: %s", self._outpost.name, entry.golden_record, error)
        findings: Findings = {(Discrepancy.KIND_NOT_EXPRESSIBLE, key): (error.field,)}
        self._discrepancies.settle_with(connection, entry.golden_record, findings)
        self._outpost.agenda.drop(connection, entry)

    def _forget(self, connection: Connection, entry: AgendaEntry) -> None:
        """Leave a golden record that is no longer in use: nobody has to look at what differs of it."""
        self._discrepancies.settle_with(connection, entry.golden_record, {})
        self._drop(connection, entry)

    def _drop(self, connection: Connection, entry: AgendaEntry) -> None:
        self._deliveries.conclude(connection, entry.golden_record)
        self._outpost.agenda.drop(connection, entry)
