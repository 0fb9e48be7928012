"""`python -m tools.bench.subscriber TARGET TOKEN_FILE CHANGES OUT`: follow the feed and time what arrives.

It starts at the feed's present end and writes, once so many changes have arrived, which they were and when each arrived
(seconds since 1970). When it listens, it prints a line.
"""

import json
import sys
import time
from pathlib import Path

from concord.mdm.v1 import change_pb2, change_pb2_grpc
from services.mesh.calling.client import TokenFile, open_channel


def follow(stub: change_pb2_grpc.ChangeServiceStub, wanted: int) -> list[tuple[str, int, float]]:
    """Return so many golden changes: record, revision, time of arrival."""
    cursor = stub.GetFeedState(change_pb2.GetFeedStateRequest()).newest_cursor
    stream = stub.WatchChanges(change_pb2.WatchChangesRequest(cursor=cursor, record_types=["supplier"]))
    print("listens", flush=True)
    arrived: list[tuple[str, int, float]] = []
    for message in stream:
        now = time.time()
        arrived += [(change.record, change.revision, now) for change in message.transaction.changes]
        if len(arrived) >= wanted:
            break
    stream.cancel()
    return arrived


def main() -> None:
    """Follow the feed and write what arrived."""
    target, token_file, wanted, out = sys.argv[1:]
    with open_channel(target, token=TokenFile(Path(token_file))) as channel:
        arrived = follow(change_pb2_grpc.ChangeServiceStub(channel), int(wanted))
    Path(out).write_text(json.dumps(arrived))


if __name__ == "__main__":
    main()
