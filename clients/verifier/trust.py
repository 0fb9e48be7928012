"""What an auditor trusts, and knows from elsewhere: nothing of it comes with the bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from clients.verifier import receipts
from clients.verifier.checkpoint import Checkpoint
from clients.verifier.encoding import moment_of
from clients.verifier.errors import UnreadableError
from clients.verifier.note import COSIGNATURE, ED25519, LARGEST_NOTE_BYTES, VerifierKey
from clients.verifier.receipts import KeptReceipt


@dataclass(frozen=True)
class Trust:
    """Keys, and what to compare with.

    `log_keys` may be several, for a log that changed its key. Each of the `witnesses` has to have cosigned. `earlier`
    is a checkpoint kept from an earlier check. `receipts` are those that services kept; None where none are at hand.
    `asked_at` is when the bundle was asked for: with it a state that was old then is found out by receipts. Of
    `records` the bundle has to hold every revision.
    """

    log_keys: Sequence[VerifierKey]
    witnesses: Sequence[VerifierKey] = ()
    receipts: Sequence[KeptReceipt] | None = None
    earlier: Checkpoint | None = None
    asked_at: datetime | None = None
    records: frozenset[str] = frozenset()

    @classmethod
    def read(
        cls,
        log_keys: Sequence[Path],
        witnesses: Sequence[Path] = (),
        kept: Sequence[Path] = (),
        earlier: Path | None = None,
        asked: str | None = None,
        records: Sequence[str] = (),
    ) -> Self:
        """Read it from files: keys one a line, receipts one a line, a checkpoint; `asked` as RFC 3339.

        Raises UnreadableError.
        """
        return cls(
            log_keys=[key for path in log_keys for key in _keys(path, ED25519)],
            witnesses=[key for path in witnesses for key in _keys(path, COSIGNATURE)],
            receipts=[receipt for path in kept for receipt in receipts.read(path)] if kept else None,
            earlier=None if earlier is None else Checkpoint.parse(_content(earlier)),
            asked_at=None if asked is None else moment_of(asked, "the time when the bundle was asked for"),
            records=frozenset(records),
        )


def _keys(path: Path, kind: int) -> list[VerifierKey]:
    try:
        text = _content(path).decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path} holds no public keys") from error
    keys = [VerifierKey.parse(line) for line in text.splitlines() if line.strip()]
    if not keys:
        raise UnreadableError(f"{path} holds no public key")
    for key in keys:
        if key.kind != kind:
            raise UnreadableError(f"{path}: the key of {key.name} is of type {key.kind:02x}, not {kind:02x}")
    return keys


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_NOTE_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"{path} can't be read: {error.strerror}") from error
