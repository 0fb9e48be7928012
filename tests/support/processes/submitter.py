"""`python -m tests.support.processes.submitter TARGET TOKEN_FILE RECORDS_FILE`: submit source records to a hub.

The file holds serialised submissions, each behind its length (protobuf's delimited form).
"""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from google.protobuf import proto

from concord.mdm.v1 import ingest_pb2, ingest_pb2_grpc
from services.mesh.calling.client import TokenFile, open_channel


def write_records(path: Path, said: Iterable[ingest_pb2.SourceRecord]) -> None:
    """Write source records as a file that `main` submits."""
    written = io.BytesIO()
    for number, one in enumerate(said, 1):
        request = ingest_pb2.SubmitSourceRecordsRequest(sequence=number, source_record=one)
        proto.serialize_length_prefixed(request, written)
    path.write_bytes(written.getvalue())


def _read(records: Path) -> Iterator[ingest_pb2.SubmitSourceRecordsRequest]:
    parse: Callable[..., ingest_pb2.SubmitSourceRecordsRequest | None] = proto.parse_length_prefixed
    with records.open("rb") as file:
        while (request := parse(ingest_pb2.SubmitSourceRecordsRequest, file)) is not None:
            yield request


def main(target: str, token_file: Path, records: Path) -> int:
    """Submit every record on one stream; 0 = all of them were taken in."""
    requests = list(_read(records))
    with open_channel(target, token=TokenFile(token_file)) as channel:
        answers = list(ingest_pb2_grpc.IngestServiceStub(channel).SubmitSourceRecords(iter(requests)))
    taken = [a for a in answers if a.outcome != ingest_pb2.SubmitSourceRecordsResponse.OUTCOME_QUARANTINED]
    return 0 if len(taken) == len(requests) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
