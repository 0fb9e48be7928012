"""Every change of every master is delivered once, in order, as it reads."""

from collections.abc import Sequence

from concord.mdm.v1 import change_pb2
from services.mdm.domain.registry import RECORD_TYPES
from tests.support.hub.masters import Master, numbers
from tests.support.hub.stored import statement
from tests.support.hub.submitting import submit
from tests.support.samples.contents import identified, independent, wording

Operation = change_pb2.Change.Operation


def watched(master: Master, cursor: bytes, types: Sequence[str], count: int) -> list[change_pb2.Change]:
    """Watch behind a cursor until so many changes were seen and a bookmark says that there is no more."""
    request = change_pb2.WatchChangesRequest(cursor=cursor, record_types=types, progress_interval_seconds=1)
    stream = master.client.changes.WatchChanges(request)
    seen: list[change_pb2.Change] = []
    for message in stream:
        seen += message.transaction.changes
        if len(seen) >= count:
            break
    stream.cancel()
    return seen


def cursor(master: Master) -> bytes:
    master.published_time()
    return master.client.changes.GetFeedState(change_pb2.GetFeedStateRequest()).newest_cursor


def test_each_change_comes_once_in_order_with_its_body_and_its_keys(master: Master) -> None:
    words, number, start = wording(master.record_type), next(numbers), cursor(master)
    erp = statement("systems/erp", master.key(number), independent(master.record_type, number))
    other = statement("systems/workforce", "w" + master.key(number), identified(master.record_type, number))
    first, second = (submit(master.client, said)[0] for said in (erp, other))
    one = master.record("get", name=first.golden_record)
    said = words.changed(one, "decided")
    changed = master.record("update", record=said, update_mask=[words.top_field], etag=one.etag)
    gone = master.record("delete", name=one.name, etag=changed.etag)
    back = master.record("undelete", name=one.name, etag=gone.etag)
    last = cursor(master)
    changes = watched(master, start, [master.record_type.name], back.revision)
    assert {(change.record, change.record_type) for change in changes} == {(one.name, master.record_type.name)}
    assert [change.revision for change in changes] == list(range(1, back.revision + 1))
    assert [change.position for change in changes] == sorted({change.position for change in changes})
    history = {record.revision: record for record in master.records("list_revisions", name=one.name)}
    for change in changes:
        assert master.record_type.unpack(change.content) == history[change.revision]
    operations = [change.operation for change in changes]
    assert operations[0] == Operation.OPERATION_CREATE
    assert operations[-3:] == [Operation.OPERATION_UPDATE, Operation.OPERATION_DELETE, Operation.OPERATION_UNDELETE]
    keys = {(entry.system, entry.key, entry.source_record) for entry in changes[1].crosswalk}
    assert keys >= {
        ("systems/erp", master.key(number), first.source_record),
        ("systems/workforce", f"w{master.key(number)}", second.source_record),
    }
    assert second.golden_record == one.name
    marker = master.created()
    assert [change.record for change in watched(master, last, [master.record_type.name], 1)] == [marker.name]


def test_who_watches_other_types_is_not_told(master: Master) -> None:
    start = cursor(master)
    one = master.created()
    others = [record_type for record_type in RECORD_TYPES if record_type is not master.record_type]
    marker = Master(others[0], master.client, master.mesh).created()
    seen = watched(master, start, [record_type.name for record_type in others], 1)
    assert [change.record for change in seen] == [marker.name]
    both = watched(master, start, [], 2)
    assert [change.record for change in both] == [one.name, marker.name]
