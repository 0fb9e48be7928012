"""What every connector must do, as tests that each connector's own test module takes over.

class TestTryton(ConnectorSuite):
    @pytest.fixture
    def subject(self) -> Subject: ...
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

import pytest
from google.protobuf.message import Message

from services.adapter.domain.delivered import canonical
from services.adapter.systems.connector import Connector, Document, UntranslatableError, Value, Writing
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind

TODAY = date(2026, 11, 24)


@dataclass(frozen=True)
class Subject:
    """A connector to be tested, with a system behind it that holds at least two documents of `record_type`."""

    connector: Connector
    record_type: str
    key: str
    """A document of that type, with a value on every path of `changes`."""
    changes: dict[str, Value]
    """Values that may be written, by path, different from those that the document shows."""
    new_golden: Message
    """A golden record, with name and revision, that the system has no document for."""
    edit: Callable[[str], None]
    """Changes the document with this key as a user of the system does, not on the paths of `changes`."""


class ConnectorSuite:
    """The tests."""

    def test_a_pull_from_the_beginning_reads_every_document(self, subject: Subject) -> None:
        read, cursor = _pull(subject.connector)
        assert subject.key in read
        assert len(read) >= 2
        assert cursor

    def test_every_document_read_is_translated(self, subject: Subject) -> None:
        for document in _pull(subject.connector)[0].values():
            assert subject.connector.translate(document).record_type in subject.connector.record_types

    def test_documents_have_zoned_times_and_short_keys(self, subject: Subject) -> None:
        for document in _pull(subject.connector)[0].values():
            assert document.source_time.tzinfo is not None
            assert 0 < len(document.key.encode()) <= 512

    def test_a_pull_from_a_cursor_reads_what_changed_since(self, subject: Subject) -> None:
        _, cursor = _pull(subject.connector)
        subject.edit(subject.key)
        assert subject.key in _pull(subject.connector, cursor)[0]

    def test_a_pull_can_be_given_up_and_begun_again_from_any_batch(self, subject: Subject) -> None:
        everything, _ = _pull(subject.connector)
        first = next(islice(subject.connector.pull("", full=False), 1))
        rest, _ = _pull(subject.connector, first.cursor)
        assert {document.key for document in first.documents} | set(rest) == set(everything)

    def test_a_full_pull_reads_everything_whatever_the_cursor(self, subject: Subject) -> None:
        everything, cursor = _pull(subject.connector)
        assert set(_pull(subject.connector, cursor, full=True)[0]) >= set(everything)

    def test_a_document_read_by_key_says_what_the_pulled_one_says(self, subject: Subject) -> None:
        pulled, _ = _pull(subject.connector)
        current = subject.connector.current([subject.key])[subject.key]
        assert current is not None
        assert subject.connector.translate(current) == subject.connector.translate(pulled[subject.key])

    def test_an_unknown_key_is_none(self, subject: Subject) -> None:
        pulled, _ = _pull(subject.connector)
        missing = _missing_like(subject.key)
        assert missing not in pulled
        assert subject.connector.current([missing, subject.key])[missing] is None

    def test_reading_no_key_is_no_document(self, subject: Subject) -> None:
        assert subject.connector.current([]) == {}

    def test_what_is_written_shows_and_nothing_else_changes(self, subject: Subject) -> None:
        before, after = self._write(subject, subject.changes)
        shown = _shown(subject, after)
        assert after.key == subject.key
        for path, value in subject.changes.items():
            assert canonical(shown.get(path)) == canonical(value), path
        unwritten = {path: value for path, value in before.items() if path not in subject.changes}
        assert {path: canonical(shown.get(path)) for path in unwritten} == {
            path: canonical(value) for path, value in unwritten.items()
        }

    def test_a_write_is_read_back_by_key_and_by_pull(self, subject: Subject) -> None:
        _, cursor = _pull(subject.connector)
        _, after = self._write(subject, subject.changes)
        by_key = subject.connector.current([subject.key])[subject.key]
        by_pull = _pull(subject.connector, cursor)[0][subject.key]
        assert by_key is not None
        assert _shown(subject, by_key) == _shown(subject, by_pull) == _shown(subject, after)

    def test_writing_the_same_again_changes_no_value(self, subject: Subject) -> None:
        _, once = self._write(subject, subject.changes)
        _, twice = self._write(subject, subject.changes)
        assert _shown(subject, once) == _shown(subject, twice)

    def test_a_write_on_an_outdated_document_is_a_conflict(self, subject: Subject) -> None:
        outdated = _current(subject)
        subject.edit(subject.key)
        writing = Writing(subject.record_type, subject.new_golden, subject.changes, outdated)
        with pytest.raises(RemoteError) as caught:
            subject.connector.write(writing)
        assert caught.value.kind is RemoteErrorKind.CONFLICT
        assert {path: _shown(subject, _current(subject)).get(path) for path in subject.changes} != subject.changes

    def test_a_new_document_is_created_found_and_shows_what_was_wanted(self, subject: Subject) -> None:
        golden, connector = subject.new_golden, subject.connector
        assert connector.find(subject.record_type, golden) is None
        desired = connector.express(subject.record_type, golden, TODAY).values
        created = connector.write(Writing(subject.record_type, golden, desired, None))
        assert connector.find(subject.record_type, golden) == created.key
        shown = _shown(subject, created)
        assert {path: shown.get(path) for path in desired} == dict(desired)
        assert created.key in _pull(connector)[0]

    def test_translation_and_expression_depend_on_nothing_else(self, subject: Subject) -> None:
        document = _current(subject)
        assert subject.connector.translate(document) == subject.connector.translate(replace(document))
        assert _shown(subject, document) == _shown(subject, document)

    def test_rubbish_is_untranslatable_and_not_quoted(self, subject: Subject) -> None:
        rubbish = replace(_current(subject), original=b'{"secret-123456789": [')
        with pytest.raises(UntranslatableError) as caught:
            subject.connector.translate(rubbish)
        assert "secret-123456789" not in str(caught.value)

    def _write(self, subject: Subject, values: dict[str, Value]) -> tuple[dict[str, Value], Document]:
        current = _current(subject)
        after = subject.connector.write(Writing(subject.record_type, subject.new_golden, values, current))
        return _shown(subject, current), after


def _pull(connector: Connector, cursor: str = "", *, full: bool = False) -> tuple[dict[str, Document], str]:
    read: dict[str, Document] = {}
    for batch in connector.pull(cursor, full=full):
        read |= {document.key: document for document in batch.documents}
        cursor = batch.cursor
    return {key: document for key, document in read.items() if not document.deleted}, cursor


def _current(subject: Subject) -> Document:
    document = subject.connector.current([subject.key])[subject.key]
    assert document is not None
    return document


def _shown(subject: Subject, document: Document) -> dict[str, Value]:
    content = subject.connector.translate(document).content
    return dict(subject.connector.express(subject.record_type, content, TODAY).values)


def _missing_like(key: str) -> str:
    """Return a key of the same form that no document has."""
    digits = "".join(character if not character.isdigit() else "9" for character in key)
    return f"{digits}999999" if digits[-1:].isdigit() else f"{key}-missing"
