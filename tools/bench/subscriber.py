"""`python -m tools.bench.subscriber TARGET TOKEN_FILE CHANGES OUT`: follow the feed and time what arrives.

It starts at the feed's present end and writes, once so many changes have arrived, the milliseconds from each change's
own time to its arrival. A change gets its time within its transaction, before the commit: what is told is never less
than the way from the commit to the subscriber. When it listens, it prints a line.
"""

import json
import sys
import time
from pathlib import Path

from concord.mdm.v1 import change_pb2, change_pb2_grpc
from services.mesh.client import TokenFile, open_channel


def follow(stub: change_pb2_grpc.ChangeServiceStub, wanted: int) -> list[float]:
    """Return the delays of so many golden changes in milliseconds."""
    cursor = stub.GetFeedState(change_pb2.GetFeedStateRequest()).newest_cursor
    stream = stub.WatchChanges(change_pb2.WatchChangesRequest(cursor=cursor, record_types=["supplier"]))
    print("listens", flush=True)
    delays: list[float] = []
    for message in stream:
        now = time.time()
        delays += [(now - _seconds(change)) * 1000 for change in message.transaction.changes]
        if len(delays) >= wanted:
            break
    stream.cancel()
    return delays


def _seconds(change: change_pb2.Change) -> float:
    return change.change_time.seconds + change.change_time.nanos / 1e9


def main() -> None:
    """Follow the feed and write the delays."""
    target, token_file, wanted, out = sys.argv[1:]
    with open_channel(target, token=TokenFile(Path(token_file))) as channel:
        delays = follow(change_pb2_grpc.ChangeServiceStub(channel), int(wanted))
    Path(out).write_text(json.dumps(delays))


if __name__ == "__main__":
    main()
