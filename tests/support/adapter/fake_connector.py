"""A system in memory and its connector: vendors with three fields, as an ERP would keep suppliers.

It can be slow to answer, refuse values, change documents under one's hands and spell values its own way.
"""

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import cast

from google.protobuf.message import Message

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.domain.effective import slice_in_effect
from services.adapter.systems.connector import (
    Document,
    Expression,
    PulledBatch,
    Translation,
    UntranslatableError,
    Value,
    Writing,
)
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind

BEGINNING = datetime(2026, 11, 24, 8, tzinfo=UTC)
LONGEST_NAME = 60

# Fields of a vendor by field of the golden record; `number` is what both are known by.
VENDOR_FIELDS = {"legal_name": "name", "phone": "phone", "website": "url"}
CENTER_FIELDS = {"slices.display_name": "name", "slices.blocked_for_posting": "blocked"}


@dataclass(frozen=True)
class Row:
    """What the system holds under a key."""

    kind: str
    fields: Mapping[str, Value]
    version: int
    deleted: bool = False


@dataclass
class FakeSystem:
    """The system itself. Every change of a row takes the next version."""

    rows: dict[str, Row] = field(default_factory=dict)
    version: int = 0
    written: list[tuple[str, int, Mapping[str, Value]]] = field(default_factory=list)
    """Every write of the connector: key, golden revision, values."""
    spell: Callable[[Value], Value] = lambda value: value
    """How the system spells what it is given."""
    refuses: Callable[[Mapping[str, Value]], bool] = lambda _: False
    failure: RemoteError | None = None
    """What every call fails with, while set."""
    calls: int = 0
    """How often it was called, in vain or not."""
    before_write: Callable[[], None] = lambda: None
    after_write: Callable[[], None] = lambda: None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def edit(self, key: str, kind: str = "vendor", **fields: Value) -> None:
        """Change (or add) a row as a user of the system does; None empties a field."""
        with self.lock:
            row = self.rows.get(key)
            merged = {**(row.fields if row else {}), **fields}
            self._put(key, kind, {name: value for name, value in merged.items() if value is not None})

    def remove(self, key: str) -> None:
        """Delete a row as a user does."""
        with self.lock:
            self.version += 1
            self.rows[key] = replace(self.rows[key], version=self.version, deleted=True)

    def _put(self, key: str, kind: str, fields: Mapping[str, Value]) -> None:
        self.version += 1
        self.rows[key] = Row(kind, dict(fields), self.version)


class FakeConnector:
    """Speaks to a FakeSystem; a cursor is the version that was read last."""

    kind = "fake"
    record_types = ("supplier", "cost_center")

    def __init__(self, system: FakeSystem, *, batch: int = 3) -> None:
        self.system = system
        self.closed = False
        self._batch = batch

    def pull(self, cursor: str, *, full: bool) -> Iterator[PulledBatch]:
        after = 0 if full else int(cursor or 0)
        while True:
            with self._answering() as system:
                changed = sorted((row.version, key) for key, row in system.rows.items() if row.version > after)
                part = changed[: self._batch]
                found = tuple(self._document(key) for _, key in part)
                after = part[-1][0] if part else after
            yield PulledBatch(found, str(after))
            if len(part) == len(changed):
                return

    def translate(self, document: Document) -> Translation:
        if document.deleted:
            empty = Supplier() if document.kind == "vendor" else CostCenter()
            return Translation("supplier" if document.kind == "vendor" else "cost_center", empty)
        try:
            fields = json.loads(document.original)
        except ValueError as error:
            raise UntranslatableError("vendor", "is not JSON") from error
        if "broken" in fields:
            raise UntranslatableError("broken", "must not be there")
        if document.kind == "center":
            held = CostCenterSlice(display_name=fields.get("name", ""), blocked_for_posting=fields.get("blocked"))
            center = CostCenter(entity="entities/north", code=fields["code"], slices=[held])
            return Translation("cost_center", center, label=fields["code"])
        content = Supplier(**{path: fields[name] for path, name in VENDOR_FIELDS.items() if fields.get(name)})
        content.duns = fields.get("number", "")
        return Translation("supplier", content, label=fields.get("number", ""))

    def express(self, record_type: str, content: Message, today: date) -> Expression:
        if record_type == "cost_center":
            return _express_center(cast("CostCenter", content), today)
        values = {path: getattr(content, path) for path in VENDOR_FIELDS if getattr(content, path)}
        too_long = tuple(path for path, value in values.items() if len(value) > LONGEST_NAME)
        return Expression({path: value for path, value in values.items() if path not in too_long}, too_long)

    def current(self, keys: Collection[str]) -> Mapping[str, Document | None]:
        with self._answering() as system:
            return {
                key: self._document(key) if key in system.rows and not system.rows[key].deleted else None
                for key in keys
            }

    def find(self, record_type: str, golden: Message) -> str | None:
        name = "code" if record_type == "cost_center" else "number"
        wanted = getattr(golden, "code" if record_type == "cost_center" else "duns")
        with self._answering() as system:
            found = [key for key, row in system.rows.items() if wanted and row.fields.get(name) == wanted]
        return min(found, default=None)

    def write(self, writing: Writing) -> Document:
        with self._answering() as system:
            system.before_write()
            if system.refuses(writing.values):
                raise RemoteError(RemoteErrorKind.PERMANENT, "not like this")
            fields = VENDOR_FIELDS if writing.record_type == "supplier" else CENTER_FIELDS
            given = {fields[path]: system.spell(value) for path, value in writing.values.items()}
            key = self._created(writing) if writing.current is None else self._unchanged(writing.current)
            system.edit(key, system.rows[key].kind, **given)
            revision: int = getattr(writing.golden, "revision")  # noqa: B009 - every master has one
            system.written.append((key, revision, dict(writing.values)))
            system.after_write()
            return self._document(key)

    def close(self) -> None:
        self.closed = True

    def _created(self, writing: Writing) -> str:
        center = writing.record_type == "cost_center"
        key = f"{'center' if center else 'vendor'}/new-{self.system.version}"
        identity = {"code": cast("CostCenter", writing.golden).code} if center else {}
        if not center:
            identity = {"number": cast("Supplier", writing.golden).duns}
        self.system.edit(key, "center" if center else "vendor", **identity)
        return key

    def _unchanged(self, current: Document) -> str:
        if self._document(current.key) != current:
            raise RemoteError(RemoteErrorKind.CONFLICT, "changed meanwhile")
        return current.key

    def _document(self, key: str) -> Document:
        row = self.system.rows[key]
        original = b"" if row.deleted else json.dumps(row.fields, sort_keys=True).encode()
        return Document(key, row.kind, original, BEGINNING + timedelta(seconds=row.version), deleted=row.deleted)

    def _answering(self) -> "_Answering":
        return _Answering(self.system)


@dataclass
class _Answering:
    """The system while it answers: one call at a time, or the failure that is set."""

    system: FakeSystem

    def __enter__(self) -> FakeSystem:
        self.system.lock.acquire()
        self.system.calls += 1
        if self.system.failure:
            self.system.lock.release()
            raise self.system.failure
        return self.system

    def __exit__(self, *_: object) -> None:
        self.system.lock.release()


def _express_center(center: CostCenter, today: date) -> Expression:
    held = slice_in_effect(center.slices, today)
    if held is None:
        return Expression({"slices.blocked_for_posting": True})
    values: dict[str, Value] = {"slices.display_name": held.display_name} if held.display_name else {}
    if held.HasField("blocked_for_posting"):
        values["slices.blocked_for_posting"] = held.blocked_for_posting
    return Expression(values)
