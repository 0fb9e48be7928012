"""Candidates: who is compared with whom follows from the records that are there, not from the order they came in."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from concord.mdm.v1 import supplier_pb2
from services.mdm.domain.matching.blocking.keys import block_keys
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.standardising.profile import Profile, profile
from services.mdm.domain.types.location import LOCATION
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.matching import match_index, matcher
from tests.support.database.databases import Databases
from tests.support.hub.modelling import put_in_force
from tests.support.hub.stored import TestHub, test_hub
from tests.support.matching.matched_suppliers import (
    NAMES,
    PHONES,
    check_consistent,
    groups,
    mark,
    said,
    submitted,
    waiting,
)

MODEL = default_model(SUPPLIER)
contents = st.builds(
    supplier_pb2.Supplier,
    legal_name=st.sampled_from(NAMES),
    phone=st.sampled_from(PHONES),
    website=st.sampled_from(["", "bd.example", "cardinal.example"]),
)


@pytest.fixture(scope="module")
def hubs(databases: Databases) -> Iterator[tuple[TestHub, TestHub]]:
    """Two hubs with the same model in force."""
    with test_hub(databases) as one, test_hub(databases) as other:
        put_in_force(one, SUPPLIER, MODEL)
        put_in_force(other, SUPPLIER, MODEL)
        yield one, other


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(contents, min_size=3, max_size=6), st.data())
def test_keys_that_grow_common_end_in_the_same_links_whatever_the_order(
    hubs: tuple[TestHub, TestHub], family: Sequence[supplier_pb2.Supplier], data: st.DataObject
) -> None:
    (one, other), numbered, example = hubs, list(enumerate(family)), mark()
    with pytest.MonkeyPatch.context() as patch:
        for module in (matcher, match_index):
            patch.setattr(module, "MOST_HOLDERS", 2)
        submitted(one, *(said(example, place, content) for place, content in numbered))
        for place, _ in data.draw(st.permutations(numbered)):
            if data.draw(st.booleans()):
                submitted(other, said(example, place, data.draw(contents)))
        for place, content in data.draw(st.permutations(numbered)):
            submitted(other, said(example, place, content))
    assert edges(one, example) == edges(other, example)
    assert groups(one, example) == groups(other, example)
    assert waiting(one, example) == waiting(other, example)
    check_consistent(other)


def edges(hub: TestHub, example: str) -> set[tuple[frozenset[int], int]]:
    rows = hub.rows(
        "SELECT a.key, b.key, e.millibits FROM match_edges e JOIN crosswalk a ON a.source_record = e.low "  # noqa: S608 - our own mark
        f"JOIN crosswalk b ON b.source_record = e.high WHERE a.key LIKE '{example}/%%' AND b.key LIKE '{example}/%%'"
    )
    return {
        (frozenset(int(str(key).rpartition("/")[2]) for key in (low, high)), int(str(millibits)))
        for low, high, millibits in rows
    }


def supplier(name: str, phone: str = "") -> Profile:
    return profile(SUPPLIER, supplier_pb2.Supplier(legal_name=name, phone=phone), lambda value, _: value)


def indexed(connection: Connection, *profiles: Profile, record_type: str = SUPPLIER.name) -> None:
    named = {f"systems/x/sourceRecords/{number}": each for number, each in enumerate(profiles)}
    held = {name: (each, block_keys(each, MODEL)) for name, each in named.items()}
    match_index.put(connection, record_type, MODEL.revision, held)


def test_every_holder_of_a_key_that_is_not_common_is_a_candidate(hub: TestHub) -> None:
    alike = [supplier(f"Quirinal Devices {number:03d}", phone="+1 555 010 1234") for number in range(90)]

    def found(connection: Connection) -> set[Profile]:
        indexed(connection, *alike)
        (candidates,) = match_index.candidates(connection, SUPPLIER.name, [block_keys(alike[0], MODEL)])
        return {candidate.profile for candidate in candidates}

    assert hub.parts.transactions.write(found, rehearsal=True) == set(alike)


def test_a_key_that_too_many_hold_makes_no_candidates_and_is_not_read_to_its_end(hub: TestHub) -> None:
    same = [supplier(f"Number {number:04d}x", phone="+1 555 010 1234") for number in range(150)]

    def found(connection: Connection) -> tuple[set[Profile], dict[int, int]]:
        indexed(connection, *same)
        keys = block_keys(same[0], MODEL)
        (candidates,) = match_index.candidates(connection, SUPPLIER.name, [keys])
        return {each.profile for each in candidates}, match_index.count_holders(connection, SUPPLIER.name, keys, 120)

    candidates, holders = hub.parts.transactions.write(found, rehearsal=True)
    assert max(holders.values()) == 120
    assert same[0] in candidates
    assert len(candidates) < len(same)


def test_records_of_another_type_take_nobodys_place(hub: TestHub) -> None:
    ours = supplier("Quirinal Devices", phone="+1 555 010 1234")
    theirs = [supplier(f"Quirinal Devices {number}", phone="+1 555 010 1234") for number in range(120)]

    def found(connection: Connection) -> list[list[Profile]]:
        indexed(connection, *theirs, record_type=LOCATION.name)
        match_index.put(connection, SUPPLIER.name, 1, {"systems/x/sourceRecords/ours": (ours, block_keys(ours, MODEL))})
        keys = block_keys(ours, MODEL)
        (candidates,) = match_index.candidates(connection, SUPPLIER.name, [keys])
        shown = match_index.closest(connection, SUPPLIER.name, keys)
        return [[each.profile for each in those] for those in (candidates, shown)]

    assert hub.parts.transactions.write(found, rehearsal=True) == [[ours], [ours]]


def test_what_a_search_shows_of_too_many_does_not_depend_on_what_came_first(hub: TestHub) -> None:
    alike = [supplier(f"Quirinal Devices {number:03d}") for number in range(match_index.MOST_SHOWN + 20)]
    keys = block_keys(supplier("Quirinal Devices"), MODEL)

    def shown(profiles: Sequence[Profile]) -> list[Profile]:
        def find(connection: Connection) -> list[Profile]:
            indexed(connection, *profiles)
            return [each.profile for each in match_index.closest(connection, SUPPLIER.name, keys)]

        return hub.parts.transactions.write(find, rehearsal=True)

    assert shown(alike) == shown(alike[::-1])
