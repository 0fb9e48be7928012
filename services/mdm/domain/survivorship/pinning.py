"""Pins: a steward's value of one slot, which stands before all claims while the pin is in force."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import Message

from concord.mdm.v1 import pin_pb2
from services.mdm.domain.effective import canonical_bytes
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import group_of, slots_of
from services.mdm.domain.violation import Violation


@dataclass(frozen=True)
class Pin:
    """A pin in force: what is kept of it, and its value, a content that says nothing else; None = pinned empty."""

    statement: pin_pb2.Pin
    value: Message | None

    @property
    def path(self) -> str:
        """The slot that it is about."""
        return self.statement.path

    @property
    def revision(self) -> str:
        """The revision of it that is in force, `pins/019…@1`."""
        return f"{self.statement.name}@{self.statement.revision}"


def pinned_violations(record_type: RecordType, path: str, value: Message | None) -> Iterable[Violation]:
    """Give what is wrong with pinning a value to a path; None = pinning it empty."""
    group = group_of(record_type, path)
    inner = path.partition("[")[0].rpartition(".")[2]
    if group is None:
        yield Violation("path", f"is no value of a {record_type.name}")
    elif inner != group.name:
        yield Violation("path", f"is part of {group.name}, which goes as a whole")
    elif group.keyed and "[" not in path:
        yield Violation("path", f"names no element: {path}[…]")
    elif value is not None and set(slots_of(record_type, value)) != {path}:
        said = ", ".join(slots_of(record_type, value)) or "nothing"
        yield Violation("content", f"says {said}, not {path} alone")


def word(record_type: RecordType, content: Message | None, path: str) -> Message | None:
    """Return what a content says at a slot."""
    return slots_of(record_type, content).get(path) if content is not None else None


def fingerprint(pin: str, value: Message | None) -> bytes:
    """Return what a beaten value is recognised by; no other pin has the same for the same value."""
    said = b"" if value is None else b"=" + canonical_bytes(value)
    return hashlib.sha256(pin.encode() + b"\0" + said).digest()
