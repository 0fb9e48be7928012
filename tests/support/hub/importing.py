"""Imports for tests: batches of rows, sent as a client sends them."""

import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence

from concord.mdm.v1 import import_pb2, ingest_pb2, supplier_pb2
from services.mesh.errors import FieldViolation, from_status
from tests.support.hub.served import Client
from tests.support.hub.stored import statement

ERP = "systems/erp"
Row = import_pb2.ImportedRow


def new_import(system: str = ERP) -> str:
    """Return the name of an import that nobody else has."""
    return f"{system}/sourceImports/{uuid.uuid4()}"


def supplier_row(key: str, **content: str) -> ingest_pb2.SourceRecord:
    """Return a supplier as an import's row says it."""
    return statement(ERP, key, supplier_pb2.Supplier(legal_name=f"Supplier {key}", **content))  # type: ignore[arg-type] # texts


def batches(
    name: str, records: Iterable[ingest_pb2.SourceRecord], size: int = 10, *, validate_only: bool = False
) -> Iterator[ingest_pb2.ImportSourceRecordsRequest]:
    """Yield the batches of an import whose rows are numbered from 1 on."""
    numbered = enumerate(records, 1)
    for batch in itertools.count(1):
        request = ingest_pb2.ImportSourceRecordsRequest(source_import=name, batch=batch, validate_only=validate_only)
        for row, record in itertools.islice(numbered, size):
            request.rows.add(row=row).source_record.CopyFrom(record)
        if not request.rows:
            return
        yield request


def imported(client: Client, requests: Iterable[ingest_pb2.ImportSourceRecordsRequest]) -> list[Row]:
    """Send batches on one stream; return what became of all their rows."""
    answers = client.ingest.ImportSourceRecords(iter(list(requests)))
    return [row for answer in answers for row in answer.rows]


def outcomes(rows: Sequence[Row]) -> list[str]:
    """Return the outcomes in words."""
    return [Row.Outcome.Name(row.outcome).removeprefix("OUTCOME_").lower() for row in rows]


def violations(row: Row) -> Sequence[FieldViolation]:
    """Return what is wrong with a refused row."""
    return from_status(row.error).violations
