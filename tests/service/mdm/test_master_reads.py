"""Every master is read in the same way: Get, BatchGet, List, Lookup, Search and ListRevisions."""

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from tests.support.hub.masters import Master, numbers
from tests.support.hub.served import Client, ServedHub, refused
from tests.support.hub.stored import statement
from tests.support.hub.submitting import submit
from tests.support.samples.contents import identified, known, literal, said, sample, values, wording

FILTERABLE = [
    pytest.param(record_type, path, id=f"{record_type.name}.{path}")
    for record_type in RECORD_TYPES
    for path in record_type.filterable
]
SEARCHABLE = [
    pytest.param(record_type, path, id=f"{record_type.name}.{path}")
    for record_type in RECORD_TYPES
    for path in record_type.searchable
]


def test_a_record_says_what_its_source_said(master: Master) -> None:
    number = next(numbers)
    content = sample(master.record_type, number)
    (answer,) = submit(master.client, statement("systems/erp", master.key(number), content))
    got = master.record("get", name=answer.golden_record)
    assert said(master.record_type, got) == content
    assert (got.name, got.revision, got.state, list(got.entities)) == (
        answer.golden_record,
        1,
        got.STATE_ACTIVE,
        ["entities/north"],
    )
    assert got.etag
    assert got.create_time.seconds <= got.update_time.seconds


def test_a_batch_comes_in_the_order_asked_for_or_not_at_all(master: Master) -> None:
    one, other, third = (master.created() for _ in range(3))
    names = [third.name, one.name, other.name, one.name]
    assert master.records("batch_get", names=names) == [third, one, other, one]
    missing = master.record_type.name_of("0")
    error = refused(lambda: master.call("batch_get", names=[one.name, missing]))
    assert (error.reason, error.metadata["name"]) == (reasons.ERROR_REASON_RECORD_NOT_FOUND, missing)


@pytest.mark.parametrize(("record_type", "path"), FILTERABLE)
def test_every_filterable_path_tells_records_apart(master: Master, record_type: RecordType, path: str) -> None:
    full = master.submitted()
    number = next(numbers)
    content = known(record_type, wording(record_type).changed(record_type.message(), f"bare {number}"), path)
    (bare,) = submit(master.client, statement("systems/legacy", master.key(number), content))
    (value,) = {literal(record_type, path, value) for value in values(record_type, full, path)}
    equal, other = f'{path} = "{value}"', f'NOT {path} = "{value}"'
    assert full.name in master.listed(filter=equal)
    assert bare.golden_record not in master.listed(filter=equal)
    assert full.name not in master.listed(filter=other)
    assert bare.golden_record in master.listed(filter=other)
    both = {full.name, bare.golden_record}
    forth = [name for name in master.listed(order_by=path) if name in both]
    back = [name for name in master.listed(order_by=f"{path} desc") if name in both]
    assert set(forth) == both
    assert forth == back[::-1]


def test_pages_follow_one_another_in_order_and_give_every_record_once(master: Master) -> None:
    made = {master.created().name for _ in range(5)}
    path = wording(master.record_type).path
    whole = master.listed(order_by=f"{path} desc")
    assert made <= set(whole)
    seen, token = [], ""
    while True:
        page = master.call("list", page_size=3, page_token=token, order_by=f"{path} desc")
        records = getattr(page, master.record_type.plural)
        assert len(records) <= 3
        seen += [record.name for record in records]
        if not (token := page.next_page_token):
            break
    assert seen == whole


def test_a_page_token_belongs_to_its_question(master: Master) -> None:
    for _ in range(2):
        master.created()
    token = master.call("list", page_size=1).next_page_token
    assert len(master.records("list", page_size=2, page_token=token)) >= 1
    for other in ({"filter": "state = ACTIVE"}, {"order_by": master.record_type.filterable[0]}, {"show_deleted": True}):
        error = refused(lambda other=other: master.call("list", page_size=1, page_token=token, **other))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_INVALID_PAGE_TOKEN
        assert error.violations[0].field == "page_token"


def test_a_page_size_beyond_the_largest_is_the_largest(master: Master) -> None:
    made = master.created()
    assert made.name in [record.name for record in master.records("list", page_size=1_000_000)]


def test_a_record_is_looked_up_by_the_key_of_each_system_that_has_it(master: Master) -> None:
    number = next(numbers)
    content = identified(master.record_type, number)
    first, second = submit(
        master.client,
        statement("systems/erp", master.key(number), content),
        statement("systems/workforce", f"w{master.key(number)}", content),
    )
    assert first.golden_record == second.golden_record
    for system, key in (("systems/erp", master.key(number)), ("systems/workforce", f"w{master.key(number)}")):
        assert master.record("lookup", system=system, key=key).name == first.golden_record
    error = refused(lambda: master.call("lookup", system="systems/legacy", key=master.key(number)))
    assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_a_key_of_another_type_finds_nothing(master: Master, shared_mesh: ServedHub, everywhere: Client) -> None:
    other = Master(RECORD_TYPES[RECORD_TYPES.index(master.record_type) - 1], everywhere, shared_mesh)
    number = next(numbers)
    submit(master.client, statement("systems/erp", other.key(number), sample(other.record_type, number)))
    error = refused(lambda: master.call("lookup", system="systems/erp", key=other.key(number)))
    assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


@pytest.mark.parametrize(("record_type", "path"), SEARCHABLE)
def test_every_searchable_identifier_is_found_however_it_is_spelt(
    master: Master, record_type: RecordType, path: str
) -> None:
    found = master.submitted()
    identifier = values(record_type, found, path)[0]
    for spelt in (identifier, identifier.upper(), identifier.replace(" ", "-"), f" {identifier} ", f"/{identifier}."):
        hits = master.call("search", identifier=spelt).hits
        mine = [hit for hit in hits if getattr(hit, record_type.singular).name == found.name]
        assert [getattr(hit, record_type.singular) for hit in mine] == [found]
        assert path in mine[0].paths
    assert not master.call("search", identifier=f"{identifier}0{next(numbers)}").hits


def test_the_revisions_of_a_record_come_newest_first_and_in_pages(master: Master) -> None:
    words = wording(master.record_type)
    record = master.created()
    history = [record]
    for text in ("second", "third"):
        record = master.record("update", record=words.changed(record, text), etag=record.etag)
        history.insert(0, record)
    assert master.records("list_revisions", name=record.name) == history
    first = master.call("list_revisions", name=record.name, page_size=2)
    assert list(getattr(first, master.record_type.plural)) == history[:2]
    rest = master.records("list_revisions", name=record.name, page_size=2, page_token=first.next_page_token)
    assert rest == history[2:]
