"""The feed over real channels: two replicas, a subscriber that keeps dying, clearance, scope, foreign cursors."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, supplier_pb2
from services.mesh.errors import from_rpc_error
from services.mesh.feed.reader import FeedReader
from tests.support.database.databases import Databases
from tests.support.hub.served import Client, ServedHub, served
from tests.support.hub.stored import TestHub, statement, test_hub
from tests.support.hub.submitting import submit

Watched = list[tuple[int, str, int]]


def watch(
    client: Client, cursor: bytes = b"", *types: str, progress: int = 1
) -> Iterator[change_pb2.WatchChangesResponse]:
    request = change_pb2.WatchChangesRequest(cursor=cursor, record_types=types, progress_interval_seconds=progress)
    return client.changes.WatchChanges(request)


def take(client: Client, last: int, cursor: bytes = b"", *types: str) -> Watched:
    """Watch until position `last` was seen."""
    seen: Watched = []
    stream = watch(client, cursor, *types)
    for message in stream:
        seen += [(c.position, c.record, c.revision) for c in message.transaction.changes]
        if seen and seen[-1][0] >= last:
            break
    stream.cancel()  # type: ignore[attr-defined]
    return seen


def newest(client: Client) -> int:
    return client.changes.GetFeedState(change_pb2.GetFeedStateRequest()).newest_position


def write_suppliers(client: Client, prefix: str, count: int) -> None:
    for number in range(count):
        submit(
            client, statement("systems/erp", f"{prefix}{number % 5}", supplier_pb2.Supplier(legal_name=f"S{number}"))
        )


def wait_published(client: Client) -> int:
    while client.changes.GetFeedState(change_pb2.GetFeedStateRequest()).unpublished_count:
        pass
    return newest(client)


ALL_TYPES = ("supplier", "source_record", "system", "entity")


def test_two_replicas_serve_the_same_feed_while_both_are_written_to(databases: Databases, tmp_path: Path) -> None:
    with test_hub(databases) as hub, served(hub, tmp_path / "a") as first, served(hub, tmp_path / "b") as second:
        one, other = first.client(), second.client()
        writers = [
            threading.Thread(target=write_suppliers, args=(client, prefix, 20))
            for client, prefix in ((one, "a"), (other, "b"), (one, "c"), (other, "d"))
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        last = wait_published(one)
        from_one, from_other = take(one, last, b"", *ALL_TYPES), take(other, last, b"", *ALL_TYPES)
        assert from_one == from_other
        assert [position for position, _, _ in from_one] == list(range(1, last + 1))
        assert len({(record, revision) for _, record, revision in from_one}) == last
        _require_record_order(from_one)


def test_a_subscriber_that_is_cut_off_fifty_times_misses_and_repeats_nothing(mesh: ServedHub) -> None:
    client = mesh.client()
    writer = threading.Thread(target=write_suppliers, args=(mesh.client(), "k", 120))
    writer.start()
    seen: Watched = []
    cursor, kills = b"", 0
    while kills < 50 or writer.is_alive() or not seen or seen[-1][0] < newest(client):
        stream = watch(client, cursor, *ALL_TYPES)
        for number, message in enumerate(stream):
            seen += [(c.position, c.record, c.revision) for c in message.transaction.changes]
            cursor = message.cursor
            if number >= kills % 4:
                break
        stream.cancel()  # type: ignore[attr-defined]
        kills += 1
    writer.join()
    assert kills >= 50
    assert [position for position, _, _ in seen] == list(range(1, seen[-1][0] + 1))
    _require_record_order(seen)


def test_a_change_reaches_who_watches_at_once(steward: Client) -> None:
    """The stream is woken by what is published and does not wait for its bookmarks, which come once a minute here."""
    cursor = steward.changes.GetFeedState(change_pb2.GetFeedStateRequest()).newest_cursor
    stream = watch(steward, cursor, "supplier", progress=60)
    delays = []
    for number in range(9):
        said = statement("systems/erp", f"{number}", supplier_pb2.Supplier(legal_name=f"S{number}"))
        began = time.monotonic()
        submit(steward, said)
        (change,) = next(message for message in stream if message.transaction.changes).transaction.changes
        delays.append(time.monotonic() - began)
        assert (change.operation, change.revision) == (change_pb2.Change.OPERATION_CREATE, 1)
    stream.cancel()  # type: ignore[attr-defined]
    assert max(delays) < 30


def test_a_transaction_comes_in_one_message(mesh: ServedHub, steward: Client) -> None:
    said = [statement("systems/erp", str(n), supplier_pb2.Supplier(legal_name=f"S{n}")) for n in range(10)]
    mesh.hub.submit(*said)
    last = wait_published(steward)
    for message in watch(steward, b"", "supplier", "source_record"):
        if message.transaction.changes:
            assert len(message.transaction.changes) == 20
            assert message.transaction.changes[-1].position == last
            break


def test_a_silent_feed_sends_bookmarks_that_can_be_resumed_from(steward: Client) -> None:
    last = wait_published(steward)
    stream = watch(steward, b"", "item")
    bookmark = next(message for message in stream if not message.HasField("transaction"))
    stream.cancel()  # type: ignore[attr-defined]
    submit(steward, statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="S")))
    assert take(steward, last + 1, bookmark.cursor, "source_record", "supplier")[0][0] == last + 1


def test_who_watches_for_a_type_that_there_is_not_is_told_and_does_not_wait(steward: Client) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        next(watch(steward, b"", "supplier", "suplier"))
    error = from_rpc_error(refused.value)
    assert error.reason == reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE
    assert [violation.field for violation in error.violations] == ["record_types[1]"]


@pytest.mark.parametrize("foreign", [True, False])
def test_a_cursor_that_is_not_this_feeds_is_refused(steward: Client, databases: Databases, *, foreign: bool) -> None:
    cursor = b"nonsense"
    if foreign:
        with test_hub(databases) as other:
            cursor = _cursor_of(other)
    with pytest.raises(grpc.RpcError) as refused:
        next(iter(watch(steward, cursor)))
    assert from_rpc_error(refused.value).reason == reasons.ERROR_REASON_INVALID_CURSOR


def _cursor_of(hub: TestHub) -> bytes:
    return FeedReader(hub.database).newest().encode()


def _require_record_order(seen: Watched) -> None:
    revisions: dict[str, int] = {}
    for _, record, revision in seen:
        assert revision == revisions.get(record, 0) + 1
        revisions[record] = revision
