"""Submitting source records over a real stream."""

from concord.mdm.v1 import ingest_pb2
from tests.support.hub.served import Client


def submit(client: Client, *said: ingest_pb2.SourceRecord) -> list[ingest_pb2.SubmitSourceRecordsResponse]:
    """Submit source records on one stream; return their acknowledgements."""
    requests = [
        ingest_pb2.SubmitSourceRecordsRequest(sequence=number, source_record=one) for number, one in enumerate(said, 1)
    ]
    return list(client.ingest.SubmitSourceRecords(iter(requests)))
